//! `pve-apply apply`.

use super::session::{Session, carry_out, refuse_blocked, tell, unless_done};
use super::{rollback, wait};
use crate::action::{Action, Plan};
use crate::addresses;
use crate::blocked::Why;
use crate::cli::ApplyArgs;
use crate::desired::{DesiredVm, OnError, Purpose};
use crate::interrupt::Interrupt;
use crate::observe::{self, Scope};
use crate::outcome::{self, ResultJson};
use crate::{plan, plan_file, preflight};
use stage::{Console, Entry, Event, Failure, Output, Place};
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
    let mut plan = settled_plan(&session, console, limit)?;
    if let Some(path) = &args.plan {
        plan = saved(path, &plan)?;
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

/// The plan, once no create of an earlier run is under way any more.
fn settled_plan(session: &Session, console: &Console, limit: Duration) -> Result<Plan, Failure> {
    let Session { client, desired, .. } = session;
    let plan = plan::plan(desired, &observe::observe(client, desired, Scope::Apply)?);
    let mut waited = false;
    for blocked in plan.blocked.iter().filter(|blocked| blocked.why == Why::BeingCreated) {
        let Some(vmid) = blocked.vmid else { continue };
        let text = "waiting for the create that is under way";
        console.event(&Event::new("step", &blocked.name, text));
        waited |= observe::wait_for_create(client, &blocked.node, vmid, limit);
    }
    if !waited {
        return Ok(plan);
    }
    Ok(plan::plan(desired, &observe::observe(client, desired, Scope::Apply)?))
}

/// The plan of a file, when the world is still the one that it was made for.
fn saved(path: &Path, now: &Plan) -> Result<Plan, Failure> {
    let plan = plan_file::read(path)?;
    let moved = |fact: String| {
        let entry = Entry::error(Place::file(path.display().to_string()), fact);
        Failure::from(entry.hint("plan again and look at what differs"))
    };
    if plan.deployment != now.deployment {
        let fact = format!(
            "the plan is for \"{}\", the document for \"{}\"",
            plan.deployment, now.deployment
        );
        return Err(moved(fact));
    }
    for vm in plan.vms.iter().filter(|vm| vm.action == Action::Create) {
        let still = now.vms.iter().any(|other| other.name == vm.name && other.action == vm.action);
        if !still {
            return Err(moved(format!(
                "\"{}\" is there by now, or cannot be made any more",
                vm.name
            )));
        }
    }
    Ok(plan)
}

/// The checks that are only worth their reads when something is to be made.
fn preflight(session: &Session, plan: &Plan) -> Result<(), Failure> {
    let is_made =
        |vm: &&DesiredVm| plan.vms.iter().any(|p| p.action == Action::Create && p.name == vm.name);
    let made: Vec<&DesiredVm> = session.desired.vms.iter().filter(is_made).collect();
    if made.is_empty() {
        return Ok(());
    }
    let facts = observe::facts(&session.client, &session.desired)?;
    let report = preflight::judge(&session.desired, &made, &facts);
    if report.has_errors() { Err(report.into()) } else { Ok(()) }
}
