//! YAML as a tree of texts: every scalar stays as it was written, so `1.0` is not `1` and `02:00:00:00:00:00` no number.
//!
//! Tolerated because published packages have them: duplicate keys (the last wins), a byte-order mark, CRLF, and tabs on
//! blank lines or after text, which the parser takes. Merge keys (`<<`) are expanded. Bounded: depth, values, and what aliases add.

use std::collections::HashMap;
use std::rc::Rc;

use granit_parser::{Event, Parser, ScalarStyle, Tag};

use crate::policy::Limits;

/// A value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Node {
    /// Nothing, `~` or `null`, unquoted.
    Null,
    /// Any other scalar, as written; quotes and escapes resolved.
    Text(String),
    /// A list.
    List(Vec<Rc<Node>>),
    /// A mapping in the order of the document.
    Map(Vec<(String, Rc<Node>)>),
}

impl Node {
    /// The value at a path of keys; nothing when a key is missing or the value is null.
    pub(crate) fn at(&self, path: &[&str]) -> Option<&Node> {
        let mut node = self;
        for key in path {
            let Node::Map(pairs) = node else { return None };
            node = &pairs.iter().find(|(name, _)| name == key)?.1;
        }
        (*node != Node::Null).then_some(node)
    }

    /// The text at a path; nothing when there is none or it is no text.
    pub(crate) fn text_at(&self, path: &[&str]) -> Option<&str> {
        match self.at(path)? {
            Node::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The pairs of a mapping; none of anything else.
    pub(crate) fn pairs(&self) -> &[(String, Rc<Node>)] {
        if let Node::Map(pairs) = self { pairs } else { &[] }
    }
}

/// Parses one document. The error is a sentence for a person, with the line where there is one.
pub(crate) fn parse(bytes: &[u8], limits: &Limits) -> Result<Rc<Node>, String> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| format!("it is not UTF-8 text (at byte {})", error.valid_up_to()))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut options = granit_parser::Options::default();
    options.set_emit_comments(false);
    options.flow_nesting_limit = limits.yaml_depth + 1;
    options.block_nesting_limit = limits.yaml_depth + 1;

    let mut builder = Builder::new(limits);
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event
            .map_err(|error| format!("it is not YAML: line {}: {}", error.marker().line(), error.info()))?;
        builder
            .take(event)
            .map_err(|why| format!("line {}: {why}", span.start.line()))?;
    }
    builder.root.ok_or_else(|| "it is empty".to_owned())
}

/// A value with what it costs to repeat.
#[derive(Clone)]
struct Built {
    node: Rc<Node>,
    /// Collections inside each other, this one included.
    height: usize,
    /// Bytes of its texts and 16 for each value.
    cost: u64,
    /// Whether it may be the key `<<` or a null: unquoted.
    plain: bool,
}

struct Open {
    anchor: usize,
    height: usize,
    cost: u64,
    content: Content,
}

enum Content {
    List(Vec<Rc<Node>>),
    Map(MapBuilder),
}

struct Builder<'a> {
    limits: &'a Limits,
    open: Vec<Open>,
    anchors: HashMap<usize, Built>,
    nodes: u64,
    alias_cost: u64,
    root: Option<Rc<Node>>,
}

const NODE_COST: u64 = 16;
const SEVERAL: &str = "it holds more than one YAML document";

impl<'a> Builder<'a> {
    fn new(limits: &'a Limits) -> Self {
        Self {
            limits,
            open: Vec::new(),
            anchors: HashMap::new(),
            nodes: 0,
            alias_cost: 0,
            root: None,
        }
    }

