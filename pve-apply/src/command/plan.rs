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
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::Path;

pub(crate) fn run(args: &PlanArgs, console: &Console) -> Result<Output, Failure> {
    let mut session = Session::open(&args.target, console, Purpose::Apply)?;
    if args.out.is_some() {
        session.refuse_unpublished()?;
    }
    session.desired.consent = (&args.consent).into();
    networks::choose(&mut session, args.network, &args.target, Role::Compare);
    session.desired.networks.prune = args.prune;
    let scope = networks::scope(&session, Scope::Apply);
    let observed = observe::observe(&session.client, &session.desired, scope)?;
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

/// Returns a plan with the changes that only lack consent: what PVE lacks for them is reported at once too,
/// instead of after an option was added.
fn with_refused<'p>(session: &Session, plan: &'p Plan, observed: &Observed) -> Cow<'p, Plan> {
    let lack: BTreeSet<&str> = plan
        .blocked
        .iter()
        .filter(|blocked| blocked.reason.lacks_consent())
        .map(|blocked| blocked.name.as_str())
        .collect();
    if lack.is_empty() {
        return Cow::Borrowed(plan);
    }
    let mut desired = session.desired.clone();
    desired.consent = desired.consent.with_changes();
    let mut whole = plan.clone();
    let allowed = plan::plan(&desired, observed).vms.into_iter();
    whole.vms.extend(allowed.filter(|vm| lack.contains(vm.name.as_str())));
    Cow::Owned(whole)
}

/// Finds what would stop an apply of this plan.
fn judge(
    args: &PlanArgs,
    session: &Session,
    (plan, observed): (&Plan, &Observed),
) -> Result<Report, Failure> {
    let whole = with_refused(session, plan, observed);
    let mut report = preflight::check(session, &whole, observed)?.report;
    if args.expect_no_changes && plan.has_changes() {
        report.push(Entry::error(
            "unexpected-changes",
            Place::Run,
            "there are changes, and none were expected",
        ));
    }
    Ok(report)
}
