//! What a subcommand has to do with networks, and what they need from PVE and the token.

use super::session::Session;
use crate::action::Plan;
use crate::cli::{NetworkArgs, TargetArgs};
use crate::network::desired::Purpose;
use crate::network::model::{EditVerb, NetworkAction};
use crate::network::observed::Kind;
use crate::network::preflight::NetworkPreflight;
use crate::network::{facts, health};
use crate::observe::Scope;
use crate::observed::Observed;
use crate::preflight::{Facts, judge_privileges};
use crate::privileges::{self, Need};
use machine::sdn::Network;
use stage::{Failure, Report};
use std::collections::BTreeSet;

/// Says what the run has to do with networks: `purpose`, unless only some VMs were asked for.
pub(super) fn choose(
    session: &mut Session,
    args: NetworkArgs,
    target: &TargetArgs,
    purpose: Purpose,
) {
    let networks = &mut session.desired.networks;
    networks.are_left_alone = target.is_selection();
    networks.with_pending = args.with_pending_sdn;
    networks.are_all = args.networks_only;
    networks.purpose = match purpose {
        // What only some VMs are destroyed or adopted for stays as it is.
        Purpose::Remove if networks.are_left_alone => Purpose::Nothing,
        purpose => purpose,
    };
    if args.networks_only {
        session.desired.vms.clear();
        session.desired.vm_names = None;
        session.desired.reserved.clear();
        session.requested.clear();
        session.order.clear();
    }
}

/// Returns what is read of VMs: nothing that only they need, if only networks were asked for.
pub(super) fn scope(session: &Session, scope: Scope) -> Scope {
    if session.desired.networks.are_all { Scope::Find } else { scope }
}

/// Returns the networks that a plan makes or changes before it works on VMs.
pub(super) fn made<'s>(session: &'s Session, plan: &Plan) -> Vec<&'s Network> {
    let is_made = |network: &&Network| {
        let planned = plan.networks.planned.iter().find(|planned| planned.name == network.zone);
        let makes = |action| matches!(action, NetworkAction::Create | NetworkAction::Change);
        plan.networks.commit.is_some() && planned.is_some_and(|planned| makes(planned.action))
    };
    session.desired.networks.list.iter().filter(is_made).collect()
}

/// Returns the networks with a vnet that does not run yet.
pub(super) fn missing<'s>(session: &'s Session, observed: &Observed) -> Vec<&'s Network> {
    let Some(sdn) = &observed.sdn else { return Vec::new() };
    let runs = |vnet: &machine::sdn::Vnet| sdn.vnets.get(&vnet.vnet).is_some_and(|v| !v.is_new());
    let networks = session.desired.networks.list.iter();
    networks.filter(|network| !network.vnets.iter().all(runs)).collect()
}

/// Returns what PVE or the token lacks for the networks of a plan. Nothing is read when it changes none.
///
/// # Errors
/// A read failed.
pub(super) fn preflight(
    session: &Session,
    plan: &Plan,
    observed: &Observed,
) -> Result<Report, Failure> {
    let (commit, removal) = (plan.networks.commit.as_ref(), plan.networks.removal.as_ref());
    let transactions = || commit.into_iter().chain(removal);
    let Some(sdn) = observed.sdn.as_ref().filter(|_| transactions().next().is_some()) else {
        return Ok(Report::new());
    };
    let writes_zone = |network: &&Network| {
        let mut edits = commit.into_iter().flat_map(|commit| &commit.edits);
        edits.any(|edit| {
            edit.kind == Kind::Zone && edit.id == network.zone && edit.verb != EditVerb::Delete
        })
    };
    let zones = session.desired.networks.list.iter().filter(writes_zone).collect();
    let needs = transactions().flat_map(privileges::of_transaction).collect();
    let work = NetworkPreflight { zones, nodes: &sdn.nodes };
    judge(session, &work, needs)
}

/// Checks everything that the document's networks need, and whether the nodes have it.
///
/// # Errors
/// A read failed.
pub(super) fn examine(
    session: &Session,
    plan: &Plan,
    observed: &Observed,
) -> Result<Report, Failure> {
    let Some(sdn) = &observed.sdn else { return Ok(Report::new()) };
    let networks = &session.desired.networks.list;
    let is_ours = |network: &&Network| {
        let unchanged = plan.networks.unchanged.iter();
        let mut used = unchanged.filter(|unchanged| !unchanged.status.is_ours());
        network.ty.is_made() && !used.any(|used| used.name == network.zone)
    };
    let zones: Vec<&Network> = networks.iter().filter(is_ours).collect();
    let wanted = health::wanted(&zones, &sdn.nodes);
    let needs = privileges::with_networks(BTreeSet::new(), networks);
    let mut report = judge(session, &NetworkPreflight { zones, nodes: &sdn.nodes }, needs)?;
    report.extend(health::judge(&wanted, &facts::health(&session.client, &wanted)?));
    plan.networks.blocked.iter().for_each(|blocked| report.push(blocked.entry()));
    Ok(report)
}

fn judge(
    session: &Session,
    work: &NetworkPreflight<'_>,
    needs: BTreeSet<Need>,
) -> Result<Report, Failure> {
    let found = facts::read(&session.client, work)?;
    let mut report = work.judge(&found);
    let token_id = session.client.endpoint().token.id().to_owned();
    let facts = Facts { permissions: found.permissions, token_id, ..Facts::default() };
    judge_privileges(&mut report, &session.desired.node, needs, &facts);
    Ok(report)
}
