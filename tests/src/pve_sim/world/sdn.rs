//! SDN: objects as edited and as applied, and the lock.
//! A pure module: does no I/O. The texts are PVE's.
// PVE: pve-network, API2/Network/SDN/*.pm and Network/SDN/*.pm.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::World;
use crate::pve_sim::answer::Refusal;

/// Keys of one object.
pub(crate) type Object = BTreeMap<String, String>;

/// Zones, vnets and subnets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Objects {
    /// By zone id.
    pub zones: BTreeMap<String, Object>,
    /// By vnet id.
    pub vnets: BTreeMap<String, Object>,
    /// By `zone-10.0.0.0-24`.
    pub subnets: BTreeMap<String, Object>,
}

/// SDN of the cluster.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sdn {
    /// As edited.
    pub edited: Objects,
    /// As applied (facts 46).
    pub running: Objects,
    /// The lock token, if the lock is held.
    pub lock: Option<String>,
    /// Nodes where applying fails although the task ends OK (facts 37).
    pub broken_on: Vec<String>,
    /// Nodes that have not loaded the last applied config.
    pub stale_on: Vec<String>,
}

/// The kind of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Zone,
    Vnet,
    Subnet,
}

impl Objects {
    pub(crate) fn of(&self, kind: Kind) -> &BTreeMap<String, Object> {
        match kind {
            Kind::Zone => &self.zones,
            Kind::Vnet => &self.vnets,
            Kind::Subnet => &self.subnets,
        }
    }

    pub(crate) fn of_mut(&mut self, kind: Kind) -> &mut BTreeMap<String, Object> {
        match kind {
            Kind::Zone => &mut self.zones,
            Kind::Vnet => &mut self.vnets,
            Kind::Subnet => &mut self.subnets,
        }
    }
}

impl Kind {
    /// Returns the key with an object's own name.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Zone => "zone",
            Self::Vnet => "vnet",
            Self::Subnet => "subnet",
        }
    }
}

impl Sdn {
    /// Checks that a write has the lock token, if the lock is held (reference 6).
    pub(crate) fn check_lock(&self, token: Option<&str>) -> Result<(), Refusal> {
        match (&self.lock, token) {
            (Some(lock), Some(token)) if lock == token => Ok(()),
            // PVE: Network/SDN.pm, lock_sdn_config: without a lock the token is ignored.
            (None, _) => Ok(()),
            _ => Err(Refusal::die("invalid lock token provided!")),
        }
    }

    /// Returns whether a node belongs to a zone.
    pub(crate) fn has_zone(&self, node: &str, zone: &str) -> bool {
        let nodes = self.running.zones.get(zone).map(|zone| zone.get("nodes"));
        nodes.is_some_and(|nodes| nodes.is_none_or(|list| list.split(',').any(|n| n == node)))
    }

    /// Returns each VNet of a node's zones: VNet, zone, status, and why it is not available.
    // PVE: Network/SDN/Zones.pm, status; facts-2 17.
    pub(crate) fn on_node<'s>(
        &'s self,
        node: &'s str,
    ) -> impl Iterator<Item = (&'s String, &'s str, &'static str, Option<&'static str>)> {
        let (status, text) = self.state_on(node);
        let zone = |vnet: &'s Object| vnet.get("zone").map(String::as_str);
        let vnets = self.running.vnets.iter();
        let vnets = vnets.filter_map(move |(id, vnet)| Some((id, zone(vnet)?)));
        vnets
            .filter(move |(_, zone)| self.has_zone(node, zone))
            .map(move |(id, zone)| (id, zone, status, text))
    }

    /// Returns the state of a node's zones.
    pub(crate) fn state_on(&self, node: &str) -> (&'static str, Option<&'static str>) {
        let listed = |list: &[String]| list.iter().any(|name| name == node);
        if listed(&self.stale_on) {
            let text = "local sdn network configuration is not yet generated, please reload";
            ("pending", Some(text))
        } else if listed(&self.broken_on) {
            ("error", Some("vnet is not generated. Please check the 'reload network' task log."))
        } else {
            ("available", None)
        }
    }

    /// Returns the names of edited and applied objects.
    pub(crate) fn names(&self, kind: Kind) -> Vec<String> {
        let mut names: Vec<String> =
            self.edited.of(kind).keys().chain(self.running.of(kind).keys()).cloned().collect();
        names.sort();
        names.dedup();
        names
    }

    /// Returns one object as edited, as applied, or with pending changes (facts 46).
    pub(crate) fn show(&self, kind: Kind, id: &str, pending: bool, running: bool) -> Option<Value> {
        let edited = self.edited.of(kind).get(id);
        let applied = self.running.of(kind).get(id);
        let plain = |object: &Object| {
            let mut shown = Map::from_iter([(kind.key().to_owned(), Value::from(id))]);
            shown.extend(object.iter().map(|(key, value)| (key.clone(), typed(key, value))));
            shown
        };
        if running {
            return applied.map(|object| plain(object).into());
        }
        if !pending {
            return edited.map(|object| plain(object).into());
        }
        let mut shown = plain(applied.or(edited)?);
        let (state, changed) = match (edited, applied) {
            (Some(edited), None) => ("new", difference(edited, &Object::new())),
            (None, _) => ("deleted", Map::new()),
            (Some(edited), Some(applied)) if edited != applied => {
                ("changed", difference(edited, applied))
            }
            _ => return Some(shown.into()),
        };
        if state == "new" {
            shown.retain(|key, _| key == kind.key() || is_never_pending(key));
        }
        shown.insert("state".to_owned(), state.into());
        shown.insert("pending".to_owned(), changed.into());
        Some(shown.into())
    }
}

