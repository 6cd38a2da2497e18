//! What the nodes say about a zone, in a word each. Does no I/O.

use super::observed::{NodeSdn, Sdn};
use stage::Gather as _;
use std::collections::BTreeMap;

/// The state of a zone that a node does not have.
pub(super) const MISSING: &str = "missing";

/// Returns the state of a zone on each node that has it or should have it.
pub(super) fn of(sdn: &Sdn, zone: &str) -> BTreeMap<String, String> {
    let listed = sdn.zones.get(zone).and_then(|zone| zone.last_value("nodes"));
    let is_in = |node: &str| {
        listed.is_none_or(|listed| listed.split(',').any(|known| known.trim() == node))
    };
    let word = |node: &NodeSdn| match node.zones.get(zone) {
        _ if !node.is_online => "offline".to_owned(),
        Some(status) => status.clone(),
        None => MISSING.to_owned(),
    };
    let all = sdn.nodes.iter().filter(|(name, _)| is_in(name.as_str()));
    all.map(|(name, node)| (name.to_string(), word(node))).gather()
}
