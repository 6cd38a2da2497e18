//! MACs: counted up from a written one, or derived from names. Does no I/O.
//!
//! docs/decisions/0007-stable-mac.md has the reasons.

use super::ResolvedVm;
use super::nic::FoundNic;
use crate::site::{NodeFile, Site, VmSet};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// PVE's prefix.
const PREFIX: &str = "bc:24:11";

/// Returns the MAC at an offset; `None` if the vendor prefix would change.
pub(super) fn counted(mac: &str, offset: u32) -> Option<String> {
    let mac = mac.to_ascii_lowercase();
    let (prefix, rest) = mac.split_at_checked(PREFIX.len())?;
    let number = u32::from_str_radix(&rest.replace(':', ""), 16).ok()?.checked_add(offset)?;
    let [0, a, b, c] = number.to_be_bytes() else { return None };
    Some(format!("{prefix}:{a:02x}:{b:02x}:{c:02x}"))
}

/// Derives the MACs of a VM set.
pub(crate) struct MacDeriver {
    prefix: String,
    owner: String,
}

impl MacDeriver {
    /// Creates the deriver of a VM set on a node.
    pub(crate) fn new(site: &Site<'_>, vm_set: &VmSet, node: &NodeFile) -> Self {
        let config = &site.config;
        let prefix = config.mac_prefix.value().map_or(PREFIX, String::as_str).to_lowercase();
        let name = config.site.value().map_or("", String::as_str);
        Self { prefix, owner: format!("{name}/{}/{}", node.cluster(), vm_set.deployment()) }
    }

    /// Returns the MAC of a NIC; each round gives a different one.
    pub(crate) fn mac(&self, vm: &str, slot: &str, round: u32) -> String {
        let Self { prefix, owner } = self;
        let sum = match round {
            0 => Sha256::digest(format!("{owner}/{vm}/{slot}")),
            _ => Sha256::digest(format!("{owner}/{vm}/{slot}/{round}")),
        };
        format!("{prefix}:{:02x}:{:02x}:{:02x}", sum[0], sum[1], sum[2])
    }
}

/// Gives each NIC without a MAC a derived one. If it collides with a derived or written MAC, the
/// NIC gets the next hash.
pub(super) fn derive(derived: &MacDeriver, all: &mut [ResolvedVm<'_>]) {
    let nics = all.iter().flat_map(|resolved| &resolved.nics);
    let written = nics.filter(|found| !found.nic.mac.is_empty());
    let mut taken: BTreeSet<String> = written.map(|found| found.nic.mac.clone()).collect();
    for resolved in all {
        let name = &resolved.vm.name;
        for FoundNic { nic, .. } in resolved.nics.iter_mut().filter(|found| found.nic.derived) {
            let mut macs = (0..).map(|round| derived.mac(name, &nic.slot, round));
            nic.mac = macs.find(|mac| taken.insert(mac.clone())).unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macs_count_up_within_their_vendor_prefix() {
        assert_eq!(counted("BC:24:11:00:00:FE", 3).as_deref(), Some("bc:24:11:00:01:01"));
        assert_eq!(counted("02:00:00:FF:FF:FF", 0).as_deref(), Some("02:00:00:ff:ff:ff"));
        assert_eq!(counted("02:00:00:FF:FF:FF", 1), None);
        assert_eq!(counted("é", 1), None);
    }

    #[test]
    fn a_next_round_is_another_mac() {
        let derived = MacDeriver { prefix: PREFIX.to_owned(), owner: "lab/pve/e".to_owned() };
        let first = derived.mac("a", "net0", 0);
        for other in [("a", "net0", 1), ("a", "net1", 0), ("b", "net0", 0)] {
            assert_ne!(first, derived.mac(other.0, other.1, other.2), "{other:?}");
        }
        assert_eq!(first, derived.mac("a", "net0", 0));
    }
}
