//! Plans the removal of networks: for `destroy`, and for what left the site's files. Does no I/O.
//!
//! PVE asks nobody (facts-2, 37): a vnet is removed only if no guest of the cluster uses it, and only if
//! every guest of the cluster could be read.

use super::commit::{is_of, others_too, pending, pending_of_others, refusal};
use super::desired::{DesiredNetworks, Purpose};
use super::edits;
use super::find::Finder;
use super::finding::{NetworkBlocked, NetworkNotice, NetworkNoticeKind, NetworkReason};
use super::left_over;
use super::model::{
    Edit, NetworkAction, NetworkImpact, NetworkPlan, NetworkStatus, Networks, Pending, Transaction,
    UnchangedNetwork, Verify,
};
use super::normal::change;
use super::observed::{Object, Sdn, State, User};
use crate::desired::Desired;
use pve_client::{NodeName, Vmid};
use stage::Gather as _;
use std::collections::{BTreeMap, BTreeSet};

/// What is removed of one network.
struct Removal<'a> {
    name: String,
    vnets: Vec<&'a Object>,
    /// Whether only vnets that left the network's file are removed.
    is_part: bool,
}

/// What all removals of a run need to know.
struct Context<'a> {
    networks: &'a DesiredNetworks,
    finder: Finder<'a>,
    sdn: &'a Sdn,
    /// The VMs that the same run destroys before.
    leaving: &'a BTreeSet<Vmid>,
}

/// Plans the removal of the document's networks; `leaving` are the VMs that this run destroys.
pub(crate) fn plan_destroy(desired: &Desired, sdn: &Sdn, leaving: &BTreeSet<Vmid>) -> Networks {
    let c = context(desired, sdn, leaving);
    let mut plan = Networks::default();
    let removals = desired.networks.list.iter().map(|network| {
        let name = network.zone.clone();
        let ours = |vnet: &&Object| c.finder.network_of(vnet).as_ref() == Some(&network.zone);
        let vnets = sdn.vnets.values().filter(ours).collect();
        Removal { name, vnets, is_part: false }
    });
    let mut removals: Vec<Removal<'_>> = removals.collect();
    if desired.networks.prune {
        removals.extend(left_behind(&c));
    } else {
        left_over::list(&mut plan, &desired.networks, c.finder);
        plan.left_over.retain(|vnet| !vnet.network_remains);
    }
    all(&mut plan, &c, removals);
    plan
}

/// Adds the removal of what left the site's files to a plan.
pub(crate) fn plan_prune(
    plan: &mut Networks,
    desired: &Desired,
    sdn: &Sdn,
    leaving: &BTreeSet<Vmid>,
) {
    let c = context(desired, sdn, leaving);
    plan.left_over.clear();
    let removals = left_behind(&c);
    all(plan, &c, removals);
}

/// Returns whether there is anything to remove.
pub(super) fn may_remove(desired: &Desired, sdn: &Sdn) -> bool {
    let leaving = BTreeSet::new();
    let c = context(desired, sdn, &leaving);
    let removes_all = desired.networks.purpose == Purpose::Remove;
    let ours = |network: &machine::sdn::Network| {
        sdn.vnets.values().any(|v| c.finder.network_of(v).as_ref() == Some(&network.zone))
    };
    removes_all && desired.networks.list.iter().any(ours)
        || desired.networks.prune && left_over::of(c.networks, c.finder).next().is_some()
}

fn context<'a>(desired: &'a Desired, sdn: &'a Sdn, leaving: &'a BTreeSet<Vmid>) -> Context<'a> {
    let finder = Finder { site: &desired.site, sdn };
    Context { networks: &desired.networks, finder, sdn, leaving }
}

fn left_behind<'a>(c: &Context<'a>) -> Vec<Removal<'a>> {
    let mut by_name: BTreeMap<String, Removal<'a>> = BTreeMap::new();
    for (left, vnet) in left_over::of(c.networks, c.finder) {
        let name = left.name.clone();
        let new = Removal { name: left.name, vnets: Vec::new(), is_part: left.network_remains };
        by_name.entry(name).or_insert(new).vnets.push(vnet);
    }
    by_name.into_values().collect()
}

