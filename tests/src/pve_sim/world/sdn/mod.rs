//! SDN: objects as edited and as committed, the lock, and which nodes have loaded what.
//! A pure module: does no I/O. The texts are PVE's.
//!
//! "facts-2" are the facts of SDN, numbered; a file of pve-network follows where they are silent.
// PVE: pve-network, API2/Network/SDN/*.pm and Network/SDN/*.pm.

pub(crate) mod addresses;
pub mod failure;
pub mod hand;
pub(crate) mod pending;
pub(crate) mod reload;
pub(crate) mod rules;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};

use super::World;
use crate::pve_sim::answer::Refusal;
use crate::pve_sim::property::Properties;
use failure::Failure;

/// Keys of one object.
pub(crate) type Object = BTreeMap<String, String>;

/// The objects of SDN.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Objects {
    /// By zone id.
    pub zones: BTreeMap<String, Object>,
    /// By vnet id.
    pub vnets: BTreeMap<String, Object>,
    /// By `zone-10.0.0.0-24`.
    pub subnets: BTreeMap<String, Object>,
    /// By controller id; the simulator only lists them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub controllers: BTreeMap<String, Object>,
    /// By fabric id, with `id` and `protocol`; the simulator only lists them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub fabrics: BTreeMap<String, Object>,
    /// By any name, with `fabric_id`, `node_id` and perhaps `ip`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub fabric_nodes: BTreeMap<String, Object>,
}

/// SDN of the cluster.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sdn {
    /// As edited.
    pub edited: Objects,
    /// As committed (facts-2 14).
    pub running: Objects,
    /// Objects that are both edited and committed, with the same values; not written.
    #[serde(skip_serializing)]
    pub committed: Objects,
    /// The version of the committed config: 0 before the first commit (facts-2 27).
    #[serde(skip)]
    pub(crate) version: u64,
    /// The lock token, if the lock is held (facts-2 21).
    pub lock: Option<String>,
    /// Nodes where every reload fails although the task ends OK (facts 37).
    pub broken_on: Vec<String>,
    /// Nodes that have not loaded the last committed config.
    pub stale_on: Vec<String>,
    /// Failures of the next reloads (facts-2 28).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fails: Vec<Failure>,
    /// Nodes among `stale_on` that have loaded an earlier config.
    #[serde(skip)]
    pub(crate) outdated: BTreeSet<String>,
    /// The vnets that a node has made at its last reload, if there was one.
    #[serde(skip)]
    pub(crate) made: BTreeMap<String, reload::Made>,
}

/// The kind of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Zone,
    Vnet,
    Subnet,
    Controller,
    Fabric,
    FabricNode,
}

impl Kind {
    pub(crate) const ALL: [Self; 6] =
        [Self::Zone, Self::Vnet, Self::Subnet, Self::Controller, Self::Fabric, Self::FabricNode];

    /// Returns the key with an object's own name.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Zone => "zone",
            Self::Vnet => "vnet",
            Self::Subnet => "subnet",
            Self::Controller => "controller",
            Self::Fabric | Self::FabricNode => "id",
        }
    }

    /// Returns what PVE calls an object that does not exist.
    pub(crate) fn missing(self, id: &str) -> String {
        match self {
            Self::Zone => format!("sdn '{id}' does not exist"),
            _ => format!("sdn {} '{id}' does not exist", self.key()),
        }
    }
}

impl Objects {
    pub(crate) fn of(&self, kind: Kind) -> &BTreeMap<String, Object> {
        match kind {
            Kind::Zone => &self.zones,
            Kind::Vnet => &self.vnets,
            Kind::Subnet => &self.subnets,
            Kind::Controller => &self.controllers,
            Kind::Fabric => &self.fabrics,
            Kind::FabricNode => &self.fabric_nodes,
        }
    }

    pub(crate) fn of_mut(&mut self, kind: Kind) -> &mut BTreeMap<String, Object> {
        match kind {
            Kind::Zone => &mut self.zones,
            Kind::Vnet => &mut self.vnets,
            Kind::Subnet => &mut self.subnets,
            Kind::Controller => &mut self.controllers,
            Kind::Fabric => &mut self.fabrics,
            Kind::FabricNode => &mut self.fabric_nodes,
        }
    }

    /// Returns the value of a key, or an empty text.
    pub(crate) fn value(&self, kind: Kind, id: &str, key: &str) -> &str {
        self.of(kind).get(id).and_then(|object| object.get(key)).map_or("", String::as_str)
    }

    /// Returns the zone of a vnet.
    pub(crate) fn zone_of(&self, vnet: &str) -> &str {
        self.value(Kind::Vnet, vnet, "zone")
    }

