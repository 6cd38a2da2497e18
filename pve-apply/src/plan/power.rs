//! The steps of `start`, `stop` and `reboot`. Does no I/O.

use super::find::{Finder, Found};
use super::{blocked, ha, unchanged};
use crate::action::{Action, Plan, Step, VmPlan};
use crate::blocked::{BlockReason, Request};
use crate::change::{Change, Impact};
use crate::desired::Desired;
use crate::notice::{Notice, NoticeKind};
use crate::observed::{Observed, Power, VmState};

/// What is asked of the deployment's VMs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    /// Start those that are stopped.
    Start,
    /// Shut down those that run.
    Stop,
    /// Reboot those that run.
    Reboot,
}

/// Returns why a VM that is on cannot do what needs a running guest.
fn halted(seen: &VmState, verb: Verb, desired: &Desired) -> Option<BlockReason> {
    let qmpstatus = seen.halted.clone()?;
    let request = match verb {
        Verb::Start => Request::Start,
        _ if desired.consent.stop => return None,
        Verb::Stop => Request::Stop,
        Verb::Reboot => Request::Reboot,
    };
    Some(BlockReason::Halted { qmpstatus, request })
}

/// Plans the power of the deployment's VMs, and nothing else.
pub(crate) fn plan_power(desired: &Desired, observed: &Observed, verb: Verb) -> Plan {
    let mut plan = super::empty(desired);
    let finder = Finder::new(desired, observed);
    for vm in &desired.vms {
        let ours = match finder.find(vm) {
            Found::Ours(ours) => ours,
            Found::Absent => {
                plan.blocked.push(blocked(vm, vm.vmid, &vm.node, BlockReason::NotThere));
                continue;
            }
            Found::Blocked(found) => {
                plan.blocked.push(*found);
                continue;
            }
        };
        let seen = ours.seen;
        if ours.mark.is_unfinished_clone() && verb != Verb::Stop {
            let reason = BlockReason::UnfinishedClone;
            plan.blocked.push(blocked(vm, Some(seen.vmid), &seen.node, reason));
            continue;
        }
        if let Some(reason) = halted(seen, verb, desired) {
            plan.blocked.push(blocked(vm, Some(seen.vmid), &seen.node, reason));
            continue;
        }
        let Some((steps, to, impact)) = steps(desired, seen, verb) else {
            plan.notices.extend(ha::notice(&vm.name, seen, &[]));
            plan.unchanged.push(unchanged(vm, seen));
            continue;
        };
        if let Some(reason) = ha::refusal(seen, &steps) {
            plan.blocked.push(blocked(vm, Some(seen.vmid), &seen.node, reason));
            continue;
        }
        plan.notices.extend(ha::notice(&vm.name, seen, &steps));
        plan.notices.extend(cut(&vm.name, seen, &steps));
        plan.vms.push(VmPlan {
            name: vm.name.clone(),
            action: Action::Power,
            vmid: Some(seen.vmid),
            candidate: None,
            node: seen.node.clone(),
            after: Vec::new(),
            networks: Vec::new(),
            storage: None,
            mark: ours.mark.clone(),
            power: ha::planned_power(seen, &steps),
            may_wait: Vec::new(),
            digest: seen.config.digest.as_ref().map(ToString::to_string),
            impact,
            changes: vec![change_of_power(seen, to, impact)],
            steps,
        });
    }
    plan
}

/// Returns the steps of a verb, the power afterwards and the impact; `None` if there is nothing to do.
fn steps(desired: &Desired, seen: &VmState, verb: Verb) -> Option<(Vec<Step>, Power, Impact)> {
    let (seconds, force) = (desired.consent.shutdown_seconds, desired.consent.stop);
    let shutdown = Step::Shutdown { seconds, force };
    let runs = seen.power == Power::Running;
    // HA shuts it down already, so that there is nothing left to reboot.
    let is_stopping = runs && seen.coming_power() == Power::Stopped;
    Some(match verb {
        Verb::Start if ha::is_settled(seen, Power::Running) => return None,
        Verb::Start => (vec![Step::Start], Power::Running, Impact::None),
        Verb::Stop if ha::is_settled(seen, Power::Stopped) => return None,
        Verb::Stop => (vec![shutdown], Power::Stopped, Impact::PowerOff),
        Verb::Reboot if !runs => return None,
        Verb::Reboot if force || is_stopping => {
            (vec![shutdown, Step::Start], Power::Running, Impact::Reboot)
        }
        Verb::Reboot => (vec![Step::Reboot { seconds }], Power::Running, Impact::Reboot),
    })
}

/// Returns a notice that HA cuts the power of a guest although the user has not agreed to that.
// PVE: pve-ha-manager, HA/Resources/PVEVM.pm, shutdown: always with `forceStop`.
fn cut(name: &str, seen: &VmState, steps: &[Step]) -> Option<Notice> {
    let seconds = steps.iter().find_map(|step| match step {
        Step::Shutdown { seconds, force: false } => Some(*seconds),
        _ => None,
    })?;
    let kind = NoticeKind::HaCutsPower { seconds };
    seen.is_under_ha().then(|| Notice { name: name.to_owned(), vmid: seen.vmid, kind })
}

fn change_of_power(seen: &VmState, to: Power, impact: Impact) -> Change {
    let from = Some(ha::power_word(seen).to_owned());
    let to = Some(to.as_str().to_owned());
    Change { field: "power".to_owned(), from, to, impact, reason: None }
}
