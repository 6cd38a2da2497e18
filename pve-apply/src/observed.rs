//! `Observed`: the state of PVE at one moment, as values. Does no I/O.

use crate::desired::TemplateId;
use crate::mark::{self, Owner, owner};
use crate::network::observed::Sdn;
use crate::outlook::Outlook;
use crate::template::{SeenTemplate, TemplateState};
use pve_client::{
    Digest, GuestKind, NodeName, PendingValue, Permissions, Resource, TEMPORARY_DESCRIPTION, Upid,
    VmConfig, Vmid, Volid,
};
use pve_stage::image_template;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The state of the cluster.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Observed {
    /// Every guest that the token can see, on any node.
    pub guests: Vec<Guest>,
    /// The result of reading each VM that may be ours.
    pub vms: BTreeMap<Vmid, Observation>,
    /// The second source: whether the cluster says that a vmid is free. Read for absent VMs only.
    pub free: BTreeMap<Vmid, bool>,
    /// Whether the token can see every VM: then what is not listed does not exist.
    pub sees_all: bool,
    /// The nodes of the document's VMs that do not answer: nothing can be created there.
    pub(crate) nodes_away: BTreeSet<NodeName>,
    /// The cluster's nodes, if one of those is not among them.
    pub(crate) known_nodes: Vec<NodeName>,
    /// Whether the cluster does not know the state of some guest: most often because its node is lost.
    pub(crate) has_unknown_guests: bool,
    /// Tasks on the nodes of the document's VMs that were running just before the guests were listed.
    pub(crate) under_way: Vec<Upid>,
    /// Seed files of ours, each with a node that has its storage; one on a shared storage is here once.
    pub seed_files: BTreeSet<(NodeName, Volid)>,
    /// The pool of each VM that is in one, as far as the token can see pools.
    pub(crate) pools: BTreeMap<Vmid, String>,
    /// Virtual size of each image for a new disk, by the disk's node; `None` when the image does not
    /// exist there.
    pub(crate) images: BTreeMap<(NodeName, Volid), Option<u64>>,
    /// What is known about each template that a VM is to be cloned from, by its node.
    pub(crate) templates: BTreeMap<(NodeName, TemplateId), SeenTemplate>,
    /// What is known before the migration of each VM that the document moves.
    pub(crate) outlooks: BTreeMap<Vmid, Outlook>,
    /// The cluster's SDN, if it was read.
    pub(crate) sdn: Option<Sdn>,
}

impl Observed {
    /// Returns the state of each VM that could be read.
    pub(crate) fn seen(&self) -> impl Iterator<Item = &VmState> {
        self.vms.values().filter_map(|observation| match observation {
            Observation::Seen(seen) => Some(&**seen),
            _ => None,
        })
    }

    /// Returns what is known about a template that a VM is to be cloned from.
    pub(crate) fn template(&self, vmid: Vmid) -> Option<&TemplateState> {
        self.templates.values().find_map(|seen| match seen {
            SeenTemplate::Seen(state) if state.vmid == vmid => Some(&**state),
            _ => None,
        })
    }

    /// Returns the virtual size of an image on a node, if it exists there.
    pub(crate) fn image_size(&self, node: &NodeName, volid: &Volid) -> Option<u64> {
        self.images.get(&(node.clone(), volid.clone())).copied().flatten()
    }
}

/// A guest in the cluster's list.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Guest {
    /// VM or container.
    pub kind: GuestKind,
    /// Its vmid.
    pub vmid: Vmid,
    /// The node that has it.
    pub node: NodeName,
    /// Its name; missing for some seconds after its creation.
    pub name: Option<String>,
    /// Whether it carries our tag.
    pub tagged: bool,
    /// Whether a create or a clone still works on it: only then it gets its name and its tags.
    pub(crate) being_made: bool,
    /// Whether it looks like a template of an image: its flag, our tag, and a name with a checksum. Only its
    /// mark would prove it.
    pub(crate) image_template: bool,
}

/// The result of reading a VM.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Observation {
    /// Its state.
    Seen(Box<VmState>),
    /// Its node does not answer: nothing is known about the VM.
    NodeAway(NodeName),
    /// The token is not allowed to read it.
    Forbidden(NodeName),
    /// It was listed on this node and is no longer there, yet its vmid is in use.
    Moving(NodeName),
}

