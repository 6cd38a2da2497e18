//! What HA changes in a plan: a VM is on or off when its own state and HA's agree. Does no I/O.

use crate::action::Step;
use crate::blocked::BlockReason;
use crate::notice::{Notice, NoticeKind};
use crate::observed::{Power, VmState};

/// Returns whether the VM has this power and HA will leave it so.
pub(super) fn is_settled(seen: &VmState, power: Power) -> bool {
    seen.power == power && seen.coming_power() == power
}

/// Returns the VM's power in a word: PVE's own, or that of HA where HA is about to change it.
// PVE: pve-ha-manager, HA/Tools.pm, get_verbose_service_state.
pub(super) fn power_word(seen: &VmState) -> &'static str {
    match (seen.power, seen.coming_power()) {
        (Power::Stopped, Power::Running) => "starting",
        (Power::Running, Power::Stopped) => "stopping",
        (power, _) => power.as_str(),
    }
}

/// Returns why HA will not carry out these steps.
pub(super) fn refusal(seen: &VmState, steps: &[Step]) -> Option<BlockReason> {
    let is_refused = seen.is_in_ha_error() && steps.iter().any(Step::asks_ha);
    is_refused.then(|| BlockReason::HaError { vmid: seen.vmid.get() })
}

/// Returns a notice about a state of HA that matters: it has given up, or what the steps ask of it waits.
pub(super) fn notice(name: &str, seen: &VmState, steps: &[Step]) -> Option<Notice> {
    let error = seen.ha.as_deref().filter(|_| seen.is_in_ha_error());
    let held = seen.held_by_ha().filter(|_| steps.iter().any(Step::asks_ha));
    let state = error.or(held)?.to_owned();
    Some(Notice { name: name.to_owned(), vmid: seen.vmid, kind: NoticeKind::HaState { state } })
}

/// Returns the power that must not have changed when the first step is carried out; `None` if that does not matter:
/// the steps are about power, which HA is changing already.
pub(super) fn planned_power(seen: &VmState, steps: &[Step]) -> Option<Power> {
    let is_changing = seen.coming_power() != seen.power;
    let only_power = steps.iter().all(|step| step.is_power() || step.verb().is_bookkeeping);
    (!is_changing || !only_power).then_some(seen.power)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observed::Observation;
    use crate::plan::worlds::{config, put, vmid, world};

    /// A VM with this power, and HA's state.
    fn seen(power: Power, ha: Option<&str>) -> VmState {
        let mut world = world();
        put(&mut world, 101, "pve1", power, config("edge", 101));
        match world.vms.remove(&vmid(101)) {
            Some(Observation::Seen(seen)) => VmState { ha: ha.map(str::to_owned), ..*seen },
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_power_may_change_only_under_steps_that_change_it_anyway() {
        let power = [Step::Start];
        let recorded = [Step::Start, Step::Fence];
        let more = [Step::Start, Step::Destroy { purge: true }];
        let (off, on) = (Power::Stopped, Power::Running);
        for (is, ha, steps, expected) in [
            (off, None, &power[..], Some(off)),
            (on, Some("started"), &power, Some(on)),
            (off, Some("request_start"), &power, None),
            (off, Some("request_start"), &recorded, None),
            (on, Some("request_stop"), &power, None),
            (off, Some("request_start"), &more, Some(off)),
            (on, Some("started"), &more, Some(on)),
        ] {
            assert_eq!(planned_power(&seen(is, ha), steps), expected, "{is:?} {ha:?} {steps:?}");
        }
    }
}
