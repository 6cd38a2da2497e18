//! DOOR (reads only): checks, before the first write, whether the templates can be made.

use std::collections::BTreeMap;

use pve_client::{NodeName, Storage, StorageId};
use pve_stage::storage::unusable;
use stage::{Entry, Place, Report};

use super::plan::{Context, Step, Survey};
use super::wanted::WantedTemplate;
use crate::node::{DISKS, Node};
use crate::show;

/// What creating a template needs on the VM: the VM itself, its disk and boot order, its uuid, and name, tags and mark.
// PVE: qemu-server, API2/Qemu.pm, create_vm; facts-4 59.
const TO_CREATE: [&str; 5] =
    ["VM.Allocate", "VM.Audit", "VM.Config.Disk", "VM.Config.HWType", "VM.Config.Options"];
/// What making a template of a VM needs, and asking what PVE can do with it.
// PVE: qemu-server, API2/Qemu.pm, template and vm_feature; facts-4 11 and 12.
const TO_FINISH: [&str; 2] = ["VM.Allocate", "VM.Audit"];
/// What a disk needs on its storage.
const ON_STORAGE: [&str; 1] = ["Datastore.AllocateSpace"];

/// A storage of a node.
type OnNode = (NodeName, StorageId);

/// Checks storages, room and privileges. What PVE does not tell is left to the writes.
pub(crate) fn check(
    context: &Context<'_>,
    survey: &Survey,
    node: &Node,
    planned: &[(WantedTemplate, Step)],
    report: &mut Report,
) {
    let mut room: BTreeMap<OnNode, u64> = BTreeMap::new();
    let mut privileges: BTreeMap<String, &[&str]> = BTreeMap::new();
    for (wanted, step) in planned {
        match step {
            Step::Keep(_) | Step::Without(_) => {}
            Step::Finish(vmid, _) => _ = privileges.insert(format!("/vms/{vmid}"), &TO_FINISH),
            Step::Make(content) => {
                let bytes = room.entry((wanted.node.clone(), wanted.storage.clone())).or_default();
                *bytes = bytes.saturating_add(content.least);
                let free = |vmid: &pve_client::Vmid| !survey.taken.contains(vmid);
                let vmid = context.walk(wanted, content).find(free);
                privileges.extend(vmid.map(|vmid| (format!("/vms/{vmid}"), &TO_CREATE[..])));
                // One that the token cannot see is reported as such.
                if survey.storage(&wanted.node, &wanted.storage).is_some() {
                    privileges.insert(format!("/storage/{}", wanted.storage), &ON_STORAGE);
                }
            }
        }
    }
    let shared = on_shared(survey, &room);
    for ((name, storage), bytes) in room {
        let bytes = shared.get(&storage).copied().unwrap_or(bytes);
        let on = Node { node: name, storage, content: DISKS, ..node.clone() };
        let storages = survey.storages.iter().find(|(known, _)| *known == on.node);
        let storages = storages.map(|(_, storages)| &storages[..]).unwrap_or_default();
        unfit(&on, storages, bytes).into_iter().for_each(|entry| report.push(entry));
    }
    for (path, needed) in privileges {
        lacking(node, &path, needed).into_iter().for_each(|entry| report.push(entry));
    }
}

/// Returns what all nodes together need on the storages that they share.
fn on_shared(survey: &Survey, room: &BTreeMap<OnNode, u64>) -> BTreeMap<StorageId, u64> {
    let mut all: BTreeMap<StorageId, u64> = BTreeMap::new();
    for ((node, storage), bytes) in room {
        if survey.storage(node, storage).is_some_and(|storage| storage.shared) {
            let sum = all.entry(storage.clone()).or_default();
            *sum = sum.saturating_add(*bytes);
        }
    }
    all
}

/// Returns why a storage cannot hold new disks of together at least `bytes`.
fn unfit(node: &Node, storages: &[Storage], bytes: u64) -> Option<Entry> {
    let Some(storage) = storages.iter().find(|known| known.storage == node.storage) else {
        return Some(node.not_visible(storages));
    };
    let whole = || {
        let (free, needed) = (show::bytes(storage.avail), show::bytes(bytes));
        let fact = format!(
            "storage \"{}\" has {free} free, but the templates on it need at least {needed}",
            storage.storage
        );
        let entry = Entry::error("storage-full", node.place(), fact);
        let hint = "free some space, or choose another storage for the VMs";
        (storage.total > 0 && storage.avail < bytes).then(|| entry.hint(hint))
    };
    unusable(node.place(), &node.node, storage, &node.configs(storage))
        .or_else(|| node.unfit(storage))
        .or_else(whole)
}

/// Returns the error for privileges that the token lacks on a path. If PVE does not answer, the writes will show.
fn lacking(node: &Node, path: &str, needed: &[&str]) -> Option<Entry> {
    let held = node.client.privileges_on(path).ok()?;
    let missing: Vec<&str> =
        needed.iter().copied().filter(|privilege| !held.contains(*privilege)).collect();
    let fact = format!("the token lacks {} on {path}", missing.join(", "));
    let hint =
        "`pve-apply privileges` prints what the token needs; grant it to the token and to its user";
    let entry = Entry::error("permission", Place::node(node.node.as_str()), fact).hint(hint);
    (!missing.is_empty()).then_some(entry)
}
