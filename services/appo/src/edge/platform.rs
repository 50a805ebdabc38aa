//! What the platform of a host offers, as its LCM controller passes it on.

use mecm_common::client::Answer;
use mecm_common::client::inventory::SoftwareSeen;

/// The most capabilities of one platform that are kept.
const MOST: usize = 100;
/// The longest text of one that is kept.
const LONGEST: usize = 128;

/// The capabilities of a list answer; `None` when it is none.
pub(crate) fn software(answer: &Answer) -> Option<Vec<SoftwareSeen>> {
    answer.json().ok()
}

/// Those of them that Inventory can keep.
pub(crate) fn to_keep(seen: &[SoftwareSeen]) -> Vec<SoftwareSeen> {
    let fits = |text: &Option<String>| text.as_ref().is_none_or(|text| text.chars().count() <= LONGEST);
    let all_fit = |one: &&SoftwareSeen| {
        fits(&one.capability_id) && fits(&one.capability_name) && fits(&one.version) && fits(&one.status)
    };
    seen.iter().filter(all_fit).take(MOST).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_a_platform_offers_counts_and_what_inventory_takes_is_kept() {
        let named = |name: String| SoftwareSeen {
            capability_name: Some(name),
            ..SoftwareSeen::default()
        };
        let mut all: Vec<SoftwareSeen> = (0..150).map(|n| named(format!("service-{n}"))).collect();
        all[3] = named("x".repeat(LONGEST + 1));
        let kept = to_keep(&all);
        assert_eq!(kept.len(), MOST);
        assert_eq!(kept[3].capability_name.as_deref(), Some("service-4"));
    }
}
