//! The steps of `start`, `stop` and `reboot`. Does no I/O.

use super::find::{Finder, Found};
use super::{blocked, unchanged};
use crate::action::{Action, Plan, Step, VmPlan};
use crate::blocked::{Why, Wish};
use crate::change::{Change, Impact};
use crate::desired::Desired;
use crate::observed::{Observed, Power, Seen};

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
fn halted(seen: &Seen, verb: Verb, desired: &Desired) -> Option<Why> {
    let qmpstatus = seen.halted.clone()?;
    let wish = match verb {
        Verb::Start => Wish::Start,
        _ if desired.consent.stop => return None,
        Verb::Stop => Wish::Stop,
        Verb::Reboot => Wish::Reboot,
    };
    Some(Why::Halted { qmpstatus, wish })
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
                plan.blocked.push(blocked(vm, vm.vmid, &desired.node, Why::NotThere));
                continue;
            }
            Found::Blocked(found) => {
                plan.blocked.push(*found);
                continue;
            }
        };
        let seen = ours.seen;
        if let Some(why) = halted(seen, verb, desired) {
            plan.blocked.push(blocked(vm, Some(seen.vmid), &seen.node, why));
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
            storage: None,
            mark: ours.mark.clone(),
            power: Some(seen.power),
            may_wait: Vec::new(),
            digest: seen.config.digest.as_ref().map(ToString::to_string),
            impact,
            changes: vec![Change {
                field: "power".to_owned(),
                from: Some(seen.power.as_str().to_owned()),
                to: Some(to.to_owned()),
                impact,
                reason: None,
            }],
            steps,
        });
    }
    plan
}
