//! `Image/SwImageDesc.json`, the list of images in packages made after v1.0.

use serde_json::Value;

use crate::warnings::Warnings;

/// The images it lists as `swImage`, each once; nothing, with a warning, when it is no such list.
pub(crate) fn read(bytes: &[u8], warnings: &mut Warnings) -> Vec<String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.trim_ascii().is_empty() {
        return Vec::new();
    }
    let Ok(Value::Array(items)) = serde_json::from_slice(bytes) else {
        warnings
            .push(|| "Image/SwImageDesc.json is no JSON list; the descriptor's images are taken".to_owned());
        return Vec::new();
    };
    let mut images: Vec<String> = Vec::new();
    for item in &items {
        let Some(image) = item.get("swImage").and_then(Value::as_str).map(str::trim) else {
            continue;
        };
        if image.chars().any(char::is_control) {
            warnings.push(|| {
                "Image/SwImageDesc.json lists an image with a control character; it is left out".to_owned()
            });
        } else if !image.is_empty() && !images.iter().any(|known| known == image) {
            images.push(image.to_owned());
        }
    }
    images
}
