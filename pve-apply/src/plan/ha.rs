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
