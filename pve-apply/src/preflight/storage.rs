//! Preflight of storages: whether the node has them, can use them, and what they hold. Does no I/O.

use super::{Facts, Preflight, near};
use crate::privileges::Need;
use pve_client::Storage;
use pve_stage::storage::unusable;
use stage::{Entry, Place, suggest};

impl Preflight<'_> {
    /// Returns why a storage cannot be used.
    pub(super) fn storage(
        &self,
        name: &str,
        content: &str,
        field: &str,
        facts: &Facts,
    ) -> Vec<Entry> {
        let node = self.node;
        let error = |code, fact: String| Entry::error(code, Place::input(field), fact);
        let Some(found) = facts.storages.iter().find(|s| s.storage.as_str() == name) else {
            // PVE: facts 54: what the token cannot see is silently left out.
            let fact = format!(
                "storage \"{name}\" does not exist on node {node} or is not visible to the token"
            );
            let names: Vec<String> = facts.storages.iter().map(|s| s.storage.to_string()).collect();
            return vec![error("storage-not-found", fact).hint(near(
                name,
                &names,
                "no storage is visible to the token",
            ))];
        };
        let unusable = unusable(Place::input(field), node, found, &facts.storage_configs);
        let mut entries: Vec<Entry> = unusable.into_iter().collect();
        if !found.has_content(content) {
            let fact = format!("storage \"{name}\" does not take content `{content}`");
            entries.push(error("storage-content", fact).hint(switch_on(found, content)));
        }
        entries
    }
}

/// Returns how to enable a content type on a storage, where that is possible.
fn switch_on(storage: &Storage, content: &str) -> String {
    if !storage.can_have_content(content) {
        return format!("a storage of type {} cannot: choose another one", storage.kind);
    }
    let all = [&storage.content[..], &[content.to_owned()]].concat().join(",");
    format!("run on a node: pvesm set {} --content {all}", storage.storage)
}

/// Returns whether a privilege is about a storage whose name is probably a typo: granting it would not help.
pub(super) fn is_of_mistyped_storage(need: &Need, facts: &Facts) -> bool {
    let names = || facts.storages.iter().map(|storage| storage.storage.as_str());
    let Some(required) = need.path.strip_prefix("/storage/") else { return false };
    names().all(|name| name != required) && suggest::near(required, names()).is_some()
}
