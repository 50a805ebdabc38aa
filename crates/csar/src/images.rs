//! Which images a package runs: those of its descriptor or, in packages made after v1.0, of `Image/SwImageDesc.json`.

use std::collections::HashSet;

use serde_json::Value;

use crate::warnings::Warnings;

/// Images as they are found in one place: each once, in order, and no more than allowed.
pub(crate) struct Images<'a> {
    place: &'static str,
    most: usize,
    found: Vec<String>,
    known: HashSet<String>,
    warnings: &'a mut Warnings,
}

impl<'a> Images<'a> {
    /// At most `most`; `place` names where they stand in what is warned of.
    pub(crate) fn new(place: &'static str, most: usize, warnings: &'a mut Warnings) -> Self {
        Self {
            place,
            most,
            found: Vec::new(),
            known: HashSet::new(),
            warnings,
        }
    }

    /// Takes what stands there: one image, or several separated by commas. `false`: no more are taken.
    pub(crate) fn take(&mut self, text: &str) -> bool {
        let place = self.place;
        for image in text.split(',').map(str::trim).filter(|image| !image.is_empty()) {
            if image.chars().any(char::is_control) {
                self.warnings
                    .push(|| format!("{place} lists an image with a control character; it is left out"));
            } else if !self.known.contains(image) {
                if self.found.len() == self.most {
                    let most = self.most;
                    self.warnings
                        .push(|| format!("{place} lists more than {most} images; the rest is left out"));
                    return false;
                }
                self.known.insert(image.to_owned());
                self.found.push(image.to_owned());
            }
        }
        true
    }

    /// Says something else that is odd about the place.
    pub(crate) fn warn(&mut self, text: impl FnOnce() -> String) {
        self.warnings.push(text);
    }

    /// What was found.
    pub(crate) fn into_found(self) -> Vec<String> {
        self.found
    }
}

/// The images that `Image/SwImageDesc.json` lists as `swImage`; nothing, with a warning, when it is no such list.
pub(crate) fn read(bytes: &[u8], most: usize, warnings: &mut Warnings) -> Vec<String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.trim_ascii().is_empty() {
        return Vec::new();
    }
    let Ok(Value::Array(items)) = serde_json::from_slice(bytes) else {
        warnings
            .push(|| "Image/SwImageDesc.json is no JSON list; the descriptor's images are taken".to_owned());
        return Vec::new();
    };
    let mut images = Images::new("Image/SwImageDesc.json", most, warnings);
    for item in &items {
        if let Some(text) = item.get("swImage").and_then(Value::as_str)
            && !images.take(text)
        {
            break;
        }
    }
    images.into_found()
}
