//! The steps that change one of our VMs in place to what the document asks. Does no I/O.

use super::context::Context;
use super::difference::Difference;
use super::find::Ours;
use super::migration::Migration;
use super::writes::{self, Writes};
use super::{blocked, ha, new_vm, seed, unchanged, unset};
use crate::action::{Action, Plan, Step, VmPlan};
use crate::blocked::{BlockReason, Blocked, Request};
use crate::change::{Change, Impact};
use crate::desired::{Consent, Definition, Desired, DesiredVm};
use crate::mark::{Mark, Stage};
use crate::notice::{Notice, NoticeKind};
use crate::observed::Observed;
use machine::ConfigKey;

/// Plans an existing VM.
pub(super) fn plan_one(
    plan: &mut Plan,
    desired: &Desired,
    vm: &DesiredVm,
    definition: &Definition,
    ours: &Ours<'_>,
    observed: &Observed,
) {
    let seen = ours.seen;
    if seen.config.is_template() {
        return plan.blocked.push(blocked(
            vm,
            Some(seen.vmid),
            &seen.node,
            BlockReason::IsTemplate,
        ));
    }
    let context = Context::of(desired, vm, definition, ours, observed);
    let mut difference = Difference::of(&context);
    notices(plan, &context, &difference);
    let leftovers = seed::leftovers(desired, vm, observed);
    if difference.is_empty() && leftovers.is_empty() {
        plan.notices.extend(ha::notice(&vm.name, seen, &[]));
        return plan.unchanged.push(unchanged(vm, seen));
    }
    let slots = writes::protected(&context, &difference);
    difference
        .blocked
        .extend((!slots.is_empty()).then_some(BlockReason::DrivesProtected { slots }));
    let not_agreed = not_agreed(&difference, desired.consent, seen.halted.as_deref());
    difference.blocked.extend(not_agreed);
    if let Some(lock) = seen.config.lock() {
        difference.blocked.push(BlockReason::Locked { lock: lock.to_owned() });
    }
    if !difference.blocked.is_empty() {
        let list = difference.blocked.into_iter();
        plan.blocked.extend(list.map(|reason| blocked(vm, Some(seen.vmid), &seen.node, reason)));
        if let Some(last) = plan.blocked.last_mut() {
            last.changes = difference.changes;
        }
        return;
    }
    let mut all = steps(&context, &mut difference);
    all.extend(leftovers);
    if let Some(reason) = ha::refusal(seen, &all) {
        let changes = difference.changes;
        let blocked = blocked(vm, Some(seen.vmid), &seen.node, reason);
        return plan.blocked.push(Blocked { changes, ..blocked });
    }
    plan.notices.extend(ha::notice(&vm.name, seen, &all));
    plan.vms.push(VmPlan {
        name: vm.name.clone(),
        action: Action::Change,
        vmid: Some(seen.vmid),
        candidate: None,
        node: seen.node.clone(),
        after: vm.parent.iter().cloned().collect(),
        networks: Vec::new(),
        storage: None,
        mark: ours.mark.clone(),
        power: ha::planned_power(seen, &all),
        may_wait: difference.waiting_keys.clone(),
        digest: seen.config.digest.as_ref().map(ToString::to_string),
        impact: difference.impact(),
        changes: difference.changes,
        steps: all,
    });
}

/// Returns what the user has not agreed to.
fn not_agreed(difference: &Difference, consent: Consent, halted: Option<&str>) -> Vec<BlockReason> {
    let of = |impact| {
        let differ = |change: &&Change| change.impact == impact;
        let fields = difference.changes.iter().filter(differ).map(|c| format!("`{}`", c.field));
        fields.collect::<Vec<_>>()
    };
    let mut reasons = Vec::new();
    let (off, reboot) = (of(Impact::PowerOff), of(Impact::Reboot));
    let agreed = consent.reboot || consent.stop;
    if let Some(qmpstatus) = halted
        && off.is_empty()
        && !reboot.is_empty()
        && !consent.stop
    {
        let (qmpstatus, request) = (qmpstatus.to_owned(), Request::Change { fields: reboot });
        reasons.push(BlockReason::Halted { qmpstatus, request });
    } else if !off.is_empty() && !consent.stop {
        reasons.push(BlockReason::NeedsPowerOff { fields: off });
    } else if !reboot.is_empty() && !agreed {
        reasons.push(BlockReason::NeedsReboot { fields: reboot });
    }
    if !difference.detached.is_empty() && !consent.detach {
        reasons.push(BlockReason::NeedsDetach { slots: difference.detached.clone() });
    }
    if !difference.moves.is_empty() && !consent.move_disks {
        let moves = difference.moves.iter().map(|(disk, to)| format!("{disk} to {to}"));
        reasons.push(BlockReason::NeedsMove { moves: moves.collect() });
    }
    reasons
}

