//! The steps that make a VM. Does no I/O.

use super::{aspects, blocked, seed};
use crate::action::{Action, Change, Impact, Plan, Step, VmPlan};
use crate::blocked::Why;
use crate::desired::snippets::Snippets;
use crate::desired::{Desired, DesiredVm, Machine, SeedWay};
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
    let way = desired.seed_way;
    let seed = desired.seed_volid(vm, way);
    let brought = seed::brought(desired, vm, machine, way);
    let mut steps = seed::leftovers(desired, vm, observed, None, &brought);
    steps.extend(seed::bring(desired, vm, machine, way));
    steps.push(Step::Create { params: params(desired, vm, machine, image.0) });
    // As early as can be: the file is readable to all who may use the storage.
    steps.extend(seed::delete(desired, way, seed));
    if image.1 < disk_bytes {
        // PVE: reference 2: an import has the image's size, and cannot be grown in the same call.
        steps.push(Step::Resize { disk: aspects::BOOT_DISK.to_owned(), bytes: disk_bytes });
    }
    steps.push(Step::Start);
    plan.vms.push(VmPlan {
        name: vm.name.clone(),
        action: Action::Create,
        vmid: vm.vmid,
        node: desired.node.clone(),
        after: vm.parent.iter().cloned().collect(),
        storage: Some(machine.storage.to_string()),
        mark: desired.mark(vm),
        digest: None,
        impact: Impact::None,
        changes: shown(desired, machine),
        steps,
    });
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
    let tags: Vec<_> = machine.tags.iter().cloned().collect();
    let startup = machine.startup.map(|startup| ("startup", startup.to_string()));
    [
        ("name", vm.name.clone()),
        ("description", desired.mark(vm).line()),
        ("tags", tags.join(";")),
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
    .chain(seed::parameters(desired, vm, machine, desired.seed_way))
    .map(|(key, value)| (key.to_owned(), value))
    .collect()
}

fn shown(desired: &Desired, machine: &Machine) -> Vec<Change> {
    let nic = &machine.nic;
    let line = |field: &str, to: String| Change {
        field: field.to_owned(),
        from: None,
        to: Some(to),
        impact: Impact::None,
        reason: None,
    };
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
    if let Some(Snippets { storage, to: Some(to) }) = &desired.snippets
        && desired.seed_way == SeedWay::Snippets
    {
        list.push(line("seed", format!("snippets on {storage}, written to {}", to.place())));
    }
    list
}
