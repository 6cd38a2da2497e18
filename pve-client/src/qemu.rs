//! Calls about virtual machines.
//!
//! Promises: a write is sent once; what starts a task returns its UPID and waits for nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::client::Client;
use crate::error::Error;
use crate::ids::{Digest, NodeName, StorageId, Vmid};
use crate::params::{Params, path};
use crate::upid::Upid;

/// Which of a VM's two configs is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigView {
    /// With pending changes shown as if they were applied.
    Pending,
    /// As the running machine has it.
    Current,
}

/// A VM's config.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VmConfig {
    /// All keys but the digest, as text.
    pub values: BTreeMap<String, String>,
    /// Guards a change against somebody else's.
    pub digest: Option<Digest>,
}

impl VmConfig {
    /// Returns a key's value.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }
}

/// A key of a VM's config that may have a pending change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingValue {
    /// The key.
    pub key: String,
    /// The value that the running machine has.
    pub value: Option<String>,
    /// The value that it gets at its next start.
    pub pending: Option<String>,
    /// The key goes away at the next start.
    pub delete: bool,
}

/// A VM's state at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VmStatus {
    /// `running` or `stopped`.
    pub status: String,
    /// QEMU's own word, as `paused`, while it runs.
    pub qmpstatus: Option<String>,
    /// What locks the VM, as `backup`.
    pub lock: Option<String>,
    /// The VM's name.
    pub name: Option<String>,
    /// How long it runs, in seconds.
    pub uptime: u64,
    /// The guest agent is switched on in the config.
    pub agent: bool,
    /// What HA says of the VM, as `started`; `None`: HA does not manage it.
    pub ha: Option<String>,
}

impl VmStatus {
    /// Tells that the machine is on, be it paused.
    pub fn is_running(&self) -> bool {
        self.status == "running"
    }
}

impl Client {
    /// Returns a VM's config.
    pub fn vm_config(
        &self,
        node: &NodeName,
        vmid: Vmid,
        view: ConfigView,
    ) -> Result<VmConfig, Error> {
        let params = match view {
            ConfigView::Pending => Params::new(),
            ConfigView::Current => Params::new().with_flag("current", true),
        };
        let answer = self.get(&vm_path(node, vmid, &["config"]), &params)?;
        let mut values = answer.object()?.texts();
        let digest = values.remove("digest").and_then(|digest| digest.parse().ok());
        Ok(VmConfig { values, digest })
    }

    /// Returns a VM's config key by key, with what is pending.
    pub fn vm_pending(&self, node: &NodeName, vmid: Vmid) -> Result<Vec<PendingValue>, Error> {
        self.get(&vm_path(node, vmid, &["pending"]), &Params::new())?.list(|item| {
            Ok(PendingValue {
                key: item.required("key")?,
                value: item.text("value"),
                pending: item.text("pending"),
                // 1 is a deletion, 2 a forced one.
                delete: item.integer("delete").is_some_and(|delete| delete > 0),
            })
        })
    }

    /// Creates a VM from `params`, to which the vmid is added in front.
    pub fn create_vm(&self, node: &NodeName, vmid: Vmid, params: &Params) -> Result<Upid, Error> {
        let all: Params =
            [("vmid", vmid.to_string().as_str())].into_iter().chain(params.pairs()).collect();
        self.post(&path(&["nodes", node.as_str(), "qemu"]), &all)?.parse(Upid::RULE)
    }

    /// Changes a VM's config in a task: for whatever allocates or moves a disk, which may outlast a call.
    pub fn update_config_async(
        &self,
        node: &NodeName,
        vmid: Vmid,
        params: &Params,
    ) -> Result<Upid, Error> {
        self.post(&vm_path(node, vmid, &["config"]), params)?.parse(Upid::RULE)
    }

    /// Changes a VM's config at once.
    pub fn update_config(&self, node: &NodeName, vmid: Vmid, params: &Params) -> Result<(), Error> {
        self.put(&vm_path(node, vmid, &["config"]), params).map(drop)
    }

