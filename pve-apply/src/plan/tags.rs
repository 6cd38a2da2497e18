//! Tags: each is a separate option. The document's tags are added, those that it no longer has are
//! removed, every other tag and its spelling stay. Does no I/O.

use crate::change::Change;
use crate::desired::OWNED_TAG;
use crate::mark::{TAG, split_tags};
use std::collections::BTreeSet;

/// Returns the tags that a VM should have; `None` when it has them.
///
/// PVE: facts 25, reference 5: the cluster's tag style decides whether case matters; here it never does.
pub(super) fn wanted(
    has: &str,
    document: &BTreeSet<String>,
    owned: &BTreeSet<String>,
) -> Option<String> {
    let is_explicit =
        |tag: &str| document.iter().any(|document| document.eq_ignore_ascii_case(tag));
    let is_taken_back = |tag: &str| {
        owned.contains(&format!("{OWNED_TAG}{}", tag.to_lowercase()))
            && !is_explicit(tag)
            && !tag.eq_ignore_ascii_case(TAG)
    };
    let mut tags: Vec<&str> = split_tags(has).filter(|tag| !is_taken_back(tag)).collect();
    let had = split_tags(has).count();
    let kept = tags.len();
    for tag in document.iter().map(String::as_str).chain([TAG]) {
        if !tags.iter().any(|has| has.eq_ignore_ascii_case(tag)) {
            tags.push(tag);
        }
    }
    (kept != had || tags.len() != kept).then(|| join(&tags))
}

/// Returns tags for people.
pub(super) fn shown(tags: &str) -> String {
    split_tags(tags).collect::<Vec<_>>().join(", ")
}

/// Returns the change of tags, for people.
pub(super) fn change(has: &str, wanted: &str) -> Change {
    let some = |tags: &str| Some(shown(tags)).filter(|tags| !tags.is_empty());
    super::quiet("tags", some(has), some(wanted))
}

/// Joins tags as PVE writes them: sorted, each once.
pub(super) fn join(tags: &[&str]) -> String {
    let mut tags = tags.to_vec();
    tags.sort_by_key(|tag| (tag.to_lowercase(), *tag));
    tags.dedup();
    tags.join(";")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(has: &str, document: &[&str], owned: &[&str], expected: Option<&str>) {
        let set = |list: &[&str], prefix: &str| -> BTreeSet<String> {
            list.iter().map(|tag| format!("{prefix}{tag}")).collect()
        };
        let found = wanted(has, &set(document, ""), &set(owned, OWNED_TAG));
        assert_eq!(found.as_deref(), expected, "{has} {document:?} {owned:?}");
    }

    #[test]
    fn set_tags_are_added_owned_ones_removed_and_the_rest_stays() {
        check("pve-pipeline", &[], &[], None);
        check("backup;pve-pipeline", &[], &[], None);
        check("PVE-Pipeline Web", &["web"], &["web"], None);
        check("pve-pipeline", &["web"], &[], Some("pve-pipeline;web"));
        check("Backup,pve-pipeline", &["Web"], &[], Some("Backup;pve-pipeline;Web"));
        check("backup;pve-pipeline;web", &[], &["web"], Some("backup;pve-pipeline"));
        check("backup;pve-pipeline;WEB", &["db"], &["web"], Some("backup;db;pve-pipeline"));
        check("backup", &[], &["backup"], Some("pve-pipeline"));
        check("pve-pipeline", &[], &["pve-pipeline"], None);
        check("", &["web"], &[], Some("pve-pipeline;web"));
    }
}
