//! `Blocked`: what cannot be done, and the reason; `text` has each reason's message and hint. Does no I/O.

mod obstacle;
mod template;
mod text;

pub(crate) use obstacle::Obstacle;
pub(crate) use template::TemplateFault;
pub(crate) use text::way_out_of_lock;

use crate::change::Change;
use crate::json;
use crate::mark::NotOurs;
use pve_client::{NodeName, Vmid};
use serde::Serialize;
use stage::{Entry, Place};
use strum::IntoStaticStr;

/// A VM that cannot be brought to the state that the document asks for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Blocked {
    /// The VM's name in the document.
    pub name: String,
    /// The vmid, if known.
    #[serde(with = "json::vmid_or_null")]
    pub vmid: Option<Vmid>,
    /// The node.
    #[serde(with = "json::name")]
    pub node: NodeName,
    /// The reason.
    #[serde(rename = "why")]
    pub reason: BlockReason,
    /// The differences, if they are known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) changes: Vec<Change>,
}

/// Why something cannot be done.
#[derive(Clone, Debug, PartialEq, Serialize, IntoStaticStr)]
#[serde(tag = "reason", rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum BlockReason {
    /// The vmid belongs to a guest without our mark.
    VmidTaken {
        /// The guest's name.
        by: Option<String>,
    },
    /// The VM in its place carries a mark and is not this VM.
    NotOurs {
        /// What it is.
        is: NotOurs,
    },
    /// The VM's home is another node, and this document's node came from the command line.
    OtherDocument {
        /// The home node in its mark.
        home: String,
        /// The document's node.
        wanted: String,
    },
    /// The cluster does not have the VM's node.
    UnknownNode {
        /// The document's field that names it.
        field: String,
        /// Its name.
        node: String,
        /// The node that was most likely meant.
        near: Option<String>,
        /// The cluster's nodes.
        nodes: Vec<String>,
    },
    /// The site's YAML moves the VM to another node.
    MustMigrate {
        /// The node that has it.
        from: String,
        /// The node in the YAML.
        wanted: String,
    },
    /// The VM cannot be moved to the node in the site's YAML.
    CannotMigrate {
        /// The node in the YAML.
        wanted: String,
        /// The VM's vmid.
        vmid: u32,
        /// Why.
        obstacle: Obstacle,
    },
    /// The vmid is in use, by something that the token cannot see.
    VmidHidden,
    /// A create or a clone whose outcome is still unknown has reserved the vmid.
    BeingCreated {
        /// The vmid.
        vmid: u32,
    },
    /// The VM is an unfinished clone that somebody has started, or cannot be started or released as such.
    UnfinishedClone,
    /// A guest without our mark has the name and a MAC of the VM to create.
    Namesake {
        /// Its vmid.
        vmid: u32,
        /// The MAC.
        mac: String,
    },
    /// More than one VM carries this mark.
    MarkedTwice {
        /// Their vmids.
        vmids: Vec<u32>,
    },
    /// The VM exists with another vmid.
    VmidDiffers {
        /// The VM's own.
        has: u32,
        /// The document's value.
        wanted: u32,
    },
    /// The VM to adopt is on another node.
    AdoptElsewhere {
        /// The document's value.
        wanted: String,
    },
    /// Every vmid of the range is in use.
    NoVmidLeft,
    /// The node that has the VM does not answer.
    NodeAway,
    /// The token is not allowed to read the VM.
    Forbidden,
    /// The node listed the VM and no longer has it, but its vmid is in use.
    Moving,
    /// The token cannot see all VMs, so a VM without a fixed vmid could exist unseen.
    MayNotSeeAll,
    /// The VM is locked by another operation.
    Locked {
        /// PVE's name of the lock.
        lock: String,
    },
    /// The VM is a template.
    IsTemplate,
    /// PVE protects the VM against removal.
    Protected,
    /// PVE protects the VM's drives, and the change would detach some.
    DrivesProtected {
        /// Their slots.
        slots: Vec<String>,
    },
    /// The document's image is not on the node.
    ImageMissing {
        /// Its name in the document.
        image: String,
        /// Its volid; `None` when the document has none.
        volid: Option<String>,
    },
    /// The VM cannot be cloned from this template.
    TemplateUnusable {
        /// Its vmid or name.
        template: String,
        /// What stands against it.
        fault: TemplateFault,
    },
    /// The document's disk is smaller than the image.
    DiskSmallerThanImage {
        /// The document's name of the size.
        field: String,
        /// The document's value.
        wanted: String,
        /// The image's virtual size in bytes.
        image_bytes: u64,
    },
    /// The disk is larger than the document says.
    DiskWouldShrink {
        /// The document's name of the size.
        field: String,
        /// The document's value.
        wanted: String,
        /// The disk's size, as PVE prints it.
        has: String,
    },
    /// The VM has no disk to boot from.
    DiskMissing {
        /// The slot where a new VM would have it.
        slot: String,
    },
    /// The boot order names no disk, and the VM has several, or an unexpected one.
    BootDiskUnclear {
        /// The slots of its disks.
        slots: Vec<String>,
    },
    /// The VM boots from a disk that is a data disk in the document.
    BootDiskSaid {
        /// The slot that it boots from.
        slot: String,
        /// The slot of the boot disk in the document.
        boot: String,
    },
    /// A disk is no longer in its slot.
    DiskGone {
        /// The slot.
        slot: String,
        /// The key that holds the disk now.
        unused: Option<String>,
    },
    /// No size is set for a new disk.
    DiskSizeMissing {
        /// The slot.
        slot: String,
    },
    /// The slot holds a CD instead of a disk, or a disk instead of a CD.
    SlotTaken {
        /// The slot.
        slot: String,
        /// What is there.
        has: String,
    },
    /// The slot holds the VM's seed.
    SlotIsSeed {
        /// The slot.
        slot: String,
    },
    /// The disk that the VM boots from has no such option.
    OptionUnknown {
        /// The slot.
        slot: String,
        /// The option.
        option: String,
    },
    /// The change would detach devices.
    NeedsDetach {
        /// The slots.
        slots: Vec<String>,
    },
    /// The change would move disks to other storages.
    NeedsMove {
        /// Each disk and its new storage.
        moves: Vec<String>,
    },
    /// The description and our mark exceed PVE's limit.
    DescriptionTooLong {
        /// The length of the description, in characters.
        has: usize,
        /// The number of characters that are available.
        left: usize,
    },
    /// `image: none`: this VM is never created.
    NeverCreated,
    /// The changes need a reboot.
    NeedsReboot {
        /// The fields.
        fields: Vec<String>,
    },
    /// The changes need the VM to be off.
    NeedsPowerOff {
        /// The fields.
        fields: Vec<String>,
    },
    /// The VM is on but its guest is halted.
    Halted {
        /// QEMU's state, such as `paused`.
        qmpstatus: String,
        /// What the VM should do.
        #[serde(rename = "wish")]
        request: Request,
    },
    /// HA has given up on the VM, and what should be done needs it to start or stop the VM.
    HaError {
        /// The VM's vmid, for the commands of the way out.
        vmid: u32,
    },
    /// The disk in the seed's slot is not one of our seed disks.
    SeedDiskForeign {
        /// The slot.
        slot: String,
        /// What it is.
        has: String,
    },
    /// The guest also gets cloud-init data from elsewhere.
    SeedRivals {
        /// Its config keys.
        keys: Vec<String>,
    },
    /// The VM to adopt, start or stop does not exist.
    NotThere,
    /// The VM to adopt has no vmid in the document.
    AdoptNeedsVmid,
}

