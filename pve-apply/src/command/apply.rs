//! `pve-apply apply`.

use super::session::{Session, carry_out, refuse_blocked, tell, unless_done};
use super::{rollback, wait};
use crate::action::{Action, Plan, VmPlan};
use crate::addresses;
use crate::blocked::Why;
use crate::cli::ApplyArgs;
use crate::desired::{DesiredVm, OnError, Purpose};
use crate::interrupt::Interrupt;
use crate::observe::{self, Scope};
use crate::observed::{Look, Observed};
use crate::outcome::{self, ResultJson};
use crate::{plan, plan_file, preflight};
use pve_client::Vmid;
use stage::{Console, Entry, Event, Failure, Output, Place, Report};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

pub(crate) fn run(args: &ApplyArgs, console: &Console) -> Result<Output, Failure> {
    let mut session = Session::open(&args.target, console, Purpose::Apply)?;
    session.agree(&args.consent)?;
    let interrupt = Interrupt::listen();
    let mut pace = args.pace;
    let on_error = args.on_error.or(session.desired.on_error).unwrap_or_default();
    pace.fail_fast |= on_error != OnError::Continue;
    let limit = Duration::from_secs(pace.task_timeout);
    let (mut plan, observed) = settled_plan(&session, console, limit, &interrupt)?;
    if let Some(path) = &args.plan {
        plan = saved(path, &plan, &observed)?;
        // What this run makes carries the nonce of its plan.
        session.desired.run.clone_from(&plan.run);
    }
    refuse_blocked(&plan)?;
    tell(console, &plan);
    preflight(&session, &plan)?;
    let outcomes = carry_out(&session.client, console, &interrupt, pace, &plan);
    if on_error == OnError::Rollback && !outcome::all_done(&outcomes) {
        return Err(rollback::run(&session, console, &interrupt, pace, &outcomes));
    }
    unless_done(&outcomes)?;
    let mut rows = outcome::rows(&plan, &outcomes, &session.order);
    rows.iter_mut().for_each(|row| addresses::complete(&session.client, row));
    let limit = Duration::from_secs(args.wait.wait_timeout);
    let report = wait::fill_in(&session, &mut rows, args.wait.wait, limit, &interrupt, console);
    let result = ResultJson::new(&session.desired.deployment, rows);
    let changed = outcome::any_changed(&outcomes);
    if report.has_errors() {
        return Err(if changed { Failure::part_way(report) } else { report.into() });
    }
    Ok(Output::bytes(result.to_bytes(), report).after_changes(changed))
}

/// The plan, once nothing is under way any more that an earlier run has begun.
fn settled_plan(
    session: &Session,
    console: &Console,
    limit: Duration,
    interrupt: &Interrupt,
) -> Result<(Plan, Observed), Failure> {
    let Session { client, desired, .. } = session;
    let look = || -> Result<_, Failure> {
        let observed = observe::observe(client, desired, Scope::Apply)?;
        Ok((plan::plan(desired, &observed), observed))
    };
    let (plan, observed) = look()?;
    let left = observe::left_running(client, desired, &observed, &being_created(&plan));
    for (name, upid) in &left {
        let text = "waiting for the task that is under way";
        console.event(&Event::new("step", name, text));
        observe::wait_for(client, upid, limit, interrupt);
    }
    if left.is_empty() { Ok((plan, observed)) } else { look() }
}

/// Vmids at which a create is under way, by name of the VM that it may be.
fn being_created(plan: &Plan) -> BTreeMap<Vmid, String> {
    let blocked = plan.blocked.iter().filter(|blocked| blocked.why == Why::BeingCreated);
    blocked.filter_map(|blocked| Some((blocked.vmid?, blocked.name.clone()))).collect()
}

/// The plan of a file, when the world is still the one that it was made for.
fn saved(path: &Path, now: &Plan, observed: &Observed) -> Result<Plan, Failure> {
    let plan = plan_file::read(path)?;
    let place = || Place::file(path.display().to_string());
    if plan.deployment != now.deployment {
        let (planned, asked) = (&plan.deployment, &now.deployment);
        let fact = format!("the plan is for \"{planned}\", the document for \"{asked}\"");
        return Err(Entry::error(place(), fact).into());
    }
    let mut report = Report::new();
    for vm in &plan.vms {
        let fact = match vm.action {
            Action::Create if is_to_be_made(now, vm) => continue,
            Action::Create => {
                format!("\"{}\" is there by now, or cannot be made any more", vm.name)
            }
            Action::Change if is_as_planned(observed, vm) => continue,
            Action::Change => format!("\"{}\" has changed since it was planned", vm.name),
            // `plan` writes neither.
            Action::Destroy | Action::Adopt | Action::Power => {
                format!("\"{}\" is neither to be made nor to be changed", vm.name)
            }
        };
        report.push(Entry::error(place(), fact).hint("plan again and look at what differs"));
    }
    if report.has_errors() { Err(report.into()) } else { Ok(plan) }
}

fn is_to_be_made(now: &Plan, vm: &VmPlan) -> bool {
    now.vms.iter().any(|other| other.name == vm.name && other.action == Action::Create)
}

/// Says whether the VM is where it was and has the config that was planned against.
fn is_as_planned(observed: &Observed, vm: &VmPlan) -> bool {
    match vm.vmid.and_then(|vmid| observed.looks.get(&vmid)) {
        Some(Look::Seen(seen)) => seen.node == vm.node && seen.config.digest == vm.planned_digest(),
        _ => false,
    }
}

/// The checks that are only worth their reads when something is to be made or changed.
fn preflight(session: &Session, plan: &Plan) -> Result<(), Failure> {
    if plan.vms.is_empty() {
        return Ok(());
    }
    let desired = &session.desired;
    let is_made =
        |vm: &&DesiredVm| plan.vms.iter().any(|p| p.action == Action::Create && p.name == vm.name);
    let made: Vec<&DesiredVm> = desired.vms.iter().filter(is_made).collect();
    let changed: Vec<&VmPlan> = plan.vms.iter().filter(|p| p.action == Action::Change).collect();
    let facts = observe::facts(&session.client, desired)?;
    let report = preflight::judge(desired, &made, &changed, &facts);
    if report.has_errors() { Err(report.into()) } else { Ok(()) }
}
