//! `pve-apply start`, `stop` and `reboot`.

use super::session::{
    Session, end, print_plan, refuse_blocked, refuse_without_quorum, unless_done,
};
use super::work::Worker;
use crate::addresses;
use crate::cli::PowerArgs;
use crate::desired::Purpose;
use crate::interrupt::Interrupt;
use crate::observe::Scope;
use crate::outcome::{self, ResultJson};
use crate::plan::{self, Verb};
use stage::{Console, Failure, Output};

pub(crate) fn run(args: &PowerArgs, verb: Verb, console: &Console) -> Result<Output, Failure> {
    let mut session = Session::open(&args.target, console, Purpose::Find)?;
    session.desired.consent.shutdown_seconds = args.shutdown_timeout;
    session.desired.consent.stop = args.force;
    let interrupt = Interrupt::listen();
    let lock = session.lock(args.pace, &interrupt, console)?;
    let others = session.other_runs(args.pace, &interrupt, console, &lock);
    let observed = others.observe(&session.desired, Scope::Find)?;
    let plan = plan::plan_power(&session.desired, &observed, verb);
    let skipped = refuse_blocked(&plan, args.skip_blocked)?;
    print_plan(console, &plan);
    refuse_without_quorum(&session, &plan, &observed)?;
    let worker = Worker::new(&session, console, &interrupt, args.pace);
    let outcomes = worker.carry_out(&plan, &observed);
    let report = unless_done(&outcomes, &skipped)?;
    let mut rows = outcome::rows(&plan, &outcomes.vms, &session.order);
    rows.iter_mut().for_each(|row| addresses::complete(&session.client, row));
    let result = ResultJson::new(&session.desired.deployment, rows);
    end(result.to_bytes(), report, skipped, outcomes.any_changed())
}