/// An operation that needs a running guest.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Request {
    /// Run.
    Start,
    /// Shut down.
    Stop,
    /// Shut down and start again.
    Reboot,
    /// Reboot so that changed fields take effect.
    Change {
        /// The fields.
        fields: Vec<String>,
    },
}

impl Blocked {
    /// Returns it as a finding.
    pub(crate) fn entry(&self) -> Entry {
        let place = match (&self.reason, self.vmid) {
            (BlockReason::UnknownNode { field, .. }, _) => Place::input(field),
            (_, Some(vmid)) => Place::vm(self.node.as_str(), vmid.get()),
            (_, None) => Place::Named(self.name.clone()),
        };
        let fact = self.reason.fact(Some(&self.name));
        let entry = Entry::error(self.reason.code(), place, fact).about(&self.name);
        match self.reason.hint() {
            Some(hint) => entry.hint(hint),
            None => entry,
        }
    }
}

impl BlockReason {
    /// Returns why a VM cannot be cloned from a template, which is named as people see it.
    pub(crate) fn unusable(template: String, fault: TemplateFault) -> Self {
        Self::TemplateUnusable { template, fault }
    }

    /// Returns the finding's code.
    fn code(&self) -> &'static str {
        match self {
            Self::TemplateUnusable { fault, .. } => fault.into(),
            other => other.into(),
        }
    }

    /// Returns whether only the user's consent to a change is lacking.
    pub(crate) fn lacks_consent(&self) -> bool {
        matches!(
            self,
            Self::NeedsReboot { .. }
                | Self::NeedsPowerOff { .. }
                | Self::NeedsDetach { .. }
                | Self::NeedsMove { .. }
        )
    }

    /// Returns whether the owner of a VM is in doubt: then the run does nothing at all.
    pub(crate) fn is_about_identity(&self) -> bool {
        matches!(
            self,
            Self::VmidTaken { .. }
                | Self::Namesake { .. }
                | Self::NotOurs { .. }
                | Self::OtherDocument { .. }
                | Self::VmidHidden
                | Self::MarkedTwice { .. }
        )
    }
}
