//! `Notice`: information about a plan that blocks nothing. Does no I/O.

use crate::blocked::way_out_of_lock;
use crate::change::Change;
use crate::ha;
use crate::json;
use crate::mark::NotOurs;
use pve_client::Vmid;
use serde::Serialize;

/// Information about one VM of a plan.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Notice {
    /// The VM's name in the document.
    pub name: String,
    /// Its vmid.
    #[serde(with = "json::vmid")]
    pub vmid: Vmid,
    /// The information.
    #[serde(rename = "what")]
    pub kind: NoticeKind,
}

/// The kind of a notice, with its details.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "notice", rename_all = "kebab-case")]
pub(crate) enum NoticeKind {
    /// The seed data has changed; the VM keeps its old one until `--reseed`.
    SeedChanged {
        /// The fields and files that differ, if the mark records them.
        parts: Vec<String>,
        /// The options that give it the new data now.
        #[serde(skip)]
        options: &'static str,
    },
    /// It is unknown which seed data the VM has.
    SeedUnknown {
        /// The options that give it the document's data now.
        #[serde(skip)]
        options: &'static str,
    },
    /// The guest is set up again at its next boot.
    Reseed {
        /// The guest knows its SSH host keys from a seed of this build, and keeps them.
        keeps_host_keys: bool,
    },
    /// Values that are written and take effect at the next reboot.
    WaitsForReboot {
        /// Each field, with its current and its pending value.
        #[serde(default)]
        changes: Vec<Change>,
    },
    /// The VM is on but its guest is halted.
    Halted {
        /// QEMU's state, such as `paused`.
        qmpstatus: String,
        /// Whether the document asks for a running VM.
        is_asked: bool,
    },
    /// The VM is under HA, and its state there matters.
    HaState {
        /// HA's word.
        state: String,
    },
    /// HA cuts the power of a guest that does not shut down, whatever was agreed to.
    HaCutsPower {
        /// The time that the guest has.
        seconds: u64,
    },
    /// The boot disk of a running VM grows.
    GrowsAtBoot {
        /// Its slot.
        disk: String,
    },
    /// A data disk of a running VM grows.
    GrowsByHand {
        /// Its slot.
        disk: String,
    },
    /// The VM runs on another node than the document's.
    Moved {
        /// The node.
        node: String,
    },
    /// The VM had another name before.
    Renamed {
        /// The name in its mark.
        from: String,
    },
    /// The VM is released, and the document would create another one.
    Released,
    /// A killed run has left an unfinished clone of the VM at another vmid.
    UnfinishedClone {
        /// Whether only root can remove it.
        locked: bool,
    },
    /// A copy of the VM that is not ours.
    Copy {
        /// What it is.
        is: NotOurs,
    },
    /// Keys set by hand that are not ours to manage.
    Unmanaged {
        /// The keys.
        keys: Vec<String>,
    },
    /// How the VM differs from a new one in what nobody sets: only with -v or --wide.
    Differs {
        /// Each difference.
        fields: Vec<String>,
    },
    /// A slot that is no longer set, but whose content is not ours.
    NotTakenBack {
        /// The slot.
        slot: String,
        /// What is there.
        has: String,
    },
    /// Pending values of keys that are not ours.
    PendingByHand {
        /// The keys.
        keys: Vec<String>,
    },
}

/// What a reseed does inside a guest: docs/cloud-init.md, seen in booted guests.
const RESEED: &str = "the guest is set up again at its next boot: SSH keys that were added inside it \
    are removed, a former automation user is locked";

impl Notice {
    /// Returns whether it is shown only on request.
    pub(crate) fn is_detail(&self) -> bool {
        matches!(self.kind, NoticeKind::Differs { .. })
    }

    /// Returns it in a few words.
    pub(crate) fn text(&self) -> String {
        match &self.kind {
            NoticeKind::SeedChanged { parts, options } => format!(
                "its cloud-init data has changed{}; {options} gives it the new data at its next boot",
                named(parts)
            ),
            NoticeKind::SeedUnknown { options } => {
                format!("its current cloud-init data is unknown; {options} gives it the document's")
            }
            NoticeKind::Reseed { keeps_host_keys } => {
                let host_keys = if *keeps_host_keys { "stay" } else { "change this once" };
                format!("{RESEED}, SSH host keys {host_keys}")
            }
            NoticeKind::WaitsForReboot { changes } => waits_for_reboot(&self.name, changes),
            NoticeKind::Halted { qmpstatus, .. } => {
                format!(
                    "is on, but its guest is halted: QEMU says \"{qmpstatus}\"; resume it in PVE"
                )
            }
            NoticeKind::HaState { state } => ha_state(state, self.vmid),
            NoticeKind::HaCutsPower { seconds } => format!(
                "is under HA, which cuts the power of a guest that does not shut down in {seconds} s"
            ),
            NoticeKind::GrowsAtBoot { disk } => format!(
                "{disk} grows at once; cloud-init grows its partition and file system at the next boot"
            ),
            NoticeKind::GrowsByHand { disk } => format!(
                "{disk} grows at once; grow its partitions and file systems inside the guest"
            ),
            NoticeKind::Moved { node } => format!("is on node {node} and is managed there"),
            NoticeKind::Renamed { from } => {
                format!("renamed from \"{from}\"; the guest keeps its host name until a reseed")
            }
            NoticeKind::Released => {
                "remove it from the YAML: the next apply would create another VM of that name, or is \
                 blocked if both have the same MAC"
                    .to_owned()
            }
            NoticeKind::UnfinishedClone { locked } => unfinished_clone(self.vmid, *locked),
            NoticeKind::Copy { is } => {
                format!("is {}; it is not ours and is left alone", is.text())
            }
            NoticeKind::Differs { fields } => {
                format!("differs from a new VM, left alone: {}", fields.join("; "))
            }
            NoticeKind::NotTakenBack { slot, has } => {
                format!("{slot} has something that is not ours, left alone: {has}")
            }
            NoticeKind::Unmanaged { keys } => {
                format!("set by hand, left alone: {}", keys.join(", "))
            }
            NoticeKind::PendingByHand { keys } => {
                format!("pending, set by hand, left alone: {}", keys.join(", "))
            }
        }
    }
}

fn unfinished_clone(vmid: Vmid, locked: bool) -> String {
    if locked {
        let way_out = way_out_of_lock(vmid.get());
        return format!("is an unfinished clone, and locked: if no task is running, {way_out}");
    }
    format!("is an unfinished clone; `pve-apply destroy --vmid {vmid}` removes it")
}

/// Returns what a state of HA means for what is done with the VM.
fn ha_state(state: &str, vmid: Vmid) -> String {
    if state == "error" {
        let way_out = ha::way_out(vmid.get());
        return format!("its HA state is \"error\": HA does not restart or move it; {way_out}");
    }
    format!("its HA state is \"{state}\": a start, a stop or a migration waits until that is over")
}

/// Returns what waits for a reboot, and how to reboot.
fn waits_for_reboot(name: &str, changes: &[Change]) -> String {
    let values: Vec<String> = changes.iter().map(Change::values).collect();
    format!(
        "waits for a reboot ({}); `pve-apply reboot --vm {name}` or `apply --allow-reboot` reboots it",
        values.join(", ")
    )
}

/// Returns the parts of the seed that differ, in parentheses.
fn named(parts: &[String]) -> String {
    if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) }
}
