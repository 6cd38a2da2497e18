//! How lists and reads show an object: as edited, as committed, or with what is pending.
//! A pure module: does no I/O.
// PVE: pve-network, Network/SDN.pm, pending_config; API2/Network/SDN/{Zones,Vnets,Subnets}.pm.

use serde_json::{Map, Value};

use super::{Kind, Object, Sdn};
use crate::pve_sim::property::Properties;

/// Which config to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    /// As edited.
    Edited,
    /// As committed.
    Running,
    /// As committed, with what is pending.
    Pending,
}

impl Sdn {
    /// Returns the names in a view.
    pub(crate) fn names(&self, kind: Kind, view: View) -> Vec<String> {
        let (edited, running) = (self.edited.of(kind).keys(), self.running.of(kind).keys());
        let mut names: Vec<String> = match view {
            View::Edited => edited.cloned().collect(),
            View::Running => running.cloned().collect(),
            View::Pending => edited.chain(running).cloned().collect(),
        };
        names.sort();
        names.dedup();
        names
    }

    /// Returns one object in a view; the digest is null except as edited (facts-2 13).
    pub(crate) fn show(&self, kind: Kind, id: &str, view: View) -> Option<Value> {
        let edited = self.edited.of(kind).get(id).map(|object| complete(kind, object));
        let running = self.running.of(kind).get(id).map(|object| complete(kind, object));
        let mut shown = match view {
            View::Edited => plain(&edited?),
            View::Running => plain(&running?),
            View::Pending => pending(edited.as_ref(), running.as_ref())?,
        };
        let digest = match view {
            View::Edited => Value::from(self.edited.digest(kind)),
            _ => Value::Null,
        };
        shown.insert("digest".to_owned(), digest);
        if kind == Kind::Subnet {
            place(id, &mut shown);
        }
        if kind != Kind::FabricNode {
            shown.insert(kind.key().to_owned(), id.into());
        }
        Some(shown.into())
    }
}

/// Adds the type, which is a fixed word for vnets and subnets.
fn complete(kind: Kind, object: &Object) -> Object {
    let mut object = object.clone();
    if matches!(kind, Kind::Vnet | Kind::Subnet) {
        object.insert("type".to_owned(), kind.key().to_owned());
    }
    object
}

fn plain(object: &Object) -> Map<String, Value> {
    object.iter().map(|(key, value)| (key.clone(), typed(key, value))).collect()
}

/// Facts-2 13.
fn pending(edited: Option<&Object>, running: Option<&Object>) -> Option<Map<String, Value>> {
    let mut shown = running.map(plain).unwrap_or_default();
    let mut changes = Map::new();
    let mut state = match (edited, running) {
        (None, None) => return None,
        (Some(_), None) => Some("new"),
        (None, Some(_)) => Some("deleted"),
        (Some(_), Some(_)) => None,
    };
    if let (Some(edited), Some(running)) = (edited, running) {
        for key in running.keys().filter(|key| !edited.contains_key(*key)) {
            changes.insert(key.clone(), "deleted".into());
            state = Some("changed");
        }
    }
    for (key, value) in edited.into_iter().flatten() {
        let before = running.and_then(|running| running.get(key));
        // PVE: an object's type, and a subnet's vnet, are never pending.
        if key == "type" || key == "vnet" {
            shown.insert(key.clone(), value.clone().into());
        } else if before != Some(value) {
            changes.insert(key.clone(), typed(key, value));
        }
        if running.is_some() && before != Some(value) {
            state = Some("changed");
        }
    }
    if let Some(state) = state {
        shown.insert("state".to_owned(), state.into());
        shown.insert("pending".to_owned(), changes.into());
    }
    Some(shown)
}

