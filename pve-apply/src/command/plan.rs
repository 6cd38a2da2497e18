//! `pve-apply plan`.

use super::session::{APPLY_PRUNES, Session, prune_beside};
use super::{networks, preflight};
use crate::action::Plan;
use crate::cli::{self, PlanArgs};
use crate::desired::Purpose;
use crate::network::desired::Purpose as Role;
use crate::observe::{self, Scope};
use crate::observed::Observed;
use crate::show::{Colour, Style, show};
use crate::{plan, plan_file};
use stage::{Console, Entry, Failure, Output, Place, Report, shown};
use std::path::Path;

pub(crate) fn run(args: &PlanArgs, console: &Console) -> Result<Output, Failure> {
    let mut session = Session::open(&args.target, console, Purpose::Apply)?;
    if args.out.is_some() {
        session.refuse_unpublished()?;
    }
    session.desired.consent = (&args.consent).into();
    networks::choose(&mut session, args.network, &args.target, Role::Compare);
    let scope = networks::scope(&session, Scope::Apply);
    let observed = observe::observe(&session.client, &session.desired, scope)?;
    session.desired.networks.prune = args.prune;
    let mut plan = plan::plan(&session.desired, &observed);
    if args.prune {
        prune_beside(&session, &observed, &mut plan, console)?;
    }
    let report = judge(args, &session, (&plan, &observed))?;
    let to_stdout = args.out.as_deref() == Some(Path::new("-"));
    if let Some(path) = args.out.as_deref().filter(|_| !to_stdout) {
        plan_file::write(path, &plan)?;
    }
    let stdout = match args.json || to_stdout {
        true => plan_file::to_bytes(&plan),
        false => {
            let colour =
                Colour::choose(cli::stdout_is_terminal(console), cli::no_color().as_deref());
            // As all that people read: a credential in a value is masked.
            let style = Style { colour, verbose: console.verbose(), pruned_by: APPLY_PRUNES };
            shown::text(&show(&plan, style)).into_bytes()
        }
    };
    let changes = args.detailed_exitcode && plan.has_changes();
    let blocked = plan.is_blocked();
    Ok(Output::bytes(stdout, report).with_changes(changes).even_if_blocked(blocked))
}

/// Finds what would stop an apply of this plan.
fn judge(
    args: &PlanArgs,
    session: &Session,
    (plan, observed): (&Plan, &Observed),
) -> Result<Report, Failure> {
    let mut report = preflight::check(session, plan, observed)?.report;
    if args.expect_no_changes && plan.has_changes() {
        report.push(Entry::error(
            "unexpected-changes",
            Place::Run,
            "there are changes, and none were expected",
        ));
    }
    Ok(report)
}
