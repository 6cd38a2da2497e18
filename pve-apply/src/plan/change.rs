//! The steps that bring a VM of ours to what the document asks, in place. Does no I/O.

use super::aspects::{self, BOOT_DISK};
use super::difference::Difference;
use super::find::Ours;
use super::{blocked, create, seed, unchanged};
use crate::action::{Action, Change, Impact, Plan, Step, VmPlan};
use crate::blocked::Why;
use crate::desired::{Consent, Desired, DesiredVm, Machine};
use crate::notice::{Notice, What};
use crate::observed::{Observed, Power};

/// Plans a VM that is there.
pub(super) fn plan_one(
    plan: &mut Plan,
    desired: &Desired,
    vm: &DesiredVm,
    machine: &Machine,
    ours: &Ours<'_>,
    observed: &Observed,
) {
    let seen = ours.seen;
    if seen.config.now("template").and_then(pve_client::parse_boolean) == Some(true) {
        return plan.blocked.push(blocked(vm, Some(seen.vmid), &seen.node, Why::IsTemplate));
    }
    let mut difference = Difference::of(desired, vm, machine, ours);
    notices(plan, desired, machine, ours, &difference);
    let leftovers = seed::leftovers(desired, vm, observed);
    if difference.changes.is_empty() && difference.blocked.is_empty() && leftovers.is_empty() {
        return plan.unchanged.push(unchanged(vm, seen));
    }
    difference.blocked.extend(not_agreed(&difference.changes, desired.consent));
    if let Some(lock) = seen.config.lock() {
        difference.blocked.push(Why::Locked { lock: lock.to_owned() });
    }
    if !difference.blocked.is_empty() {
        let list = difference.blocked.into_iter();
        plan.blocked.extend(list.map(|why| blocked(vm, Some(seen.vmid), &seen.node, why)));
        if let Some(last) = plan.blocked.last_mut() {
            last.changes = difference.changes;
        }
        return;
    }
    let mut all = steps(desired, vm, machine, ours, &mut difference);
    all.extend(leftovers);
    plan.vms.push(VmPlan {
        name: vm.name.clone(),
        action: Action::Change,
        vmid: Some(seen.vmid),
        candidate: None,
        node: seen.node.clone(),
        after: vm.parent.iter().cloned().collect(),
        storage: None,
        mark: ours.mark.clone(),
        power: Some(seen.power),
        may_wait: difference.waiting_keys.clone(),
        digest: seen.config.digest.as_ref().map(ToString::to_string),
        impact: difference.impact(),
        changes: difference.changes,
        steps: all,
    });
}

/// What the user has not agreed to.
fn not_agreed(changes: &[Change], consent: Consent) -> Option<Why> {
    let of = |impact| {
        let fields =
            changes.iter().filter(|c| c.impact == impact).map(|c| format!("`{}`", c.field));
        fields.collect::<Vec<_>>()
    };
    let (off, reboot) = (of(Impact::PowerOff), of(Impact::Reboot));
    if !off.is_empty() && !consent.stop {
        return Some(Why::NeedsPowerOff { fields: off });
    }
    let agreed = consent.reboot || consent.stop;
    (!reboot.is_empty() && !agreed).then_some(Why::NeedsReboot { fields: reboot })
}

fn steps(
    desired: &Desired,
    vm: &DesiredVm,
    machine: &Machine,
    ours: &Ours<'_>,
    difference: &mut Difference,
) -> Vec<Step> {
    let impact = difference.impact();
    let seconds = desired.consent.shutdown_seconds;
    let force = desired.consent.stop;
    let running = ours.seen.power == Power::Running;
    let off = impact == Impact::PowerOff;
    let mut steps = Vec::new();
    if off {
        steps.push(Step::Shutdown { seconds, force });
    }
    // Grown before the options are written, which say the size too.
    if let Some(bytes) = difference.resize {
        steps.push(Step::Resize { disk: BOOT_DISK.to_owned(), bytes });
    }
    let unfinished = ours.mark.stage != crate::mark::Stage::Done;
    // The mark of a creation is finished last, that of a reseed with the seed.
    let mark = difference.mark.clone().filter(|_| !unfinished && !difference.reseed);
    if !difference.params.is_empty() || mark.is_some() {
        let params = std::mem::take(&mut difference.params);
        steps.push(Step::Configure { params, makes_disk: false, mark: mark.map(Box::new) });
    }
    if let Some(mark) = difference.mark.clone().filter(|_| difference.reseed) {
        steps.extend(seed::replace(desired, vm, machine, ours.seen, mark));
    }
    match impact {
        _ if !running || off => steps.push(Step::Start),
        Impact::Reboot if force => steps.extend([Step::Shutdown { seconds, force }, Step::Start]),
        Impact::Reboot => steps.push(Step::Reboot { seconds }),
        _ => {}
    }
    if let Some(mark) = difference.mark.clone().filter(|_| unfinished) {
        steps.push(create::finish(mark));
    }
    steps
}

fn notices(
    plan: &mut Plan,
    desired: &Desired,
    machine: &Machine,
    ours: &Ours<'_>,
    difference: &Difference,
) {
    let config = &ours.seen.config;
    let mut say = |what| {
        let (name, vmid) = (ours.mark.vm.clone(), ours.seen.vmid);
        plan.notices.push(Notice { name, vmid, what });
    };
    let seed = &ours.mark.seed.fingerprint;
    if *seed != machine.seed.fingerprint && !desired.consent.reseed {
        say(if seed == "none" { What::SeedUnknown } else { What::SeedChanged });
    }
    if difference.reseed {
        // A seed of an earlier build has left no record in the guest; its mark has no parts either.
        say(What::Reseed { keeps_host_keys: !ours.mark.seed.parts.is_empty() });
    }
    if !difference.waiting.is_empty() {
        say(What::WaitsForReboot { fields: difference.waiting.clone() });
    }
    let foreign = |keys: &mut dyn Iterator<Item = &str>| {
        let foreign = keys.filter(|key| !aspects::is_managed(key, machine));
        foreign.map(str::to_owned).collect::<Vec<_>>()
    };
    let keys = foreign(&mut config.keys());
    if !keys.is_empty() {
        say(What::Unmanaged { keys });
    }
    let keys = foreign(&mut config.pending_keys());
    if !keys.is_empty() {
        say(What::PendingByHand { keys });
    }
}
