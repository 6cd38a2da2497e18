//! The steps of `start`, `stop` and `reboot`. Does no I/O.

use super::find::{Finder, Found};
use super::{blocked, unchanged};
use crate::action::{Action, Plan, Step, VmPlan};
use crate::blocked::{BlockReason, Request};
use crate::change::{Change, Impact};
use crate::desired::Desired;
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
    let seconds = desired.consent.shutdown_seconds;
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
        if let Some(reason) = halted(seen, verb, desired) {
            plan.blocked.push(blocked(vm, Some(seen.vmid), &seen.node, reason));
            continue;
        }
        let force = desired.consent.stop;
        let shutdown = Step::Shutdown { seconds, force };
        let (steps, to, impact) = match (verb, seen.power) {
            (Verb::Start, Power::Stopped) => (vec![Step::Start], "running", Impact::None),
            (Verb::Stop, Power::Running) => (vec![shutdown], "stopped", Impact::PowerOff),
            (Verb::Reboot, Power::Running) if force => {
                (vec![shutdown, Step::Start], "running", Impact::Reboot)
            }
            (Verb::Reboot, Power::Running) => {
                (vec![Step::Reboot { seconds }], "running", Impact::Reboot)
            }
            _ => {
                plan.unchanged.push(unchanged(vm, seen));
                continue;
            }
        };
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
            power: Some(seen.power),
            may_wait: Vec::new(),
            digest: seen.config.digest.as_ref().map(ToString::to_string),
            impact,
            changes: vec![change_of_power(seen.power, to, impact)],
            steps,
        });
    }
    plan
}

fn change_of_power(from: Power, to: &str, impact: Impact) -> Change {
    let (from, to) = (Some(from.as_str().to_owned()), Some(to.to_owned()));
    Change { field: "power".to_owned(), from, to, impact, reason: None }
}
