//! The constraints of the interface and the texts that say what broke them.
//!
//! [`Pattern`] holds every pattern, compiled once; [`Violations`] collects one text per broken constraint in the order
//! of the fields, and of one field: empty, length, pattern. The texts are EdgeGallery v1.0's, to the letter.

mod pattern;

pub use pattern::Pattern;

/// `<what> length exceeds max size`.
macro_rules! too_long {
    ($what:literal) => {
        concat!($what, " length exceeds max size")
    };
}
pub(crate) use too_long;

/// What a text is answered with that is no [`Pattern::Name`]. v1.0 says "alpha numeric characters" or, of app stores,
/// "alpha numeric character".
macro_rules! not_a_name {
    ($what:literal) => {
        $crate::validate::not_a_name!($what, "characters")
    };
    ($what:literal, $characters:literal) => {
        concat!(
            $what,
            " is invalid. It must start and end with alpha numeric ",
            $characters,
            " and special characters allowed are hyphen and underscore"
        )
    };
}
pub(crate) use not_a_name;

/// A body that can say what is wrong with it.
pub trait Validate {
    /// Adds one text for each broken constraint, in field order.
    fn validate(&self, violations: &mut Violations);
}

/// The constraints of one text field.
#[derive(Clone, Copy, Debug)]
pub struct TextField {
    /// What a missing or empty text is answered with; `None`: the field is optional.
    pub empty: Option<&'static str>,
    /// The longest text allowed, in characters.
    pub max: usize,
    /// What a longer text is answered with.
    pub long: &'static str,
    /// What the text must look like and what it is answered with otherwise.
    pub pattern: Option<(Pattern, &'static str)>,
}

/// Items in one batch call where nothing else is configured (v1.0: 20).
pub const BATCH: usize = 1_000;

/// The most texts of one answer: a body of 2 MiB could break millions of constraints.
const MOST: usize = 1_000;

/// The texts of the constraints that a body broke.
#[derive(Debug)]
pub struct Violations {
    texts: Vec<String>,
    batch: usize,
}

impl Default for Violations {
    fn default() -> Self {
        Self {
            texts: Vec::new(),
            batch: BATCH,
        }
    }
}

impl Violations {
    /// All texts so far.
    pub fn texts(&self) -> &[String] {
        &self.texts
    }

    /// What `body` breaks; empty when nothing.
    pub fn of(body: &impl Validate) -> Vec<String> {
        Self::of_batch(body, BATCH)
    }

    /// The same where a batch may have so many items.
    pub fn of_batch(body: &impl Validate, batch: usize) -> Vec<String> {
        let mut violations = Self {
            batch,
            ..Self::default()
        };
        body.validate(&mut violations);
        violations.texts
    }

    /// Checks the number of items of a batch; gives those that are to be looked at.
    pub fn batch<'a, T>(&mut self, items: &'a [T]) -> &'a [T] {
        self.sized(items, self.batch)
    }

    /// Adds a text, unless there are very many already.
    pub fn push(&mut self, text: impl Into<String>) {
        if self.texts.len() < MOST {
            self.texts.push(text.into());
        }
    }

    /// Adds `text` when `broken`.
    pub fn check(&mut self, broken: bool, text: &str) {
        if broken {
            self.push(text);
        }
    }

    /// Checks one text. A required one that is null breaks "empty" alone; an empty required one breaks its pattern too
    /// where that wants a character; an optional one that is null or empty breaks nothing.
    pub fn text(&mut self, field: &TextField, value: Option<&str>) {
        let Some(value) = value else {
            if let Some(empty) = field.empty {
                self.push(empty);
            }
            return;
        };
        if value.is_empty() {
            let Some(empty) = field.empty else { return };
            self.push(empty);
        }
        self.check(value.chars().count() > field.max, field.long);
        if let Some((pattern, text)) = field.pattern {
            self.check(!pattern.matches(value), text);
        }
    }

    /// Checks a list's size; gives the items that are to be looked at: no more than there may be.
    pub fn sized<'a, T>(&mut self, items: &'a [T], max: usize) -> &'a [T] {
        self.size(items.len(), max);
        &items[..items.len().min(max)]
    }

    /// Checks a text that must be of a pattern, with v1.0's text.
    pub fn matches(&mut self, pattern: Pattern, text: &str) {
        if !pattern.matches(text) {
            self.push(must_match(pattern));
        }
    }

    /// Checks a list's size: `size must be between 0 and n`, with no field name, as v1.0 says it.
    pub fn size(&mut self, len: usize, max: usize) {
        if len > max {
            self.push(size_text(max));
        }
    }
}

/// `size must be between 0 and n`: characters of a text, items of a list.
pub fn size_text(max: usize) -> String {
    format!("size must be between 0 and {max}")
}

/// `must match "<expression>"`, with the expression v1.0 printed for `pattern`.
pub fn must_match(pattern: Pattern) -> String {
    format!("must match \"{}\"", pattern.v1_expression())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: TextField = TextField {
        empty: Some("name is empty"),
        max: 5,
        long: "name length exceeds max size",
        pattern: Some((Pattern::Name, "name is invalid")),
    };
    const IP: TextField = TextField {
        empty: Some("IP is empty"),
        max: 15,
        long: "IP length exceeds max size",
        pattern: Some((Pattern::HostIp, "IP is invalid")),
    };

    fn texts(field: &TextField, value: Option<&str>) -> Vec<String> {
        let mut violations = Violations::default();
        violations.text(field, value);
        violations.texts
    }

    #[test]
    fn null_breaks_the_first_alone_and_empty_breaks_a_pattern_that_wants_a_character() {
        assert_eq!(texts(&IP, None), ["IP is empty"]);
        assert_eq!(texts(&IP, Some("")), ["IP is empty", "IP is invalid"]);
        assert_eq!(texts(&NAME, Some("")), ["name is empty"]);
    }

    #[test]
    fn a_list_that_is_too_long_is_looked_at_no_further_than_it_may_be() {
        let mut violations = Violations::default();
        let many = vec!["-".to_owned(); 100_000];
        for item in violations.sized(&many, 16) {
            violations.matches(Pattern::Port, item);
        }
        assert_eq!(violations.texts.len(), 17);
        assert_eq!(violations.texts[0], "size must be between 0 and 16");
        for _ in 0..5_000 {
            violations.push("one more");
        }
        assert_eq!(violations.texts.len(), MOST);
    }

    #[test]
    fn length_stands_before_pattern_and_counts_characters() {
        assert_eq!(
            texts(&NAME, Some("-toolong")),
            ["name length exceeds max size", "name is invalid"]
        );
        assert!(texts(&NAME, Some("中文中文中")).is_empty());
    }

    #[test]
    fn an_optional_empty_text_breaks_nothing() {
        let optional = TextField { empty: None, ..NAME };
        assert!(texts(&optional, None).is_empty() && texts(&optional, Some("")).is_empty());
        assert_eq!(texts(&optional, Some("-")), ["name is invalid"]);
    }
}
