//! One edit as a call: its parameters, whether it has taken effect, and the edit that takes it back.
//! Does no I/O.

use crate::network::model::{Edit, EditVerb, Guard, Param};
use crate::network::observed::{Kind, Object, State, Values};
use pve_client::{Digest, Params, SdnKind};
use stage::Gather as _;
use std::collections::{BTreeMap, BTreeSet};

impl Kind {
    /// Returns PVE's word.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Zone => "zone",
            Self::Vnet => "vnet",
            Self::Subnet => "subnet",
            Self::Controller => "controller",
            Self::Fabric => "fabric",
        }
    }

    /// Returns the parameters that name an object of this kind, or its parent in the path: they are not
    /// among its values.
    fn naming(self) -> &'static [&'static str] {
        match self {
            Self::Zone => &["zone"],
            Self::Vnet => &["vnet", "type"],
            Self::Subnet => &["subnet", "type", "vnet"],
            Self::Controller | Self::Fabric => &[],
        }
    }
}

/// Returns an object's name for people, such as `subnet 10.50.0.0/24`.
pub(super) fn name_of(kind: Kind, id: &str) -> String {
    match kind {
        Kind::Subnet => format!("subnet {}", cidr_of(id)),
        _ => format!("{} {id}", kind.word()),
    }
}

/// Returns the CIDR in the ID of a subnet, such as `lab-10.50.0.0-24`.
fn cidr_of(id: &str) -> String {
    // PVE: facts-2, 9. Neither a zone's ID nor an address has a hyphen.
    let address = id.split_once('-').map_or(id, |(_, address)| address);
    address.replacen('-', "/", 1)
}

/// Returns whether two values are the same; the order of a list that is one text means nothing.
fn is_same(kind: Kind, wanted: &str, has: &str) -> bool {
    // PVE: pve-network, Zones/Plugin.pm, encode_value: lists of nodes are sorted when they are written.
    let items = |text: &str| -> BTreeSet<String> { text.split(',').map(str::to_owned).collect() };
    wanted == has || kind == Kind::Zone && items(wanted) == items(has)
}

impl Param {
    /// Returns the value as PVE lists it: the items of a list joined by `;`.
    fn as_listed(&self) -> String {
        match self {
            Self::One(text) => text.clone(),
            Self::Many(items) => items.join(";"),
        }
    }
}

impl Edit {
    /// Returns the edited object's name for people.
    pub(super) fn target(&self) -> String {
        name_of(self.kind, &self.id)
    }

    /// Returns what is being done, for people.
    pub(super) fn doing(&self) -> String {
        let verb = match self.verb {
            EditVerb::Create => "creating",
            EditVerb::Update => "changing",
            EditVerb::Delete => "removing",
        };
        format!("{verb} {}", self.target())
    }

    /// Returns what was done, for people.
    pub(super) fn done(&self) -> String {
        let verb = match self.verb {
            EditVerb::Create => "created",
            EditVerb::Update => "changed",
            EditVerb::Delete => "removed",
        };
        format!("{} {verb}", self.target())
    }

    /// Returns the kind of object as the client's type.
    pub(super) fn sdn_kind(&self) -> SdnKind {
        match self.kind {
            Kind::Zone => SdnKind::Zone,
            Kind::Vnet => SdnKind::Vnet,
            Kind::Subnet => SdnKind::Subnet(self.vnet.clone().unwrap_or_default()),
            // No plan edits controllers or fabrics.
            Kind::Controller | Kind::Fabric => SdnKind::Controller,
        }
    }

    /// Returns the parameters of the call.
    pub(super) fn params(&self, digest: Option<&Digest>) -> Params {
        let mut params = Params::new();
        for (name, value) in &self.params {
            match value {
                Param::One(text) => params.push(name, text),
                Param::Many(items) => items.iter().for_each(|item| params.push(name, item)),
            }
        }
        // PVE: facts-2, 16: a create takes no digest, and neither does a delete.
        params.with_some("digest", digest.filter(|_| self.verb == EditVerb::Update))
    }

    /// Returns whether an object with these edited values, or none, is what the plan was made for.
    pub(super) fn is_planned_for(&self, seen: Option<&Values>) -> bool {
        match &self.guard {
            Guard::Absent | Guard::As { state: State::Deleted, .. } => seen.is_none(),
            Guard::As { edited, .. } => seen == Some(edited),
        }
    }

    /// Returns whether an object with these edited values, or none, is what this edit makes of it.
    pub(super) fn is_reached(&self, seen: Option<&Values>) -> bool {
        match (self.verb, seen) {
            (EditVerb::Delete, seen) => seen.is_none(),
            (_, None) => false,
            (_, Some(seen)) => {
                self.wanted().all(|(name, value)| match seen.get(name) {
                    Some(has) => is_same(self.kind, &value, has),
                    None => value == "0",
                }) && self.removed().all(|name| !seen.contains_key(name))
            }
        }
    }

