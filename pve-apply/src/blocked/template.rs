//! What stands against a clone of somebody's template. Does no I/O.

use serde::Serialize;
use strum::IntoStaticStr;

/// What stands against a clone of somebody's template. The name of a variant is the finding's code.
#[derive(Clone, Debug, PartialEq, Serialize, IntoStaticStr)]
#[serde(tag = "what", rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum TemplateFault {
    /// The VM's node has no such VM, and no other node has it.
    TemplateMissing,
    /// Another node has it.
    TemplateElsewhere {
        /// The node.
        node: String,
    },
    /// Several VMs of the node have this name.
    TemplateAmbiguous {
        /// Their vmids.
        vmids: Vec<u32>,
    },
    /// The token is not allowed to read it.
    TemplateForbidden,
    /// It is a container.
    TemplateIsContainer,
    /// It is a VM, but not a template.
    NotATemplate {
        /// Its vmid.
        vmid: u32,
    },
    /// It is locked.
    TemplateLocked {
        /// PVE's name of the lock.
        lock: String,
    },
    /// It has snapshots, which a template never has.
    TemplateHasSnapshots {
        /// Its vmid.
        vmid: u32,
    },
    /// image-publish made it.
    TemplateOfImage {
        /// The image.
        image: String,
    },
    /// It is a VM of a deployment.
    TemplateIsManaged {
        /// What it is.
        is: String,
    },
    /// A linked clone is asked for, and these disks cannot be linked.
    TemplateCannotLink {
        /// Its vmid.
        vmid: u32,
        /// The slots.
        slots: Vec<String>,
    },
    /// A linked clone is asked for, on another storage than the template's.
    TemplateOnOtherStorage {
        /// The template's storage.
        has: String,
        /// The document's.
        wanted: String,
    },
    /// Its boot order names no disk, and it has none, or several.
    TemplateBootDiskUnclear {
        /// Its vmid.
        vmid: u32,
        /// The slots of its disks.
        slots: Vec<String>,
    },
    /// It has keys that a clone gets and that an API token cannot remove.
    TemplateBringsMore {
        /// Its vmid.
        vmid: u32,
        /// The keys.
        keys: Vec<String>,
    },
    /// It has tags that the token is not allowed to remove.
    TemplateTagsFixed {
        /// Its vmid.
        vmid: u32,
        /// The tags.
        tags: Vec<String>,
    },
    /// It has something in a slot of the document.
    TemplateSlotTaken {
        /// The slot.
        slot: String,
        /// What is there.
        has: String,
    },
    /// PVE refuses the document's settings beside the template's.
    #[strum(serialize = "refused-combination")]
    TemplateConflict {
        /// The key.
        key: String,
        /// What is wrong with it.
        fact: String,
    },
    /// Its boot disk is larger than the document's.
    #[strum(serialize = "disk-smaller-than-image")]
    DiskSmallerThanTemplate {
        /// The document's size.
        wanted: String,
        /// The template's.
        has: String,
    },
}

impl TemplateFault {
    /// Returns the fact, which completes "cannot be cloned from TEMPLATE: ".
    pub(crate) fn fact(&self) -> String {
        match self {
            Self::TemplateMissing => "its node has no such VM".to_owned(),
            Self::TemplateElsewhere { node } => format!("it is on node \"{node}\""),
            Self::TemplateAmbiguous { vmids } => {
                let list: Vec<_> = vmids.iter().map(u32::to_string).collect();
                format!("several VMs of the node have that name: {}", list.join(", "))
            }
            Self::TemplateForbidden => "the token cannot read it".to_owned(),
            Self::TemplateIsContainer => "it is a container".to_owned(),
            Self::NotATemplate { .. } => "it is not a template".to_owned(),
            Self::TemplateLocked { lock } => format!("it is locked ({lock})"),
            Self::TemplateHasSnapshots { .. } => "it has snapshots".to_owned(),
            Self::TemplateOfImage { image } => format!("it is the template of image \"{image}\""),
            Self::TemplateIsManaged { is } => format!("it is {is}"),
            Self::TemplateCannotLink { slots, .. } => {
                format!("PVE cannot link to {}", slots.join(", "))
            }
            Self::TemplateOnOtherStorage { has, wanted } => format!(
                "it is on storage \"{has}\", and so would be a linked clone; the document says \"{wanted}\""
            ),
            Self::TemplateBootDiskUnclear { slots, .. } if slots.is_empty() => {
                "it has no disk to boot from".to_owned()
            }
            Self::TemplateBootDiskUnclear { slots, .. } => {
                format!("it may boot from any of several disks: {}", slots.join(", "))
            }
            Self::TemplateBringsMore { keys, .. } => {
                format!("an API token cannot remove what it has in {}", keys.join(", "))
            }
            Self::TemplateTagsFixed { tags, .. } => {
                format!("the token is not allowed to remove its tags {}", tags.join(", "))
            }
            Self::TemplateSlotTaken { slot, has } => {
                format!("it already has something in {slot}, which the document sets: {has}")
            }
            Self::TemplateConflict { key, fact } => {
                format!("with what it has, `{key}` {fact}")
            }
            Self::DiskSmallerThanTemplate { wanted, has } => {
                format!("`disk` is {wanted}, but its disk has {has}")
            }
        }
    }

    /// Returns what to do about it.
    pub(crate) fn hint(&self) -> String {
        let text = match self {
            Self::TemplateMissing => "correct `clone_from`; `qm list` on the node shows its VMs",
            Self::TemplateElsewhere { .. } => {
                "PVE clones on the template's node: make one on the VM's node too, or set the VM's `node`"
            }
            Self::TemplateAmbiguous { .. } => "set `clone_from` to the vmid of one of them",
            Self::TemplateForbidden => "grant the token VM.Audit and VM.Clone on it",
            Self::TemplateIsContainer | Self::TemplateIsManaged { .. } => "choose another template",
            Self::NotATemplate { vmid } => {
                return format!("`qm template {vmid}` on the node makes it one, for good");
            }
            Self::TemplateLocked { .. } => "run again when the lock is released",
            Self::TemplateHasSnapshots { vmid } => {
                return format!("delete them: `qm listsnapshot {vmid}` on the node lists them");
            }
            Self::TemplateOfImage { image } => {
                return format!(
                    "instead of `clone_from`, set `image: {image}` and `create: clone`"
                );
            }
            Self::TemplateCannotLink { vmid, slots } => {
                let slot = slots.first().map(String::as_str).unwrap_or_default();
                return format!(
                    "remove `full: false` for a full clone; where the storage can link, \
                     `qm template {vmid} --disk {slot}` on the node makes the disk a base image"
                );
            }
            Self::TemplateOnOtherStorage { .. } => {
                "remove `full: false` for a full clone, or the VM's storage"
            }
            Self::TemplateBootDiskUnclear { vmid, slots } => match slots.first() {
                Some(slot) => {
                    return format!("for example, `qm set {vmid} --boot order={slot}` on the node");
                }
                None => "choose another template",
            },
            Self::TemplateBringsMore { vmid, keys } => {
                let keys = keys.join(",");
                return format!("as root on the node: `qm set {vmid} --delete {keys}`");
            }
            Self::TemplateTagsFixed { vmid, .. } => {
                return format!(
                    "give the VM these tags too, or remove them from template {vmid} in PVE"
                );
            }
            Self::TemplateSlotTaken { .. } => "use another slot",
            Self::TemplateConflict { .. } => "set that key in the YAML too, or to null",
            Self::DiskSmallerThanTemplate { .. } => "make `disk` larger, or leave it out",
        };
        text.to_owned()
    }
}
