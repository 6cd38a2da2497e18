//! Zones, vnets and subnets: list, create, change, delete.
//! A pure module: does no I/O. The texts are PVE's.
// PVE: pve-network, API2/Network/SDN/{Zones,Vnets,Subnets}.pm and their plugins.

use serde_json::Value;

use super::Call;
use crate::pve_sim::answer::{Refusal, Reply};
use crate::pve_sim::world::sdn::{Kind, Object, subnet_id};

const VISIBLE_WITH: [&str; 2] = ["SDN.Audit", "SDN.Allocate"];

/// Parameters of a request that are not keys of an object.
const NOT_KEYS: [&str; 8] =
    ["zone", "vnet", "subnet", "digest", "delete", "lock-token", "pending", "running"];

fn keys(call: &Call, kind: Kind) -> Object {
    let mut object = call.params.0.clone();
    object.retain(|key, _| {
        !NOT_KEYS.contains(&key.as_str()) || (kind == Kind::Vnet && key == "zone")
    });
    object
}

fn list(call: &Call, kind: Kind, of: impl Fn(&str, &Value) -> bool) -> Reply {
    let (pending, running) = (call.params.flag("pending"), call.params.flag("running"));
    let sdn = &call.world.sdn;
    let lines: Vec<Value> = sdn
        .names(kind)
        .iter()
        .filter_map(|id| Some((id, sdn.show(kind, id, pending, running)?)))
        .filter(|(id, _)| {
            call.world.check_any(call.who, &path_of(call, kind, id), &VISIBLE_WITH).is_ok()
        })
        .filter(|(id, shown)| of(id, shown))
        .map(|(_, shown)| shown)
        .collect();
    Ok(Value::Array(lines).into())
}

/// Returns `/sdn/zones/{zone}` or `/sdn/zones/{zone}/{vnet}`.
fn path_of(call: &Call, kind: Kind, id: &str) -> String {
    let sdn = &call.world.sdn;
    let find = |kind: Kind, id: &str, key: &str| -> String {
        let object = sdn.edited.of(kind).get(id).or_else(|| sdn.running.of(kind).get(id));
        object.and_then(|object| object.get(key)).cloned().unwrap_or_default()
    };
    match kind {
        Kind::Zone => format!("/sdn/zones/{id}"),
        Kind::Vnet => format!("/sdn/zones/{}/{id}", find(Kind::Vnet, id, "zone")),
        Kind::Subnet => {
            let vnet = find(Kind::Subnet, id, "vnet");
            format!("/sdn/zones/{}/{vnet}", find(Kind::Vnet, &vnet, "zone"))
        }
    }
}

fn one(call: &Call, kind: Kind, id: &str) -> Reply {
    call.world.check_any(call.who, &path_of(call, kind, id), &VISIBLE_WITH)?;
    let (pending, running) = (call.params.flag("pending"), call.params.flag("running"));
    let shown = call.world.sdn.show(kind, id, pending, running);
    shown.map(Into::into).ok_or_else(|| missing(kind, id))
}

fn missing(kind: Kind, id: &str) -> Refusal {
    Refusal::die(format!("sdn {} '{id}' does not exist", kind.key()).replace("sdn zone", "sdn"))
}

/// Creates an object (facts 2).
fn create(call: &mut Call, kind: Kind, id: &str, object: Object) -> Reply {
    call.world.sdn.check_lock(call.params.get("lock-token"))?;
    let name = kind.key();
    if call.world.sdn.edited.of(kind).contains_key(id) {
        // PVE: facts 5.
        return Err(failed(
            "create",
            kind,
            &format!("sdn {name} object ID '{id}' already defined"),
        ));
    }
    call.world.sdn.edited.of_mut(kind).insert(id.to_owned(), object);
    Ok(Value::Null.into())
}

/// Facts 2: only the body has the detail, with status 500.
fn failed(verb: &str, kind: Kind, cause: &str) -> Refusal {
    Refusal::die(format!("{verb} sdn {} object failed: {cause}", kind.key()))
}

fn failed_parameter(verb: &str, kind: Kind, name: &str, text: &str) -> Refusal {
    failed(verb, kind, &format!("400 Parameter verification failed.\n{name}: {text}"))
}