fn difference(edited: &Object, applied: &Object) -> Map<String, Value> {
    let changed = edited
        .iter()
        .filter(|(key, value)| applied.get(*key) != Some(*value) && !is_never_pending(key))
        .map(|(key, value)| (key.clone(), typed(key, value)));
    let gone = applied
        .keys()
        .filter(|key| !edited.contains_key(*key))
        .map(|key| (key.clone(), Value::from("deleted")));
    changed.chain(gone).collect()
}

/// Returns whether a key is never listed under `pending`: an object's type and parent.
// PVE: pve-network, Network/SDN.pm, pending_config.
fn is_never_pending(key: &str) -> bool {
    matches!(key, "type" | "vnet")
}

fn typed(key: &str, value: &str) -> Value {
    match (key, value.parse::<i64>()) {
        ("tag" | "mtu" | "vxlan-port" | "vlanaware" | "snat" | "isolate-ports", Ok(number)) => {
            number.into()
        }
        _ => value.into(),
    }
}

/// Returns a subnet's ID, such as `zone-10.50.0.0-24` (facts 45).
pub(crate) fn subnet_id(zone: &str, cidr: &str) -> String {
    format!("{zone}-{}", cidr.replace('/', "-"))
}

impl World {
    /// Returns the log, which has more than the exit status (facts 37).
    pub(super) fn reload_lines(&self) -> Vec<String> {
        let line = |node: &String| match self.sdn.broken_on.contains(node) {
            true => format!(
                "command 'pvesh set /nodes/{node}/network --regenerate-frr 0' failed: exit code 255"
            ),
            false => format!("{node}: reloading network config"),
        };
        self.nodes.keys().map(line).collect()
    }

    /// Applies the edited objects, whatever the nodes report.
    pub(super) fn apply_sdn(&mut self) {
        self.sdn.running = self.sdn.edited.clone();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn zone(keys: &[(&str, &str)]) -> Object {
        keys.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    fn check(edited: Option<Object>, running: Option<Object>, expected: Value) {
        let mut sdn = Sdn::default();
        sdn.edited.zones.extend(edited.map(|object| ("z".to_owned(), object)));
        sdn.running.zones.extend(running.map(|object| ("z".to_owned(), object)));
        assert_eq!(sdn.show(Kind::Zone, "z", true, false), Some(expected));
    }

    #[test]
    fn pending_shows_what_is_not_applied() {
        let one = || zone(&[("type", "vxlan"), ("mtu", "1450")]);
        let two = || zone(&[("type", "vxlan"), ("mtu", "1400")]);
        check(Some(one()), Some(one()), json!({"zone": "z", "mtu": 1450, "type": "vxlan"}));
        check(
            Some(one()),
            None,
            json!({"zone": "z", "type": "vxlan", "state": "new", "pending": {"mtu": 1450}}),
        );
        check(
            Some(two()),
            Some(one()),
            json!({"zone": "z", "mtu": 1450, "type": "vxlan", "state": "changed", "pending": {"mtu": 1400}}),
        );
        check(
            None,
            Some(one()),
            json!({"zone": "z", "mtu": 1450, "type": "vxlan", "state": "deleted", "pending": {}}),
        );
    }
}
