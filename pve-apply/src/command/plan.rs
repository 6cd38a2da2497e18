//! `pve-apply plan`.

use super::session::{Session, tell};
use crate::cli::PlanArgs;
use crate::desired::Purpose;
use crate::observe::{self, Scope};
use crate::{plan, plan_file};
use stage::{Console, Entry, Failure, Output, Place, Report};

pub(crate) fn run(args: &PlanArgs, console: &Console) -> Result<Output, Failure> {
    let mut session = Session::open(&args.target, console, Purpose::Apply)?;
    session.desired.consent = (&args.consent).into();
    let observed = observe::observe(&session.client, &session.desired, Scope::Apply)?;
    let plan = plan::plan(&session.desired, &observed);
    tell(console, &plan);
    if let Some(path) = &args.out {
        plan_file::write(path, &plan)?;
    }
    if args.expect_no_changes && plan.has_changes() {
        let entry = Entry::error(Place::Run, "there are changes, and none were expected");
        return Err(entry.into());
    }
    let stdout = if args.json { plan_file::to_bytes(&plan) } else { Vec::new() };
    let changes = args.detailed_exitcode && plan.has_changes();
    Ok(Output::bytes(stdout, Report::new()).with_changes(changes))
}
