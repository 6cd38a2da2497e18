//! Commit, and what each node makes of it: the task's log, the state of zones and vnets.
//! A pure module: does no I/O. The texts are PVE's.
// PVE: pve-network, API2/Network/SDN.pm (reload) and Network/SDN/Zones.pm (status and
// generate_etc_network_config); pve-manager, API2/Network.pm, reload_network_config.

use std::collections::BTreeMap;

use super::super::World;
use super::super::work::Ended;
use super::failure::{DEBIAN_IFUPDOWN2, Lack, NOT_MADE};
use super::{Kind, Object, Objects};

/// What a node has made of each vnet of its zones: nothing, or why it could not.
pub(crate) type Made = BTreeMap<String, Option<String>>;

/// The state of a vnet on a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VnetState {
    pub(crate) vnet: String,
    pub(crate) zone: String,
    pub(crate) status: &'static str,
    pub(crate) text: Option<String>,
}

/// One thing that a node cannot make: the vnet, what its state says, and a line for the log.
struct Problem {
    vnet: String,
    text: String,
    line: Option<String>,
}

impl World {
    /// Commits what everybody has edited, at once; no node has loaded it yet (facts-2 27 and 31).
    pub(crate) fn commit_sdn(&mut self) {
        for node in self.nodes.keys().cloned().collect::<Vec<_>>() {
            let made = self.made_on(&node);
            self.sdn.made.insert(node.clone(), made);
            if !self.sdn.stale_on.contains(&node) {
                if self.sdn.version > 0 {
                    self.sdn.outdated.insert(node.clone());
                }
                self.sdn.stale_on.push(node);
            }
        }
        self.sdn.running = self.sdn.edited.clone();
        self.sdn.version += 1;
    }

    /// The work of the task `reloadnetworkall`, which ends well whatever its nodes do (facts-2 28).
    pub(crate) fn reload_all(&mut self) -> Ended {
        // PVE: API2/Network/SDN.pm, reload: only this fails the task.
        if let Err(refusal) = self.check_quorum() {
            return Err(refusal.in_task()).into();
        }
        let mut log = Vec::new();
        for node in self.nodes.keys().cloned().collect::<Vec<_>>() {
            log.push(format!("{node}: reloading network config"));
            if let Err(lines) = self.reload(&node) {
                log.extend(lines);
                let flag = if self.release() < (9, 0) { "" } else { " --regenerate-frr 0" };
                log.push(format!(
                    "command 'pvesh set /nodes/{node}/network{flag}' failed: exit code 255"
                ));
            } else {
                log.extend(self.problems(&node).into_iter().filter_map(|problem| problem.line));
                log.extend(self.scripted_lines(&node));
            }
        }
        Ended { log, ..Ended::default() }
    }

    /// Loads the committed config on a node, unless its reload ends before that.
    fn reload(&mut self, node: &str) -> Result<(), Vec<String>> {
        let Some(found) = self.nodes.get(node).filter(|found| found.online) else {
            return Err(Vec::new());
        };
        let lacks = |what: Lack| found.lacks.contains(&what);
        if lacks(Lack::Ifupdown2) {
            // PVE: facts-2 33.
            return Err(vec![format!(
                "incompatible 'ifupdown2' package version '{DEBIAN_IFUPDOWN2}'! \
                 Did you install from Proxmox repositories?"
            )]);
        }
        if lacks(Lack::Dnsmasq) && self.has_dhcp(node) {
            // PVE: facts-2 28 and 29.
            return Err(vec![
                "Could not run before_regenerate for DHCP plugin dnsmasq \
                 cannot reload with missing 'dnsmasq' package"
                    .to_owned(),
            ]);
        }
        self.sdn.made.remove(node);
        self.sdn.outdated.remove(node);
        self.sdn.stale_on.retain(|stale| stale != node);
        let made = self.made_on(node);
        self.sdn.made.insert(node.to_owned(), made);
        if self.sdn.broken_on.iter().any(|broken| broken == node) {
            return Err(Vec::new());
        }
        Ok(())
    }

    fn has_dhcp(&self, node: &str) -> bool {
        let mut zones = self.sdn.running.zones.iter();
        zones.any(|(id, zone)| zone.contains_key("dhcp") && self.sdn.has_zone(node, id))
    }

    fn scripted_lines(&self, node: &str) -> Vec<String> {
        let failing = self.sdn.fails.iter().filter(|failure| failure.node == node);
        failing.flat_map(|failure| failure.log.clone()).collect()
    }

    /// Returns the committed vnets of a node's zones, with their zones.
    fn vnets_on(&self, node: &str) -> Vec<(String, String)> {
        let running = &self.sdn.running;
        let all = running.vnets.keys().map(|vnet| (vnet.clone(), running.zone_of(vnet).to_owned()));
        all.filter(|(_, zone)| self.sdn.has_zone(node, zone)).collect()
    }

    /// Returns what a node has made at its last reload, or would make now.
    fn made_on(&self, node: &str) -> Made {
        if let Some(made) = self.sdn.made.get(node) {
            return made.clone();
        }
        let never = self.sdn.stale_on.iter().any(|stale| stale == node);
        let problems = self.problems(node);
        let judge = |vnet: &str| {
            let problem = problems.iter().find(|problem| problem.vnet == vnet);
            problem.map(|problem| problem.text.clone())
        };
        let vnets = self.vnets_on(node).into_iter().filter(|_| !never);
        vnets.map(|(vnet, _)| (vnet.clone(), judge(&vnet))).collect()
    }

