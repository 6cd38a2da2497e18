//! Whether a saved plan's networks are still as they were when it was made. Does no I/O.

use super::model::{Networks, Transaction};
use super::observed::Sdn;
use std::collections::BTreeSet;

/// Returns the networks that have changed since a plan was saved; `now` is what would be planned now.
pub(crate) fn outdated(saved: &Networks, now: &Networks, sdn: Option<&Sdn>) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let edits = |networks: &Networks| -> Vec<_> {
        networks.removal.iter().flat_map(|removal| removal.edits.clone()).collect()
    };
    let removed_now = edits(now);
    let removal = edits(saved).into_iter().filter(|edit| !removed_now.contains(edit));
    names.extend(removal.map(|edit| edit.network));
    if let Some(commit) = &saved.commit {
        let Some(sdn) = sdn else {
            names.extend(saved.planned.iter().map(|network| network.name.clone()));
            return names;
        };
        let moved = commit.edits.iter().filter(|e| !e.guard.holds(sdn.get(e.kind, &e.id)));
        names.extend(moved.map(|edit| edit.network.clone()));
        if !still_pending(commit, sdn) {
            names.extend(commit.verify.iter().map(|verify| verify.zone.clone()));
        }
    }
    let unchanged = saved.unchanged.iter().map(|network| &network.name);
    let differs = |name: &&String| now.unchanged.iter().all(|network| network.name != **name);
    names.extend(unchanged.filter(differs).cloned());
    names
}

/// Returns whether what waited for the commit still does, just as it was.
fn still_pending(commit: &Transaction, sdn: &Sdn) -> bool {
    commit.pending.iter().all(|pending| {
        let seen = sdn.get(pending.kind, &pending.id);
        seen.is_some_and(|seen| (seen.state, &seen.edited) == (pending.state, &pending.edited))
    })
}
