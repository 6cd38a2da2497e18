//! Calls about virtual machines.
//!
//! Guarantees: a write is sent once; a call that starts a task returns its UPID without waiting.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::client::Client;
use crate::error::Error;
use crate::fields::{BadField, Fields};
use crate::ids::{Digest, NodeName, StorageId, Vmid};
use crate::params::{Params, path};
use crate::upid::Upid;

/// Which view of a VM's config to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigView {
    /// With pending changes applied.
    Pending,
    /// As the running VM has it.
    Current,
}

/// A VM's config.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VmConfig {
    /// All keys except the digest, as text.
    pub values: BTreeMap<String, String>,
    /// Guards against concurrent changes.
    pub digest: Option<Digest>,
}

impl VmConfig {
    /// Returns a key's value.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }
}

/// A key of a VM's config, which may have a pending change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingValue {
    /// The key.
    pub key: String,
    /// The value in the running VM.
    pub value: Option<String>,
    /// The value after the next start.
    pub pending: Option<String>,
    /// Whether the next start deletes the key.
    pub delete: bool,
}

impl PendingValue {
    /// Reads a row of a list.
    pub(crate) fn read(item: &Fields<'_>) -> Result<Self, BadField> {
        Ok(Self {
            key: item.required("key")?,
            value: item.text("value"),
            pending: item.text("pending"),
            // 1 is a deletion, 2 a forced deletion.
            delete: item.integer("delete").is_some_and(|delete| delete > 0),
        })
    }
}

/// A VM's current state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VmStatus {
    /// `running` or `stopped`.
    pub status: String,
    /// QEMU's own status, such as `paused`, while it is running.
    pub qmpstatus: Option<String>,
    /// The reason the VM is locked, such as `backup`.
    pub lock: Option<String>,
    /// The VM's name.
    pub name: Option<String>,
    /// How long it has been running, in seconds.
    pub uptime: u64,
    /// Whether the guest agent is enabled in the config.
    pub agent: bool,
    /// The HA manager's state of the VM, such as `started`, or `queued` if it has none yet; `None` if HA does not
    /// manage the VM.
    pub ha: Option<String>,
}

impl VmStatus {
    /// Returns whether the VM is on, even if paused.
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

    /// Returns a VM's config key by key, with pending changes.
    pub fn vm_pending(&self, node: &NodeName, vmid: Vmid) -> Result<Vec<PendingValue>, Error> {
        self.get(&vm_path(node, vmid, &["pending"]), &Params::new())?.list(PendingValue::read)
    }

    /// Creates a VM from the vmid and `params`.
    pub fn create_vm(&self, node: &NodeName, vmid: Vmid, params: &Params) -> Result<Upid, Error> {
        let all: Params =
            [("vmid", vmid.to_string().as_str())].into_iter().chain(params.pairs()).collect();
        self.post(&path(&["nodes", node.as_str(), "qemu"]), &all)?.parse(Upid::RULE)
    }

    /// Changes a VM's config in a task: for changes that allocate or move a disk, which may outlast a call.
    pub fn update_config_async(
        &self,
        node: &NodeName,
        vmid: Vmid,
        params: &Params,
    ) -> Result<Upid, Error> {
        self.post(&vm_path(node, vmid, &["config"]), params)?.parse(Upid::RULE)
    }

    /// Changes a VM's config synchronously.
    pub fn update_config(&self, node: &NodeName, vmid: Vmid, params: &Params) -> Result<(), Error> {
        self.put(&vm_path(node, vmid, &["config"]), params).map(drop)
    }

    /// Grows a disk to `bytes`. The task fails if the disk is larger.
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

    /// Moves a disk to another storage, then deletes the old volume.
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

    /// Powers a VM off without a shutdown.
    pub fn stop(&self, node: &NodeName, vmid: Vmid) -> Result<Upid, Error> {
        self.power(node, vmid, "stop", &Params::new())
    }

    /// Shuts the guest down within `timeout`; with `force_stop` the VM is then powered off.
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

    /// Deletes a VM and the disks in its config; with `purge` also removes it from backup jobs, replication and HA.
    pub fn delete_vm(&self, node: &NodeName, vmid: Vmid, purge: bool) -> Result<Upid, Error> {
        // PVE: reference 5: unreferenced disks are those with this vmid on every storage, even of another cluster.
        let params =
            Params::new().with_flag("purge", purge).with_flag("destroy-unreferenced-disks", false);
        self.delete(&vm_path(node, vmid, &[]), &params)?.parse(Upid::RULE)
    }

    /// Returns a VM's state; up to date, unlike the cluster's list.
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
            // pve-ha-manager, HA/Tools.pm, get_verbose_service_state: `queued` is PVE's word.
            ha: fields
                .object("ha")
                .filter(|ha| ha.flag("managed"))
                .map(|ha| ha.text("state").unwrap_or_else(|| "queued".to_owned())),
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

/// Returns the path of a VM or of something below it.
pub(crate) fn vm_path(node: &NodeName, vmid: Vmid, below: &[&str]) -> String {
    let vmid = vmid.to_string();
    let mut segments = vec!["nodes", node.as_str(), "qemu", &vmid];
    segments.extend(below);
    path(&segments)
}
