//! What the token may not do. Does no I/O.

use super::Facts;
use crate::privileges::{self, Need};
use pve_client::NodeName;
use stage::{Entry, Place, Report};
use std::collections::{BTreeMap, BTreeSet};

/// Reports the privileges that the token lacks.
pub(crate) fn judge_privileges(
    report: &mut Report,
    node: &NodeName,
    needs: BTreeSet<Need>,
    facts: &Facts,
) {
    let mut of_path: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for need in needs {
        if !privileges::has(&facts.permissions, &need) {
            of_path.entry(need.path).or_default().push(need.privilege);
        }
    }
    // A privilege that is missing on one VM is usually missing on all: reported once.
    let mut lacking: BTreeMap<Vec<&str>, Vec<String>> = BTreeMap::new();
    for (path, privileges) in of_path {
        lacking.entry(privileges).or_default().push(path);
    }
    for (privileges, paths) in lacking {
        let Some((first, more)) = paths.split_first() else { continue };
        let list = privileges.join(", ");
        let more =
            if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
        let fact = format!("token {} lacks {list} on {first}{more}", facts.token_id);
        let hint = way_out(first, &privileges, facts);
        report.push(Entry::error("permission", Place::node(node.as_str()), fact).hint(hint));
    }
}

/// Returns the command that gives the token what it lacks on a path.
pub(super) fn way_out(path: &str, privileges: &[&str], facts: &Facts) -> String {
    privileges::command_for(path, privileges, &facts.token_id, &facts.permissions)
}
