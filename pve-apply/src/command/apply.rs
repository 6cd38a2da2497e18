//! `pve-apply apply`.

use super::session::{Session, end, print_plan, prune_beside, refuse_blocked, unless_done};
use super::work::{Worker, close};
use super::{networks, preflight, rollback, saved, wait};
use crate::action::Plan;
use crate::addresses;
use crate::cli::ApplyArgs;
use crate::closing::Readiness;
use crate::confirm;
use crate::desired::{OnError, Purpose};
use crate::interrupt::Interrupt;
use crate::network::desired::Purpose as Role;
use crate::observe::Scope;
use crate::other_run::OtherRuns;
use crate::outcome::{self, Outcomes, ResultJson};
use crate::plan_file::{self, Saved};
use crate::{plan, ready};
use pve_stage::wait::Stopwatch;
use stage::{Console, Failure, Output, Report};
use std::time::Duration;

/// How often the work is planned again because another run of this deployment worked on the same VMs.
const ROUNDS: usize = 8;

/// How the rounds ended.
struct Work {
    /// The plan of the last round.
    plan: Plan,
    /// The outcomes of all rounds.
    outcomes: Outcomes,
    /// VMs that were left out because they are blocked.
    skipped: Report,
    /// Runs since the first step.
    watch: Stopwatch,
}

impl Work {
    /// Says in one line what the run has done.
    fn close(&self, console: &Console, guests: Readiness) {
        close(console, Some(&self.plan), &self.outcomes, guests, &self.watch);
    }
}

pub(crate) fn run(args: &ApplyArgs, console: &Console) -> Result<Output, Failure> {
    let mut session = Session::open(&args.target, console, Purpose::Apply)?;
    session.refuse_unpublished()?;
    session.desired.consent = (&args.consent).into();
    networks::choose(&mut session, args.network, &args.target, Role::Compare);
    session.desired.networks.prune = args.prune;
    let saved = args.plan.as_deref().map(plan_file::read).transpose()?;
    if let Some(saved) = &saved {
        saved::agree(&mut session.desired, &saved.plan);
        session.desired.networks.prune = saved.plan.removes();
    }
    let interrupt = Interrupt::listen();
    let mut pace = args.pace;
    let on_error = args.on_error.or(session.desired.on_error).unwrap_or_default();
    pace.fail_fast |= on_error != OnError::Continue;
    let lock = session.lock(pace, &interrupt, console)?;
    let others = session.other_runs(pace, &interrupt, console, &lock);
    let args = ApplyArgs { pace, ..args.clone() };
    let work = rounds(&args, saved, &session, &others)?;
    let (plan, outcomes) = (&work.plan, &work.outcomes);
    let failed = !outcomes.all_done();
    if failed {
        work.close(console, Readiness::default());
    }
    // What another run of this deployment creates is not a failure of this one.
    if on_error == OnError::Rollback && outcomes.any_failed() {
        let failure = rollback::run(&session, console, &interrupt, pace, outcomes);
        return Err(failure.and(work.skipped.into()));
    }
    let mut report = unless_done(outcomes, &work.skipped)?;
    let mut rows = outcome::rows(plan, &outcomes.vms, &session.order);
    rows.iter_mut().for_each(|row| addresses::complete(&session.client, row));
    let limit = Duration::from_secs(args.wait.wait_timeout);
    let (waited, guests) =
        wait::fill_in(&session, &mut rows, args.wait.wait, limit, &interrupt, console);
    report.extend(waited);
    work.close(console, guests);
    let result = ResultJson::new(&session.desired.deployment, rows).with_networks(plan, outcomes);
    end(result.to_bytes(), report, work.skipped, work.outcomes.any_changed())
}

/// Plans and works until no other run interferes.
fn rounds(
    args: &ApplyArgs,
    mut saved: Option<Saved>,
    session: &Session,
    others: &OtherRuns<'_>,
) -> Result<Work, Failure> {
    let (console, interrupt) = (others.console, others.interrupt);
    let mut outcomes = Outcomes::default();
    let mut watch = None;
    let mut round = 0;
    loop {
        round += 1;
        let first = round == 1;
        // What earlier rounds did is reported in any case.
        let stopped = |failure: Failure| {
            let none = Readiness::default();
            watch.iter().for_each(|watch| close(console, None, &outcomes, none, watch));
            if outcomes.any_changed() { failure.after_changes() } else { failure }
        };
        let scope = networks::scope(session, Scope::Apply);
        let observed = others.observe(&session.desired, scope).map_err(stopped)?;
        let mut plan = plan::plan(&session.desired, &observed);
        let prunes = args.prune || saved.as_ref().is_some_and(|saved| saved.plan.removes());
        if prunes && first {
            prune_beside(session, &observed, &mut plan, console)?;
        }
        if let Some(saved) = saved.take() {
            plan = saved::still_right(saved, &session.desired, plan, &observed)?;
            plan.stamp(&session.desired.run);
        }
        let skipped = match refuse_blocked(&plan, args.skip_blocked) {
            Ok(skipped) => skipped,
            Err(failure) => return Err(stopped(failure)),
        };
        print_plan(console, &plan);
        // Only --prune adds removals to a plan.
        confirm::confirm_destroys(&plan, args.yes, interrupt)?;
        let preflight::Checked { report: mut findings, shared } =
            preflight::check(session, &plan, &observed).map_err(stopped)?;
        if first {
            let what = args.wait.wait;
            let guests = ready::guests(&session.desired, &plan, &observed, what);
            findings.extend(wait::preflight(session, &guests, what)?);
        }
        if findings.has_errors() {
            return Err(stopped(findings.into()));
        }
        console.report(&findings);
        outcomes.retain_done();
        let started = *watch.get_or_insert_with(Stopwatch::start);
        let worker =
            Worker { shared: &shared, ..Worker::new(session, console, interrupt, args.pace) };
        let done = worker.work(&plan, &observed);
        // Another round does not retry failures; and a saved plan is carried out as it is.
        // Only the first round removes what left the document.
        let is_final = done.any_failed() || done.any_removal_yielded() || args.plan.is_some();
        let met = done.any_yielded() && !is_final;
        outcomes.add(done);
        if !met || round == ROUNDS || interrupt.is_stopping() {
            return Ok(Work { plan, outcomes, skipped, watch: started });
        }
    }
}