    /// Returns what a node cannot make of the committed config.
    fn problems(&self, node: &str) -> Vec<Problem> {
        let mut all = Vec::new();
        for (vnet, zone) in self.vnets_on(node) {
            let scripted = self.sdn.fails.iter().find(|failure| failure.hits(node, &zone));
            let is_broken = self.sdn.broken_on.iter().any(|broken| broken == node);
            if let Some(failure) = scripted {
                let text = failure.statusmsg.clone().unwrap_or_else(|| NOT_MADE.to_owned());
                all.push(Problem { vnet, text, line: None });
            } else if is_broken {
                all.push(Problem { vnet, text: NOT_MADE.to_owned(), line: None });
            } else if let Some((text, cause)) = self.cannot_make(node, &vnet, &zone) {
                let line = Some(format!("zone {zone} : vnet {vnet} : {cause}"));
                all.push(Problem { vnet, text, line });
            }
        }
        all
    }

    /// Returns why a node cannot make a vnet: its state's text, and the cause in the log.
    fn cannot_make(&self, node: &str, vnet: &str, zone: &str) -> Option<(String, String)> {
        let found = self.nodes.get(node)?;
        let object = self.sdn.running.zones.get(zone)?;
        let value = |key: &str| object.get(key).map_or("", String::as_str);
        let not_made = |cause: String| Some((NOT_MADE.to_owned(), cause));
        match value("type") {
            // PVE: facts-2 11.
            "vlan" | "qinq" if !found.interfaces.contains_key(value("bridge")) => {
                let bridge = value("bridge");
                Some((format!("missing {bridge}"), format!("can't find bridge {bridge}")))
            }
            // PVE: facts-2 30.
            "simple" if found.lacks.contains(&Lack::DefaultRoute) && self.has_snat(vnet) => {
                let command = "/sbin/ip route get 8.8.8.8";
                not_made(format!("command '{command}' failed: exit code 2"))
            }
            "vxlan" if object.contains_key("fabric") => {
                not_made(self.fabric_problem(node, zone, value("fabric"))?)
            }
            _ => None,
        }
    }

    fn has_snat(&self, vnet: &str) -> bool {
        let running = &self.sdn.running;
        running.subnets_of(vnet).any(|id| running.value(Kind::Subnet, id, "snat") == "1")
    }

    /// Facts-2 4 and 41.
    fn fabric_problem(&self, node: &str, zone: &str, fabric: &str) -> Option<String> {
        let running: &Objects = &self.sdn.running;
        if !running.fabrics.contains_key(fabric) {
            return Some(format!(
                "could not configure VXLAN zone {zone}: fabric '{fabric}' does not exist"
            ));
        }
        let is = |member: &Object, key: &str, value: &str| {
            member.get(key).is_some_and(|found| found == value)
        };
        let mut members = running.fabric_nodes.values();
        let member = members.find(|m| is(m, "fabric_id", fabric) && is(m, "node_id", node));
        match member {
            Some(member) if member.contains_key("ip") => None,
            Some(_) => Some(format!(
                "Node {node} requires an IP in the fabric {fabric} to configure the VXLAN zone {zone}"
            )),
            None => Some(format!(
                "could not configure VXLAN zone {zone}: node '{node}' does not exist in fabric '{fabric}'"
            )),
        }
    }

    /// Returns the state of each vnet of a node's zones (facts-2 17).
    pub(crate) fn vnet_states(&self, node: &str) -> Vec<VnetState> {
        let made = self.made_on(node);
        let waits = self.waits_for_reload(node);
        let state = |(vnet, zone): (String, String)| {
            let (status, text) = match (waits, made.get(&vnet)) {
                (Some(text), _) => ("pending", Some(text.to_owned())),
                (None, Some(None)) => ("available", None),
                (None, Some(Some(text))) => ("error", Some(text.clone())),
                (None, None) => ("error", Some(NOT_MADE.to_owned())),
            };
            VnetState { vnet, zone, status, text }
        };
        self.vnets_on(node).into_iter().map(state).collect()
    }

    /// Returns the state of each of a node's zones: an error in one of its vnets is one of the zone.
    pub(crate) fn zone_states(&self, node: &str) -> Vec<(String, &'static str)> {
        let vnets = self.vnet_states(node);
        let usual = if self.waits_for_reload(node).is_some() { "pending" } else { "available" };
        let fails = |zone: &str| vnets.iter().any(|v| v.zone == zone && v.status == "error");
        // A node where everything fails shows it even for a zone without vnets.
        let is_broken = self.sdn.broken_on.iter().any(|broken| broken == node);
        let state = |zone: &String| match usual {
            "available" if is_broken || fails(zone) => "error",
            usual => usual,
        };
        let zones = self.sdn.running.zones.keys().filter(|zone| self.sdn.has_zone(node, zone));
        zones.map(|zone| (zone.clone(), state(zone))).collect()
    }

    fn waits_for_reload(&self, node: &str) -> Option<&'static str> {
        if !self.sdn.stale_on.iter().any(|stale| stale == node) {
            return None;
        }
        // PVE: Network/SDN/Zones.pm, status.
        Some(match self.sdn.outdated.contains(node) {
            true => "local sdn network configuration is too old, please reload",
            false => "local sdn network configuration is not yet generated, please reload",
        })
    }

    /// Returns whether a node has the bridge of a vnet: it keeps an old one until its next reload.
    pub(crate) fn has_vnet_bridge(&self, node: &str, vnet: &str) -> bool {
        self.made_on(node).get(vnet) == Some(&None)
    }
}
