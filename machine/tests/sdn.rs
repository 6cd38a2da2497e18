//! The rows of networks against PVE's own schema of the API, which the simulator also uses.
#![expect(clippy::unwrap_used, reason = "tests may unwrap")]

use machine::Kind;
use machine::sdn::{Object, REFUSED, Row, ZoneType, refusal};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

const API: &str = include_str!("../../tests/src/pve_sim/api-parameters.json");

const OBJECTS: [(Object, &str); 3] = [
    (Object::Zone, "/cluster/sdn/zones"),
    (Object::Vnet, "/cluster/sdn/vnets"),
    (Object::Subnet, "/cluster/sdn/vnets/{vnet}/subnets"),
];

/// The parameters of a method.
fn parameters(method: &str, path: &str) -> Map<String, Value> {
    let all: Vec<Value> = serde_json::from_str(API).unwrap();
    let is = |endpoint: &&Value| endpoint["method"] == method && endpoint["path"] == path;
    all.iter().find(is).unwrap()["parameters"].as_object().unwrap().clone()
}

/// Calls `validate` with each row and PVE's facts of it.
fn each_row(mut validate: impl FnMut(&str, &Row, &Value)) {
    for (object, path) in OBJECTS {
        let theirs = parameters("POST", path);
        for row in object.rows() {
            let place = format!("{} {}", object.name(), row.part.name);
            validate(&place, row, &theirs[row.part.name]);
        }
    }
}

#[test]
fn every_parameter_is_a_row_or_is_refused() {
    let mut refused = 0;
    for (object, path) in OBJECTS {
        let one = format!("{path}/{{{}}}", object.name());
        let mut theirs = parameters("POST", path);
        theirs.extend(parameters("PUT", &one));
        // The type of a zone is a field of its own.
        theirs.retain(|name, _| (object, name.as_str()) != (Object::Zone, "type"));
        for name in theirs.keys() {
            let place = format!("{} {name}", object.name());
            let is_row = object.row(name).is_some();
            assert_ne!(is_row, refusal(object, name).is_some(), "{place}");
            refused += usize::from(!is_row);
        }
        for row in object.rows() {
            assert!(theirs.contains_key(row.part.name), "{} {}", object.name(), row.part.name);
        }
    }
    assert_eq!(refused, REFUSED.len(), "a refused option does not exist");
}

#[test]
fn every_row_can_be_changed() {
    for (object, path) in OBJECTS {
        let theirs = parameters("PUT", &format!("{path}/{{{}}}", object.name()));
        for row in object.rows() {
            assert!(theirs.contains_key(row.part.name), "{} {}", object.name(), row.part.name);
        }
    }
}

/// Where a row is not what the schema says, and why.
const DIFFERENT: [(&str, &str, &str); 3] = [
    ("zone mtu", "minimum", "the smallest that a NIC of a VM can have"),
    ("zone mtu", "maximum", "the largest that a NIC of a VM can have"),
    ("zone vxlan-port", "maximum", "PVE's 65536 is not a port"),
];

#[test]
fn kinds_and_bounds_are_those_of_the_schema() {
    let mut used = BTreeSet::new();
    each_row(|place, row, facts| {
        let mut validate = |what: &'static str, fits: bool| {
            let is_listed = DIFFERENT.iter().any(|(p, w, _)| (*p, *w) == (place, what));
            assert!(fits || is_listed, "{place}: {what} of {:?}", row.part.kind);
            if !fits {
                used.insert((place.to_owned(), what));
            }
        };
        validate(
            "type",
            match facts["type"].as_str().unwrap() {
                "boolean" => matches!(row.part.kind, Kind::Flag),
                "integer" => matches!(row.part.kind, Kind::Int(..)),
                "array" => row.is_array(),
                "string" if facts["format"].as_str().is_some_and(|f| f.ends_with("-list")) => {
                    matches!(row.part.kind, Kind::Set(',', _))
                }
                "string" if facts.get("enum").is_some() => matches!(row.part.kind, Kind::Word(_)),
                _ => matches!(row.part.kind, Kind::Text(_)),
            },
        );
        if let Kind::Int(least, most) = row.part.kind {
            validate("minimum", facts["minimum"].as_i64() == Some(least));
            validate("maximum", facts["maximum"].as_i64() == Some(most));
        }
        if let Kind::Word(words) = row.part.kind {
            assert_eq!(facts["enum"], Value::from(words.to_vec()), "{place}");
        }
        let default = facts["default"].as_i64().map(|default| default.to_string());
        assert_eq!(row.part.absent, default.as_deref(), "{place}");
    });
    for (place, what, reason) in DIFFERENT {
        assert!(used.contains(&(place.to_owned(), what)), "{place}: {what}: {reason}");
    }
}