/// The state of one VM.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct VmState {
    /// Its vmid.
    pub vmid: Vmid,
    /// The node that has it.
    pub node: NodeName,
    /// Whether it runs.
    pub power: Power,
    /// QEMU's state of a guest that is halted in a running VM, such as `paused`.
    pub(crate) halted: Option<String>,
    /// The HA manager's state of a VM that is an HA resource, such as `started` or `error`; the requested
    /// one if the manager has none, such as `ignored`.
    pub(crate) ha: Option<String>,
    /// Its config, with pending values.
    pub config: Config,
}

/// Whether a VM runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Power {
    /// It runs or is paused.
    Running,
    /// It does not run.
    Stopped,
}

impl Power {
    /// Returns PVE's word.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Stopped => "stopped",
        }
    }
}

/// A VM's config: for each key the current value, and the one after the next start.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Config {
    /// Guards a change against another one in between.
    pub digest: Option<Digest>,
    items: BTreeMap<String, Item>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Item {
    now: Option<Arc<str>>,
    /// Nearly always the same text as `now`, which is then kept once: a plan holds the configs of
    /// thousands of VMs.
    next: Option<Arc<str>>,
}

impl Config {
    /// Reads PVE's list of keys with their pending values.
    pub(crate) fn from_pending(list: Vec<PendingValue>) -> Self {
        let mut config = Self::default();
        for PendingValue { key, value, pending, delete } in list {
            if key == "digest" {
                // PVE: pve-guest-common, GuestHelpers.pm, config_with_pending_array lists the digest as a key.
                config.digest = value.and_then(|text| text.parse().ok());
                continue;
            }
            let now: Option<Arc<str>> = value.map(Arc::from);
            let pending = pending.map(Arc::from);
            let next = if delete { None } else { pending.or_else(|| now.clone()) };
            config.items.insert(key, Item { now, next });
        }
        config
    }

    /// Builds a config without anything pending.
    #[cfg(test)]
    pub(crate) fn settled<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let item = |text: &str| Item { now: Some(text.into()), next: Some(text.into()) };
        let items = pairs.into_iter().map(|(key, value)| (key.to_owned(), item(value)));
        Self { digest: None, items: items.collect() }
    }

    /// Returns the current value.
    pub(crate) fn now(&self, key: &str) -> Option<&str> {
        self.items.get(key)?.now.as_deref()
    }

    /// Returns the value after the next start; the current value when nothing is pending.
    pub(crate) fn next(&self, key: &str) -> Option<&str> {
        self.items.get(key)?.next.as_deref()
    }

    /// Sets a key at once, like a live change.
    pub(crate) fn set(&mut self, key: &str, value: &str) {
        let value: Option<Arc<str>> = Some(value.into());
        self.items.insert(key.to_owned(), Item { now: value.clone(), next: value });
    }

    /// Sets or deletes a key for the next start; for tests.
    #[cfg(test)]
    pub(crate) fn set_next(&mut self, key: &str, value: Option<&str>) {
        self.items.entry(key.to_owned()).or_default().next = value.map(Arc::from);
    }

    /// Deletes a key.
    #[cfg(test)]
    pub(crate) fn remove(&mut self, key: &str) {
        self.items.remove(key);
    }

    /// Makes all pending values current, as a start does.
    #[cfg(test)]
    pub(crate) fn settle(&mut self) {
        self.items.retain(|_, item| {
            item.now.clone_from(&item.next);
            item.now.is_some()
        });
    }

    /// Returns all keys, in order.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.items.keys().map(String::as_str)
    }

    /// Returns the keys whose pending value differs from the current one.
    pub(crate) fn pending_keys(&self) -> impl Iterator<Item = &str> {
        self.items.iter().filter(|(_, item)| item.now != item.next).map(|(key, _)| key.as_str())
    }

    /// Returns whether it is a template.
    pub(crate) fn is_template(&self) -> bool {
        self.now("template").and_then(pve_client::parse_boolean) == Some(true)
    }

    /// Returns what locks the VM.
    pub(crate) fn lock(&self) -> Option<&str> {
        self.now("lock")
    }

    /// Returns whether a create or a clone is under way, or was killed, and the config does not show whose
    /// the VM is: PVE writes our description only at the end.
    pub(crate) fn is_being_created(&self) -> bool {
        match (self.lock(), self.next("description")) {
            // PVE: qemu-server, API2/Qemu.pm, create_vm: an empty config with this lock reserves the vmid.
            (Some("create"), text) => text.is_none(),
            // PVE: facts-4, 2 and 3: the description has a blank in front.
            (Some(CLONE_LOCK), text) => {
                text.is_some_and(|text| text.trim() == TEMPORARY_DESCRIPTION.trim())
            }
            _ => false,
        }
    }
}

