//! `Context`: one network while it is compared. Does no I/O.

use super::desired::DesiredNetworks;
use super::find::{Finder, Owner, Zone};
use super::observed::{Object, Sdn};
use machine::sdn::Network;
use pve_client::NodeName;

/// One network while it is compared.
pub(super) struct Context<'a> {
    pub(super) networks: &'a DesiredNetworks,
    pub(super) finder: Finder<'a>,
    pub(super) sdn: &'a Sdn,
    pub(super) run: &'a str,
    pub(super) network: &'a Network,
}

impl Context<'_> {
    /// Returns the owner of a vnet of this network.
    pub(super) fn owner(&self, seen: &Object) -> Owner {
        self.finder.owner(seen, &self.network.zone)
    }

    /// Returns whether a node is in the zone.
    pub(super) fn has_node(&self, node: &NodeName) -> bool {
        let nodes = match self.finder.zone(self.network) {
            Zone::Given(seen) => seen.last_value("nodes"),
            _ => self.network.config.get("nodes"),
        };
        nodes.is_none_or(|nodes| nodes.split(',').any(|known| known.trim() == node.as_str()))
    }
}
