//! Calls about templates and clones.
//!
//! Guarantees: a write is sent once; a call that starts a task returns its UPID without waiting.

use crate::client::Client;
use crate::error::Error;
use crate::ids::{NodeName, StorageId, Vmid};
use crate::params::Params;
use crate::qemu::vm_path;
use crate::upid::Upid;

/// The description of a new VM while nothing of the source is in its config: it then has `lock: clone`, but
/// neither a name nor tags. A clone with one volume shows nothing else until it is done.
// PVE: facts-4 2 and 3.
pub const TEMPORARY_DESCRIPTION: &str = " qmclone temporary file";

/// What PVE may be able to do with all disks of a VM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feature {
    /// A snapshot.
    Snapshot,
    /// A linked clone.
    Clone,
    /// A full clone.
    Copy,
}

/// Whether PVE can do something with all disks of a VM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeatureState {
    /// Whether it can.
    pub available: bool,
    /// The nodes that have all storages of the VM.
    pub nodes: Vec<NodeName>,
}

/// How the disks of a clone are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CloneKind {
    /// Each disk depends on a base image and is on its storage. Drives for cloud-init and a TPM's state are
    /// full copies all the same.
    Linked,
    /// Each disk is a copy.
    Full {
        /// The storage of all disks [default: that of each disk].
        storage: Option<StorageId>,
        /// The format of all disks, `raw`, `qcow2` or `vmdk` [default: that of each disk].
        format: Option<String>,
    },
}

/// A clone to request. It has no tags and no config keys: those of the source are copied, tags and
/// description too, and the config is changed afterwards.
// PVE: qemu-server, API2/Qemu.pm, clone_vm; facts-3 1.1, facts-4 21 and 39.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloneRequest {
    /// The new VM's ID. If a VM on another node or a container has it, only the task fails.
    pub newid: Vmid,
    /// The new VM's name [default: `Copy-of-VM-` and that of the source].
    pub name: Option<String>,
    /// The new VM's description [default: that of the source]; PVE does not check its length here.
    pub description: Option<String>,
    /// The new VM's pool. VM.Allocate on the pool is then enough.
    pub pool: Option<String>,
    /// The snapshot to clone [default: the present state].
    pub snapshot: Option<String>,
    /// The new VM's node, if all storages of the source are shared [default: that of the source].
    pub target: Option<NodeName>,
    /// How its disks are made.
    pub kind: CloneKind,
}

impl CloneRequest {
    /// Requests a linked clone on the source's node.
    pub fn linked(newid: Vmid) -> Self {
        Self {
            newid,
            name: None,
            description: None,
            pool: None,
            snapshot: None,
            target: None,
            kind: CloneKind::Linked,
        }
    }

    fn params(&self) -> Params {
        let params = Params::new()
            .with("newid", self.newid)
            .with_some("name", self.name.as_ref())
            .with_some("description", self.description.as_ref())
            .with_some("pool", self.pool.as_ref())
            .with_some("snapname", self.snapshot.as_ref())
            .with_some("target", self.target.as_ref());
        // PVE: without `full` it depends on the flag of the source, which anybody may have changed.
        match &self.kind {
            CloneKind::Linked => params.with_flag("full", false),
            CloneKind::Full { storage, format } => params
                .with_flag("full", true)
                .with_some("storage", storage.as_ref())
                .with_some("format", format.as_ref()),
        }
    }
}

impl Client {
    /// Returns whether PVE can do something with all disks of a VM, or of its snapshot; needs VM.Audit.
    ///
    /// Only `Feature::Clone` shows whether linked clones are possible, not the flag `template`.
    // PVE: qemu-server, API2/Qemu.pm, vm_feature; facts-4 12 and 14.
    pub fn feature(
        &self,
        node: &NodeName,
        vmid: Vmid,
        feature: Feature,
        snapshot: Option<&str>,
    ) -> Result<FeatureState, Error> {
        let name = match feature {
            Feature::Snapshot => "snapshot",
            Feature::Clone => "clone",
            Feature::Copy => "copy",
        };
        let params = Params::new().with("feature", name).with_some("snapname", snapshot);
        let answer = self.get(&vm_path(node, vmid, &["feature"]), &params)?;
        let fields = answer.object()?;
        // PVE: facts-4 12: a number, not a boolean.
        let has = fields.text("hasFeature").ok_or_else(|| answer.bad("it has no `hasFeature`"))?;
        let names = fields.0.get("nodes").and_then(|nodes| nodes.as_array()).into_iter().flatten();
        let nodes = names.filter_map(|name| name.as_str()?.parse().ok()).collect();
        Ok(FeatureState { available: has == "1" || has == "true", nodes })
    }