fn change(call: &mut Call, kind: Kind, id: &str) -> Reply {
    call.world.check(call.who, &path_of(call, kind, id), &["SDN.Allocate"])?;
    call.world.sdn.check_lock(call.params.get("lock-token"))?;
    if call.params.get("digest").is_some() {
        return Err(Refusal::unknown("pve-sim: digest of SDN objects is not served"));
    }
    let object = keys(call, kind);
    let delete: Vec<String> = call.params.list("delete").into_iter().map(str::to_owned).collect();
    let found = call.world.sdn.edited.of_mut(kind).get_mut(id).ok_or_else(|| missing(kind, id))?;
    found.extend(object);
    found.retain(|key, _| !delete.contains(key));
    Ok(Value::Null.into())
}

fn delete(call: &mut Call, kind: Kind, id: &str) -> Reply {
    call.world.check(call.who, &path_of(call, kind, id), &["SDN.Allocate"])?;
    call.world.sdn.check_lock(call.params.get("lock-token"))?;
    let removed = call.world.sdn.edited.of_mut(kind).remove(id);
    // PVE: facts 47. A subnet can be deleted twice, a zone cannot.
    if removed.is_none() && kind != Kind::Subnet {
        return Err(match kind {
            Kind::Zone => failed("delete", kind, &format!("sdn '{id}' does not exist")),
            _ => missing(kind, id),
        });
    }
    Ok(Value::Null.into())
}

pub(super) fn zones(call: &mut Call) -> Reply {
    let kind = call.params.get("type").map(str::to_owned);
    list(call, Kind::Zone, |_, shown| kind.as_deref().is_none_or(|kind| shown["type"] == kind))
}

pub(super) fn zone(call: &mut Call) -> Reply {
    let id = call.params.text("zone").to_owned();
    one(call, Kind::Zone, &id)
}

/// Facts 45.
pub(super) fn create_zone(call: &mut Call) -> Reply {
    let id = call.params.text("zone").to_owned();
    let object = keys(call, Kind::Zone);
    if !crate::pve_sim::formats::full(r"[a-zA-Z][a-zA-Z0-9]{1,7}", &id) {
        return Err(Refusal::parameter(
            "zone",
            "invalid format - zone ID contains illegal characters or is too long\n",
        ));
    }
    // PVE: pve-common, SectionConfig.pm, check_config.
    let kind = object.get("type").map_or("", String::as_str);
    let needs: &[&str] = match kind {
        "vlan" => &["bridge"],
        "qinq" => &["bridge", "tag"],
        "evpn" => &["vrf-vxlan", "controller"],
        _ => &[],
    };
    if let Some(key) = needs.iter().find(|key| !object.contains_key(**key)) {
        return Err(Refusal::die(format!("missing value for required option '{key}'")));
    }
    if kind == "vxlan" && object.contains_key("peers") == object.contains_key("fabric") {
        let text = "must have exactly one of peers / fabric defined";
        let text = format!("{text}\nfabric: {text}");
        return Err(failed_parameter("create", Kind::Zone, "peers", &text));
    }
    create(call, Kind::Zone, &id, object)
}

pub(super) fn change_zone(call: &mut Call) -> Reply {
    let id = call.params.text("zone").to_owned();
    change(call, Kind::Zone, &id)
}

/// Facts 47.
pub(super) fn delete_zone(call: &mut Call) -> Reply {
    let id = call.params.text("zone").to_owned();
    let vnets = &call.world.sdn.edited.vnets;
    if let Some((vnet, _)) = vnets.iter().find(|(_, vnet)| vnet.get("zone") == Some(&id)) {
        let text = format!(
            "zone {id} is used by vnet {vnet} at /usr/share/perl5/PVE/Network/SDN/Zones/Plugin.pm line 149."
        );
        return Err(failed("delete", Kind::Zone, &text));
    }
    delete(call, Kind::Zone, &id)
}

pub(super) fn vnets(call: &mut Call) -> Reply {
    list(call, Kind::Vnet, |_, _| true)
}

pub(super) fn vnet(call: &mut Call) -> Reply {
    let id = call.params.text("vnet").to_owned();
    one(call, Kind::Vnet, &id)
}

