//! What a person should know about a package that was taken.

/// How many warnings one package keeps; the rest is counted.
const KEPT: usize = 100;

/// A bounded list of texts.
#[derive(Debug, Default)]
pub(crate) struct Warnings {
    kept: Vec<String>,
    more: usize,
}

impl Warnings {
    pub(crate) fn push(&mut self, text: impl FnOnce() -> String) {
        if self.kept.len() < KEPT {
            self.kept.push(text());
        } else {
            self.more += 1;
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Appends what another list holds.
    pub(crate) fn append(&mut self, other: Self) {
        for text in other.kept {
            self.push(|| text);
        }
        self.more += other.more;
    }

    pub(crate) fn into_texts(mut self) -> Vec<String> {
        if self.more > 0 {
            self.kept.push(format!("and {} more", self.more));
        }
        self.kept
    }
}
