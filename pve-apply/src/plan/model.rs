//! A model of PVE for tests: `Observed` after the steps of a plan. It knows only what
//! docs/pve.md says: imports have the image's size, changes of a running VM wait for its next start.

use super::context::plugs;
use super::worlds::{put, uuid, vmid};
use crate::action::{Plan, Step, VmPlan};
use crate::mark::Mark;
use crate::observed::{Config, Observation, Observed, Power, VmState};
use crate::template::SeenTemplate;
use machine::{ConfigKey, Effect, Part, Parts};
use pve_client::{NodeName, PropertyString, Vmid, display_size};
use std::collections::BTreeMap;

/// Keys that a running VM takes at once. PVE: reference 5.
const LIVE: [&str; 6] = ["name", "tags", "description", "onboot", "net", "startup"];

/// Carries out a plan; stops each VM after `most` steps, like a crash.
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
            let file = pve_client::Volid::of_file(storage, "import", file);
            world.seed_files.insert((vm.node_afterwards().clone(), file));
        }
        Step::DeleteVolume { node, volid } => {
            _ = world.seed_files.remove(&(node.clone(), volid.clone()));
        }
        Step::Create { params } => {
            let new = number.unwrap_or_else(|| free(plan, vm, world));
            *number = Some(new);
            let mut config = Config::default();
            for (key, value) in params {
                config.set(key, &stored(world, (&vm.node, new), key, value));
            }
            config.remove("pool");
            world.pools.extend(params.get("pool").map(|pool| (new, pool.clone())));
            let uuid = uuid(new.get());
            let mark = Mark { vmid: Some(new.get()), uuid: uuid.clone(), ..vm.mark.clone() };
            let people = params.get("description").map(String::as_str).unwrap_or_default();
            config.set("description", &mark.write_into(people));
            config.set("smbios1", &format!("uuid={uuid}"));
            put(world, new.get(), vm.node.as_str(), Power::Stopped, config);
        }
        Step::Clone { .. } => *number = Some(clone(plan, vm, step, world, *number)),
        Step::Destroy { .. } => {
            let gone = number.unwrap();
            world.vms.remove(&gone);
            world.guests.retain(|guest| guest.vmid != gone);
            world.free.insert(gone, true);
        }
        Step::Remove { vmid: gone, .. } => {
            world.vms.remove(gone);
            world.guests.retain(|guest| guest.vmid != *gone);
            world.free.insert(*gone, true);
        }
        Step::Fence => {}
        Step::Migrate { target, disks, .. } => {
            let seen = seen(world, number.unwrap());
            seen.node = target.clone();
            for disk in disks {
                renamed(seen, &disk.volid, &format!("{}:copied-{}", disk.storage, target));
            }
            world.outlooks.clear();
        }
        Step::SetPool { pool: Some(pool), .. } => {
            world.pools.insert(number.unwrap(), pool.clone());
        }
        Step::SetPool { pool: None, .. } => _ = world.pools.remove(&number.unwrap()),
        _ => change(step, seen(world, number.unwrap())),
    }
}

/// The vmid of a VM that the document gives none.
fn free(plan: &Plan, vm: &VmPlan, world: &Observed) -> Vmid {
    let planned: Vec<_> = plan.vms.iter().filter_map(|vm| vm.vmid).collect();
    let taken = |n: &Vmid| world.vms.contains_key(n) || planned.contains(n);
    let start = vm.candidate.map_or(100, Vmid::get);
    (start..).map(vmid).find(|n| !taken(n)).unwrap()
}

/// PVE: facts-4, 20 and 21: a clone has the template's config, with volumes, MACs and a uuid of its own.
fn clone(
    plan: &Plan,
    vm: &VmPlan,
    step: &Step,
    world: &mut Observed,
    number: Option<Vmid>,
) -> Vmid {
    let Step::Clone { template, description, pool, .. } = step else { panic!("not a clone") };
    let new = number.unwrap_or_else(|| free(plan, vm, world));
    let state = world.templates.values().find_map(|seen| match seen {
        SeenTemplate::Seen(state) if state.vmid == *template => Some(state),
        _ => None,
    });
    let mut config = Config::default();
    for (key, value) in &state.unwrap().config.values {
        let is_drive = ConfigKey::find(key).is_some_and(|key| key.key.part("storage").is_some());
        let value = if is_drive { value.replace(":base-", &of_base(new)) } else { value.clone() };
        config.set(key, &value);
    }
    config.remove("template");
    config.set("name", &vm.name);
    config.set("smbios1", &format!("uuid={}", uuid(new.get())));
    let mark = Mark { vmid: Some(new.get()), uuid: String::new(), ..vm.mark.clone() };
    config.set("description", &mark.write_into(description.as_deref().unwrap_or_default()));
    world.pools.extend(pool.iter().map(|pool| (new, pool.clone())));
    put(world, new.get(), vm.node.as_str(), Power::Stopped, config);
    new
}

