//! The steps of `start`, `stop` and `reboot`. Does no I/O.

use super::find::{Finder, Found};
use super::{blocked, unchanged};
use crate::action::{Action, Plan, Step, VmPlan};
use crate::blocked::Why;
use crate::change::{Change, Impact};
use crate::desired::Desired;
use crate::observed::{Observed, Power};

/// What is asked of the deployment's VMs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    /// Those that do not run are started.
    Start,
    /// Those that run are shut down.
    Stop,
    /// Those that run are rebooted.
    Reboot,
}

/// Plans the power of the deployment's VMs. Nothing else of them is looked at.
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
        let (step, to, impact) = match (verb, seen.power) {
            (Verb::Start, Power::Stopped) => (Step::Start, "running", Impact::None),
            (Verb::Stop, Power::Running) => (
                Step::Shutdown { seconds, force: desired.consent.stop },
                "stopped",
                Impact::PowerOff,
            ),
            (Verb::Reboot, Power::Running) => (Step::Reboot { seconds }, "running", Impact::Reboot),
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
            steps: vec![step],
        });
    }
    plan
}
