//! A model of what PVE makes of a plan, for tests: `Observed` after its steps. Knows of PVE only what
//! docs/pve.md says: imports have the image's size, changes of a running VM wait for its next start.

use super::worlds::{put, uuid, vmid};
use crate::action::{Plan, Step, VmPlan};
use crate::mark::Mark;
use crate::observed::{Config, Look, Observed, Power, Seen};
use pve_client::{PropertyString, Vmid, display_size};

/// Keys that a running VM takes at once. PVE: reference 5.
const LIVE: [&str; 6] = ["name", "tags", "description", "onboot", "net0", "startup"];

/// Carries out a plan; stops a VM's steps after `most` of them, as a crash would.
pub(crate) fn carry_out(plan: &Plan, world: &mut Observed, most: usize) {
    for vm in &plan.vms {
        let mut number = vm.vmid;
        for step in vm.steps.iter().take(most) {
            carry_out_step(plan, vm, step, world, &mut number);
        }
    }
}

fn carry_out_step(
    plan: &Plan,
    vm: &VmPlan,
    step: &Step,
    world: &mut Observed,
    number: &mut Option<Vmid>,
) {
    match step {
        Step::UploadSeed { storage, file, .. } => {
            world.seed_files.insert(pve_client::Volid::of_file(storage, "import", file));
        }
        Step::DeleteVolume { volid, .. } => _ = world.seed_files.remove(volid),
        Step::Create { params } => {
            let planned: Vec<_> = plan.vms.iter().filter_map(|vm| vm.vmid).collect();
            let taken = |n: &Vmid| world.looks.contains_key(n) || planned.contains(n);
            let start = vm.candidate.map_or(100, Vmid::get);
            let new = number.unwrap_or_else(|| (start..).map(vmid).find(|n| !taken(n)).unwrap());
            *number = Some(new);
            let mut config = Config::default();
            for (key, value) in params {
                config.set(key, &stored(world, new, key, value));
            }
            let uuid = uuid(new.get());
            let mark = Mark { vmid: Some(new.get()), uuid: uuid.clone(), ..vm.mark.clone() };
            config.set("description", &mark.line());
            config.set("smbios1", &format!("uuid={uuid}"));
            put(world, new.get(), vm.node.as_str(), Power::Stopped, config);
        }
        Step::Destroy { .. } => {
            let gone = number.unwrap();
            world.looks.remove(&gone);
            world.guests.retain(|guest| guest.vmid != gone);
            world.free.insert(gone, true);
        }
        Step::Fence => {}
        _ => change(step, seen(world, number.unwrap())),
    }
}

fn change(step: &Step, seen: &mut Seen) {
    match step {
        Step::Configure { params, mark, .. } => {
            if let Some(mark) = mark {
                let old = seen.config.next("description").unwrap_or_default().to_owned();
                let uuid = uuid(seen.vmid.get());
                let made = Mark { vmid: Some(seen.vmid.get()), uuid, ..(**mark).clone() };
                let mark = if mark.vmid.is_some() { mark } else { &made };
                seen.config.set("description", &mark.write_into(&old));
            }
            if let Some(key) = params.get("delete") {
                seen.config.remove(key);
            }
            for (key, value) in
                params.iter().filter(|(key, _)| !["delete", "force"].contains(&key.as_str()))
            {
                let value =
                    if value.contains("import-from") { "local-lvm:x,size=1M" } else { value };
                if seen.power == Power::Stopped || LIVE.contains(&key.as_str()) {
                    seen.config.set(key, value);
                } else {
                    seen.config.set_next(key, Some(value));
                }
            }
        }
        Step::Resize { disk, bytes } => {
            let mut drive = PropertyString::parse(seen.config.next(disk).unwrap(), "file");
            drive.set("size", display_size(*bytes));
            seen.config.set(disk, &drive.display_with_default("file"));
        }
        Step::Start | Step::Reboot { .. } => {
            seen.config.settle();
            seen.power = Power::Running;
        }
        Step::Shutdown { .. } => seen.power = Power::Stopped,
        _ => {}
    }
}

/// What PVE stores for a parameter of a create.
fn stored(world: &Observed, vmid: Vmid, key: &str, value: &str) -> String {
    let Some((_, from)) = value.split_once("import-from=") else { return value.to_owned() };
    let from = from.split(',').next().unwrap();
    let image = from.parse().ok().and_then(|volid| world.images.get(&volid).copied().flatten());
    let size = display_size(image.unwrap_or(1 << 20));
    let options = if key == "virtio0" { ",discard=on,iothread=1" } else { "" };
    let storage = value.split(':').next().unwrap();
    format!("{storage}:vm-{vmid}-{key}{options},size={size}")
}

fn seen(world: &mut Observed, vmid: Vmid) -> &mut Seen {
    match world.looks.get_mut(&vmid) {
        Some(Look::Seen(seen)) => seen,
        _ => panic!("a step touches {vmid}, which is not there"),
    }
}
