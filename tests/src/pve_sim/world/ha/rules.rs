//! Affinity between HA resources, and the words that HA's status has for a state.
//! A pure module: does no I/O. The texts are PVE's.
// PVE: pve-ha-manager 5.2.0, HA/Config.pm, get_resource_motion_info; HA/Rules/ResourceAffinity.pm;
// HA/Tools.pm; facts-3 4.3.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{HaResource, World};

/// A rule of type `resource-affinity`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HaRule {
    /// Whether the VMs stay together or apart.
    pub affinity: Affinity,
    /// The VMs.
    pub resources: BTreeSet<u32>,
}

/// Together or apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Affinity {
    /// On the same node.
    Positive,
    /// On different nodes.
    Negative,
}

impl World {
    /// Refuses rules about VMs that are not HA resources.
    pub(in crate::pve_sim::world) fn check_ha_rules(&self) -> Result<(), String> {
        if !self.ha_rules.is_empty() && self.release() < (9, 0) {
            return Err(format!("`ha_rules`: PVE {} has groups instead", self.version));
        }
        if self.ha_disarmed.is_some() && self.release() < (9, 2) {
            return Err(format!("`ha_disarmed`: PVE {} cannot be disarmed", self.version));
        }
        for (name, rule) in &self.ha_rules {
            if let Some(vmid) = rule.resources.iter().find(|vmid| !self.ha.contains_key(vmid)) {
                // PVE: API2/HA/Rules.pm.
                return Err(format!(
                    "ha_rules {name}: cannot use unmanaged resource(s) vm:{vmid}."
                ));
            }
        }
        Ok(())
    }

    /// Returns the managed VMs with this affinity to a VM.
    pub(super) fn related(&self, vmid: u32, affinity: Affinity) -> BTreeSet<u32> {
        let rules = self.ha_rules.values();
        let about =
            rules.filter(|rule| rule.affinity == affinity && rule.resources.contains(&vmid));
        let all = about.flat_map(|rule| rule.resources.iter().copied());
        all.filter(|other| *other != vmid && self.managed_by_ha(*other).is_some()).collect()
    }

    /// Returns the resources that a migration takes along.
    pub(crate) fn dependent_resources(&self, vmid: u32) -> Vec<String> {
        let together = self.related(vmid, Affinity::Positive);
        together.into_iter().map(|other| format!("vm:{other}")).collect()
    }

    /// Returns what prevents a migration, by online node.
    pub(crate) fn blocking_resources(&self, vmid: u32) -> BTreeMap<String, Vec<Value>> {
        let mut all: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for other in self.related(vmid, Affinity::Negative) {
            let node = self.vms.get(&other).map_or("", |vm| vm.node.as_str());
            if self.nodes.get(node).is_some_and(|node| node.online) {
                let row = json!({ "sid": format!("vm:{other}"), "cause": "resource-affinity" });
                all.entry(node.to_owned()).or_default().push(row);
            }
        }
        all
    }

    /// Returns why `ha-manager migrate` refuses a target, or writes down what moves along.
    // PVE: CLI/ha_manager.pm, $print_resource_motion_output, since 9.1.
    pub(super) fn refusal_of_motion(
        &self,
        vmid: u32,
        node: &str,
        log: &mut Vec<String>,
    ) -> Option<Vec<String>> {
        if let Some(blocking) = self.blocking_resources(vmid).get(node) {
            let mut text = vec![
                format!("cannot migrate resource 'vm:{vmid}' to node '{node}':"),
                String::new(),
            ];
            text.extend(blocking.iter().map(|row| {
                let sid = row.get("sid").and_then(Value::as_str).unwrap_or_default();
                format!(
                    "- resource '{sid}' on target node '{node}' in negative affinity with resource 'vm:{vmid}'"
                )
            }));
            return Some(text);
        }
        log.extend(self.dependent_resources(vmid).into_iter().map(|sid| {
            format!(
                "also migrate resource '{sid}' in positive affinity with resource 'vm:{vmid}' to target node '{node}'"
            )
        }));
        None
    }
}

impl HaResource {
    /// Returns the state as HA's own status shows it.
    // PVE: HA/Tools.pm, get_verbose_service_state; facts-3 4.2.
    pub(crate) fn verbose(&self, running: bool) -> &str {
        match (self.state.as_str(), self.service.as_deref()) {
            ("ignored", _) => "ignored",
            (_, None) => "queued",
            ("started", Some("stopped")) => "starting",
            ("disabled", Some("stopped")) => "disabled",
            (_, Some("started")) if !running => "starting",
            ("stopped" | "disabled", Some("started")) => "stopping",
            ("disabled", Some("error")) => "clearing error flag",
            (_, Some(service)) => service,
        }
    }
}
