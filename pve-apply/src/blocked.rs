//! `Blocked` and `Notice`: what is not done, as enums, each with its reason and the way out.
//! Does no I/O.

use crate::action::Change;
use crate::json;
use pve_client::{NodeName, Vmid};
use serde::{Deserialize, Serialize};
use stage::{Entry, Place};

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
    pub why: Why,
    /// What differs, where that could be seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) changes: Vec<Change>,
}

/// Why something cannot be done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub(crate) enum Why {
    /// The vmid belongs to a guest without our mark.
    VmidTaken {
        /// The guest's name.
        by: Option<String>,
    },
    /// The vmid belongs to a VM of another deployment, or to another VM of this one.
    VmidMarkedOther {
        /// The deployment in its mark.
        deployment: String,
        /// The VM in its mark.
        vm: String,
    },
    /// The vmid is in use, by something that the token may not see.
    VmidHidden,
    /// A create whose outcome is not known yet has reserved the vmid.
    BeingCreated,
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
    /// The VM lives on another node.
    NodeDiffers {
        /// What the document says.
        wanted: String,
    },
    /// The node that has the VM does not answer.
    NodeAway,
    /// The token may not read the VM.
    Forbidden,
    /// The VM was listed on the node and is not there, yet its vmid is in use.
    Moving,
    /// The token may not see all VMs, so that a VM without a fixed vmid could exist unseen.
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
    /// The document's image is not on the node.
    ImageMissing {
        /// Its name in the document.
        image: String,
        /// Where it should be; `None` when the document does not say.
        volid: Option<String>,
    },
    /// The document's disk is smaller than the image.
    DiskSmallerThanImage {
        /// What the document says, in GiB.
        disk_gib: u32,
        /// The image's virtual size in bytes.
        image_bytes: u64,
    },
    /// The disk is larger than the document says.
    DiskWouldShrink {
        /// What the document says, in GiB.
        disk_gib: u32,
        /// The disk's size, as PVE prints it.
        has: String,
    },
    /// The VM has no virtio0.
    DiskMissing,
    /// The disk lies on another storage.
    StorageDiffers {
        /// What the document says.
        wanted: String,
        /// Where it is.
        has: String,
    },
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
    /// virtio1 is not a seed disk of ours.
    SeedDiskForeign {
        /// What it is.
        has: String,
    },
    /// The VM's seed data are snippets, and no way to write them is given.
    SnippetsNotWritable,
    /// There is no such VM to adopt, start or stop.
    NotThere,
    /// A VM is adopted by its vmid only.
    AdoptNeedsVmid,
}

/// Something worth a word.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Notice {
    /// The VM's name in the document.
    pub name: String,
    /// Its vmid.
    #[serde(with = "json::vmid")]
    pub vmid: Vmid,
    /// What it is.
    pub what: What,
}

/// What is worth a word.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "notice", rename_all = "kebab-case")]
pub(crate) enum What {
    /// The seed data has changed; the VM keeps its old one until `--reseed`.
    SeedChanged,
    /// Keys set by hand that are not ours to manage.
    Unmanaged {
        /// The keys.
        keys: Vec<String>,
    },
    /// Values of keys that are not ours that the next start brings.
    PendingByHand {
        /// The keys.
        keys: Vec<String>,
    },
}

impl Blocked {
    /// Says it as a finding.
    pub(crate) fn entry(&self) -> Entry {
        let place = match self.vmid {
            Some(vmid) => Place::vm(self.node.as_str(), vmid.get()),
            None => Place::Named(self.name.clone()),
        };
        let entry = Entry::error(place, self.why.fact(&self.name));
        match self.why.way_out() {
            Some(hint) => entry.hint(hint),
            None => entry,
        }
    }
}

