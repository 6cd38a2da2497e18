//! Compares a vnet's subnets with the cluster's. Subnets belong to their vnet. Does no I/O.

use super::context::Context;
use super::draft::Draft;
use super::edits;
use super::find::cidr_of;
use super::finding::NetworkReason;
use super::model::NetworkImpact;
use super::normal::{Compared, change, differences, of_config};
use super::observed::{Kind, Object, State, Values, View};
use crate::change::Change;
use machine::sdn::{self, Subnet, Vnet};

const OBJECT: sdn::Object = sdn::Object::Subnet;

/// Compares all subnets of a vnet of ours; `is_new` if the vnet does not exist.
pub(super) fn compare_all(c: &Context<'_>, draft: &mut Draft, vnet: &Vnet, is_new: bool) {
    if is_new {
        vnet.subnets.iter().for_each(|subnet| create(c, draft, vnet, subnet, None));
        return;
    }
    for subnet in &vnet.subnets {
        match find(c, vnet, subnet) {
            None => create(c, draft, vnet, subnet, None),
            Some(seen) if !seen.is_there() => create(c, draft, vnet, subnet, Some(seen)),
            Some(seen) => change_subnet(c, draft, vnet, subnet, seen),
        }
    }
    let is_known =
        |seen: &&Object| vnet.subnets.iter().any(|subnet| cidr_of(seen) == Some(cidr(subnet)));
    let others = c.finder.subnets_of(&vnet.vnet).filter(|seen| !is_known(seen));
    others.for_each(|seen| remove(c, draft, vnet, seen));
}

fn cidr(subnet: &Subnet) -> (std::net::IpAddr, u8) {
    (subnet.cidr.addr(), subnet.cidr.prefix_len())
}

fn find<'a>(c: &Context<'a>, vnet: &Vnet, subnet: &Subnet) -> Option<&'a Object> {
    c.finder.subnets_of(&vnet.vnet).find(|seen| cidr_of(seen) == Some(cidr(subnet)))
}

/// Creates a subnet; `seen` is one of this ID that the next commit would delete.
fn create(c: &Context<'_>, draft: &mut Draft, vnet: &Vnet, subnet: &Subnet, seen: Option<&Object>) {
    let zone = &c.network.zone;
    let id = subnet.id(zone);
    // PVE: facts-2, 6: an ID has the zone and the CIDR, not the vnet.
    let elsewhere = |seen: &&Object| seen.vnet.as_deref() != Some(vnet.vnet.as_str());
    if let Some(other) = c.sdn.subnets.get(&id).filter(elsewhere) {
        let by = other.vnet.clone().unwrap_or_default();
        return draft.block(Some(&subnet.cidr.to_string()), NetworkReason::SubnetTaken { by });
    }
    let mut params = edits::params_of(OBJECT, &of_config(OBJECT, &subnet.config));
    params.insert("subnet".to_owned(), edits::one(&subnet.cidr.to_string()));
    params.insert("type".to_owned(), edits::one("subnet"));
    list(draft, vnet, subnet);
    let of = (Kind::Subnet, id.as_str(), Some(vnet.vnet.as_str()));
    draft.edits.push(edits::create(zone, of, params, seen));
}

fn list(draft: &mut Draft, vnet: &Vnet, subnet: &Subnet) {
    let field = format!("vnets.{}.subnets", vnet.vnet);
    draft.changes.push(change(&field, None, Some(subnet.cidr.to_string())));
    let all = differences(OBJECT, &subnet.config, &Values::new(), Compared::All);
    let prefix = prefix(vnet, subnet);
    draft.changes.extend(all.iter().map(|difference| difference.change(OBJECT, &prefix)));
}

fn prefix(vnet: &Vnet, subnet: &Subnet) -> String {
    format!("vnets.{}.subnets.{}.", vnet.vnet, subnet.cidr)
}

fn change_subnet(c: &Context<'_>, draft: &mut Draft, vnet: &Vnet, subnet: &Subnet, seen: &Object) {
    let differ = |values: &Values| differences(OBJECT, &subnet.config, values, Compared::All);
    let running = differ(&seen.running);
    if seen.is_new() {
        list(draft, vnet, subnet);
    } else {
        let prefix = prefix(vnet, subnet);
        draft.changes.extend(running.iter().map(|difference| difference.change(OBJECT, &prefix)));
    }
    draft.compare(seen, &running, &differ(&seen.edited), |differ| {
        edits::update(&c.network.zone, seen, edits::params_to(OBJECT, differ))
    });
}

/// Removes a subnet that the document does not have.
fn remove(c: &Context<'_>, draft: &mut Draft, vnet: &Vnet, seen: &Object) {
    let is_vnet_new = c.sdn.vnets.get(&vnet.vnet).is_some_and(|vnet| vnet.state == State::New);
    let cidr =
        cidr_of(seen).map_or_else(|| seen.id.clone(), |(ip, length)| format!("{ip}/{length}"));
    if !seen.is_new() {
        draft.impact = draft.impact.max(NetworkImpact::Traffic);
        draft.changes.push(change(&format!("vnets.{}.subnets", vnet.vnet), Some(cidr), None));
    } else if !is_vnet_new {
        // A new subnet of a vnet that runs: somebody is about to add it.
        draft
            .notices
            .push(super::finding::NetworkNoticeKind::EditedByOthers { id: seen.id.clone() });
        return draft.reverts.push(edits::delete(&c.network.zone, seen));
    }
    match seen.state {
        State::Deleted => draft.staged.push(seen.clone()),
        State::Changed => {
            draft.overwritten.push(seen.clone());
            draft.edits.push(edits::delete(&c.network.zone, seen));
        }
        State::New | State::Applied => draft.edits.push(edits::delete(&c.network.zone, seen)),
    }
}

/// Returns how the subnets of a vnet that is not ours differ from the document's.
pub(super) fn missing(c: &Context<'_>, vnet: &Vnet, view: View) -> Vec<Change> {
    let mut changes = Vec::new();
    for subnet in &vnet.subnets {
        match find(c, vnet, subnet).and_then(|seen| seen.values(view)) {
            None => {
                let field = format!("vnets.{}.subnets", vnet.vnet);
                changes.push(change(&field, None, Some(subnet.cidr.to_string())));
            }
            Some(values) => {
                let differ = differences(OBJECT, &subnet.config, values, Compared::OnlySet);
                let prefix = prefix(vnet, subnet);
                changes.extend(differ.iter().map(|difference| difference.change(OBJECT, &prefix)));
            }
        }
    }
    changes
}
