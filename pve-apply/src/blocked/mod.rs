//! `Blocked`: what is not done, as an enum of reasons; `text` says each with its way out. Does no I/O.

mod text;

use crate::change::Change;
use crate::json;
use crate::mark::NotOurs;
use pve_client::{NodeName, Vmid};
use serde::{Deserialize, Serialize};
use stage::{Entry, Place};
use strum::IntoStaticStr;

/// Something that should be done and cannot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Blocked {
    /// The VM's name in the document.
    pub name: String,
    /// The vmid that it is about, where there is one.
    #[serde(with = "json::vmid_or_null")]
    pub vmid: Option<Vmid>,
    /// The node that it is about.
    #[serde(with = "json::name")]
    pub node: NodeName,
    /// The reason.
    #[serde(rename = "why")]
    pub reason: BlockReason,
    /// What differs, where that could be seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) changes: Vec<Change>,
}

/// Why something cannot be done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, IntoStaticStr)]
#[serde(tag = "reason", rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum BlockReason {
    /// The vmid belongs to a guest without our mark.
    VmidTaken {
        /// The guest's name.
        by: Option<String>,
    },
    /// What is there carries a mark, and is not this VM.
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
    /// The site's YAML moves the VM to another node.
    MustMigrate {
        /// The home node in its mark.
        home: String,
        /// The node in the YAML.
        wanted: String,
    },
    /// The vmid is in use, by something that the token cannot see.
    VmidHidden,
    /// A create whose outcome is not known yet has reserved the vmid.
    BeingCreated,
    /// A guest without our mark has the name and a MAC of the VM that would be made.
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
        /// What the document says.
        wanted: u32,
    },
    /// The VM to adopt lives on another node.
    AdoptElsewhere {
        /// What the document says.
        wanted: String,
    },
    /// Every vmid of the range is in use.
    NoVmidLeft,
    /// The node that has the VM does not answer.
    NodeAway,
    /// The token may not read the VM.
    Forbidden,
    /// The VM was listed on the node and is not there, yet its vmid is in use.
    Moving,
    /// The token cannot see all VMs, so that a VM without a fixed vmid could exist unseen.
    MayNotSeeAll,
    /// Something else is at work on the VM.
    Locked {
        /// PVE's word for it.
        lock: String,
    },
    /// The VM is a template.
    IsTemplate,
    /// PVE protects the VM against removal.
    Protected,
    /// PVE protects the VM's drives, and some would be taken off.
    DrivesProtected {
        /// Their slots.
        slots: Vec<String>,
    },
    /// The document's image is not on the node.
    ImageMissing {
        /// Its name in the document.
        image: String,
        /// Where it should be; `None` when the document does not say.
        volid: Option<String>,
    },
    /// The document's disk is smaller than the image.
    DiskSmallerThanImage {
        /// The document's name of the size.
        field: String,
        /// What the document says.
        wanted: String,
        /// The image's virtual size in bytes.
        image_bytes: u64,
    },
    /// The disk is larger than the document says.
    DiskWouldShrink {
        /// The document's name of the size.
        field: String,
        /// What the document says.
        wanted: String,
        /// The disk's size, as PVE prints it.
        has: String,
    },
    /// The VM has no disk to boot from.
    DiskMissing {
        /// The slot where a new VM would have it.
        slot: String,
    },
    /// The boot order names no disk, and the VM has several, or another than is expected.
    BootDiskUnclear {
        /// The slots of its disks.
        slots: Vec<String>,
    },
    /// The VM boots from what the document says as a further disk.
    BootDiskSaid {
        /// The slot that it boots from.
        slot: String,
        /// The slot under which the document says the boot disk.
        boot: String,
    },
    /// A disk that was there is gone from its slot.
    DiskGone {
        /// The slot.
        slot: String,
        /// The key under which the disk lies now.
        unused: Option<String>,
    },
    /// Nobody says how large a disk is to be.
    DiskSizeMissing {
        /// The slot.
        slot: String,
    },
    /// The slot holds a CD where a disk is asked for, or a disk where a CD is.
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
    /// Devices would be taken off the VM.
    NeedsDetach {
        /// The slots.
        slots: Vec<String>,
    },
    /// Disks would move to other storages.
    NeedsMove {
        /// Each disk, and where to.
        moves: Vec<String>,
    },
    /// The description and our mark are too long together.
    DescriptionTooLong {
        /// How many characters people wrote.
        has: usize,
        /// How many they may.
        left: usize,
    },
    /// `image: none`: nobody makes this VM here.
    NeverCreated,
    /// The changes take effect only by a reboot.
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
        /// QEMU's word for it, as `paused`.
        qmpstatus: String,
        /// What is asked of it.
        #[serde(rename = "wish")]
        request: Request,
    },
    /// What lies at the place of the seed is not a seed disk of ours.
    SeedDiskForeign {
        /// The slot.
        slot: String,
        /// What it is.
        has: String,
    },
    /// Something else gives the guest cloud-init data.
    SeedRivals {
        /// Its config keys.
        keys: Vec<String>,
    },
    /// There is no such VM to adopt, start or stop.
    NotThere,
    /// A VM is adopted by its vmid only.
    AdoptNeedsVmid,
}

/// What only a VM whose guest runs can do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Request {
    /// To run.
    Start,
    /// To shut down.
    Stop,
    /// To shut down and start again.
    Reboot,
    /// The same, so that these fields come into force.
    Change {
        /// The fields.
        fields: Vec<String>,
    },
}

impl Blocked {
    /// Says it as a finding.
    pub(crate) fn entry(&self) -> Entry {
        let place = match self.vmid {
            Some(vmid) => Place::vm(self.node.as_str(), vmid.get()),
            None => Place::Named(self.name.clone()),
        };
        let fact = self.reason.fact(&self.name);
        let entry = Entry::error((&self.reason).into(), place, fact).about(&self.name);
        match self.reason.way_out() {
            Some(hint) => entry.hint(hint),
            None => entry,
        }
    }
}

impl BlockReason {
    /// Returns whether the owner of a VM is in doubt: then nothing at all is done.
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
