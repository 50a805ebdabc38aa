//! `TOSCA-Metadata/TOSCA.meta` (TOSCA simple profile, section 6): it points at the descriptor, not always rightly, so it is
//! only compared with what was found.

use crate::error::Quoted;
use crate::names;
use crate::warnings::Warnings;

/// Warns where `Entry-Definitions` is not one of `descriptors`, the paths by which the descriptor may be called.
pub(crate) fn compare(bytes: &[u8], root: &str, descriptors: &[String], warnings: &mut Warnings) {
    let text = String::from_utf8_lossy(bytes).replace('\0', "\u{fffd}");
    let text = text.trim_start_matches('\u{feff}');
    let named = text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.trim()
            .eq_ignore_ascii_case("Entry-Definitions")
            .then(|| value.trim())
    });
    let found = descriptors.first().map(String::as_str).unwrap_or_default();
    match named {
        None => warnings.push(|| {
            format!(
                "TOSCA.meta names no Entry-Definitions; the descriptor is {}",
                Quoted(found)
            )
        }),
        Some(named) => {
            let path = names::normalise(&format!("{root}{named}"));
            if !descriptors.contains(&path) {
                warnings.push(|| {
                    format!(
                        "TOSCA.meta names {} as the descriptor; it is {}",
                        Quoted(named),
                        Quoted(found)
                    )
                });
            }
        }
    }
}
