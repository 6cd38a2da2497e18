//! The token of a nested node has every privilege that this folder names, except for those that are
//! left out on purpose. Does no I/O.

use machine::Version;
use machine::token::of_nested_node;
use std::collections::BTreeSet;

const SOURCES: [&str; 3] =
    [include_str!("mod.rs"), include_str!("commands.rs"), include_str!("networks.rs")];

/// Each is granted by hand where a site needs it; docs/nested.md says so.
const LEFT_OUT: [&str; 4] = [
    // For VMs with `startup`: it allows the options of the cluster and the node's network too.
    "Sys.Modify",
    // A shell on the node.
    "Sys.Console",
    // For images that the node itself downloads.
    "Sys.AccessNetwork",
    // Enough instead of the others, and more.
    "VM.GuestAgent.Unrestricted",
];

/// The groups of privileges. PVE: pve-access-control, AccessControl.pm, $privgroups.
const GROUPS: [&str; 6] = ["VM.", "Datastore.", "SDN.", "Pool.", "Sys.", "Mapping."];

#[test]
fn a_nested_nodes_token_has_each_privilege_that_is_named_here() {
    let granted: BTreeSet<_> =
        [Version(8, 4), Version(9, 2)].into_iter().flat_map(of_nested_node).collect();
    let is_word = |c: char| c.is_ascii_alphabetic() || c == '.';
    let mut named = BTreeSet::new();
    for source in SOURCES {
        for word in source.split('"') {
            let is_privilege = GROUPS.iter().any(|group| word.starts_with(group));
            // `VM.GuestAgent.` is a prefix.
            if is_privilege && word.chars().all(is_word) && !word.ends_with('.') {
                named.insert(word);
            }
        }
    }
    assert!(named.contains("SDN.Use") && named.contains("Sys.Modify"), "{named:?}");
    for privilege in named {
        let is_left_out = LEFT_OUT.contains(&privilege);
        assert_ne!(granted.contains(privilege), is_left_out, "{privilege}");
    }
}