    /// Returns whether somebody else has done just this: only the run in the mark differs.
    pub(super) fn is_reached_by_others(&self, seen: Option<&Values>) -> bool {
        let mut edit = self.clone();
        let mut seen = seen.cloned();
        let plain = |text: &str| match text.rsplit_once(" run=") {
            Some((before, _)) => before.to_owned(),
            None => text.to_owned(),
        };
        if let Some(Param::One(alias)) = edit.params.get_mut("alias") {
            *alias = plain(alias);
        }
        if let Some(alias) = seen.as_mut().and_then(|seen| seen.get_mut("alias")) {
            *alias = plain(alias);
        }
        edit.is_reached(seen.as_ref())
    }

    /// Returns the values that are set.
    fn wanted(&self) -> impl Iterator<Item = (&str, String)> {
        let values = self.params.iter().map(|(name, value)| (name.as_str(), value.as_listed()));
        values.filter(|(name, _)| *name != "delete" && !self.kind.naming().contains(name))
    }

    /// Returns the names of the options that are removed.
    fn removed(&self) -> impl Iterator<Item = &str> {
        let list = match self.params.get("delete") {
            Some(Param::One(list)) => list.as_str(),
            _ => "",
        };
        list.split(',').filter(|name| !name.is_empty())
    }

    /// Returns the edit that takes this one back.
    pub(super) fn undo(&self) -> Self {
        let before = match &self.guard {
            Guard::Absent | Guard::As { state: State::Deleted, .. } => None,
            Guard::As { edited, .. } => Some(edited),
        };
        let (verb, params) = match (self.verb, before) {
            (EditVerb::Create, _) | (_, None) => (EditVerb::Delete, BTreeMap::new()),
            (EditVerb::Update, Some(before)) => (EditVerb::Update, self.restored(before)),
            (EditVerb::Delete, Some(before)) => (EditVerb::Create, self.recreated(before)),
        };
        Self { verb, params, unused: false, ..self.clone() }
    }

    /// Returns the parameters that give an object its earlier values again.
    fn restored(&self, before: &Values) -> BTreeMap<String, Param> {
        let touched: BTreeSet<&str> =
            self.params.keys().map(String::as_str).chain(self.removed()).collect();
        let touched = touched.into_iter().filter(|name| *name != "delete");
        let (had, had_not): (Vec<&str>, Vec<&str>) =
            touched.partition(|name| before.contains_key(*name));
        let mut params: BTreeMap<String, Param> = had
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), param(name, before.get(name)?))))
            .gather();
        if !had_not.is_empty() {
            params.insert("delete".to_owned(), Param::One(had_not.join(",")));
        }
        params
    }

    /// Returns the parameters that create a deleted object again.
    fn recreated(&self, before: &Values) -> BTreeMap<String, Param> {
        let one = |text: &str| Param::One(text.to_owned());
        let values = before.iter().map(|(name, value)| (name.clone(), param(name, value)));
        let mut params: BTreeMap<String, Param> = values.gather();
        match self.kind {
            Kind::Subnet => {
                params.insert("subnet".to_owned(), one(&cidr_of(&self.id)));
                params.insert("type".to_owned(), one("subnet"));
            }
            kind => _ = params.insert(kind.word().to_owned(), one(&self.id)),
        }
        params
    }
}

/// Returns a listed value as a parameter.
fn param(name: &str, listed: &str) -> Param {
    // PVE: facts-2, 15: the only list that is sent item by item.
    match name {
        "dhcp-range" => Param::Many(listed.split(';').map(str::to_owned).collect()),
        _ => Param::One(listed.to_owned()),
    }
}

