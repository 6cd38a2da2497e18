//! The steps that create a VM as a clone of a template: the difference from the template. Does no I/O.
//!
//! First comes what PVE allocates, the disks, in tasks that may fail half-way; then one write of the whole
//! config, all or nothing, with a mark that knows every volume. Until then the VM's mark says that it is
//! an unfinished clone, and its vmid tells it from copies.

use super::intent::{parts_of, text_of};
use super::new_vm::{self, New, NewVm};
use super::origin::Template;
use super::{brought, described, disk, owned, seed, tags};
use crate::action::{Plan, Step};
use crate::blocked::{BlockReason, TemplateFault};
use crate::desired::Definition;
use crate::mark::owns::Slot;
use crate::mark::{Mark, Stage, TAG, tag_set};
use machine::{ConfigKey, Form, Parts};
use stage::Gather as _;
use std::collections::{BTreeMap, BTreeSet};

/// Plans a VM that is cloned.
pub(super) fn plan_one(plan: &mut Plan, new: NewVm<'_>, template: &Template<'_>) {
    let NewVm { desired, vm, definition, .. } = new;
    let made = match Made::of(new, template) {
        Ok(made) => made,
        Err(reasons) => return new.block(plan, reasons),
    };
    let has = |slot: &str| template.state.config.get(slot).is_some();
    let controller = brought::controller(&definition.new, template.state);
    let slot = seed::free_slot(definition, controller.as_deref(), |slot| !has(slot));
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
    let disk = made.disk_in_words(definition, template);
    let removed = brought::removed(definition, template.state);
    let steps = Steps { new, template, made, slot, needs_finish }.all(whole);
    // A linked clone writes next to nothing: it waits for no other VM.
    let storage = template.storage.as_ref().map(ToString::to_string);
    let how = Some(template.how.clone());
    new.add(plan, New { mark, steps, storage, how, disk, removed });
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
    /// What is deleted before everything else.
    first: BTreeSet<String>,
    /// Whether PVE chooses a MAC: then the mark cannot record it in the same write.
    leaves_open: bool,
}

impl Made {
    fn of(new: NewVm<'_>, template: &Template<'_>) -> Result<Self, Vec<BlockReason>> {
        let NewVm { vm, definition, observed, .. } = new;
        let from = brought::boot_slot(template.state)
            .map_err(|fault| vec![BlockReason::unusable(template.state.shown(), fault)])?;
        let mut made = Self {
            from,
            grow: BTreeMap::new(),
            disks: BTreeMap::new(),
            params: BTreeMap::new(),
            first: BTreeSet::new(),
            leaves_open: false,
        };
        let mut wrong: Vec<BlockReason> =
            made.boot(definition, template).err().into_iter().collect();
        for key in definition.new.0.keys().copied().filter(|key| *key != definition.boot) {
            let Some(parts) = parts_of(&definition.new, key) else { continue };
            if !matches!(key.key.form, Form::Drive(_)) || !disk::is_made(&parts) {
                made.leaves_open |=
                    matches!(key.key.form, Form::Nic(_)) && parts.get("macaddr").is_none();
                let parts = brought::merged(&definition.explicit, template.state, key, parts);
                let text = parts.and_then(|parts| text_of(key, parts));
                made.params.extend(text.map(|text| (key.to_string(), text)));
                continue;
            }
            if key.key.slots.is_none() && template.state.config.get(&key.to_string()).is_some() {
                // The state of the template's firmware or TPM.
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
        let smbios1 = brought::smbios1(template.state);
        made.params.extend(
            smbios1
                .filter(|_| !made.params.contains_key("smbios1"))
                .map(|text| ("smbios1".to_owned(), text)),
        );
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
                let wanted = machine::shown_size(bytes);
                return Err(match &definition.image {
                    Some(_) => BlockReason::DiskSmallerThanImage {
                        field: "disk".to_owned(),
                        wanted,
                        image_bytes: has,
                    },
                    None => {
                        let has = machine::shown_size(has);
                        let fault = TemplateFault::DiskSmallerThanTemplate { wanted, has };
                        BlockReason::unusable(template.state.shown(), fault)
                    }
                });
            }
            self.grow.extend((bytes > has).then(|| (from.to_string(), bytes)));
        }
        let mut wanted = parts_of(&definition.new, to).unwrap_or_default();
        ["storage", "size", "import", "format"].iter().for_each(|name| wanted.remove(name));
        let text = template.state.config.get(&from.to_string()).unwrap_or_default();
        // PVE: facts-4, 29: the volume must be named as PVE names it; the clone's replaces it.
        let has = Parts::read(from.key, text);
        let mut parts = has.clone();
        let is_unfit = |name: &str| to.key.part(name).is_none() && from.key.part(name).is_some();
        has.iter().filter(|(name, _)| is_unfit(name)).for_each(|(name, _)| parts.remove(name));
        wanted.iter().for_each(|(name, value)| parts.set(name, value));
        let options = to.key.parts().iter().map(|part| part.name);
        let cancelled = options.filter(|name| definition.explicit.is_cancelled(to, name));
        cancelled.for_each(|name| parts.remove(name));
        if from != to || parts != has {
            parts.remove("size");
            self.params.insert(to.to_string(), parts.write(to.key));
        }
        Ok(())
    }