#[test]
fn zone_types_are_those_of_the_schema() {
    let mut theirs = parameters("POST", "/cluster/sdn/zones");
    let names = theirs.remove("type").unwrap()["enum"].as_array().unwrap().clone();
    let theirs: BTreeSet<&str> = names.iter().filter_map(Value::as_str).collect();
    let mut ours: BTreeSet<&str> = ZoneType::NAMES.iter().copied().collect();
    // PVE: pve-network, Zones/FaucetPlugin.pm: not documented and without an interface.
    ours.insert("faucet");
    assert_eq!(ours, theirs);
    for name in ZoneType::NAMES {
        assert_eq!(ZoneType::find(name).map(ZoneType::name), Some(*name));
    }
}

/// The options that each plugin accepts. PVE: pve-network, Zones/*Plugin.pm, options.
const PLUGINS: [(ZoneType, &[&str]); 3] = [
    (ZoneType::Simple, &["dhcp", "dns", "dnszone", "ipam", "mtu", "nodes", "reversedns"]),
    (
        ZoneType::Vlan,
        &[
            "bridge",
            "bridge-disable-mac-learning",
            "dns",
            "dnszone",
            "ipam",
            "mtu",
            "nodes",
            "reversedns",
        ],
    ),
    (
        ZoneType::Vxlan,
        &["dns", "dnszone", "fabric", "ipam", "mtu", "nodes", "peers", "reversedns", "vxlan-port"],
    ),
];

#[test]
fn zone_types_accept_what_their_plugin_accepts() {
    for (ty, theirs) in PLUGINS {
        let accepted = |row: &&Row| row.is_accepted_in(ty);
        let ours: Vec<_> = Object::Zone.rows().iter().filter(accepted).collect();
        let ours: Vec<_> = ours.into_iter().map(|row| row.part.name).collect();
        assert_eq!(ours, theirs, "{ty}");
    }
    for ty in ZoneType::ALL {
        let any = Object::Zone.rows().iter().any(|row| row.is_accepted_in(ty));
        assert_eq!(any, ty.is_made(), "{ty}");
    }
}

/// PVE: facts-2, 8 and 10.
#[test]
fn some_options_have_no_effect() {
    for (ty, name, has_effect) in [
        (ZoneType::Vxlan, "gateway", false),
        (ZoneType::Vlan, "gateway", false),
        (ZoneType::Evpn, "gateway", true),
        (ZoneType::Simple, "snat", true),
        (ZoneType::Vxlan, "snat", false),
        (ZoneType::Simple, "dhcp-range", true),
        (ZoneType::Evpn, "dhcp-range", false),
        (ZoneType::Vxlan, "dhcp-range", false),
    ] {
        let row = Object::Subnet.row(name).unwrap();
        assert_eq!(row.has_effect_in(ty), has_effect, "{ty} {name}");
    }
    let tag = Object::Vnet.row("tag").unwrap();
    assert!(!tag.is_accepted_in(ZoneType::Simple) && tag.required.contains(&ZoneType::Vlan));
}

#[test]
fn only_an_array_has_the_values_of_an_array() {
    let two = serde_json::json!(["10.0.0.1", "10.0.0.2"]);
    let object = serde_json::json!({"start-address": "10.0.0.1", "end-address": "10.0.0.9"});
    let (mut arrays, mut others) = (0, 0);
    each_row(|place, row, _| {
        if row.is_array() {
            arrays += 1;
            return assert!(row.normal_of_json(&object).is_some(), "{place}");
        }
        others += 1;
        assert_eq!(row.normal_of_json(&object), None, "{place}");
        let normal = row.normal_of_json(&two).unwrap_or_default();
        assert!(!normal.contains('\n'), "{place}: {normal}");
    });
    assert!(arrays > 0 && others > 10, "{arrays} {others}");
}