    /// Returns the subnets of a vnet.
    pub(crate) fn subnets_of<'s>(&'s self, vnet: &'s str) -> impl Iterator<Item = &'s String> {
        let inside = move |subnet: &Object| subnet.get("vnet").is_some_and(|of| of == vnet);
        self.subnets.iter().filter(move |(_, subnet)| inside(subnet)).map(|(id, _)| id)
    }

    /// Returns the digest of the file with all objects of a kind (facts-2 16).
    pub(crate) fn digest(&self, kind: Kind) -> String {
        let text: String =
            self.of(kind).iter().map(|(id, object)| format!("{id}: {object:?}\n")).collect();
        Sha1::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Adds those objects that it does not have yet.
    fn add(&mut self, more: &Self) {
        for kind in Kind::ALL {
            for (id, object) in more.of(kind) {
                self.of_mut(kind).entry(id.clone()).or_insert_with(|| object.clone());
            }
        }
    }

    /// Removes what follows from an object's name.
    fn tidy(&mut self) {
        for subnet in self.subnets.values_mut() {
            subnet.remove("cidr");
        }
    }
}

impl Sdn {
    /// Fills in what a world file may leave out, and refuses contradictions.
    pub(super) fn fill_in(&mut self, nodes: &BTreeMap<String, super::Node>) -> Result<(), String> {
        let committed = std::mem::take(&mut self.committed);
        for objects in [&mut self.edited, &mut self.running] {
            objects.add(&committed);
            objects.tidy();
        }
        self.version = u64::from(self.running != Objects::default());
        let failing = self.fails.iter().map(|failure| &failure.node);
        let mut named = self.broken_on.iter().chain(&self.stale_on).chain(failing);
        match named.find(|node| !nodes.contains_key(*node)) {
            Some(node) => Err(format!("sdn: no such node \"{node}\"")),
            None => Ok(()),
        }
    }

    /// Checks that a write has the lock token, if the lock is held; `what` is what PVE says has failed.
    // PVE: facts-2 23; Network/SDN.pm, lock_sdn_config: without a lock any token passes.
    pub(crate) fn check_lock(&self, token: Option<&str>, what: &str) -> Result<(), Refusal> {
        match (&self.lock, token) {
            (Some(lock), Some(token)) if lock == token => Ok(()),
            (None, _) => Ok(()),
            _ => Err(Refusal::die(format!(
                "{what}: invalid lock token provided! at /usr/share/perl5/PVE/Network/SDN.pm line 291."
            ))),
        }
    }

    /// Returns whether a node belongs to a committed zone.
    pub(crate) fn has_zone(&self, node: &str, zone: &str) -> bool {
        let nodes = self.running.zones.get(zone).map(|zone| zone.get("nodes"));
        nodes.is_some_and(|nodes| nodes.is_none_or(|list| list.split(',').any(|n| n == node)))
    }

    /// Returns whether a lock without `allow-pending` is refused: fabrics do not count.
    // PVE: Network/SDN.pm, has_pending_changes.
    pub(crate) fn has_pending(&self) -> bool {
        [Kind::Zone, Kind::Vnet, Kind::Subnet, Kind::Controller]
            .into_iter()
            .any(|kind| self.edited.of(kind) != self.running.of(kind))
    }
}

impl World {
    /// Checks quorum and lock of a write under PVE's own lock of the config.
    // PVE: Network/SDN.pm, lock_sdn_domain; pve-cluster, Cluster.pm, cfs_lock.
    pub(crate) fn enter_sdn(&self, token: Option<&str>, what: &str) -> Result<(), Refusal> {
        self.check_cluster_lock("domain-sdn")
            .map_err(|cause| Refusal::die(format!("{what}: {cause}")))?;
        self.sdn.check_lock(token, what)
    }
}

impl World {
    /// Returns whether guests have addresses of a subnet: each NIC takes one where DHCP is on.
    // PVE: facts-3 3; Network/SDN/Vnets.pm, add_next_free_cidr.
    pub(crate) fn takes_addresses(&self, subnet: &str) -> bool {
        let running = &self.sdn.running;
        let vnet = running.value(Kind::Subnet, subnet, "vnet");
        let has_dhcp = !running.value(Kind::Zone, running.zone_of(vnet), "dhcp").is_empty();
        let has_range = !running.value(Kind::Subnet, subnet, "dhcp-range").is_empty();
        has_dhcp && has_range && self.uses_bridge(vnet)
    }

    /// Returns whether a VM or container has a NIC on a bridge.
    fn uses_bridge(&self, bridge: &str) -> bool {
        let of = |config: &BTreeMap<String, String>| {
            let nics = config.iter().filter(|(key, _)| key.starts_with("net"));
            let mut bridges = nics.map(|(_, value)| Properties::read(value, "model"));
            bridges.any(|nic| nic.get("bridge") == Some(bridge))
        };
        self.vms.values().any(|vm| of(&vm.config))
            || self.containers.values().any(|container| of(&container.config))
    }
}