    /// Returns the boot disk's size and storage, for people.
    fn disk_in_words(&self, definition: &Definition, template: &Template<'_>) -> String {
        let state = template.state;
        let has = state.size(self.from);
        let bytes = definition.disk_gib.map(|gib| u64::from(gib) << 30).or(has).unwrap_or_default();
        let volume = state.volume(self.from).unwrap_or_default();
        let own = volume.split_once(':').map(|(storage, _)| storage.to_owned());
        let storage = template.storage.as_ref().map(ToString::to_string).or(own);
        format!("{} on {}", machine::shown_size(bytes), storage.unwrap_or_default())
    }

    /// Deletes what the template brings and nobody has asked for.
    fn take_away(&mut self, definition: &Definition, template: &Template<'_>) {
        let (from, to) = (self.from, definition.boot);
        let mut gone = brought::taken_away(definition, template.state);
        gone.extend((from != to).then(|| from.to_string()));
        let order = brought::boot_order(template.state, (from, to), &gone);
        if let Some(order) = order.filter(|_| !self.params.contains_key("boot")) {
            self.params.insert("boot".to_owned(), order);
        }
        self.first = brought::taken_away_first(template.state, &gone);
        gone.retain(|key| !self.first.contains(key));
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
    new: NewVm<'a>,
    template: &'a Template<'a>,
    made: Made,
    slot: String,
    needs_finish: bool,
}

impl Steps<'_> {
    fn all(self, whole: Mark) -> Vec<Step> {
        let NewVm { desired, vm, definition, observed } = self.new;
        let mut steps =
            vec![seed::upload(desired, vm, &definition.seed), self.clone(), Step::Fence];
        if !self.made.first.is_empty() {
            let list = self.made.first.into_iter().collect::<Vec<_>>().join(",");
            steps
                .push(Step::Configure { params: [("delete".to_owned(), list)].into(), mark: None });
        }
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
        let Self { new: NewVm { definition, .. }, template, made, .. } = self;
        let description = described::description(definition).filter(|text| !text.is_empty());
        let volumes = template.state.config.values.keys().filter_map(|key| {
            let slot = ConfigKey::find(key)?;
            let is_drive = matches!(slot.key.form, Form::Drive(_));
            Some((key.clone(), template.state.volume(slot).filter(|_| is_drive)?))
        });
        Step::Clone {
            template: template.state.vmid,
            volumes: volumes.gather(),
            full: template.full,
            storage: template.storage.clone(),
            pool: definition.pool.clone(),
            description: description.map(str::to_owned),
            moved: [(definition.boot.to_string(), made.from.to_string())].into(),
            bridges: template.state.bridges(),
        }
    }
}