    /// Grows a disk to `bytes`. PVE refuses to shrink, in the task.
    pub fn resize(
        &self,
        node: &NodeName,
        vmid: Vmid,
        disk: &str,
        bytes: u64,
        digest: Option<&Digest>,
    ) -> Result<Option<Upid>, Error> {
        let size = crate::property_string::display_size(bytes);
        let params =
            Params::new().with("disk", disk).with("size", size).with_some("digest", digest);
        // PVE: reference 2: null before PVE 8.0, a UPID since.
        self.put(&vm_path(node, vmid, &["resize"]), &params)?.parse_or_null(Upid::RULE)
    }

    /// Moves a disk to another storage, and deletes the old volume when that is done.
    pub fn move_disk(
        &self,
        node: &NodeName,
        vmid: Vmid,
        disk: &str,
        storage: &StorageId,
        digest: Option<&Digest>,
    ) -> Result<Upid, Error> {
        // PVE: facts-4, 43: without `delete` the old volume stays, as an unused disk.
        let params = Params::new()
            .with("disk", disk)
            .with("storage", storage)
            .with_flag("delete", true)
            .with_some("digest", digest);
        self.post(&vm_path(node, vmid, &["move_disk"]), &params)?.parse(Upid::RULE)
    }

    /// Starts a VM.
    pub fn start(&self, node: &NodeName, vmid: Vmid) -> Result<Upid, Error> {
        self.power(node, vmid, "start", &Params::new())
    }

    /// Cuts a VM's power.
    pub fn stop(&self, node: &NodeName, vmid: Vmid) -> Result<Upid, Error> {
        self.power(node, vmid, "stop", &Params::new())
    }

    /// Asks the guest to shut down, for at most `timeout`; with `force_stop` its power is cut then.
    pub fn shutdown(
        &self,
        node: &NodeName,
        vmid: Vmid,
        timeout: Duration,
        force_stop: bool,
    ) -> Result<Upid, Error> {
        let params =
            Params::new().with("timeout", timeout.as_secs()).with_flag("forceStop", force_stop);
        self.power(node, vmid, "shutdown", &params)
    }

    /// Shuts the guest down and starts it again, which applies pending changes.
    pub fn reboot(&self, node: &NodeName, vmid: Vmid, timeout: Duration) -> Result<Upid, Error> {
        self.power(node, vmid, "reboot", &Params::new().with("timeout", timeout.as_secs()))
    }

    /// Deletes a VM with the disks in its config; with `purge` it leaves backup jobs, replication and HA too.
    pub fn delete_vm(&self, node: &NodeName, vmid: Vmid, purge: bool) -> Result<Upid, Error> {
        // PVE: reference 5: unreferenced disks are those with this vmid on every storage, a foreign cluster's too.
        let params =
            Params::new().with_flag("purge", purge).with_flag("destroy-unreferenced-disks", false);
        self.delete(&vm_path(node, vmid, &[]), &params)?.parse(Upid::RULE)
    }

    /// Returns a VM's state; current, unlike the cluster's list.
    pub fn vm_status(&self, node: &NodeName, vmid: Vmid) -> Result<VmStatus, Error> {
        let answer = self.get(&vm_path(node, vmid, &["status", "current"]), &Params::new())?;
        let fields = answer.object()?;
        Ok(VmStatus {
            status: fields.text("status").ok_or_else(|| answer.bad("it has no `status`"))?,
            qmpstatus: fields.text("qmpstatus"),
            lock: fields.text("lock"),
            name: fields.text("name"),
            uptime: fields.integer("uptime").unwrap_or(0),
            agent: fields.flag("agent"),
            // PVE: facts-3, 4.2: `managed` is false for a VM whose requested state is `ignored`.
            ha: fields
                .object("ha")
                .filter(|ha| ha.flag("managed"))
                .map(|ha| ha.text("state").unwrap_or_default()),
        })
    }

    /// Changes a VM's power state.
    fn power(
        &self,
        node: &NodeName,
        vmid: Vmid,
        verb: &str,
        params: &Params,
    ) -> Result<Upid, Error> {
        self.post(&vm_path(node, vmid, &["status", verb]), params)?.parse(Upid::RULE)
    }
}

/// Returns the path of a VM and of what is below it.
pub(crate) fn vm_path(node: &NodeName, vmid: Vmid, below: &[&str]) -> String {
    let vmid = vmid.to_string();
    let mut segments = vec!["nodes", node.as_str(), "qemu", &vmid];
    segments.extend(below);
    path(&segments)
}
