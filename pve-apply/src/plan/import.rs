//! The steps that create a VM from its image: the difference from nothing. Does no I/O.

use super::intent::{parts_of, text_of};
use super::new_vm::{self, New, NewVm};
use super::{described, disk, owned, seed, tags};
use crate::action::{Plan, Step};
use crate::blocked::BlockReason;
use crate::mark::owns::Slot;
use crate::mark::{Mark, Stage, TAG};
use machine::Form;
use std::collections::BTreeMap;

/// Plans a VM that PVE creates from its image.
pub(super) fn plan_one(plan: &mut Plan, new: NewVm<'_>, how: Option<String>) {
    let NewVm { desired, vm, definition, observed } = new;
    let slot = seed::new_slot(definition);
    let mark = Mark {
        made: "import".to_owned(),
        stage: Stage::Making,
        seed: definition.seed.note(&slot),
        owns: owned::of_new(definition, Slot::Making),
        ..desired.identity(vm)
    };
    let (mut params, grow) = match params(new, &mark) {
        Ok(params) => params,
        Err(reasons) => return new.block(plan, reasons),
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
    steps.push(new_vm::finish(done));
    steps.extend(seed::leftovers(desired, vm, observed));
    let storage = Some(definition.storage.to_string());
    let size = definition.disk_gib.unwrap_or_default();
    let disk = format!("{size} GiB on {}", definition.storage);
    new.add(plan, New { mark, steps, storage, how, disk, removed: Vec::new() });
}

/// Returns what is sent, and the disks that grow afterwards.
type Made = (BTreeMap<String, String>, BTreeMap<String, u64>);

fn params(new: NewVm<'_>, mark: &Mark) -> Result<Made, Vec<BlockReason>> {
    let NewVm { vm, definition, observed, .. } = new;
    if !definition.is_created() {
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