/// Returns an object's values after the next commit; `None` if it does not exist then.
pub(super) fn edited(object: Option<&Object>) -> Option<&Values> {
    object.filter(|object| object.state != State::Deleted).map(|object| &object.edited)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pairs: &[(&str, &str)]) -> Values {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    fn edit(kind: Kind, id: &str, verb: EditVerb, params: &[(&str, &str)], before: Guard) -> Edit {
        let params = params.iter().map(|(k, v)| ((*k).to_owned(), Param::One((*v).to_owned())));
        Edit {
            network: "lab".to_owned(),
            kind,
            id: id.to_owned(),
            vnet: (kind == Kind::Subnet).then(|| "lan".to_owned()),
            verb,
            params: params.collect(),
            guard: before,
            unused: false,
        }
    }

    fn was(pairs: &[(&str, &str)]) -> Guard {
        Guard::As { state: State::Applied, edited: values(pairs) }
    }

    fn check_undo(edit: &Edit, verb: EditVerb, params: &[(&str, &str)]) {
        let undo = edit.undo();
        let shown: Vec<(&str, String)> =
            undo.params.iter().map(|(k, v)| (k.as_str(), v.as_listed())).collect();
        let expected: Vec<(&str, String)> =
            params.iter().map(|(k, v)| (*k, (*v).to_owned())).collect();
        assert_eq!((undo.verb, shown), (verb, expected));
    }

    #[test]
    fn each_edit_can_be_taken_back() {
        let zone = [("mtu", "1450"), ("peers", "192.0.2.1"), ("type", "vxlan"), ("zone", "lab")];
        let create = edit(Kind::Zone, "lab", EditVerb::Create, &zone, Guard::Absent);
        check_undo(&create, EditVerb::Delete, &[]);
        let deleted = Guard::As { state: State::Deleted, edited: values(&[]) };
        let again = edit(Kind::Zone, "lab", EditVerb::Create, &zone, deleted);
        check_undo(&again, EditVerb::Delete, &[]);
        let change = [("delete", "mtu"), ("peers", "192.0.2.1,192.0.2.2"), ("nodes", "pve1")];
        let before = was(&[("mtu", "1400"), ("peers", "192.0.2.1"), ("type", "vxlan")]);
        check_undo(
            &edit(Kind::Zone, "lab", EditVerb::Update, &change, before.clone()),
            EditVerb::Update,
            &[("delete", "nodes"), ("mtu", "1400"), ("peers", "192.0.2.1")],
        );
        check_undo(
            &edit(Kind::Zone, "lab", EditVerb::Delete, &[], before),
            EditVerb::Create,
            &[("mtu", "1400"), ("peers", "192.0.2.1"), ("type", "vxlan"), ("zone", "lab")],
        );
        let range = "start-address=10.5.0.5,end-address=10.5.0.9";
        let before = was(&[("gateway", "10.5.0.1"), ("dhcp-range", range)]);
        let delete = edit(Kind::Subnet, "lab-10.5.0.0-24", EditVerb::Delete, &[], before);
        check_undo(
            &delete,
            EditVerb::Create,
            &[
                ("dhcp-range", range),
                ("gateway", "10.5.0.1"),
                ("subnet", "10.5.0.0/24"),
                ("type", "subnet"),
            ],
        );
    }

    #[test]
    fn ranges_are_sent_one_by_one() {
        let two = [
            "start-address=10.5.0.5,end-address=10.5.0.9",
            "start-address=10.5.0.20,end-address=10.5.0.29",
        ];
        let mut create =
            edit(Kind::Subnet, "lab-10.5.0.0-24", EditVerb::Create, &[], Guard::Absent);
        let ranges = Param::Many(two.map(str::to_owned).into());
        create.params.insert("dhcp-range".to_owned(), ranges);
        let ranges = |params: &Params| params.pairs().filter(|(n, _)| *n == "dhcp-range").count();
        assert_eq!(ranges(&create.params(None)), 2);
        let listed = two.join(";");
        assert!(
            create.is_reached(Some(&values(&[("dhcp-range", &listed), ("gateway", "10.5.0.1")])))
        );
        assert!(!create.is_reached(Some(&values(&[("dhcp-range", two[0])]))));
    }

    #[test]
    fn an_effect_is_the_values_and_nothing_else() {
        let mark = |run: &str| format!("Lab site=s net=lab zone=made run={run}");
        let (ours, theirs) = (mark("01ab"), mark("02cd"));
        let vnet = [("alias", ours.as_str()), ("tag", "100"), ("vnet", "lan"), ("zone", "lab")];
        let create = edit(Kind::Vnet, "lan", EditVerb::Create, &vnet, Guard::Absent);
        let seen =
            |alias: &str, tag: &str| values(&[("alias", alias), ("tag", tag), ("zone", "lab")]);
        assert!(create.is_reached(Some(&seen(&ours, "100"))));
        assert!(!create.is_reached(Some(&seen(&ours, "101"))));
        assert!(!create.is_reached(Some(&seen(&theirs, "100"))), "made by another run");
        assert!(create.is_reached_by_others(Some(&seen(&theirs, "100"))));
        assert!(!create.is_reached_by_others(Some(&seen("Lab", "100"))), "it has no mark");
        assert!(!create.is_reached(None));
        let change = [("delete", "mtu"), ("nodes", "pve2,pve1")];
        let change = edit(Kind::Zone, "lab", EditVerb::Update, &change, was(&[]));
        assert!(change.is_reached(Some(&values(&[("nodes", "pve1,pve2")]))));
        assert!(!change.is_reached(Some(&values(&[("mtu", "1"), ("nodes", "pve1,pve2")]))));
        let delete = edit(Kind::Zone, "lab", EditVerb::Delete, &[], was(&[]));
        assert!(delete.is_reached(None) && !delete.is_reached(Some(&values(&[]))));
    }

    #[test]
    fn names_for_people() {
        assert_eq!(name_of(Kind::Subnet, "lab-10.5.0.0-24"), "subnet 10.5.0.0/24");
        assert_eq!(name_of(Kind::Subnet, "lab-fd00:60::-64"), "subnet fd00:60::/64");
        assert_eq!(name_of(Kind::Vnet, "lan"), "vnet lan");
    }
}
