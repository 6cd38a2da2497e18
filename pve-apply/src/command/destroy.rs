//! `pve-apply destroy`.

use super::session::{Session, carry_out, refuse_blocked};
use crate::action::Action;
use crate::cli::DestroyArgs;
use crate::desired::Purpose;
use crate::interrupt::Interrupt;
use crate::observe::{self, Scope};
use crate::outcome::{self, ResultJson};
use crate::show::{Colour, show};
use crate::{confirm, plan};
use stage::{Console, Failure, Output, Report, TrustArgs};

pub(crate) fn run(
    trust: &TrustArgs,
    args: &DestroyArgs,
    console: &Console,
) -> Result<Output, Failure> {
    let mut session = Session::open(trust, &args.select, Purpose::Find)?;
    session.desired.consent.shutdown_seconds = args.shutdown_timeout;
    let observed = observe::observe(&session.client, &session.desired, Scope::Find)?;
    let plan = plan::plan_destroy(&session.desired, &observed);
    let colour = if console.is_terminal() { Colour::On } else { Colour::Off };
    console.text(&show(&plan, colour));
    refuse_blocked(&plan)?;
    let count = plan.count(Action::Destroy);
    if count > 0 && !args.yes {
        let question = format!("Type {count} to destroy these VMs and their volumes:");
        confirm::ask(&question, &count.to_string())?;
    }
    let interrupt = Interrupt::listen();
    let outcomes = carry_out(&session.client, console, &interrupt, args.pace, &plan);
    if !outcome::all_done(&outcomes) {
        let report = outcome::report(&outcomes);
        let part_way = outcome::any_changed(&outcomes);
        return Err(if part_way { Failure::part_way(report) } else { report.into() });
    }
    let rows = outcome::rows(&plan, &outcomes, &session.order);
    let result = ResultJson::new(&session.desired.deployment, rows);
    Ok(Output::bytes(result.to_bytes(), Report::new()))
}
