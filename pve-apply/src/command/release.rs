//! `pve-apply release`, the reverse of `adopt`.

use super::session::{Session, print_plan, refuse_blocked, refuse_without_quorum, unless_done};
use super::work::Worker;
use crate::addresses;
use crate::cli::ReleaseArgs;
use crate::desired::Purpose;
use crate::interrupt::Interrupt;
use crate::observe::Scope;
use crate::outcome::{self, ResultJson};
use crate::plan;
use stage::{Console, Failure, Output, Report};

pub(crate) fn run(args: &ReleaseArgs, console: &Console) -> Result<Output, Failure> {
    let session = Session::open(&args.target, console, Purpose::Find)?;
    let interrupt = Interrupt::listen();
    let lock = session.lock(args.pace, &interrupt, console)?;
    let others = session.other_runs(args.pace, &interrupt, console, &lock);
    let observed = others.observe(&session.desired, Scope::Find)?;
    let named = !args.target.vms.is_empty();
    let plan = plan::plan_release(&session.desired, &observed, named);
    refuse_blocked(&plan, false).map(drop)?;
    print_plan(console, &plan);
    if args.dry_run {
        return Ok(Output::bytes(Vec::new(), Report::new()));
    }
    refuse_without_quorum(&session, &plan, &observed)?;
    let worker = Worker::new(&session, console, &interrupt, args.pace);
    let outcomes = worker.carry_out(&plan, &observed);
    let report = unless_done(&outcomes, &Report::new())?;
    let mut rows = outcome::rows(&plan, &outcomes.vms, &session.order);
    rows.iter_mut().for_each(|row| addresses::complete(&session.client, row));
    let result = ResultJson::new(&session.desired.deployment, rows);
    let changed = outcomes.any_changed();
    Ok(Output::bytes(result.to_bytes(), report).after_changes(changed))
}
