//! Joins what the networks need into one transaction, or says why there must be none. Does no I/O.

use super::desired::DesiredNetworks;
use super::draft::Draft;
use super::edits;
use super::finding::{NetworkBlocked, NetworkNotice, NetworkNoticeKind, NetworkReason};
use super::model::{Edit, NetworkStatus, Networks, Pending, Transaction, UnchangedNetwork};
use super::observed::{Kind, Object, Sdn};
use stage::Gather as _;
use std::collections::BTreeSet;

/// Joins the drafts of all networks into a plan.
pub(super) fn joined(networks: &DesiredNetworks, sdn: &Sdn, drafts: Vec<Draft>) -> Networks {
    let mut plan = Networks::default();
    let (needing, others): (Vec<Draft>, Vec<Draft>) =
        drafts.into_iter().partition(|draft| !draft.is_blocked() && draft.needs_commit());
    for draft in &others {
        plan.notices.extend(draft.notices());
        if draft.is_blocked() {
            plan.blocked.extend(draft.blocked.iter().cloned());
        } else {
            let (name, status) = (draft.name.clone(), status(draft));
            plan.unchanged.push(UnchangedNetwork { name, status });
        }
    }
    if networks.are_left_alone {
        leave_alone(&mut plan, sdn, &needing);
    } else if !needing.is_empty() {
        let reverts = others.iter().filter(|draft| !draft.is_blocked()).flat_map(|d| &d.reverts);
        commit(&mut plan, networks, sdn, &needing, reverts.cloned().collect());
    }
    plan
}

fn status(draft: &Draft) -> NetworkStatus {
    match draft.status {
        NetworkStatus::Used if draft.ours => NetworkStatus::Ours,
        NetworkStatus::Ours if !draft.ours => NetworkStatus::Used,
        status => status,
    }
}

/// Only some VMs were asked for: says what would be done.
fn leave_alone(plan: &mut Networks, sdn: &Sdn, needing: &[Draft]) {
    for draft in needing {
        let (name, action) = (draft.name.clone(), draft.planned(sdn).action);
        plan.notices.push(NetworkNotice { name, kind: NetworkNoticeKind::LeftAlone { action } });
    }
}

fn commit(
    plan: &mut Networks,
    networks: &DesiredNetworks,
    sdn: &Sdn,
    needing: &[Draft],
    mut reverts: Vec<Edit>,
) {
    reverts.extend(needing.iter().flat_map(|draft| draft.reverts.iter().cloned()));
    let mut all: Vec<Edit> = needing.iter().flat_map(|draft| draft.edits.iter().cloned()).collect();
    let staged: Vec<&Object> = needing.iter().flat_map(|draft| &draft.staged).collect();
    let overwritten = needing.iter().flat_map(|draft| &draft.overwritten);
    let mut others = pending_of_others(sdn, &all, &staged);
    others.extend(overwritten.map(|object| pending(object, false)));
    if let Some(reason) = refusal(networks, sdn, &others) {
        let blocked = |draft: &Draft| NetworkBlocked {
            name: draft.name.clone(),
            object: None,
            reason: reason.clone(),
            changes: draft.changes.clone(),
        };
        return plan.blocked.extend(needing.iter().map(blocked));
    }
    if !others.is_empty() {
        // They would be committed: of our own networks, the document decides.
        let is_reverted =
            |pending: &Pending| reverts.iter().any(|edit| is_of(edit, pending.kind, &pending.id));
        others.retain(|pending| !is_reverted(pending));
        all.extend(reverts);
    }
    let touched: BTreeSet<(Kind, String)> =
        all.iter().map(|edit| (edit.kind, edit.id.clone())).gather();
    let mut list: Vec<Pending> = staged.iter().map(|object| pending(object, true)).collect();
    if let Some(draft) = needing.first().filter(|_| !others.is_empty()) {
        plan.notices.push(others_too(&draft.name, &others));
    }
    list.extend(others);
    list.retain(|pending| !touched.contains(&(pending.kind, pending.id.clone())));
    for draft in needing {
        plan.notices.extend(draft.notices());
        plan.notices.extend(without_effect(networks, &draft.name));
        plan.planned.push(draft.planned(sdn));
    }
    plan.commit = Some(Transaction {
        edits: edits::in_order(all),
        pending: list,
        with_others: networks.with_pending,
        verify: needing.iter().filter_map(|draft| draft.verify.clone()).collect(),
    });
}

/// Returns why nothing may be committed: the token cannot see everything that a commit would apply, or
/// others have edited something that nobody has agreed to.
pub(super) fn refusal(
    networks: &DesiredNetworks,
    sdn: &Sdn,
    others: &[Pending],
) -> Option<NetworkReason> {
    if !sdn.sees_all() {
        Some(NetworkReason::MayNotSeeAll)
    } else if others.is_empty() || networks.with_pending {
        None
    } else {
        Some(NetworkReason::PendingOthers { objects: others.to_vec() })
    }
}

/// Returns what others have edited and not committed: a commit would apply it too.
pub(super) fn pending_of_others(sdn: &Sdn, edits: &[Edit], ours: &[&Object]) -> Vec<Pending> {
    // PVE: facts-2, 31.
    let is_ours = |object: &&Object| {
        ours.iter().any(|our| our.kind == object.kind && our.id == object.id)
            || edits.iter().any(|edit| is_of(edit, object.kind, &object.id))
    };
    let waiting = sdn.all().filter(|object| object.is_pending() && !is_ours(object));
    waiting.map(|object| pending(object, false)).collect()
}

/// Returns the notice that a commit applies the changes of others too.
pub(super) fn others_too(name: &str, others: &[Pending]) -> NetworkNotice {
    let objects = others.iter().map(Pending::text).collect();
    NetworkNotice { name: name.to_owned(), kind: NetworkNoticeKind::OthersToo { objects } }
}

/// Returns whether an edit is of this object; objects of two kinds may have one ID.
pub(super) fn is_of(edit: &Edit, kind: Kind, id: &str) -> bool {
    edit.kind == kind && edit.id == id
}

/// Returns an object that waits for a commit.
pub(super) fn pending(object: &Object, ours: bool) -> Pending {
    Pending {
        kind: object.kind,
        id: object.id.clone(),
        state: object.state,
        edited: object.edited.clone(),
        ours,
    }
}

/// Returns what the document sets in a network without an effect.
fn without_effect<'n>(
    networks: &'n DesiredNetworks,
    name: &'n str,
) -> impl Iterator<Item = NetworkNotice> + use<'n> {
    let of = networks.without_effect.iter().filter(move |(network, _)| network == name);
    of.map(|(name, what)| NetworkNotice {
        name: name.clone(),
        kind: NetworkNoticeKind::WithoutEffect { what: what.clone() },
    })
}