/// What the volume of a clone has instead of `:base-`.
fn of_base(vmid: Vmid) -> String {
    format!(":vm-{vmid}-of-base-")
}

/// Returns a drive of a plan's step with the clone's volume instead of the template's.
fn with_own_volume(seen: &VmState, key: &str, value: &str) -> String {
    let Some(row) = ConfigKey::find(key).filter(|_| value.contains(":base-")) else {
        return value.to_owned();
    };
    let mut parts = Parts::read(row.key, &value.replace(":base-", &of_base(seen.vmid)));
    let file = parts.get("file").map(str::to_owned);
    let texts = seen.config.keys().filter_map(|slot| seen.config.next(slot));
    let mut has = texts.map(|text| Parts::read(row.key, text));
    let own = has.find(|own| own.get("file") == file.as_deref()).expect("a plan names its volumes");
    parts.set("size", own.get("size").unwrap());
    parts.write(row.key)
}

fn change(step: &Step, seen: &mut VmState) {
    match step {
        Step::Configure { params, mark, .. } => {
            let own =
                params.iter().map(|(key, text)| (key.clone(), with_own_volume(seen, key, text)));
            let params: &BTreeMap<String, String> = &own.collect();
            if let Some(mark) = mark {
                let old = seen.config.next("description").unwrap_or_default().to_owned();
                let uuid = uuid(seen.vmid.get());
                let made = Mark { vmid: Some(seen.vmid.get()), uuid, ..(**mark).clone() };
                let mark = if mark.vmid.is_some() { (**mark).clone() } else { made };
                let texts: BTreeMap<&str, &str> =
                    params.iter().map(|(key, text)| (key.as_str(), text.as_str())).collect();
                let next = |key: &str| texts.get(key).copied().or(seen.config.next(key));
                let mark = mark.filled_in(next);
                let old = params.get("description").unwrap_or(&old);
                seen.config.set("description", &mark.write_into(old));
            }
            let gone = params.get("delete").into_iter().flat_map(|list| list.split(','));
            for key in gone {
                take_out(seen, key, params.contains_key("force"));
            }
            let not_set = ["delete", "force", "description"];
            for (key, value) in params.iter().filter(|(key, _)| !not_set.contains(&key.as_str())) {
                // A new VM's uuid is added when the plan is carried out.
                let is_without_uuid = key == "smbios1" && !value.contains("uuid=");
                let uuid = is_without_uuid.then(|| format!(",uuid={}", uuid(seen.vmid.get())));
                set(seen, key, &format!("{value}{}", uuid.unwrap_or_default()));
            }
        }
        Step::AddDisk { disk, value } => {
            let made = made(seen.vmid, disk, value, 1 << 20);
            set(seen, disk, &made);
        }
        Step::AddDisks { disks } => {
            for (disk, value) in disks {
                let made = made(seen.vmid, disk, value, 1 << 20);
                set(seen, disk, &made);
            }
        }
        Step::MoveDisk { disk, storage } => {
            let mut drive = PropertyString::parse(seen.config.next(disk).unwrap(), "file");
            drive.set("file", format!("{storage}:moved-{disk}"));
            seen.config.set(disk, &drive.display_with_default("file"));
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

/// Gives a volume another name, in every slot.
fn renamed(seen: &mut VmState, from: &str, to: &str) {
    let keys: Vec<String> = seen.config.keys().map(str::to_owned).collect();
    for key in keys {
        let Some(text) = seen.config.next(&key).filter(|text| text.starts_with(from)) else {
            continue;
        };
        let text = text.replacen(from, &format!("{to}-{key}"), 1);
        seen.config.set(&key, &text);
    }
}

/// PVE: facts 22: a NIC without a MAC gets one.
fn with_mac(key: &str, value: &str) -> String {
    let Some(row) = ConfigKey::find(key).filter(|row| row.key.part("macaddr").is_some()) else {
        return value.to_owned();
    };
    let mut parts = Parts::read(row.key, value);
    if parts.get("macaddr").is_none() {
        parts.set("macaddr", format!("BC:24:11:AA:00:{:02X}", row.slot.unwrap_or_default()));
    }
    parts.write(row.key)
}

fn set(seen: &mut VmState, key: &str, value: &str) {
    let value = &with_mac(key, value);
    let is_live = LIVE.contains(&key.trim_end_matches(char::is_numeric));
    let Some(row) = ConfigKey::find(key).filter(|_| seen.power == Power::Running && !is_live)
    else {
        return seen.config.set(key, value);
    };
    match seen.config.now(key).map(|text| Parts::read(row.key, text)) {
        None if is_device(row) && takes(seen, row.key.part.effect) => seen.config.set(key, value),
        None if is_device(row) => seen.config.set_next(key, Some(value)),
        now => {
            let (mut now, next) = (now.unwrap_or_default(), Parts::read(row.key, value));
            for part in row.key.parts() {
                let name = part.name_in(row.key);
                let live = takes(seen, part.effect_of(now.get(name), next.get(name)));
                match next.get(name).filter(|_| live) {
                    Some(value) => now.set(name, value),
                    None if live => now.remove(name),
                    None => {}
                }
            }
            if now.is_empty() {
                seen.config.set_next(key, None);
            } else {
                seen.config.set(key, &now.write(row.key));
            }
            seen.config.set_next(key, Some(value));
        }
    }
}

/// A device that exists as a whole or not at all.
fn is_device(row: ConfigKey) -> bool {
    row.slot.is_some() && !row.key.is_scalar()
}

/// Returns whether a running VM takes a change at once.
fn takes(seen: &VmState, effect: Effect) -> bool {
    match effect {
        Effect::Plug(feature) => plugs(seen.config.now("hotplug"), feature),
        Effect::Restart => false,
        Effect::Live | Effect::Grow | Effect::AtCreate => true,
    }
}

/// Keeps a removed disk as an unused one, unless it is freed.
fn take_out(seen: &mut VmState, key: &str, force: bool) {
    let text = seen.config.next(key).map(str::to_owned);
    let live = ConfigKey::find(key).is_none_or(|row| {
        let now = seen.config.now(key).map(|text| Parts::read(row.key, text)).unwrap_or_default();
        let effect = |part: &Part| part.effect_of(now.get(part.name_in(row.key)), None);
        match is_device(row) {
            true => takes(seen, row.key.part.effect),
            false => {
                row.key.parts().iter().all(|part| {
                    now.get(part.name_in(row.key)).is_none() || takes(seen, effect(part))
                })
            }
        }
    });
    if seen.power == Power::Stopped || live {
        seen.config.remove(key);
    } else {
        seen.config.set_next(key, None);
    }
    let is_drive = ConfigKey::find(key).is_some_and(|key| key.key.part("storage").is_some());
    let Some(text) = text.filter(|text| is_drive && !force && !text.contains("media=cdrom")) else {
        return;
    };
    let free = (0..).map(|n| format!("unused{n}")).find(|key| seen.config.next(key).is_none());
    seen.config.set(&free.unwrap(), text.split(',').next().unwrap());
}

/// Returns what PVE stores for a parameter of a create.
fn stored(world: &Observed, (node, vmid): (&NodeName, Vmid), key: &str, value: &str) -> String {
    let is_drive = ConfigKey::find(key).is_some_and(|key| key.key.part("storage").is_some());
    if !is_drive {
        return with_mac(key, value);
    }
    let from = value.split_once("import-from=").and_then(|(_, from)| from.split(',').next());
    let image = from.and_then(|from| from.parse().ok());
    let bytes = image.and_then(|image| world.image_size(node, &image));
    made(vmid, key, value, bytes.unwrap_or(1 << 20))
}

/// Returns what PVE creates from `STORAGE:SIZE` and from an import.
fn made(vmid: Vmid, key: &str, value: &str, image: u64) -> String {
    let mut drive = PropertyString::parse(value, "file");
    let file = drive.get("file").unwrap().to_owned();
    let (storage, size) = file.split_once(':').unwrap_or((&file, ""));
    let Ok(gib) = size.parse::<f64>() else { return value.to_owned() };
    drive.remove("import-from");
    let asked = pve_client::parse_size(&format!("{size}G"));
    let bytes = if gib > 0.0 { asked.unwrap() } else { image };
    drive.set("file", format!("{storage}:vm-{vmid}-{key}")).set("size", display_size(bytes));
    drive.display_with_default("file")
}

fn seen(world: &mut Observed, vmid: Vmid) -> &mut VmState {
    match world.vms.get_mut(&vmid) {
        Some(Observation::Seen(seen)) => seen,
        _ => panic!("a step touches {vmid}, which does not exist"),
    }
}