/// What the removal of one network consists of.
#[derive(Default)]
struct Steps<'a> {
    edits: Vec<Edit>,
    staged: Vec<&'a Object>,
}

fn all(plan: &mut Networks, c: &Context<'_>, removals: Vec<Removal<'_>>) {
    let mut found = Vec::new();
    for removal in removals {
        let steps = steps(c, &removal);
        if steps.edits.is_empty() && steps.staged.is_empty() {
            if !removal.is_part {
                plan.unchanged.push(left_alone(c, &removal.name));
            }
        } else if let Some(kept) = kept(c, &removal) {
            kept.add_to(plan, &removal.name);
        } else {
            found.push((removal, steps));
        }
    }
    if !found.is_empty() {
        join(plan, c, found);
    }
}

/// A network of which nothing is ours.
fn left_alone(c: &Context<'_>, name: &str) -> UnchangedNetwork {
    let exists = c.sdn.zones.get(name).is_some_and(Object::is_there);
    let on_a_node = || c.sdn.nodes.values().any(|node| node.zones.contains_key(name));
    let status = match exists {
        true => NetworkStatus::Used,
        false if !c.sdn.zones.contains_key(name) && on_a_node() => NetworkStatus::Hidden,
        false => NetworkStatus::Absent,
    };
    UnchangedNetwork { name: name.to_owned(), status }
}

fn steps<'a>(c: &Context<'a>, removal: &Removal<'a>) -> Steps<'a> {
    let mut steps = Steps::default();
    let mut remove = |object: &'a Object| match object.state {
        State::Deleted => steps.staged.push(object),
        _ => steps.edits.push(edits::delete(&removal.name, object)),
    };
    for vnet in &removal.vnets {
        c.finder.subnets_of(&vnet.id).for_each(&mut remove);
        remove(vnet);
    }
    if takes_zone(c, removal)
        && let Some(zone) = c.sdn.zones.get(&removal.name)
    {
        remove(zone);
    }
    steps
}

/// Returns whether the zone is removed too: it is ours, and no vnet stays in it.
fn takes_zone(c: &Context<'_>, removal: &Removal<'_>) -> bool {
    let stays = |vnet: &Object| removal.vnets.iter().all(|gone| gone.id != vnet.id);
    !removal.is_part
        && c.finder.is_our_zone(&removal.name)
        && !c.finder.vnets_in(&removal.name).any(stays)
}