fn steps(c: &Context<'_>, difference: &mut Difference) -> Vec<Step> {
    let impact = difference.impact();
    let seconds = c.desired.consent.shutdown_seconds;
    let force = c.desired.consent.stop;
    let off = impact == Impact::PowerOff && (c.runs() || c.is_starting());
    let mut steps: Vec<Step> = difference.migration.take().map(migrate).into_iter().collect();
    if off {
        steps.push(Step::Shutdown { seconds, force });
    }
    let moves = std::mem::take(&mut difference.moves).into_iter();
    steps.extend(moves.map(|(disk, storage)| Step::MoveDisk { disk, storage }));
    // Resized before the options are written, which include the size.
    let resizes = std::mem::take(&mut difference.resizes).into_iter();
    steps.extend(resizes.map(|(disk, bytes)| Step::Resize { disk, bytes }));
    let Writes { first: mut early, mut main, last: late } = Writes::of(c, difference);
    let nothing = early.is_empty() && main.is_empty() && late.is_empty();
    let alone = difference.disks.is_empty() && difference.pool.is_none() && nothing;
    let first = difference.first.take().filter(|_| !alone);
    let mut written = first.clone().unwrap_or_else(|| c.ours.mark.clone());
    let mut mark = first.map(Box::new);
    if !early.is_empty() {
        // The mark is part of the first write, and what people wrote is part of the mark's key.
        early.extend(main.remove_entry("description"));
        steps.push(Step::Configure { params: early, mark: mark.take() });
    }
    if !main.is_empty() || mark.is_some() {
        steps.push(Step::Configure { params: main, mark });
    }
    for (disk, made) in std::mem::take(&mut difference.disks) {
        steps.push(Step::AddDisk { disk: disk.clone(), value: made.value });
        steps.extend(made.grow.map(|bytes| Step::Resize { disk, bytes }));
    }
    steps.extend((!late.is_empty()).then_some(Step::Configure { params: late, mark: None }));
    steps.extend(difference.pool.take().map(|pool| Step::SetPool {
        from: c.observed.pools.get(&c.ours.seen.vmid).cloned(),
        pool,
    }));
    if difference.reseed
        && let Some(last) = &difference.last
    {
        // Only at the end is its creation finished, and are reset values read back.
        let mark = Mark { stage: written.stage, owns: written.owns.clone(), ..last.clone() };
        written = mark.clone();
        let of = (c.desired, c.vm, c.definition);
        steps.extend(seed::replace(of, c.config(), c.node_afterwards(), mark));
    }
    steps.extend(power(c, impact, off));
    let last = difference.last.take();
    if let Some(last) =
        last.filter(|last| Mark { run: written.run.clone(), ..last.clone() } != written)
    {
        steps.push(new_vm::finish(last));
    }
    steps
}

/// The step of a migration. It comes first: whatever else is done is done where the VM stays.
fn migrate(migration: Migration) -> Step {
    let Migration { target, online, target_storage, disks, along } = migration;
    // PVE: facts-3 4.4: only a running VM needs the word; the disks of another are always copied.
    let with_local_disks = online && !disks.is_empty();
    Step::Migrate { target, online, with_local_disks, target_storage, disks, along }
}