    fn take(&mut self, event: Event<'_>) -> Result<(), String> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.count()?;
                let built = scalar(text.into_owned(), style, tag.as_deref())?;
                self.place(anchor, built)
            }
            Event::SequenceStart(_, anchor, _) => self.push(anchor, Content::List(Vec::new())),
            Event::MappingStart(_, anchor, _) => self.push(anchor, Content::Map(MapBuilder::default())),
            Event::SequenceEnd | Event::MappingEnd => self.pop(),
            Event::Alias(anchor) => self.repeat(anchor),
            _ => Ok(()),
        }
    }

    fn count(&mut self) -> Result<(), String> {
        self.nodes += 1;
        if self.nodes > self.limits.yaml_nodes {
            return Err(format!("it has more than {} values", self.limits.yaml_nodes));
        }
        Ok(())
    }

    fn push(&mut self, anchor: usize, content: Content) -> Result<(), String> {
        if self.root.is_some() {
            return Err(SEVERAL.to_owned());
        }
        self.count()?;
        self.check_depth(self.open.len() + 1)?;
        self.open.push(Open {
            anchor,
            height: 1,
            cost: NODE_COST,
            content,
        });
        Ok(())
    }

    fn check_depth(&self, depth: usize) -> Result<(), String> {
        if depth > self.limits.yaml_depth {
            return Err(format!("it is nested deeper than {}", self.limits.yaml_depth));
        }
        Ok(())
    }

    fn pop(&mut self) -> Result<(), String> {
        let Some(open) = self.open.pop() else {
            return Err("a list or mapping ends that never began".to_owned());
        };
        let node = match open.content {
            Content::List(items) => Node::List(items),
            Content::Map(map) => Node::Map(map.finish()),
        };
        let built = Built {
            node: Rc::new(node),
            height: open.height,
            cost: open.cost,
            plain: false,
        };
        self.place(open.anchor, built)
    }

    /// An alias costs what it repeats: a few lines can stand for more than any memory holds.
    fn repeat(&mut self, anchor: usize) -> Result<(), String> {
        let built = self
            .anchors
            .get(&anchor)
            .ok_or("an alias stands inside what it repeats")?
            .clone();
        self.check_depth(self.open.len() + built.height)?;
        self.alias_cost = self.alias_cost.saturating_add(built.cost);
        if self.alias_cost > self.limits.yaml_alias_bytes {
            return Err(format!(
                "its aliases expand to more than {} bytes",
                self.limits.yaml_alias_bytes
            ));
        }
        self.place(
            0,
            Built {
                plain: false,
                ..built
            },
        )
    }

    fn place(&mut self, anchor: usize, built: Built) -> Result<(), String> {
        if anchor != 0 {
            self.anchors.insert(anchor, built.clone());
        }
        let Some(parent) = self.open.last_mut() else {
            return match self.root {
                None => {
                    self.root = Some(built.node);
                    Ok(())
                }
                // A separator at the end begins a document in which there is nothing.
                Some(_) if *built.node == Node::Null => Ok(()),
                Some(_) => Err(SEVERAL.to_owned()),
            };
        };
        parent.height = parent.height.max(built.height + 1);
        parent.cost = parent.cost.saturating_add(built.cost);
        match &mut parent.content {
            Content::List(items) => items.push(built.node),
            Content::Map(map) => map.take(built),
        }
        Ok(())
    }
}

fn scalar(text: String, style: ScalarStyle, tag: Option<&Tag>) -> Result<Built, String> {
    if text.contains('\0') {
        return Err("it holds a NUL character".to_owned());
    }
    let plain = style == ScalarStyle::Plain && !tag.is_some_and(|tag| tag.is_yaml_core_schema_tag("str"));
    let null = plain && matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL");
    let cost = NODE_COST + text.len() as u64;
    let node = if null { Node::Null } else { Node::Text(text) };
    Ok(Built {
        node: Rc::new(node),
        height: 0,
        cost,
        plain,
    })
}

/// Keys and values as they come; the last of two equal keys wins, in the place of the first.
#[derive(Default)]
struct MapBuilder {
    pairs: Vec<(String, Rc<Node>)>,
    places: HashMap<String, usize>,
    merged: Vec<Rc<Node>>,
    key: Option<Key>,
}

enum Key {
    Text(String),
    Merge,
    /// A list, mapping or null as key: nothing a descriptor has a meaning for.
    Odd,
}

impl MapBuilder {
    fn take(&mut self, built: Built) {
        match self.key.take() {
            None => {
                self.key = Some(match &*built.node {
                    Node::Text(text) if text == "<<" && built.plain => Key::Merge,
                    Node::Text(text) => Key::Text(text.clone()),
                    _ => Key::Odd,
                });
            }
            Some(Key::Text(key)) => self.put(key, built.node),
            Some(Key::Merge) => self.merged.push(built.node),
            Some(Key::Odd) => {}
        }
    }

    fn put(&mut self, key: String, value: Rc<Node>) {
        if let Some(&at) = self.places.get(&key) {
            self.pairs[at].1 = value;
        } else {
            self.places.insert(key.clone(), self.pairs.len());
            self.pairs.push((key, value));
        }
    }

    fn finish(mut self) -> Vec<(String, Rc<Node>)> {
        for merged in std::mem::take(&mut self.merged) {
            match &*merged {
                Node::List(items) => items.iter().for_each(|item| self.merge(item)),
                other => self.merge(other),
            }
        }
        self.pairs
    }

    /// Adds the pairs whose keys are not there yet.
    fn merge(&mut self, node: &Node) {
        for (key, value) in node.pairs() {
            if !self.places.contains_key(key) {
                self.put(key.clone(), Rc::clone(value));
            }
        }
    }
}
