//! The steps that create a VM as a clone of a template: the difference from the template. Does no I/O.
//!
//! First comes what PVE allocates, the disks, in tasks that may fail half-way; then one write of the whole
//! config, all or nothing, with a mark that knows every volume. Until then the VM's mark says that it is
//! an unfinished clone, and its vmid tells it from copies.

use super::intent::{parts_of, text_of};
use super::new_vm::{self, New};
use super::origin::Template;
use super::{blocked, described, disk, owned, seed, tags};
use crate::action::{Plan, Step};
use crate::blocked::BlockReason;
use crate::boot_disk::{self, Known};
use crate::desired::{Definition, Desired, DesiredVm};
use crate::mark::owns::Slot;
use crate::mark::{Mark, Stage, TAG, tag_set};
use crate::observed::Observed;
use machine::{ConfigKey, Form};
use std::collections::{BTreeMap, BTreeSet};

/// Plans a VM that is cloned.
pub(super) fn plan_one(
    plan: &mut Plan,
    desired: &Desired,
    vm: &DesiredVm,
    definition: &Definition,
    observed: &Observed,
    template: &Template<'_>,
) {
    let made = match Made::of(vm, definition, observed, template) {
        Ok(made) => made,
        Err(reasons) => {
            let list = reasons.into_iter().map(|reason| blocked(vm, vm.vmid, &vm.node, reason));
            return plan.blocked.extend(list);
        }
    };
    let has = |slot: &str| template.state.config.get(slot).is_some();
    let slot = seed::new_slot(definition, has);
    let mark = Mark {
        made: format!("clone:{}", template.state.vmid),
        stage: Stage::Clone,
        ..desired.identity(vm)
    };
    let needs_finish = made.leaves_open || definition.power == stage::Power::Any;
    let whole = Mark {
        stage: if needs_finish { Stage::Making } else { Stage::Done },
        seed: definition.seed.note(&slot),
        owns: owned::of_new(definition, Slot::Holds("")),
        ..mark.clone()
    };
    let steps = Steps { desired, vm, definition, template, made, slot, needs_finish };
    let steps = steps.all(whole, observed);
    // A linked clone writes next to nothing: it waits for no other VM.
    let storage = template.full.then(|| definition.storage.to_string());
    new_vm::add(plan, desired, vm, definition, New { mark, steps, storage, how: text(template) });
}

/// What a clone gets after PVE has made it.
struct Made {
    /// The template's slot of the boot disk.
    from: ConfigKey,
    /// The boot disk's further bytes, and those of other disks.
    grow: BTreeMap<String, u64>,
    /// Disks that the template does not have.
    disks: BTreeMap<String, String>,
    /// The config, without what PVE allocates.
    params: BTreeMap<String, String>,
    /// Whether PVE chooses a MAC: then the mark cannot record it in the same write.
    leaves_open: bool,
}

impl Made {
    fn of(
        vm: &DesiredVm,
        definition: &Definition,
        observed: &Observed,
        template: &Template<'_>,
    ) -> Result<Self, Vec<BlockReason>> {
        let from = match boot_disk::of(|key| template.state.config.get(key), |_| false) {
            Known::Disk(key) => key,
            Known::OneOf(_) => {
                let template = template.state.vmid.to_string();
                return Err(vec![BlockReason::TemplateUnusable { template }]);
            }
        };
        let mut made = Self {
            from,
            grow: BTreeMap::new(),
            disks: BTreeMap::new(),
            params: BTreeMap::new(),
            leaves_open: false,
        };
        let mut wrong: Vec<BlockReason> =
            made.boot(definition, template).err().into_iter().collect();
        for key in definition.new.0.keys().copied().filter(|key| *key != definition.boot) {
            let Some(parts) = parts_of(&definition.new, key) else { continue };
            if !matches!(key.key.form, Form::Drive(_)) || !disk::is_made(&parts) {
                made.leaves_open |=
                    matches!(key.key.form, Form::Nic(_)) && parts.get("macaddr").is_none();
                made.params.extend(text_of(key, parts).map(|text| (key.to_string(), text)));
                continue;
            }
            match disk::new(definition, (observed, &vm.node), key, &parts) {
                Err(reason) => wrong.push(reason),
                Ok(new) => {
                    made.disks.insert(key.to_string(), new.value);
                    made.grow.extend(new.grow.map(|bytes| (key.to_string(), bytes)));
                }
            }
        }
        // It is sent with the clone.
        made.params.remove("description");
        made.take_away(definition, template);
        made.tags(definition, template);
        if wrong.is_empty() { Ok(made) } else { Err(wrong) }
    }