/// Facts 2 and 45.
pub(super) fn create_vnet(call: &mut Call) -> Reply {
    let id = call.params.text("vnet").to_owned();
    let object = keys(call, Kind::Vnet);
    let zone = object.get("zone").cloned().unwrap_or_default();
    let found = call.world.sdn.edited.zones.get(&zone);
    let Some(found) = found else {
        return Err(failed("create", Kind::Vnet, &format!("zone {zone} doesn't exist")));
    };
    let kind = found.get("type").cloned().unwrap_or_default();
    let tag = object.get("tag");
    if kind == "simple" && tag.is_some() {
        return Err(failed_parameter(
            "create",
            Kind::Vnet,
            "tag",
            "vlan tag is not allowed on simple zone",
        ));
    }
    // PVE: Zones/*Plugin.pm, vnet_update_hook: the tag is optional only in a QinQ zone.
    let missing_tag = match kind.as_str() {
        "vlan" => Some("missing vlan tag"),
        "vxlan" | "evpn" => Some("missing vxlan tag"),
        _ => None,
    };
    if let Some(text) = missing_tag.filter(|_| tag.is_none()) {
        return Err(failed_parameter("create", Kind::Vnet, "tag", text));
    }
    // PVE: reference 6: unique over all vxlan and evpn vnets, in a vlan zone within the zone.
    let clash = call.world.sdn.edited.vnets.iter().find(|(_, other)| {
        other.get("tag") == tag
            && tag.is_some()
            && (other.get("zone") == Some(&zone) || kind == "vxlan")
    });
    if let (Some((other, _)), Some(tag)) = (clash, tag) {
        let text = match kind.as_str() {
            "qinq" => format!("tag {tag} already exist in zone {zone} vnet {other}"),
            _ => format!("tag {tag} already exist in vnet {other}"),
        };
        return Err(failed_parameter("create", Kind::Vnet, "tag", &text));
    }
    create(call, Kind::Vnet, &id, object)
}

pub(super) fn change_vnet(call: &mut Call) -> Reply {
    let id = call.params.text("vnet").to_owned();
    change(call, Kind::Vnet, &id)
}

/// Facts 47.
pub(super) fn delete_vnet(call: &mut Call) -> Reply {
    let id = call.params.text("vnet").to_owned();
    if call.world.sdn.edited.subnets.values().any(|subnet| subnet.get("vnet") == Some(&id)) {
        let text = "Can't delete vnet if subnets exists";
        return Err(failed_parameter("delete", Kind::Vnet, "vnet", text));
    }
    delete(call, Kind::Vnet, &id)
}

pub(super) fn subnets(call: &mut Call) -> Reply {
    let vnet = call.params.text("vnet").to_owned();
    let sdn = &call.world.sdn;
    if !sdn.edited.vnets.contains_key(&vnet) && !sdn.running.vnets.contains_key(&vnet) {
        return Err(missing(Kind::Vnet, &vnet));
    }
    list(call, Kind::Subnet, |_, shown| shown["vnet"] == vnet.as_str())
}

pub(super) fn subnet(call: &mut Call) -> Reply {
    let id = call.params.text("subnet").to_owned();
    one(call, Kind::Subnet, &id)
}

/// Facts 45.
pub(super) fn create_subnet(call: &mut Call) -> Reply {
    let vnet = call.params.text("vnet").to_owned();
    let cidr = call.params.text("subnet").to_owned();
    if crate::pve_sim::formats::verify("CIDR", &cidr).is_err() {
        let text = "invalid format - value does not look like a valid CIDR network\n";
        return Err(Refusal::parameter("subnet", text));
    }
    let found = call.world.sdn.edited.vnets.get(&vnet).ok_or_else(|| missing(Kind::Vnet, &vnet))?;
    let zone = found.get("zone").cloned().unwrap_or_default();
    call.world.check(call.who, &format!("/sdn/zones/{zone}/{vnet}"), &["SDN.Allocate"])?;
    let mut object = keys(call, Kind::Subnet);
    object.insert("vnet".to_owned(), vnet);
    object.insert("cidr".to_owned(), cidr.clone());
    create(call, Kind::Subnet, &subnet_id(&zone, &cidr), object)
}

pub(super) fn change_subnet(call: &mut Call) -> Reply {
    let id = call.params.text("subnet").to_owned();
    change(call, Kind::Subnet, &id)
}

pub(super) fn delete_subnet(call: &mut Call) -> Reply {
    let id = call.params.text("subnet").to_owned();
    delete(call, Kind::Subnet, &id)
}
