//! Checks what a wait needs before it can begin: an enabled agent, and a token that is allowed to ask it. Does no I/O.

use crate::action::{Action, Plan, Step, VmPlan};
use crate::cli::WaitFor;
use crate::desired::{Desired, DesiredVm, has_only_fixed};
use crate::observed::{Config, Observation, Observed, Power, VmState};
use crate::preflight::{Facts, judge_privileges};
use crate::privileges;
use machine::{ConfigKey, Parts};
use pve_client::{Vmid, parse_boolean};
use stage::{Entry, Place, Report};

/// A VM that a wait reaches through its agent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Guest {
    /// Its vmid, once known.
    pub vmid: Option<Vmid>,
    /// Its agent is off.
    pub off: Option<Entry>,
}

/// Returns whether a wait for a VM asks its agent.
pub(crate) fn needs_agent(what: WaitFor, vm: Option<&DesiredVm>) -> bool {
    match what {
        WaitFor::None => false,
        WaitFor::Agent | WaitFor::CloudInit => true,
        WaitFor::Ssh => !vm.is_some_and(|vm| has_only_fixed(&vm.nics)),
    }
}

/// Returns the VMs that will run once a plan is carried out, and whose agents we then wait for.
pub(crate) fn guests(
    desired: &Desired,
    plan: &Plan,
    observed: &Observed,
    what: WaitFor,
) -> Vec<Guest> {
    let waited = desired.vms.iter().filter(|vm| needs_agent(what, Some(vm)));
    waited.filter_map(|vm| guest(vm, plan, observed)).collect()
}

fn guest(vm: &DesiredVm, plan: &Plan, observed: &Observed) -> Option<Guest> {
    let seen = |vmid: Option<Vmid>| match observed.vms.get(&vmid?)? {
        Observation::Seen(seen) => Some(&**seen),
        _ => None,
    };
    let planned = plan.vms.iter().find(|planned| planned.name == vm.name);
    match planned {
        Some(VmPlan { action: Action::Destroy, .. }) => None,
        Some(planned @ VmPlan { action: Action::Create, vmid, .. }) => {
            let is_on = is_on(agent_of_new(planned, observed));
            let place = Place::input(format!("vms[{}].config.agent", vm.index));
            let off = Entry::error("agent-off", place, "is off: cannot wait for the guest agent");
            let off = (!is_on).then(|| off.hint(SWITCH_ON));
            runs(false, &planned.steps).then_some(Guest { vmid: *vmid, off })
        }
        Some(planned) => of_seen(vm, seen(planned.vmid)?, &planned.steps),
        None => {
            let unchanged = plan.unchanged.iter().find(|unchanged| unchanged.name == vm.name)?;
            of_seen(vm, seen(unchanged.vmid)?, &[])
        }
    }
}

/// Returns the agent's setting of a VM to be created: a clone may have it from its template.
fn agent_of_new<'p>(planned: &'p VmPlan, observed: &'p Observed) -> Option<&'p str> {
    let written = planned.steps.iter().find_map(|step| match step {
        Step::Create { params } | Step::Configure { params, .. } => params.get("agent"),
        _ => None,
    });
    let of_template = planned.steps.iter().find_map(|step| match step {
        Step::Clone { template, .. } => observed.template(*template)?.config.get("agent"),
        _ => None,
    });
    written.map(String::as_str).or(of_template)
}

const SWITCH_ON: &str = "set `agent: true` in the YAML, or wait for something else";

/// A VM that exists, after these steps.
fn of_seen(vm: &DesiredVm, seen: &VmState, steps: &[Step]) -> Option<Guest> {
    if !runs(seen.power == Power::Running, steps) {
        return None;
    }
    let next = next_agent(&seen.config, steps);
    // PVE: facts-4, 52: the agent changes at the next start.
    let starts = steps.iter().any(|step| matches!(step, Step::Start | Step::Reboot { .. }));
    let agent = if starts { next } else { seen.config.now("agent") };
    let off = || {
        let place = Place::vm(seen.node.as_str(), seen.vmid.get());
        let fact = format!(
            "the guest agent of \"{}\" is off in the VM's config: cannot wait for it",
            vm.name
        );
        let hint = if is_on(next) { "`apply --allow-reboot` enables it" } else { SWITCH_ON };
        Entry::error("agent-off", place, fact).hint(hint)
    };
    Some(Guest { vmid: Some(seen.vmid), off: (!is_on(agent)).then(off) })
}

/// Returns the value of `agent` that takes effect at the next start after these steps.
fn next_agent<'v>(config: &'v Config, steps: &'v [Step]) -> Option<&'v str> {
    let mut agent = config.next("agent");
    for step in steps {
        let Step::Configure { params, .. } = step else { continue };
        let deleted =
            params.get("delete").is_some_and(|list| list.split(',').any(|k| k == "agent"));
        if deleted {
            agent = None;
        }
        agent = params.get("agent").map(String::as_str).or(agent);
    }
    agent
}

/// Returns whether a value of `agent` enables it.
fn is_on(text: Option<&str>) -> bool {
    let enabled = |text: &str| {
        let key = ConfigKey::find("agent")?;
        parse_boolean(Parts::read(key.key, text).get("enabled")?)
    };
    text.and_then(enabled).unwrap_or(false)
}

/// Returns whether a VM runs after these steps.
fn runs(before: bool, steps: &[Step]) -> bool {
    steps.iter().fold(before, |runs, step| match step {
        Step::Start | Step::Reboot { .. } => true,
        Step::Shutdown { .. } => false,
        _ => runs,
    })
}

/// Checks whether a wait can reach these VMs. `facts` has the version and the permissions.
pub(crate) fn judge(desired: &Desired, guests: &[Guest], what: WaitFor, facts: &Facts) -> Report {
    let mut report = Report::new();
    guests.iter().filter_map(|guest| guest.off.clone()).for_each(|off| report.push(off));
    let has_privileges = facts.version.as_ref().is_none_or(|version| version.at_least(9, 0));
    let of = |guest: &Guest| privileges::of_wait(what, guest.vmid, has_privileges);
    let needs = guests.iter().flat_map(of).collect();
    judge_privileges(&mut report, &desired.node, needs, facts);
    report
}