impl VmState {
    /// Returns the owner of the VM, for a deployment of a site (empty when it has no name).
    pub(crate) fn owner(&self, site: &str, deployment: &str) -> Owner {
        owner((site, deployment), self.vmid.get(), |key| self.config.next(key))
    }
}

impl From<&Resource> for Guest {
    fn from(row: &Resource) -> Self {
        let tagged = row.tags.iter().any(|tag| tag.eq_ignore_ascii_case(mark::TAG));
        let named = row.name.as_deref().is_some_and(image_template::is_named_so);
        Self {
            kind: row.kind,
            vmid: row.vmid,
            node: row.node.clone(),
            name: row.name.clone(),
            being_made: row.lock.as_deref().is_some_and(is_making),
            tagged,
            image_template: row.template && tagged && named,
        }
    }
}

/// PVE's lock of a VM that is being cloned from another.
pub(crate) const CLONE_LOCK: &str = "clone";

/// Returns whether a lock means that the VM is being created.
pub(crate) fn is_making(lock: &str) -> bool {
    // PVE: qemu-server, API2/Qemu.pm, create_vm: an empty config with this lock reserves the vmid;
    // facts-4, 23: a clone is locked until its disks are there.
    matches!(lock, "create" | CLONE_LOCK)
}

/// Returns whether a create or a clone still holds a config, or was killed.
pub(crate) fn is_locked_by_creation(config: &VmConfig) -> bool {
    config.get("lock").is_some_and(is_making)
}

/// Returns whether QEMU's state means that a guest is halted and does not resume by itself.
pub(crate) fn is_halted(qmpstatus: &str) -> bool {
    // QEMU: qapi/run-state.json, RunState; a migration or a snapshot halts a guest only briefly.
    matches!(
        qmpstatus,
        "paused"
            | "prelaunch"
            | "suspended"
            | "io-error"
            | "internal-error"
            | "guest-panicked"
            | "shutdown"
            | "watchdog"
            | "debug"
    )
}

/// Returns whether a token with these permissions sees every VM: PVE filters lists instead of refusing them.
pub(crate) fn sees_all(permissions: &Permissions) -> bool {
    let audits = |path: &str| permissions.get(path).and_then(|p| p.get("VM.Audit")).copied();
    // PVE: facts 54. A path below may revoke the privilege.
    let below = permissions.keys().filter(|path| path.starts_with("/vms/"));
    let root = audits("/vms").or_else(|| audits("/"));
    root == Some(true) && below.into_iter().all(|path| audits(path).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_sees_all(paths: &[(&str, &[(&str, bool)])], expected: bool) {
        let permissions = paths
            .iter()
            .map(|(path, list)| {
                let list = list.iter().map(|(name, goes_down)| ((*name).to_owned(), *goes_down));
                ((*path).to_owned(), list.collect())
            })
            .collect();
        assert_eq!(sees_all(&permissions), expected, "{paths:?}");
    }

    #[test]
    fn a_filtered_list_is_known_as_such() {
        check_sees_all(&[("/vms", &[("VM.Audit", true)])], true);
        check_sees_all(&[("/", &[("VM.Audit", true)])], true);
        check_sees_all(&[("/", &[("VM.Audit", false)])], false);
        check_sees_all(&[("/vms/100", &[("VM.Audit", true)])], false);
        check_sees_all(&[("/vms", &[("VM.Audit", true)]), ("/vms/100", &[])], false);
        check_sees_all(&[], false);
    }

    #[test]
    fn pending_values_come_at_the_next_start() {
        let item = |key: &str, value: Option<&str>, pending: Option<&str>, delete| PendingValue {
            key: key.to_owned(),
            value: value.map(str::to_owned),
            pending: pending.map(str::to_owned),
            delete,
        };
        let config = Config::from_pending(vec![
            item("digest", Some("ab12"), None, false),
            item("cores", Some("2"), Some("4"), false),
            item("name", Some("edge"), None, false),
            item("serial0", Some("socket"), None, true),
        ]);
        assert_eq!(config.digest.as_ref().map(Digest::as_str), Some("ab12"));
        assert_eq!((config.now("cores"), config.next("cores")), (Some("2"), Some("4")));
        assert_eq!(config.next("serial0"), None);
        assert_eq!(config.pending_keys().collect::<Vec<_>>(), ["cores", "serial0"]);
    }
}
