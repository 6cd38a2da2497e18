//! The edits of SDN's configuration, with every parameter and what must be true before each. Does no I/O.

use super::model::{Edit, EditVerb, Guard, Param};
use super::normal::{Difference, Options};
use super::observed::{Kind, Object};
use machine::sdn;
use stage::Gather as _;
use std::collections::BTreeMap;

/// The parameters of an edit.
pub(super) type EditParams = BTreeMap<String, Param>;

/// A parameter with one value.
pub(super) fn one(value: &str) -> Param {
    Param::One(value.to_owned())
}

/// Returns the parameters that set these options of a new object.
pub(super) fn params_of(object: sdn::Object, options: &Options) -> EditParams {
    options.iter().map(|(name, normal)| param(object, name, normal)).gather()
}

/// Returns the parameters that make an object differ no longer.
pub(super) fn params_to(object: sdn::Object, differences: &[Difference]) -> EditParams {
    let set = differences
        .iter()
        .filter_map(|difference| Some(param(object, difference.name, difference.to.as_deref()?)));
    let mut params: EditParams = set.gather();
    let gone: Vec<&str> =
        differences.iter().filter(|d| d.to.is_none()).map(|difference| difference.name).collect();
    if !gone.is_empty() {
        params.insert("delete".to_owned(), one(&gone.join(",")));
    }
    params
}

fn param(object: sdn::Object, name: &str, normal: &str) -> (String, Param) {
    let value = match object.row(name).filter(|row| row.is_array()) {
        Some(row) => Param::Many(row.params(normal).map(str::to_owned).collect()),
        None => one(normal),
    };
    (name.to_owned(), value)
}

/// Returns the edit that creates an object; `seen` is one of this ID that the next commit would delete.
pub(super) fn create(
    network: &str,
    (kind, id, vnet): (Kind, &str, Option<&str>),
    params: EditParams,
    seen: Option<&Object>,
) -> Edit {
    let guard = seen.map_or(Guard::Absent, guard);
    edit(network, (kind, id, vnet), EditVerb::Create, params, guard)
}

/// Returns the edit that changes an object.
pub(super) fn update(network: &str, seen: &Object, params: EditParams) -> Edit {
    let of = (seen.kind, seen.id.as_str(), seen.vnet.as_deref());
    edit(network, of, EditVerb::Update, params, guard(seen))
}

/// Returns the edit that deletes an object. No guest may use a vnet that is deleted.
pub(super) fn delete(network: &str, seen: &Object) -> Edit {
    let of = (seen.kind, seen.id.as_str(), seen.vnet.as_deref());
    let unused = seen.kind == Kind::Vnet;
    Edit { unused, ..edit(network, of, EditVerb::Delete, EditParams::new(), guard(seen)) }
}

fn edit(
    network: &str,
    (kind, id, vnet): (Kind, &str, Option<&str>),
    verb: EditVerb,
    params: EditParams,
    guard: Guard,
) -> Edit {
    Edit {
        network: network.to_owned(),
        kind,
        id: id.to_owned(),
        vnet: vnet.map(str::to_owned),
        verb,
        params,
        guard,
        unused: false,
    }
}

fn guard(seen: &Object) -> Guard {
    Guard::As { state: seen.state, edited: seen.edited.clone() }
}

/// Sorts edits into the order that PVE accepts: deletions from the subnet up, then the rest from the zone
/// down; a tag is given up before another vnet takes it.
pub(super) fn in_order(edits: Vec<Edit>) -> Vec<Edit> {
    // PVE: facts-2, 35.
    let rank = |edit: &Edit| match (edit.verb, edit.kind) {
        (EditVerb::Delete, Kind::Subnet) => 0,
        (EditVerb::Delete, Kind::Vnet) => 1,
        (EditVerb::Delete, _) => 2,
        (_, Kind::Zone) => 3,
        (_, Kind::Vnet) => 4,
        (..) => 5,
    };
    let mut edits = edits;
    edits.sort_by_key(rank);
    let is_vnet = |edit: &Edit| rank(edit) == 4;
    let start = edits.iter().position(is_vnet).unwrap_or(edits.len());
    let end = start + edits.iter().filter(|edit| is_vnet(edit)).count();
    let after = edits.split_off(end);
    let mut vnets = edits.split_off(start);
    while !vnets.is_empty() {
        // PVE: facts-2, 6: a tag that another vnet has is refused.
        let is_free = |edit: &Edit| {
            tag(edit).is_none_or(|tag| !vnets.iter().any(|other| gives_up(other, edit, tag)))
        };
        let next = vnets.iter().position(is_free).unwrap_or(0);
        edits.push(vnets.remove(next));
    }
    edits.extend(after);
    edits
}

/// Returns the tag that an edit sets.
pub(super) fn tag(edit: &Edit) -> Option<&str> {
    match edit.params.get("tag")? {
        Param::One(tag) => Some(tag),
        Param::Many(_) => None,
    }
}

/// Returns whether an edit changes a vnet with this tag to another.
pub(super) fn gives_up(edit: &Edit, for_the: &Edit, wanted: &str) -> bool {
    let Guard::As { edited, .. } = &edit.guard else { return false };
    edit.id != for_the.id
        && edited.get("tag").is_some_and(|has| has == wanted)
        && tag(edit).is_some_and(|tag| tag != wanted)
}
