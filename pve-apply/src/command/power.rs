//! `pve-apply start`, `stop` and `reboot`.

use super::session::{Session, carry_out, refuse_blocked, tell, unless_done};
use crate::addresses;
use crate::cli::PowerArgs;
use crate::desired::Purpose;
use crate::interrupt::Interrupt;
use crate::observe::{self, Scope};
use crate::outcome::{self, ResultJson};
use crate::plan::{self, Verb};
use stage::{Console, Failure, Output, Report};

pub(crate) fn run(args: &PowerArgs, verb: Verb, console: &Console) -> Result<Output, Failure> {
    let mut session = Session::open(&args.target, console, Purpose::Find)?;
    session.desired.consent.shutdown_seconds = args.shutdown_timeout;
    session.desired.consent.stop = args.force;
    let observed = observe::observe(&session.client, &session.desired, Scope::Find)?;
    let plan = plan::plan_power(&session.desired, &observed, verb);
    refuse_blocked(&plan)?;
    tell(console, &plan);
    let interrupt = Interrupt::listen();
    let outcomes = carry_out(&session.client, console, &interrupt, args.pace, &plan);
    unless_done(&outcomes)?;
    let mut rows = outcome::rows(&plan, &outcomes, &session.order);
    rows.iter_mut().for_each(|row| addresses::complete(&session.client, row));
    let result = ResultJson::new(&session.desired.deployment, rows);
    let changed = outcome::any_changed(&outcomes);
    Ok(Output::bytes(result.to_bytes(), Report::new()).after_changes(changed))
}