    /// Gives the boot disk its slot, its options and its size.
    fn boot(
        &mut self,
        definition: &Definition,
        template: &Template<'_>,
    ) -> Result<(), BlockReason> {
        let (from, to) = (self.from, definition.boot);
        let has = template.state.size(from).unwrap_or_default();
        if let Some(bytes) = definition.disk_gib.map(|gib| u64::from(gib) << 30) {
            if bytes < has {
                return Err(BlockReason::DiskSmallerThanImage {
                    field: "disk".to_owned(),
                    wanted: machine::shown_size(bytes),
                    image_bytes: has,
                });
            }
            self.grow.extend((bytes > has).then(|| (from.to_string(), bytes)));
        }
        let mut parts = parts_of(&definition.new, to).unwrap_or_default();
        ["storage", "size", "import"].iter().for_each(|name| parts.remove(name));
        let order = format!("order={to}");
        if from != to || !parts.is_empty() {
            // PVE: facts-4, 29: the volume must be named as PVE names it; the clone's replaces it.
            parts.set("file", template.state.volume(from).unwrap_or_default());
            self.params.insert(to.to_string(), parts.write(to.key));
        }
        self.params.entry("boot".to_owned()).or_insert(order);
        Ok(())
    }

    /// Deletes what the template brings and nobody has asked for.
    fn take_away(&mut self, definition: &Definition, template: &Template<'_>) {
        let mut gone: BTreeSet<String> = BTreeSet::new();
        gone.extend((self.from != definition.boot).then(|| self.from.to_string()));
        for key in template.state.config.values.keys() {
            let Some(known) = ConfigKey::find(key) else { continue };
            let is_nic = matches!(known.key.form, Form::Nic(_));
            if is_nic && !definition.new.0.contains_key(&known) {
                gone.insert(key.clone());
            }
        }
        if !gone.is_empty() {
            let list = gone.into_iter().collect::<Vec<_>>().join(",");
            self.params.insert("delete".to_owned(), list);
        }
    }

    /// Sets the tags, only where they differ from those that the clone brings: a token may be allowed to
    /// clone a tag and not to write one.
    // PVE: facts-4, 65.
    fn tags(&mut self, definition: &Definition, template: &Template<'_>) {
        let all: Vec<&str> = definition.tags.iter().map(String::as_str).chain([TAG]).collect();
        let wanted = tags::join(&all);
        let has = template.state.config.get("tags").unwrap_or_default();
        if tag_set(has) != tag_set(&wanted) {
            self.params.insert("tags".to_owned(), wanted);
        }
    }
}

/// What the steps are made of.
struct Steps<'a> {
    desired: &'a Desired,
    vm: &'a DesiredVm,
    definition: &'a Definition,
    template: &'a Template<'a>,
    made: Made,
    slot: String,
    needs_finish: bool,
}

impl Steps<'_> {
    fn all(self, whole: Mark, observed: &Observed) -> Vec<Step> {
        let Self { desired, vm, definition, .. } = self;
        let mut steps =
            vec![seed::upload(desired, vm, &definition.seed), self.clone(), Step::Fence];
        let mut disks = self.made.disks;
        disks.insert(self.slot, seed::disk(desired, vm, definition));
        steps.push(Step::AddDisks { disks });
        // As early as possible: everybody with access to the storage can read the file.
        steps.push(seed::delete_uploaded(desired, vm, &vm.node));
        let grow = self.made.grow.into_iter();
        steps.extend(grow.map(|(disk, bytes)| Step::Resize { disk, bytes }));
        // Once more: a later run may have chosen another vmid.
        steps.push(Step::Fence);
        steps.push(Step::Configure {
            params: self.made.params,
            mark: Some(Box::new(whole.clone())),
        });
        if definition.power != stage::Power::Stopped {
            steps.push(Step::Start);
        }
        steps.extend(self.needs_finish.then(|| new_vm::finish(whole)));
        steps.extend(seed::leftovers(desired, vm, observed));
        steps
    }

    fn clone(&self) -> Step {
        let Self { definition, template, made, .. } = self;
        let description = described::description(definition).filter(|text| !text.is_empty());
        let volumes = template.state.config.values.keys().filter_map(|key| {
            let slot = ConfigKey::find(key)?;
            let is_drive = matches!(slot.key.form, Form::Drive(_));
            Some((key.clone(), template.state.volume(slot).filter(|_| is_drive)?))
        });
        Step::Clone {
            template: template.state.vmid,
            volumes: volumes.collect(),
            full: template.full,
            storage: template.full.then(|| definition.storage.clone()),
            pool: definition.pool.clone(),
            description: description.map(str::to_owned),
            moved: [(definition.boot.to_string(), made.from.to_string())].into(),
            bridges: template.state.bridges(),
        }
    }
}

/// Returns how the VM is made, for people.
fn text(template: &Template<'_>) -> Option<String> {
    let kind = if template.full { "full" } else { "linked" };
    Some(format!("{kind} clone of {}", template.state.vmid))
}
