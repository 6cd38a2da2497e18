//! What all new VMs have in common in a plan, however they are created. Does no I/O.

use super::intent::field;
use super::{blocked, quiet, tags};
use crate::action::{Action, Plan, Step, VmPlan};
use crate::blocked::BlockReason;
use crate::change::{Change, Impact};
use crate::desired::{Definition, Desired, DesiredVm, Image};
use crate::mark::{Mark, Stage};
use crate::observed::Observed;
use machine::{ConfigKey, Form};
use std::collections::BTreeMap;

/// A VM that does not exist, and what it is planned from.
#[derive(Clone, Copy)]
pub(super) struct NewVm<'a> {
    pub(super) desired: &'a Desired,
    pub(super) vm: &'a DesiredVm,
    pub(super) definition: &'a Definition,
    pub(super) observed: &'a Observed,
}

/// What is special about one way to create a VM.
pub(super) struct New {
    /// The mark that the VM gets first.
    pub(super) mark: Mark,
    /// The steps.
    pub(super) steps: Vec<Step>,
    /// The storage that takes whole copies.
    pub(super) storage: Option<String>,
    /// How the boot disk is made, for people, where that is not the usual way.
    pub(super) how: Option<String>,
    /// The size and the storage of the boot disk, for people.
    pub(super) disk: String,
    /// What a clone brings and nobody asks for, for people.
    pub(super) removed: Vec<String>,
}

impl NewVm<'_> {
    /// Adds the VM to what is created by the plan.
    pub(super) fn add(self, plan: &mut Plan, new: New) {
        let Self { desired, vm, definition, .. } = self;
        plan.vms.push(VmPlan {
            name: vm.name.clone(),
            action: Action::Create,
            vmid: vm.vmid,
            candidate: vm.vmid.is_none().then(|| desired.candidate(&vm.name)).flatten(),
            node: vm.node.clone(),
            after: vm.parent.iter().cloned().collect(),
            networks: Vec::new(),
            storage: new.storage,
            mark: new.mark,
            power: None,
            may_wait: Vec::new(),
            digest: None,
            impact: Impact::None,
            changes: shown(definition, new.how.as_deref(), new.disk, &new.removed),
            steps: new.steps,
        });
    }

    /// Adds to the plan why the VM cannot be created.
    pub(super) fn block(self, plan: &mut Plan, reasons: Vec<BlockReason>) {
        let Self { vm, .. } = self;
        let reasons = reasons.into_iter();
        plan.blocked.extend(reasons.map(|why| blocked(vm, vm.vmid, &vm.node, why)));
    }
}

/// The step that records that a VM's creation is finished.
pub(super) fn finish(mark: Mark) -> Step {
    let mark = Box::new(Mark { stage: Stage::Done, ..mark });
    Step::Configure { params: BTreeMap::new(), mark: Some(mark) }
}

/// Returns the lines of a new VM: explicit values, and those that every VM has. A NIC's MAC
/// gets a line only if it was chosen.
fn shown(
    definition: &Definition,
    how: Option<&str>,
    disk: String,
    removed: &[String],
) -> Vec<Change> {
    let line = |field: &str, to: String| quiet(field, None, Some(to));
    let tags: Vec<&str> = definition.tags.iter().map(String::as_str).collect();
    let stopped = definition.power == stage::Power::Stopped;
    let beside_keys = [
        origin_text(definition, how).map(|(field, text)| line(field, text)),
        (!removed.is_empty()).then(|| line("removed", removed.join(", "))),
        stopped.then(|| line("power", "stopped".to_owned())),
        definition.pool.as_ref().map(|pool| line("pool", pool.clone())),
        (!tags.is_empty()).then(|| line("tags", tags::shown(&tags::join(&tags)))),
    ];
    let mut list: Vec<Change> = beside_keys.into_iter().flatten().collect();
    let disk = line("disk", disk);
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

/// Returns what the boot disk is made of, and the field that says so.
fn origin_text(definition: &Definition, how: Option<&str>) -> Option<(&'static str, String)> {
    match (&definition.image, how) {
        (Some(image), Some(how)) => Some(("image", format!("{}, {how}", image.shown()))),
        (Some(image), None) => Some(("image", image.shown())),
        (None, how) => how.map(|how| ("clone_from", how.to_owned())),
    }
}
