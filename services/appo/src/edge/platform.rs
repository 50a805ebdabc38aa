//! What the platform of a host offers, as its LCM controller passes it on.

use mecm_common::client::Answer;
use mecm_common::client::inventory::SoftwareSeen;

/// The most capabilities of one platform that are kept.
const MOST: usize = 100;
/// The longest text of one that is kept.
const LONGEST: usize = 128;

/// The capabilities of a list answer; `None` when it is none.
pub(crate) fn software(answer: &Answer) -> Option<Vec<SoftwareSeen>> {
    let mut seen: Vec<SoftwareSeen> = answer.json().ok()?;
    seen.truncate(MOST);
    let fits = |text: &Option<String>| text.as_ref().is_none_or(|text| text.chars().count() <= LONGEST);
    seen.retain(|one| {
        fits(&one.capability_id) && fits(&one.capability_name) && fits(&one.version) && fits(&one.status)
    });
    Some(seen)
}