    /// Makes a template of a VM, or a base image of one disk of a template; needs VM.Allocate.
    ///
    /// The flag is set first, and each disk follows; a task that fails leaves a template with some base images.
    /// A disk whose storage has no base images stays as it is, and the task succeeds.
    // PVE: qemu-server, API2/Qemu.pm, template; facts-3 1.3, facts-4 11 and 15.
    pub fn make_template(
        &self,
        node: &NodeName,
        vmid: Vmid,
        disk: Option<&str>,
    ) -> Result<Upid, Error> {
        let params = Params::new().with_some("disk", disk);
        self.post(&vm_path(node, vmid, &["template"]), &params)?.parse(Upid::RULE)
    }

    /// Clones a VM on its own node; needs VM.Clone on it, VM.Allocate on the new ID or the pool,
    /// Datastore.AllocateSpace on the storage of each disk, and SDN.Use for each NIC.
    ///
    /// The ID in the UPID is that of the source. Since PVE 9.2 the log has that of the new VM: [`clone_of_log`].
    // PVE: facts-3 1.1 and 1.2, facts-4 19 and 40; the log: qemu-server 9.1.6.
    pub fn clone_vm(
        &self,
        node: &NodeName,
        source: Vmid,
        request: &CloneRequest,
    ) -> Result<Upid, Error> {
        self.post(&vm_path(node, source, &["clone"]), &request.params())?.parse(Upid::RULE)
    }

    /// Deletes a VM and every volume with its vmid, on every storage that its node sees: also volumes
    /// that no config refers to, and on a shared storage those of another cluster. For VMs that this
    /// run has proved to be its own, after a list of the volumes.
    // PVE: qemu-server, QemuServer.pm, destroy_vm; facts-4 36.
    pub fn delete_vm_with_orphans(&self, node: &NodeName, vmid: Vmid) -> Result<Upid, Error> {
        let params =
            Params::new().with_flag("purge", true).with_flag("destroy-unreferenced-disks", true);
        self.delete(&vm_path(node, vmid, &[]), &params)?.parse(Upid::RULE)
    }
}

/// Returns source and new VM of a line in the log of a clone's task.
// PVE: qemu-server 9.1.6, API2/Qemu.pm, clone_vm.
pub fn clone_of_log(line: &str) -> Option<(Vmid, Vmid)> {
    let rest = line.strip_prefix("creating a clone of VM ")?;
    let (source, newid) = rest.split_once(" with ID ")?;
    Some((source.parse().ok()?, newid.trim_end().parse().ok()?))
}

impl Error {
    /// Returns whether a base image was not removed because linked clones depend on it.
    pub fn is_base_in_use(&self) -> bool {
        // PVE: facts-4 17: "… by linked cloned" and "… by linked clones".
        self.text_matches(|text| {
            text.contains("base volume '") && text.contains("is still in use by linked clone")
        })
    }

    /// Returns whether a VM was not made a template because it is one.
    pub fn is_template_already(&self) -> bool {
        // PVE: facts-4 15.
        self.text_matches(|text| text.contains("you can't convert a template to a template"))
    }

    /// Returns whether a disk cannot be linked to: its storage cannot, or it is not a base image.
    pub fn cannot_link(&self) -> bool {
        // PVE: facts-4 15 and 38.
        self.text_matches(|text| text.contains("Linked clone feature is not supported"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_names_source_and_clone() {
        let id = |number: u64| Vmid::new(number).unwrap();
        let line = "creating a clone of VM 9000 with ID 604";
        assert_eq!(clone_of_log(line), Some((id(9000), id(604))));
        for line in
            ["creating a clone of VM 9000", "creating a clone of VM x with ID 604", "TASK OK"]
        {
            assert_eq!(clone_of_log(line), None, "{line}");
        }
    }

    #[test]
    fn storage_and_format_are_sent_for_a_full_clone_only() {
        let newid = Vmid::new(400).unwrap();
        let linked = CloneRequest::linked(newid);
        assert_eq!(linked.params().encoded(), "newid=400&full=0");
        let full = CloneRequest {
            kind: CloneKind::Full {
                storage: Some("tank".parse().unwrap()),
                format: Some("raw".to_owned()),
            },
            ..linked
        };
        assert_eq!(full.params().encoded(), "newid=400&full=1&storage=tank&format=raw");
    }
}