impl Why {
    /// What is so.
    pub(crate) fn fact(&self, name: &str) -> String {
        let vmid = |rest: &str| format!("the vmid of \"{name}\" {rest}");
        let it = |rest: &str| format!("\"{name}\" {rest}");
        let maybe = |rest: &str| format!("what may be \"{name}\" {rest}");
        let disk = |rest: &str| format!("`disk` of \"{name}\" is {rest}");
        match self {
            Self::VmidTaken { by } => vmid(&taken_by(by.as_deref())),
            Self::VmidMarkedOther { deployment, vm } => {
                vmid(&format!("belongs to \"{vm}\" of deployment \"{deployment}\""))
            }
            Self::VmidHidden => vmid("is in use, and the token may not see by what"),
            Self::BeingCreated => maybe("is being created at this moment"),
            Self::MarkedTwice { vmids } => {
                let list: Vec<_> = vmids.iter().map(u32::to_string).collect();
                it(&format!("is there more than once: {}", list.join(", ")))
            }
            Self::VmidDiffers { wanted } => {
                it(&format!("exists with this vmid, the document says {wanted}"))
            }
            Self::NodeDiffers { wanted } => {
                it(&format!("lives on this node, the document says \"{wanted}\""))
            }
            Self::NodeAway => {
                format!("the node of \"{name}\" does not answer: its state is not known")
            }
            Self::Forbidden => format!("the token may not read \"{name}\": its state is not known"),
            Self::Moving => maybe("was on this node a moment ago, and is elsewhere now"),
            Self::MayNotSeeAll => {
                it("has no `vmid`, and the token may not see all VMs: it could exist unseen")
            }
            Self::Locked { lock } => it(&format!("is locked ({lock})")),
            Self::IsTemplate => it("is a template"),
            Self::Protected => it("is protected against removal"),
            Self::ImageMissing { image, volid } => image_missing(name, image, volid.as_deref()),
            Self::DiskSmallerThanImage { disk_gib, image_bytes } => {
                let bytes = pve_client::display_size(*image_bytes);
                disk(&format!("{disk_gib} GiB, its image needs {bytes}"))
            }
            Self::DiskWouldShrink { disk_gib, has } => {
                disk(&format!("{disk_gib} GiB, the VM has {has}; a disk must not shrink"))
            }
            Self::DiskMissing => it("has no disk virtio0"),
            Self::StorageDiffers { wanted, has } => {
                format!("the disk of \"{name}\" lies on \"{has}\", the document says \"{wanted}\"")
            }
            Self::NeedsReboot { fields } => {
                it(&format!("runs, and needs a reboot for {}", fields.join(", ")))
            }
            Self::NeedsPowerOff { fields } => {
                it(&format!("runs, and must be off for {}", fields.join(", ")))
            }
            Self::SeedDiskForeign { has } => {
                format!("virtio1 of \"{name}\" is not a seed disk of ours: {has}")
            }
            Self::SnippetsNotWritable => {
                it("has its seed data as snippets, and no way to write them is given")
            }
            Self::NotThere => it("does not exist"),
            Self::AdoptNeedsVmid => it("has no `vmid`: which VM is meant is not said"),
        }
    }

    /// What to do about it.
    pub(crate) fn way_out(&self) -> Option<String> {
        let text = match self {
            Self::VmidTaken { .. } => {
                "give the VM another `vmid`; or `pve-apply adopt`, if the guest there is the one meant"
            }
            Self::VmidMarkedOther { .. } => "give the VM another `vmid`",
            Self::VmidHidden => "give the VM another `vmid`, or the token VM.Audit on /vms",
            Self::BeingCreated => {
                "run again when that task has ended; if no task runs, `qm unlock` and `qm destroy` on the node clear it"
            }
            Self::MarkedTwice { .. } => "remove the tag `pve-pipeline` from the copies",
            Self::VmidDiffers { .. } => "set that `vmid` in the document, or destroy the VM first",
            Self::NodeDiffers { .. } => "migrate it back, or set that `node` in the document",
            Self::NodeAway => "run again when the node is back",
            Self::Forbidden => "give the token VM.Audit on /vms",
            Self::Moving => "run again when it has arrived",
            Self::MayNotSeeAll => "give the VM a `vmid`, or the token VM.Audit on /vms",
            Self::Locked { .. } => "run again when the lock is gone",
            Self::IsTemplate => "give the VM another `vmid`",
            Self::Protected => "switch off `protection` in PVE if it is really to go",
            Self::ImageMissing { .. } => "put `image-publish` into the pipe before pve-apply",
            Self::DiskSmallerThanImage { .. } => "make `disk` larger",
            Self::DiskWouldShrink { has, .. } => {
                return Some(format!("set `disk` to {has}, or destroy and apply again"));
            }
            Self::DiskMissing => "destroy and apply again",
            Self::StorageDiffers { .. } => {
                "move the disk in PVE, or set that `datastore` in the document"
            }
            Self::NeedsReboot { .. } => "--allow-reboot reboots it",
            Self::NeedsPowerOff { .. } => "--allow-stop shuts it down and starts it again",
            Self::SeedDiskForeign { .. } => "free virtio1 in PVE, then run again",
            Self::SnippetsNotWritable => "--snippets-dir or --snippets-ssh gives one",
            Self::AdoptNeedsVmid => "set the `vmid` of the VM to adopt",
            Self::NotThere => return None,
        };
        Some(text.to_owned())
    }
}

fn taken_by(guest: Option<&str>) -> String {
    match guest {
        Some(name) => format!("belongs to \"{name}\", which is not ours"),
        None => "belongs to a guest that is not ours".to_owned(),
    }
}

fn image_missing(name: &str, image: &str, volid: Option<&str>) -> String {
    match volid {
        Some(volid) => format!("image \"{image}\" of \"{name}\" is not there: {volid}"),
        None => format!("image \"{image}\" of \"{name}\" is not in the document's `images`"),
    }
}

impl Notice {
    /// Says it in a few words.
    pub(crate) fn text(&self) -> String {
        match &self.what {
            What::SeedChanged => {
                "its seed data has changed; --reseed gives it the new data at its next boot"
                    .to_owned()
            }
            What::Unmanaged { keys } => format!("set by hand, left alone: {}", keys.join(", ")),
            What::PendingByHand { keys } => {
                format!("pending, set by hand, left alone: {}", keys.join(", "))
            }
        }
    }
}
