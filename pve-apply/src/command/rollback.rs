//! `--on-error rollback`: destroys the VMs that this run has created, finished or not.

use super::session::Session;
use super::work::Worker;
use crate::action::{Action, Plan};
use crate::cli::PaceArgs;
use crate::interrupt::Interrupt;
use crate::observe::{self, Scope};
use crate::observed::Observed;
use crate::outcome::Outcomes;
use crate::plan::{self, Removal};
use stage::{Console, Entry, Failure, Place};

/// Rolls back and returns the findings of the whole run.
pub(super) fn run(
    session: &Session,
    console: &Console,
    interrupt: &Interrupt,
    pace: PaceArgs,
    outcomes: &Outcomes,
) -> Failure {
    let mut report = outcomes.report();
    let changed = outcomes.any_changed();
    let ended = |report| if changed { Failure::part_way(report) } else { Failure::from(report) };
    if interrupt.is_signalled() {
        // After Ctrl-C no further step starts, and a destroy is one.
        report.push(Entry::error(
            "not-rolled-back",
            Place::Run,
            "stopped by a signal: nothing was rolled back",
        ));
        return ended(report);
    }
    let (plan, observed) = match plan_rollback(session, outcomes) {
        Ok(planned) => planned,
        Err(failure) => {
            report.extend(failure.report().clone());
            report.push(Entry::error("not-rolled-back", Place::Run, "nothing was rolled back"));
            return ended(report);
        }
    };
    let left = plan.blocked.iter().map(|b| b.entry().note("it was not rolled back"));
    left.for_each(|entry| report.push(entry));
    let pace = PaceArgs { fail_fast: false, ..pace };
    let interrupt = &interrupt.after_failure();
    let undone = Worker::new(session, console, interrupt, pace).carry_out(&plan, &observed);
    if !undone.all_done() {
        report.extend(undone.report());
        return Failure::part_way(report);
    }
    report.extend(undone.warnings());
    if !undone.is_empty() {
        let names: Vec<&str> = undone.vms.iter().map(|outcome| outcome.name.as_str()).collect();
        let fact = format!("rolled back: {} destroyed", names.join(", "));
        report.push(Entry::warning("rolled-back", Place::Run, fact));
    }
    ended(report)
}

/// Plans the removal of the VMs, and only those, that carry this run's nonce.
fn plan_rollback(session: &Session, outcomes: &Outcomes) -> Result<(Plan, Observed), Failure> {
    let mut desired = session.desired.clone();
    let made = |name: &str| {
        outcomes.vms.iter().any(|o| o.name == name && o.action == Action::Create && o.changed)
    };
    desired.vms.retain(|vm| made(&vm.name));
    // The vmid that was chosen is not in the document: the mark finds the VM.
    let observed = observe::observe(&session.client, &desired, Scope::Remove)?;
    let mut plan = plan::plan_destroy(&Removal::new(&desired, &observed));
    plan.vms.retain(|vm| vm.action != Action::Destroy || vm.mark.run == desired.run);
    Ok((plan, observed))
}