/// Why a network stays.
enum Kept {
    InUse { vnet: String, by: Vec<User>, is_refused: bool },
    GuestsHidden { unread: BTreeMap<u32, &'static str> },
}

impl Kept {
    fn add_to(self, plan: &mut Networks, name: &str) {
        let name = name.to_owned();
        let reason = match self {
            Self::InUse { vnet, by, is_refused: false } => {
                let status = NetworkStatus::Ours;
                if plan.unchanged.iter().all(|known| known.name != name) {
                    plan.unchanged.push(UnchangedNetwork { name: name.clone(), status });
                }
                let kind = NetworkNoticeKind::InUse { vnet, by };
                return plan.notices.push(NetworkNotice { name, kind });
            }
            Self::InUse { vnet, by, is_refused: true } => NetworkReason::InUse { vnet, by },
            Self::GuestsHidden { unread } => NetworkReason::GuestsHidden { unread },
        };
        plan.blocked.push(NetworkBlocked { name, object: None, reason, changes: Vec::new() });
    }
}

fn kept(c: &Context<'_>, removal: &Removal<'_>) -> Option<Kept> {
    let Some(users) = c.sdn.users.as_ref().filter(|users| users.sees_all) else {
        return Some(Kept::GuestsHidden { unread: BTreeMap::new() });
    };
    let stays = |vmid: &Vmid| !c.leaving.contains(vmid);
    let unread = users.unread.iter().filter(|(vmid, _)| stays(vmid));
    let unread: BTreeMap<u32, &str> = unread.map(|(vmid, why)| (vmid.get(), *why)).gather();
    if !unread.is_empty() {
        return Some(Kept::GuestsHidden { unread });
    }
    removal.vnets.iter().find_map(|vnet| {
        let of = users.of.get(&vnet.id)?;
        let by: Vec<User> = of.iter().filter(|user| stays(&user.vmid)).cloned().collect();
        let is_refused = c.networks.are_all;
        (!by.is_empty()).then(|| Kept::InUse { vnet: vnet.id.clone(), by, is_refused })
    })
}

fn join(plan: &mut Networks, c: &Context<'_>, found: Vec<(Removal<'_>, Steps<'_>)>) {
    let edits: Vec<Edit> = found.iter().flat_map(|(_, steps)| steps.edits.clone()).collect();
    let staged: Vec<&Object> = found.iter().flat_map(|(_, s)| s.staged.iter().copied()).collect();
    let others = pending_of_others(c.sdn, &edits, &staged);
    // What the same run commits before has gone by then.
    let before = plan.commit.as_ref();
    let is_before = |pending: &Pending| {
        before.is_some_and(|commit| commit.pending.iter().any(|known| known == pending))
            || before.is_some_and(|commit| {
                commit.edits.iter().any(|edit| is_of(edit, pending.kind, &pending.id))
            })
    };
    let others: Vec<Pending> = others.into_iter().filter(|one| !is_before(one)).collect();
    if let Some(reason) = refusal(c.networks, c.sdn, &others) {
        let blocked = |(removal, _): &(Removal<'_>, Steps<'_>)| NetworkBlocked {
            name: removal.name.clone(),
            object: None,
            reason: reason.clone(),
            changes: changes(removal),
        };
        return plan.blocked.extend(found.iter().map(blocked));
    }
    let mut list: Vec<Pending> = staged.iter().map(|object| pending(object, true)).collect();
    if let Some((removal, _)) = found.first().filter(|_| !others.is_empty()) {
        plan.notices.push(others_too(&removal.name, &others));
    }
    list.extend(others);
    for (removal, _) in &found {
        if c.finder.is_made(&removal.name) && !removal.is_part && !takes_zone(c, removal) {
            let kind = NetworkNoticeKind::ZoneStays { vnets: foreign(c, removal) };
            plan.notices.push(NetworkNotice { name: removal.name.clone(), kind });
        }
        plan.planned.push(NetworkPlan {
            name: removal.name.clone(),
            action: if removal.is_part { NetworkAction::Change } else { NetworkAction::Destroy },
            impact: NetworkImpact::Removed,
            nodes: super::nodes::of(c.sdn, &removal.name),
            changes: changes(removal),
        });
    }
    let is_planned = |name: &String| found.iter().any(|(removal, _)| removal.name == *name);
    plan.unchanged.retain(|network| !is_planned(&network.name));
    plan.removal = Some(Transaction {
        edits: edits::in_order(edits),
        pending: list,
        with_others: c.networks.with_pending,
        verify: found.iter().map(|(removal, _)| verify(c, removal)).collect(),
    });
}

fn foreign(c: &Context<'_>, removal: &Removal<'_>) -> Vec<String> {
    let stays = |vnet: &&Object| removal.vnets.iter().all(|gone| gone.id != vnet.id);
    c.finder.vnets_in(&removal.name).filter(stays).map(|vnet| vnet.id.clone()).collect()
}

fn changes(removal: &Removal<'_>) -> Vec<crate::change::Change> {
    removal.vnets.iter().map(|vnet| change("vnets", Some(vnet.id.clone()), None)).collect()
}

fn verify(c: &Context<'_>, removal: &Removal<'_>) -> Verify {
    let online = c.sdn.nodes.iter().filter(|(_, node)| node.is_online);
    let nodes: Vec<NodeName> = online
        .filter(|(_, node)| node.zones.contains_key(&removal.name))
        .map(|(name, _)| name.clone())
        .collect();
    let gone = removal.vnets.iter().map(|vnet| vnet.id.clone()).collect();
    let zone_gone = takes_zone(c, removal);
    Verify { zone: removal.name.clone(), nodes, vnets: Vec::new(), gone, zone_gone }
}
