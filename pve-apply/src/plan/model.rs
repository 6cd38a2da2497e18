//! A model of what PVE makes of a plan, for tests: `Observed` after its steps. Knows of PVE only what
//! docs/pve.md says: imports have the image's size, changes of a running VM wait for its next start.

use super::worlds::{put, vmid};
use crate::action::{Plan, Step, VmPlan};
use crate::desired::snippets;
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
        Step::UploadSeed { content, storage, file, .. } => {
            world.seed_files.insert(pve_client::Volid::of_file(storage, content, file));
        }
        Step::WriteSnippets { storage, file, network_config, .. } => {
            for (_, name) in snippets::names(file, !network_config.is_empty()) {
                world.seed_files.insert(snippets::volid(storage, &name));
            }
        }
        Step::DeleteVolume { volid, .. } => _ = world.seed_files.remove(volid),
        Step::Create { params } => {
            let taken = |n: &Vmid| world.looks.contains_key(n) || plan.reserved.contains(&n.get());
            let free = (100..).map(vmid).find(|n| !taken(n)).unwrap();
            let new = number.unwrap_or(free);
            *number = Some(new);
            let mut config = Config::default();
            for (key, value) in params {
                config.set(key, &stored(world, new, key, value));
            }
            put(world, new.get(), vm.node.as_str(), Power::Stopped, config);
        }
        Step::Destroy { .. } => {
            let gone = number.unwrap();
            world.looks.remove(&gone);
            world.guests.retain(|guest| guest.vmid != gone);
            world.free.insert(gone, true);
        }
        _ => change(step, seen(world, number.unwrap())),
    }
}

fn change(step: &Step, seen: &mut Seen) {
    match step {
        Step::Configure { params, .. } => {
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
    if let Some(storage) = value.strip_suffix(":cloudinit") {
        return format!("{storage}:vm-{vmid}-cloudinit,media=cdrom,size=4M");
    }
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