/// Adds what follows from a subnet's name, and reads its ranges (facts-2 15).
// PVE: Network/SDN/Subnets.pm, sdn_subnets_config and get_dhcp_ranges.
fn place(id: &str, shown: &mut Map<String, Value>) {
    let mut parts = id.splitn(3, '-');
    let mut next = || parts.next().unwrap_or_default().to_owned();
    let (zone, network, mask) = (next(), next(), next());
    shown.insert("cidr".to_owned(), format!("{network}/{mask}").into());
    shown.insert("id".to_owned(), id.into());
    shown.insert("zone".to_owned(), zone.into());
    shown.insert("network".to_owned(), network.into());
    shown.insert("mask".to_owned(), mask.into());
    let strings = shown.remove("dhcp-range").unwrap_or_default();
    let read = |range: &Value| {
        let range = Properties::read(range.as_str().unwrap_or_default(), "");
        range.iter().map(|(key, address)| (key.to_owned(), Value::from(address))).collect()
    };
    let ranges: Vec<Value> = strings.as_array().into_iter().flatten().map(read).collect();
    shown.insert("dhcp-range".to_owned(), ranges.into());
}

/// Keys whose values are numbers in PVE's JSON.
const NUMBERS: [&str; 16] = [
    "advertise-subnets",
    "asn",
    "bgp-multipath-as-relax",
    "bridge-disable-mac-learning",
    "csnp_interval",
    "disable-arp-nd-suppression",
    "dp-id",
    "ebgp",
    "hello_interval",
    "isolate-ports",
    "mtu",
    "snat",
    "tag",
    "vlanaware",
    "vrf-vxlan",
    "vxlan-port",
];

/// Returns a value as PVE shows it.
pub(crate) fn typed(key: &str, value: &str) -> Value {
    if key == "dhcp-range" || key == "interfaces" {
        return value.split(' ').filter(|range| !range.is_empty()).map(Value::from).collect();
    }
    match value.parse::<i64>() {
        Ok(number) if NUMBERS.contains(&key) => number.into(),
        _ => value.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(keys: &[(&str, &str)]) -> Object {
        keys.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    fn check(edited: Option<Object>, running: Option<Object>, expected: Value) {
        let mut sdn = Sdn::default();
        sdn.edited.zones.extend(edited.map(|object| ("z".to_owned(), object)));
        sdn.running.zones.extend(running.map(|object| ("z".to_owned(), object)));
        assert_eq!(sdn.show(Kind::Zone, "z", View::Pending), Some(expected));
    }

    #[test]
    fn pending_shows_what_is_not_committed() {
        let one = || object(&[("type", "vxlan"), ("mtu", "1450")]);
        let two = || object(&[("type", "vxlan"), ("mtu", "1400")]);
        let none = || object(&[("type", "vxlan")]);
        let base = || json!({"zone": "z", "type": "vxlan", "digest": null});
        let with = |more: Value| {
            let mut all = base();
            all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            all
        };
        check(Some(one()), Some(one()), with(json!({"mtu": 1450})));
        check(Some(one()), None, with(json!({"state": "new", "pending": {"mtu": 1450}})));
        check(
            Some(two()),
            Some(one()),
            with(json!({"mtu": 1450, "state": "changed", "pending": {"mtu": 1400}})),
        );
        check(
            Some(none()),
            Some(one()),
            with(json!({"mtu": 1450, "state": "changed", "pending": {"mtu": "deleted"}})),
        );
        check(None, Some(one()), with(json!({"mtu": 1450, "state": "deleted", "pending": {}})));
    }

    #[test]
    fn ranges_are_strings_while_pending_and_objects_later() {
        let range = "start-address=10.0.0.9,end-address=10.0.0.20";
        let mut sdn = Sdn::default();
        let subnet = object(&[("vnet", "v"), ("dhcp-range", range)]);
        sdn.edited.subnets.insert("z-10.0.0.0-24".to_owned(), subnet.clone());
        let shown = |sdn: &Sdn| sdn.show(Kind::Subnet, "z-10.0.0.0-24", View::Pending).unwrap();
        let new = shown(&sdn);
        assert_eq!(
            (&new["dhcp-range"], &new["pending"]["dhcp-range"]),
            (&json!([]), &json!([range]))
        );
        sdn.running.subnets.insert("z-10.0.0.0-24".to_owned(), subnet);
        let both = json!([{"start-address": "10.0.0.9", "end-address": "10.0.0.20"}]);
        assert_eq!(shown(&sdn)["dhcp-range"], both);
    }
}
