//! The simulated cluster: nodes, storages, volumes, VMs, tasks, permissions, SDN.
//! Pure values and rules: does no I/O, reads no clock.
//!
//! A `World` is read from `world.json`; `{}` is a small cluster ready for use
//! (docs/testing.md). Written back it is stable: ordered, without clock values.

pub mod access;
pub(crate) mod allocate;
pub(crate) mod change;
pub mod clockwork;
pub(crate) mod clone;
pub mod cluster;
pub mod container;
pub(crate) mod create;
pub mod defaults;
pub(crate) mod disk;
pub(crate) mod features;
pub(crate) mod firmware;
pub mod ha;
pub(crate) mod hotplug;
pub(crate) mod lock_file;
pub mod mappings;
pub(crate) mod migration;
pub(crate) mod moves;
pub(crate) mod needs;
pub(crate) mod normal;
pub(crate) mod pending;
pub(crate) mod power;
pub mod running_task;
pub mod sdn;
pub mod storage;
pub(crate) mod tags;
pub mod task;
pub(crate) mod template;
pub(crate) mod throttle;
pub mod vm;
pub(crate) mod work;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use access::Access;
use clockwork::Clockwork;
use cluster::Unreachable;
use container::Container;
use ha::rules::HaRule;
use ha::{Disarmed, HaResource};
use mappings::Mappings;
use sdn::Sdn;
use sdn::failure::Lack;
use storage::{Download, Storage, Volume};
use task::Task;
use vm::{Guest, Vm};

/// Everything the simulator knows.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct World {
    /// PVE's version, such as `9.1.7`.
    pub version: String,
    /// Nodes by name.
    pub nodes: BTreeMap<String, Node>,
    /// The node whose pveproxy answers [default: the first that is online].
    pub local: Option<String>,
    /// Whether the cluster has quorum [default: more than half of the nodes are online].
    pub quorate: Option<bool>,
    /// Storages by id, as in storage.cfg.
    pub storages: BTreeMap<String, Storage>,
    /// All volumes, ordered by node and volid.
    pub volumes: Vec<Volume>,
    /// VMs by vmid.
    pub vms: BTreeMap<u32, Vm>,
    /// Containers by vmid.
    pub containers: BTreeMap<u32, Container>,
    /// The VMs that HA manages, by vmid.
    pub ha: BTreeMap<u32, HaResource>,
    /// Rules about HA resources by name: those of type `resource-affinity`.
    pub ha_rules: BTreeMap<String, HaRule>,
    /// How the HA stack is disarmed.
    pub ha_disarmed: Option<Disarmed>,
    /// The behavior of guests by vmid, including future VMs.
    pub guests: BTreeMap<u32, Guest>,
    /// The behavior of guests not in `guests`.
    pub guest: Guest,
    /// Tasks that ended, or are running when the world starts; written in order of node, type and ID.
    pub tasks: Vec<Task>,
    /// Users, tokens, roles and ACLs.
    pub access: Access,
    /// SDN objects, pending and applied.
    pub sdn: Sdn,
    /// Pools and the vmids in them.
    pub pools: BTreeMap<String, Pool>,
    /// Custom CPU models: name → the model that they report.
    pub cpu_models: BTreeMap<String, String>,
    /// Mappings of the nodes' devices and directories.
    pub mappings: Mappings,
    /// What `download-url` and `query-url-metadata` find, by URL.
    pub urls: BTreeMap<String, Download>,
    /// Keys of datacenter.cfg, as `GET /cluster/options` shows them.
    pub options: BTreeMap<String, String>,
    /// How many reads of `/cluster/resources` miss a change or a new VM (facts 31).
    pub resources_lag: u32,
    /// How many seconds PVE's cleanup holds the lock file of a VM that was started before the cleanup.
    pub late_cleanup: u64,
    /// State that is not written: pace, counters, running work.
    #[serde(skip)]
    pub(crate) clockwork: Clockwork,
}

/// A node of the cluster.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Node {
    /// Whether it is online; requests to an offline node get status 595.
    pub online: bool,
    /// How requests to it fail although the cluster sees it online.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unreachable: Option<Unreachable>,
    /// Its bridges and other interfaces, by name.
    pub interfaces: BTreeMap<String, Interface>,
    /// MiB of memory, for `/nodes/{node}/status`.
    pub memory: u64,
    /// CPU threads.
    pub cpus: u32,
    /// Free space in `/var/tmp`, where uploads are collected.
    pub tmp_free: u64,
    /// What it lacks for SDN.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lacks: Vec<Lack>,
}

