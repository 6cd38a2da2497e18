//! `pve-apply adopt`.

use super::session::{Session, carry_out, refuse_blocked, tell, unless_done};
use crate::cli::AdoptArgs;
use crate::desired::Purpose;
use crate::interrupt::Interrupt;
use crate::observe::{self, Scope};
use crate::outcome::{self, ResultJson};
use crate::plan;
use stage::{Console, Failure, Output, Report};

pub(crate) fn run(args: &AdoptArgs, console: &Console) -> Result<Output, Failure> {
    let session = Session::open(&args.target, console, Purpose::Apply)?;
    let observed = observe::observe(&session.client, &session.desired, Scope::Find)?;
    let adoption = plan::plan_adopt(&session.desired, &observed);
    refuse_blocked(&adoption)?;
    tell(console, &adoption);
    if !adoption.vms.is_empty() {
        let marked = plan::as_adopted(&adoption, &observed);
        console.text("after that, apply would do:\n");
        tell(console, &plan::plan(&session.desired, &marked));
    }
    if args.dry_run {
        return Ok(Output::bytes(Vec::new(), Report::new()));
    }
    let interrupt = Interrupt::listen();
    let outcomes = carry_out(&session.client, console, &interrupt, args.pace, &adoption);
    unless_done(&outcomes)?;
    let rows = outcome::rows(&adoption, &outcomes, &session.order);
    let result = ResultJson::new(&session.desired.deployment, rows);
    let changed = outcome::any_changed(&outcomes);
    Ok(Output::bytes(result.to_bytes(), Report::new()).after_changes(changed))
}
