//! The edits of SDN's configuration, with every parameter and what must be true before each. Does no I/O.

use super::model::{Edit, EditVerb, Guard, Param};
use super::normal::{Difference, Options};
use super::observed::{Kind, Object, State, Values};
use machine::sdn;
use std::collections::BTreeMap;

/// The parameters of an edit.
pub(super) type EditParams = BTreeMap<String, Param>;

/// A parameter with one value.
pub(super) fn one(value: &str) -> Param {
    Param::One(value.to_owned())
}

/// Returns the parameters that set these options of a new object.
pub(super) fn params_of(object: sdn::Object, options: &Options) -> EditParams {
    options.iter().map(|(name, normal)| param(object, name, normal)).collect()
}

/// Returns the parameters that make an object differ no longer.
pub(super) fn params_to(object: sdn::Object, differences: &[Difference]) -> EditParams {
    let set = differences
        .iter()
        .filter_map(|difference| Some(param(object, difference.name, difference.to.as_deref()?)));
    let mut params: EditParams = set.collect();
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

impl Edit {
    /// Returns the edit that takes this one back. Its guard still says what was there before this one.
    pub(crate) fn undo(&self) -> Self {
        let before = match &self.guard {
            Guard::Absent => None,
            Guard::As { state: State::Deleted, .. } => None,
            Guard::As { edited, .. } => Some(edited),
        };
        let (verb, params) = match (self.verb, before) {
            (EditVerb::Create, _) | (_, None) => (EditVerb::Delete, EditParams::new()),
            (EditVerb::Update, Some(before)) => (EditVerb::Update, self.restoring(before)),
            (EditVerb::Delete, Some(before)) => (EditVerb::Create, self.again(before)),
        };
        Self { verb, params, unused: false, ..self.clone() }
    }

    /// Returns the parameters that bring back what an update has changed.
    fn restoring(&self, before: &Values) -> EditParams {
        let deleted = match self.params.get("delete") {
            Some(Param::One(list)) => list.split(',').collect(),
            _ => Vec::new(),
        };
        let set = self.params.keys().map(String::as_str).filter(|name| *name != "delete");
        let touched = set.chain(deleted);
        let (back, gone): (Vec<&str>, Vec<&str>) =
            touched.partition(|name| before.contains_key(*name));
        let mut params: EditParams = back
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), self.value(name, before.get(name)?))))
            .collect();
        if !gone.is_empty() {
            params.insert("delete".to_owned(), one(&gone.join(",")));
        }
        params
    }

    /// Returns the parameters that create a deleted object again.
    fn again(&self, before: &Values) -> EditParams {
        let mut params: EditParams =
            before.iter().map(|(name, value)| (name.clone(), self.value(name, value))).collect();
        match self.kind {
            Kind::Zone => _ = params.insert("zone".to_owned(), one(&self.id)),
            Kind::Vnet => _ = params.insert("vnet".to_owned(), one(&self.id)),
            Kind::Subnet => {
                let cidr = self.id.split_once('-').map_or("", |(_, rest)| rest);
                let cidr = cidr.rsplit_once('-').map(|(ip, length)| format!("{ip}/{length}"));
                params.insert("subnet".to_owned(), one(&cidr.unwrap_or_default()));
                params.insert("type".to_owned(), one("subnet"));
            }
            Kind::Controller | Kind::Fabric => {}
        }
        params
    }

    /// Returns a listed value as a parameter: the items of a list one by one.
    fn value(&self, name: &str, text: &str) -> Param {
        let object = match self.kind {
            Kind::Vnet => sdn::Object::Vnet,
            Kind::Subnet => sdn::Object::Subnet,
            _ => sdn::Object::Zone,
        };
        match object.row(name).filter(|row| row.is_array()) {
            Some(_) => Param::Many(text.split(';').map(str::to_owned).collect()),
            None => one(text),
        }
    }
}