/// A network interface of a node.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Interface {
    /// `bridge`, `eth`, `bond`, `vlan` or `OVSBridge`.
    pub r#type: String,
    /// Address with prefix length.
    pub cidr: Option<String>,
    /// Its ports, separated by spaces.
    pub bridge_ports: Option<String>,
    /// Whether it is VLAN-aware.
    pub bridge_vlan_aware: bool,
}

/// A pool.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pool {
    /// Free text.
    pub comment: Option<String>,
    /// The VMs in it.
    pub vms: Vec<u32>,
    /// The storages in it.
    pub storages: Vec<String>,
}

impl World {
    /// Parses a world; missing keys get their defaults, unknown ones are an error.
    pub fn from_json(text: &str) -> Result<Self, String> {
        let mut world: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        world.fill_in()?;
        Ok(world)
    }

    /// Writes the world as it is, in a stable order and without clock values.
    /// Keys equal to those of the default world are left out.
    pub fn to_json(&self) -> String {
        let mut world = self.clone();
        world.sort();
        world.tasks.sort_by_key(|task| {
            let number = task.id.parse::<u64>().unwrap_or_default();
            (task.node.clone(), task.kind.clone(), number, task.id.clone())
        });
        let value = |world: &Self| serde_json::to_value(world).unwrap_or_default();
        let usual = value(&Self::default());
        let mut shown = value(&world);
        if let Some(shown) = shown.as_object_mut() {
            shown.retain(|key, value| usual.get(key) != Some(value));
        }
        serde_json::to_string_pretty(&shown).unwrap_or_default() + "\n"
    }

    /// Fills in what a world file may leave out, and refuses contradictions.
    fn fill_in(&mut self) -> Result<(), String> {
        let first = self.nodes.keys().next().cloned();
        let first = first.ok_or("`nodes` is empty")?;
        if self.release() < (9, 0) {
            self.access.use_pve8_privileges();
        }
        for volume in &mut self.volumes {
            let storage = self
                .storages
                .get(volume.storage())
                .ok_or_else(|| format!("volume {}: no such storage", volume.volid))?;
            volume.fill_in(storage, &first)?;
        }
        for (vmid, vm) in &mut self.vms {
            vm.seen = Some(vm.pvestatd_view(*vmid));
            if vm.node.is_empty() {
                vm.node.clone_from(&first);
            }
            if !self.nodes.contains_key(&vm.node) {
                return Err(format!("vm {vmid}: no such node \"{}\"", vm.node));
            }
        }
        for (vmid, container) in &mut self.containers {
            if container.node.is_empty() {
                container.node.clone_from(&first);
            }
            if self.vms.contains_key(vmid) {
                return Err(format!("container {vmid}: there is a VM with this ID"));
            }
        }
        self.sdn.fill_in(&self.nodes)?;
        for (vmid, resource) in &mut self.ha {
            let vm = self.vms.get(vmid).ok_or_else(|| format!("ha {vmid}: no such vm"))?;
            resource.fill_in(vm.running).map_err(|error| format!("ha {vmid}: {error}"))?;
        }
        self.check_cluster()?;
        self.check_ha_rules()?;
        self.freeze_ha();
        for vmid in self.vms.keys().copied().collect::<Vec<_>>() {
            self.make_missing_disks(vmid)?;
        }
        let tasks = std::mem::take(&mut self.tasks);
        self.tasks = tasks.into_iter().map(|task| self.clockwork.named(task)).collect();
        self.prepare_tasks()?;
        self.sort();
        Ok(())
    }

    pub(crate) fn sort(&mut self) {
        self.volumes.sort_by(|a, b| (&a.node, &a.volid).cmp(&(&b.node, &b.volid)));
    }

    /// Returns the release as a comparable pair: `(9, 1)` for `9.1.7`.
    pub(crate) fn release(&self) -> (u32, u32) {
        let mut parts = self.version.split('.').map(|part| part.parse().unwrap_or(0));
        (parts.next().unwrap_or(9), parts.next().unwrap_or(0))
    }
}
