//! `pve-apply destroy`.

use super::session::{Session, carry_out, refuse_blocked, tell, unless_done};
use crate::action::Action;
use crate::cli::DestroyArgs;
use crate::desired::Purpose;
use crate::desired::snippets::Snippets;
use crate::interrupt::Interrupt;
use crate::observe::{self, Scope};
use crate::outcome::{self, ResultJson};
use crate::{confirm, plan};
use stage::{Console, Failure, Output, Report};

pub(crate) fn run(args: &DestroyArgs, console: &Console) -> Result<Output, Failure> {
    let mut session = Session::open(&args.target, console, Purpose::Find)?;
    session.desired.consent.shutdown_seconds = args.shutdown_timeout;
    let storage = args.snippets.snippets_storage.clone();
    session.desired.snippets = storage.map(|storage| Snippets { storage, to: None });
    let observed = observe::observe(&session.client, &session.desired, Scope::Remove)?;
    let plan = plan::plan_destroy(&session.desired, &observed);
    refuse_blocked(&plan)?;
    tell(console, &plan);
    let going = plan.vms.iter().filter(|vm| vm.action == Action::Destroy);
    let going: Vec<&str> = going.map(|vm| vm.name.as_str()).collect();
    if !going.is_empty() && !args.yes {
        confirm::ask(&going)?;
    }
    let interrupt = Interrupt::listen();
    let outcomes = carry_out(&session.client, console, &interrupt, args.pace, &plan);
    unless_done(&outcomes)?;
    let rows = outcome::rows(&plan, &outcomes, &session.order);
    let result = ResultJson::new(&session.desired.deployment, rows);
    let changed = outcome::any_changed(&outcomes);
    Ok(Output::bytes(result.to_bytes(), Report::new()).after_changes(changed))
}