/// Returns the steps that make the new values take effect, and give the VM its power state.
fn power(c: &Context<'_>, impact: Impact, off: bool) -> Vec<Step> {
    let seconds = c.desired.consent.shutdown_seconds;
    let force = c.desired.consent.stop;
    let unfinished = c.ours.mark.stage != Stage::Done;
    let runs_afterwards = match c.definition.power {
        stage::Power::Running => true,
        stage::Power::Stopped => false,
        stage::Power::Any => c.runs() || unfinished,
    };
    match impact {
        _ if off || !c.runs() => {
            if runs_afterwards {
                vec![Step::Start]
            } else {
                Vec::new()
            }
        }
        // HA shuts it down already, so that there is nothing left to reboot.
        Impact::Reboot if force || c.is_stopping() => {
            vec![Step::Shutdown { seconds, force }, Step::Start]
        }
        Impact::Reboot => vec![Step::Reboot { seconds }],
        _ if c.is_stopping() && c.definition.power == stage::Power::Running => vec![Step::Start],
        _ => Vec::new(),
    }
}

fn notices(plan: &mut Plan, c: &Context<'_>, difference: &Difference) {
    let mut say = |kind| {
        let (name, vmid) = (c.vm.name.clone(), c.ours.seen.vmid);
        plan.notices.push(Notice { name, vmid, kind });
    };
    // A VM that is stopped and started is running afterwards.
    let is_restarted = difference.impact() >= Impact::Reboot && c.desired.consent.stop;
    if let Some(qmpstatus) = c.ours.seen.halted.as_ref().filter(|_| !is_restarted) {
        let is_asked = c.definition.power == stage::Power::Running;
        say(NoticeKind::Halted { qmpstatus: qmpstatus.clone(), is_asked });
    }
    growths(c, difference).for_each(&mut say);
    let seed = &c.ours.mark.seed;
    if let Some(parts) = c.seed_changes().filter(|_| !c.desired.consent.reseed) {
        // A running guest is off while it gets another seed disk.
        let options = if c.runs() { "`--reseed --allow-stop`" } else { "--reseed" };
        say(if seed.is_unknown() {
            NoticeKind::SeedUnknown { options }
        } else {
            NoticeKind::SeedChanged { parts, options }
        });
    }
    if c.ours.mark.vm != c.vm.name && !difference.reseed {
        say(NoticeKind::Renamed { from: c.ours.mark.vm.clone() });
    }
    if difference.reseed {
        // A seed of an earlier build left no record in the guest; its mark has no parts either.
        say(NoticeKind::Reseed { keeps_host_keys: !seed.parts.is_empty() });
    }
    if !difference.waiting.is_empty() {
        say(NoticeKind::WaitsForReboot { changes: difference.waiting.clone() });
    }
    difference.notices.iter().cloned().for_each(&mut say);
    let keys = unset::unmanaged(c);
    if !keys.is_empty() {
        say(NoticeKind::Unmanaged { keys });
    }
    let keys = unset::by_hand(c, &mut c.config().pending_keys());
    if !keys.is_empty() {
        say(NoticeKind::PendingByHand { keys });
    }
    let fields = unset::differences(c);
    if !fields.is_empty() {
        say(NoticeKind::Differs { fields });
    }
}

/// Returns notices about growing disks whose file systems do not grow at once.
///
/// cloud-init, cc_growpart and cc_resizefs: both run at each boot, and look at the root alone.
fn growths<'c>(
    c: &'c Context<'_>,
    difference: &'c Difference,
) -> impl Iterator<Item = NoticeKind> + 'c {
    let boots = !c.runs() || difference.impact() >= Impact::Reboot;
    difference.resizes.keys().filter_map(move |disk| {
        let is_boot = ConfigKey::find(disk).is_some_and(|key| c.is_boot(key));
        // A VM that was created by hand may have no cloud-init.
        let has_cloud_init = !c.ours.mark.seed.is_unknown();
        let disk = disk.clone();
        match is_boot && has_cloud_init {
            true if boots => None,
            true => Some(NoticeKind::GrowsAtBoot { disk }),
            false => c.runs().then_some(NoticeKind::GrowsByHand { disk }),
        }
    })
}
