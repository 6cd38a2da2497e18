//! The steps that make a VM. Does no I/O.

use super::{aspects, blocked, quiet, seed, tags};
use crate::action::{Action, Change, Impact, Plan, Step, VmPlan};
use crate::blocked::Why;
use crate::desired::{Desired, DesiredVm, Machine};
use crate::mark::{Mark, Stage, TAG};
use crate::observed::Observed;
use pve_client::Volid;
use std::collections::BTreeMap;

/// Plans a VM that is not there.
pub(super) fn plan_one(
    plan: &mut Plan,
    desired: &Desired,
    vm: &DesiredVm,
    machine: &Machine,
    observed: &Observed,
) {
    let disk_bytes = u64::from(machine.disk_gib) << 30;
    let image = match image(machine, observed) {
        Ok((volid, bytes)) if bytes <= disk_bytes => (volid, bytes),
        Ok((_, image_bytes)) => {
            let why = Why::DiskSmallerThanImage { disk_gib: machine.disk_gib, image_bytes };
            return plan.blocked.push(blocked(vm, vm.vmid, &desired.node, why));
        }
        Err(why) => return plan.blocked.push(blocked(vm, vm.vmid, &desired.node, why)),
    };
    let mark = desired.new_mark(vm, machine);
    let mut steps = vec![
        seed::upload(desired, vm, machine),
        Step::Create { params: params(desired, vm, machine, image.0) },
        // As early as can be: the file is readable to all who may use the storage.
        seed::delete_uploaded(desired, vm, &desired.node),
        Step::Fence,
    ];
    if image.1 < disk_bytes {
        // PVE: reference 2: an import has the image's size, and cannot be grown in the same call.
        steps.push(Step::Resize { disk: aspects::BOOT_DISK.to_owned(), bytes: disk_bytes });
    }
    steps.push(Step::Start);
    // Once more: a run that came later may have chosen another vmid.
    steps.push(Step::Fence);
    steps.push(finish(mark.clone()));
    steps.extend(seed::leftovers(desired, vm, observed));
    plan.vms.push(VmPlan {
        name: vm.name.clone(),
        action: Action::Create,
        vmid: vm.vmid,
        candidate: vm.vmid.is_none().then(|| desired.candidate(&vm.name)).flatten(),
        node: desired.node.clone(),
        after: vm.parent.iter().cloned().collect(),
        storage: Some(machine.storage.to_string()),
        mark,
        power: None,
        may_wait: Vec::new(),
        digest: None,
        impact: Impact::None,
        changes: shown(machine),
        steps,
    });
}

/// The step that records that a VM's creation is finished.
pub(super) fn finish(mark: Mark) -> Step {
    let mark = Box::new(Mark { stage: Stage::Done, ..mark });
    Step::Configure { params: BTreeMap::new(), makes_disk: false, mark: Some(mark) }
}

fn image<'a>(machine: &'a Machine, observed: &Observed) -> Result<(&'a Volid, u64), Why> {
    let missing = |volid: Option<&Volid>| Why::ImageMissing {
        image: machine.image.name.clone(),
        volid: volid.map(ToString::to_string),
    };
    let volid = machine.image.volid.as_ref().ok_or_else(|| missing(None))?;
    let bytes = observed.images.get(volid).copied().flatten();
    bytes.map(|bytes| (volid, bytes)).ok_or_else(|| missing(Some(volid)))
}

fn params(
    desired: &Desired,
    vm: &DesiredVm,
    machine: &Machine,
    image: &Volid,
) -> BTreeMap<String, String> {
    let storage = &machine.storage;
    let boot_disk = format!("{storage}:0,import-from={image},discard=on,iothread=1");
    let all_tags: Vec<&str> = machine.tags.iter().map(String::as_str).chain([TAG]).collect();
    let startup = machine.startup.map(|startup| ("startup", startup.to_string()));
    [
        ("name", vm.name.clone()),
        ("tags", tags::join(&all_tags)),
        ("cores", machine.cores.to_string()),
        ("cpu", "host".to_owned()),
        ("memory", machine.memory_mib.to_string()),
        ("net0", aspects::write_nic(&machine.nic, None)),
        (aspects::BOOT_DISK, boot_disk),
        // PVE: facts 58: Debian's cloud kernel finds no disk behind PVE's default SCSI controller.
        ("boot", "order=virtio0".to_owned()),
        ("scsihw", "virtio-scsi-single".to_owned()),
        ("agent", "1".to_owned()),
        ("serial0", "socket".to_owned()),
        ("ostype", "l26".to_owned()),
        ("onboot", "1".to_owned()),
    ]
    .into_iter()
    .chain(startup)
    .map(|(key, value)| (key.to_owned(), value))
    .chain([seed::parameter(desired, vm, machine)])
    .collect()
}

fn shown(machine: &Machine) -> Vec<Change> {
    let nic = &machine.nic;
    let line = |field: &str, to: String| quiet(field, None, Some(to));
    let mut list = vec![
        line("image", machine.image.name.clone()),
        line("cores", machine.cores.to_string()),
        line("memory", format!("{} MiB", machine.memory_mib)),
        line("disk", format!("{} GiB on {}", machine.disk_gib, machine.storage)),
        line("bridge", nic.bridge.clone()),
    ];
    list.extend(nic.vlan.map(|tag| line("vlan", tag.to_string())));
    list.extend(nic.mac.clone().map(|mac| line("mac", mac)));
    list.extend(machine.startup.map(|startup| line("startup", startup.to_string())));
    list
}
