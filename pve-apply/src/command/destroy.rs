//! `pve-apply destroy`.

use super::networks;
use super::session::{Session, end, print_plan_of, prune, refuse_blocked, unless_done};
use super::work::{Worker, close};
use crate::action::Plan;
use crate::cli::DestroyArgs;
use crate::closing::Readiness;
use crate::confirm;
use crate::desired::Purpose;
use crate::interrupt::Interrupt;
use crate::network::desired::Purpose as Role;
use crate::observe::Scope;
use crate::observed::Observed;
use crate::other_run::OtherRuns;
use crate::outcome::{self, ResultJson};
use crate::plan::{self, Removal};
use crate::quorum;
use pve_stage::wait::Stopwatch;
use stage::{Console, Entry, Failure, Output, Place, Report};

/// How often the removal of networks is planned again because another run worked on them.
const ROUNDS: usize = 8;

pub(crate) fn run(args: &DestroyArgs, console: &Console) -> Result<Output, Failure> {
    let mut session = Session::open(&args.target, console, Purpose::Find)?;
    session.desired.consent.shutdown_seconds = args.shutdown_timeout;
    let role = if args.vmids.is_empty() { Role::Remove } else { Role::Nothing };
    networks::choose(&mut session, args.network, &args.target, role);
    session.desired.networks.prune = args.prune;
    let interrupt = Interrupt::listen();
    let lock = session.lock(args.pace, &interrupt, console)?;
    let others = session.other_runs(args.pace, &interrupt, console, &lock);
    let scope = networks::scope(&session, Scope::Remove);
    let observed = others.observe(&session.desired, scope)?;
    let desired = &session.desired;
    let mut plan = match args.vmids.as_slice() {
        [] => plan::plan_destroy(&Removal::new(desired, &observed)),
        vmids => plan::plan_destroy(&Removal::at(desired, &observed, vmids)),
    };
    if args.prune {
        prune(&session, &observed, &mut plan, console)?;
    }
    plan::remove_networks(&mut plan, desired, &observed);
    let skipped = refuse_blocked(&plan, args.skip_blocked)?;
    print_plan_of(console, &plan, "destroy --prune");
    confirm::confirm_destroys(&plan, args.yes, &interrupt)?;
    let mut report = unseen(&plan);
    let mut findings = networks::preflight(&session, &plan, &observed)?;
    findings.extend(quorum::check(&session.client, &plan, &observed));
    if findings.has_errors() {
        return Err(findings.into());
    }
    report.extend(findings);
    let watch = Stopwatch::start();
    let worker = Worker::new(&session, console, &interrupt, args.pace);
    let mut outcomes = worker.work(&plan, &observed);
    for _ in 1..ROUNDS {
        let is_met = outcomes.networks.iter().any(|outcome| outcome.verdict.is_yielded());
        if !is_met || outcomes.any_failed() || interrupt.is_stopping() {
            break;
        }
        let changed = outcomes.any_changed();
        // What the first round did is reported in any case.
        let stopped = |failure: Failure| {
            close(console, Some(&plan), &outcomes, Readiness::default(), &watch);
            let failure = failure.and(outcomes.warnings().into());
            let failure = failure.and(skipped.clone().into()).and(report.clone().into());
            if changed { failure.after_changes() } else { failure }
        };
        let (next, observed) = again(&session, &others, scope, &plan).map_err(stopped)?;
        outcomes.networks.retain(|outcome| outcome.verdict.is_done());
        outcomes.add(worker.work(&next, &observed));
        plan.networks = next.networks;
    }
    close(console, Some(&plan), &outcomes, Readiness::default(), &watch);
    let warnings = unless_done(&outcomes, &skipped);
    report.extend(warnings.map_err(|failure| failure.and(report.clone().into()))?);
    let rows = outcome::rows(&plan, &outcomes.vms, &session.order);
    let result = ResultJson::new(&session.desired.deployment, rows).with_networks(&plan, &outcomes);
    end(result.to_bytes(), report, skipped, outcomes.any_changed())
}

/// Plans the removal of networks again on which another run has worked; of no others than before.
fn again(
    session: &Session,
    others: &OtherRuns<'_>,
    scope: Scope,
    first: &Plan,
) -> Result<(Plan, Observed), Failure> {
    let observed = others.observe(&session.desired, scope)?;
    let mut plan = Plan::empty(&first.deployment, &first.run);
    plan::remove_networks(&mut plan, &session.desired, &observed);
    let was_shown = |name: &str| first.networks.planned.iter().any(|known| known.name == name);
    if plan.networks.planned.iter().any(|network| !was_shown(&network.name)) {
        let fact = "another run has changed the networks; the rest was not removed";
        let entry = Entry::error("another-run", Place::Named("networks".to_owned()), fact);
        return Err(entry.hint("run again when the other run has finished").into());
    }
    refuse_blocked(&plan, false).map(drop)?;
    Ok((plan, observed))
}

/// Warns about VMs that may exist although the token cannot see them.
fn unseen(plan: &Plan) -> Report {
    let mut report = Report::new();
    for vm in plan.unchanged.iter().filter(|vm| vm.status == "unknown") {
        let fact = "was not found; the token cannot see all VMs, so it may still exist";
        let entry = Entry::warning("not-found", Place::Named(vm.name.clone()), fact);
        report.push(entry.hint("grant the token VM.Audit on /vms"));
    }
    report
}
