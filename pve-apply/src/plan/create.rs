//! The steps that create a VM: the difference from nothing. Does no I/O.

use super::intent::{field, parts_of, text_of};
use super::{blocked, described, disk, owned, quiet, seed, tags};
use crate::action::{Action, Plan, Step, VmPlan};
use crate::blocked::BlockReason;
use crate::change::{Change, Impact};
use crate::desired::{Definition, Desired, DesiredVm, Image};
use crate::mark::owns::Slot;
use crate::mark::{Mark, Stage, TAG};
use crate::observed::Observed;
use machine::{ConfigKey, Form};
use std::collections::BTreeMap;

/// Plans a VM that does not exist.
pub(super) fn plan_one(
    plan: &mut Plan,
    desired: &Desired,
    vm: &DesiredVm,
    definition: &Definition,
    observed: &Observed,
) {
    let slot = seed::new_slot(definition);
    let mark = Mark {
        made: "import".to_owned(),
        stage: Stage::Making,
        seed: definition.seed.note(&slot),
        owns: owned::of_new(definition, Slot::Making),
        ..desired.identity(vm)
    };
    let (mut params, grow) = match params(vm, definition, observed, &mark) {
        Ok(params) => params,
        Err(reasons) => {
            let list = reasons.into_iter().map(|reason| blocked(vm, vm.vmid, &vm.node, reason));
            return plan.blocked.extend(list);
        }
    };
    params.insert(slot, seed::disk(desired, vm, definition));
    let mut steps = vec![
        seed::upload(desired, vm, &definition.seed),
        Step::Create { params },
        // As early as possible: everybody with access to the storage can read the file.
        seed::delete_uploaded(desired, vm, &vm.node),
        Step::Fence,
    ];
    steps.extend(grow.into_iter().map(|(disk, bytes)| Step::Resize { disk, bytes }));
    if definition.power != stage::Power::Stopped {
        steps.push(Step::Start);
    }
    // Once more: a later run may have chosen another vmid.
    steps.push(Step::Fence);
    let done = Mark { owns: owned::of_new(definition, Slot::Holds("")), ..mark.clone() };
    steps.push(finish(done));
    steps.extend(seed::leftovers(desired, vm, observed));
    plan.vms.push(VmPlan {
        name: vm.name.clone(),
        action: Action::Create,
        vmid: vm.vmid,
        candidate: vm.vmid.is_none().then(|| desired.candidate(&vm.name)).flatten(),
        node: vm.node.clone(),
        after: vm.parent.iter().cloned().collect(),
        networks: Vec::new(),
        storage: Some(definition.storage.to_string()),
        mark,
        power: None,
        may_wait: Vec::new(),
        digest: None,
        impact: Impact::None,
        changes: shown(definition),
        steps,
    });
}

/// The step that records that a VM's creation is finished.
pub(super) fn finish(mark: Mark) -> Step {
    let mark = Box::new(Mark { stage: Stage::Done, ..mark });
    Step::Configure { params: BTreeMap::new(), mark: Some(mark) }
}

/// Returns what is sent, and the disks that grow afterwards.
type Made = (BTreeMap<String, String>, BTreeMap<String, u64>);

fn params(
    vm: &DesiredVm,
    definition: &Definition,
    observed: &Observed,
    mark: &Mark,
) -> Result<Made, Vec<BlockReason>> {
    if definition.image.is_none() {
        return Err(vec![BlockReason::NeverCreated]);
    }
    let (mut params, mut grow, mut wrong) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
    for key in definition.new.0.keys().copied() {
        let Some(parts) = parts_of(&definition.new, key) else { continue };
        if !matches!(key.key.form, Form::Drive(_)) {
            params.extend(text_of(key, parts).map(|text| (key.to_string(), text)));
            continue;
        }
        match disk::new(definition, (observed, &vm.node), key, &parts) {
            Err(reason) => wrong.push(reason),
            Ok(made) => {
                params.insert(key.to_string(), made.value);
                grow.extend(made.grow.map(|bytes| (key.to_string(), bytes)));
            }
        }
    }
    wrong.extend(described::too_long(described::description(definition).unwrap_or_default(), mark));
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let all_tags: Vec<&str> = definition.tags.iter().map(String::as_str).chain([TAG]).collect();
    params.insert("name".to_owned(), vm.name.clone());
    params.insert("tags".to_owned(), tags::join(&all_tags));
    params.entry("boot".to_owned()).or_insert_with(|| format!("order={}", definition.boot));
    params.extend(definition.pool.iter().map(|pool| ("pool".to_owned(), pool.clone())));
    Ok((params, grow))
}

/// Returns the lines of a new VM: explicit values, and those that every VM has. A NIC's MAC
/// gets a line only if it was chosen.
fn shown(definition: &Definition) -> Vec<Change> {
    let line = |field: &str, to: String| quiet(field, None, Some(to));
    let tags: Vec<&str> = definition.tags.iter().map(String::as_str).collect();
    let stopped = definition.power == stage::Power::Stopped;
    let beside_keys = [
        definition.image.as_ref().map(|image| line("image", image.shown())),
        stopped.then(|| line("power", "stopped".to_owned())),
        definition.pool.as_ref().map(|pool| line("pool", pool.clone())),
        (!tags.is_empty()).then(|| line("tags", tags::shown(&tags::join(&tags)))),
    ];
    let mut list: Vec<Change> = beside_keys.into_iter().flatten().collect();
    let size = definition.disk_gib.unwrap_or_default();
    let disk = line("disk", format!("{size} GiB on {}", definition.storage));
    let (slots, others): (Vec<ConfigKey>, Vec<ConfigKey>) = definition
        .new
        .0
        .keys()
        .partition(|key| matches!(key.key.form, Form::Nic(_) | Form::Drive(_)));
    for key in others.into_iter().chain(slots.clone()) {
        if slots.first() == Some(&key) {
            list.push(disk.clone());
        }
        for part in key.key.parts() {
            let name = part.name_in(key.key);
            let Some(value) = definition.new.value(key, name) else { continue };
            let is_explicit = definition.explicit.value(key, name).is_some();
            let derived = definition.derived_macs.contains_key(&key) && name == "macaddr";
            if is_explicit || part.at_create.is_none() && !derived {
                let image = definition.images.get(&key).filter(|_| name == "import");
                let text = image.map_or_else(|| part.kind.shown(value), Image::shown);
                list.push(line(&field(key, part), text));
            }
        }
    }
    list.extend(definition.guest.iter().map(|(field, value)| line(field, value.clone())));
    list
}
