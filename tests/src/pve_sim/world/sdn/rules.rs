//! What the plugins of zones, vnets and subnets check.
//! A pure module: does no I/O. The texts are PVE's.
// PVE: pve-common, SectionConfig.pm; pve-network, Network/SDN/Zones/*Plugin.pm, VnetPlugin.pm and
// SubnetPlugin.pm.

use super::addresses::{contains, number};
use super::{Kind, Object, Objects};
use crate::pve_sim::keys::Release;
use crate::pve_sim::property::Properties;

/// A wrong parameter: its name and PVE's text.
pub(crate) type Wrong = (&'static str, String);

/// The options of each type: those that it requires, and the others.
// PVE: options() of each plugin.
fn options(kind: Kind, of: &str, release: Release) -> (&'static [&'static str], Vec<&'static str>) {
    const EVERY: [&str; 6] = ["nodes", "mtu", "dns", "reversedns", "dnszone", "ipam"];
    let zone = |more: &[&'static str]| [&EVERY, more].concat();
    match (kind, of) {
        (Kind::Vnet, _) => (&["zone"], vec!["tag", "alias", "vlanaware", "isolate-ports"]),
        (Kind::Subnet, _) => {
            let others = ["gateway", "snat", "dnszoneprefix", "dhcp-range", "dhcp-dns-server"];
            (&["vnet"], others.to_vec())
        }
        (_, "simple") => (&[], zone(&["dhcp"])),
        (_, "vlan") => (&["bridge"], zone(&["bridge-disable-mac-learning"])),
        (_, "vxlan") if release < (9, 0) => (&["peers"], zone(&["vxlan-port"])),
        (_, "vxlan") => (&[], zone(&["peers", "fabric", "vxlan-port"])),
        (_, "qinq") => {
            (&["bridge", "tag"], zone(&["bridge-disable-mac-learning", "vlan-protocol"]))
        }
        // PVE names one of two in no particular order; these are the recorded ones.
        (_, "evpn") if matches!(release, (9, 0 | 1)) => (&["controller", "vrf-vxlan"], zone(&EVPN)),
        (_, "evpn") => (&["vrf-vxlan", "controller"], zone(&EVPN)),
        _ => (&[], Vec::new()),
    }
}

const EVPN: [&str; 9] = [
    "exitnodes",
    "exitnodes-local-routing",
    "exitnodes-primary",
    "advertise-subnets",
    "disable-arp-nd-suppression",
    "bridge-disable-mac-learning",
    "rt-import",
    "vxlan-port",
    "mac",
];

/// Checks that a type has these options, and that a new object has those that it needs (facts-2 8).
// PVE: SectionConfig.pm, check_config and check_value.
pub(crate) fn check_config(
    kind: Kind,
    of: &str,
    object: &Object,
    is_new: bool,
    release: Release,
) -> Result<(), String> {
    let (required, others) = options(kind, of, release);
    let known = |key: &str| key == "type" || required.contains(&key) || others.contains(&key);
    if let Some(key) = object.keys().find(|key| !known(key)) {
        return Err(format!("unexpected property '{key}'"));
    }
    match required.iter().find(|key| is_new && !object.contains_key(**key)) {
        Some(key) => Err(format!("missing value for required option '{key}'")),
        None => Ok(()),
    }
}

/// Deletes options from an object (facts-2 34).
// PVE: SectionConfig.pm, delete_from_config.
pub(crate) fn delete(
    kind: Kind,
    object: &mut Object,
    set: &Object,
    gone: &[&str],
    release: Release,
) -> Result<(), String> {
    let of = object.get("type").cloned().unwrap_or_default();
    let (required, others) = options(kind, &of, release);
    for key in gone {
        if required.contains(key) {
            return Err(format!("unable to delete required option '{key}'"));
        }
        if !others.contains(key) {
            return Err(format!("no such option '{key}'"));
        }
        if set.contains_key(*key) {
            return Err(format!("cannot set and delete property '{key}' at the same time!"));
        }
        object.remove(*key);
    }
    Ok(())
}

/// Checks a zone after an edit; the cluster has no DNS servers, and only the IPAM `pve`.
// PVE: API2/Network/SDN/Zones.pm, create and update; VxlanPlugin.pm, on_update_hook.
pub(crate) fn zone(objects: &Objects, id: &str, set: &Object) -> Result<(), Vec<Wrong>> {
    for key in ["dns", "reversedns"] {
        if let Some(server) = set.get(key) {
            return Err(vec![(key, format!("{server} don't exist"))]);
        }
    }
    if set.contains_key("dnszone") {
        return Err(vec![("dnszone", "missing dns server".to_owned())]);
    }
    if let Some(ipam) = set.get("ipam").filter(|ipam| *ipam != "pve") {
        return Err(vec![("ipam", format!("{ipam} not existing"))]);
    }
    let has = |key: &str| !objects.value(Kind::Zone, id, key).is_empty();
    // PVE: facts-2 3.
    match objects.value(Kind::Zone, id, "type") == "vxlan" && has("peers") == has("fabric") {
        true => {
            let text = "must have exactly one of peers / fabric defined".to_owned();
            Err(vec![("fabric", text.clone()), ("peers", text)])
        }
        false => Ok(()),
    }
}

/// Checks a vnet after an edit.
// PVE: vnet_update_hook of the zone's plugin; VnetPlugin.pm, on_update_hook.
pub(crate) fn vnet(objects: &Objects, id: &str) -> Result<(), Wrong> {
    let value = |key| objects.value(Kind::Vnet, id, key);
    let (zone, tag) = (value("zone"), value("tag"));
    let of = objects.value(Kind::Zone, zone, "type");
    let wrong = |text: &str| Err(("tag", text.to_owned()));
    // PVE: facts-2 8.
    match of {
        "simple" if !tag.is_empty() => return wrong("vlan tag is not allowed on simple zone"),
        "vlan" if tag.is_empty() => return wrong("missing vlan tag"),
        "vxlan" | "evpn" if tag.is_empty() => return wrong("missing vxlan tag"),
        "vlan" if above(tag, 4096) => return wrong("vlan tag max value is 4096"),
        "qinq" if above(tag, 4096) => return wrong("VLAN tag maximal value is 4096"),
        "evpn" if value("vlanaware") == "1" => {
            return Err(("vlan-aware", "vlan-aware option can't be enabled with evpn".to_owned()));
        }
        _ => {}
    }
    tag_clash(objects, id, of)?;
    match value("vlanaware") == "1" && objects.subnets_of(id).next().is_some() {
        true => Err(("vlanaware", "vlanaware vnet is not compatible with subnets".to_owned())),
        false => Ok(()),
    }
}

fn above(tag: &str, most: u32) -> bool {
    tag.parse::<u32>().is_ok_and(|tag| tag > most)
}

/// Facts-2 6: a VNI is unique in the cluster, a VLAN in its zone.
fn tag_clash(objects: &Objects, id: &str, of: &str) -> Result<(), Wrong> {
    let tag = objects.value(Kind::Vnet, id, "tag");
    let zone = objects.zone_of(id);
    let has_vnis = |zone: &str| matches!(objects.value(Kind::Zone, zone, "type"), "vxlan" | "evpn");
    let near = |other: &str| match of {
        "vxlan" | "evpn" => has_vnis(objects.zone_of(other)),
        "vlan" | "qinq" => objects.zone_of(other) == zone,
        _ => false,
    };
    let others = objects.vnets.keys().filter(|other| *other != id);
    let same = |other: &&String| near(other) && objects.value(Kind::Vnet, other, "tag") == tag;
    let Some(other) = { others }.find(same) else {
        return Ok(());
    };
    let text = match of {
        "qinq" if tag.is_empty() => {
            format!("tag-less vnet already exists in zone {zone} vnet {other}")
        }
        "qinq" => format!("tag {tag} already exist in zone {zone} vnet {other}"),
        "vlan" => format!("tag {tag} already exist in vnet {other}"),
        _ => {
            let its = objects.zone_of(other);
            format!("vxlan tag {tag} already exist in vnet {other} in zone {its} ")
        }
    };
    Err(("tag", text))
}

/// Checks a subnet after an edit (facts-2 9).
// PVE: SubnetPlugin.pm, on_update_hook and validate_dhcp_ranges.
pub(crate) fn subnet(objects: &Objects, id: &str) -> Result<(), Wrong> {
    let value = |key| objects.value(Kind::Subnet, id, key);
    let cidr = cidr_of(id);
    if objects.value(Kind::Vnet, value("vnet"), "vlanaware") == "1" {
        return Err(("vnet", "you can't add a subnet on a vlanaware vnet".to_owned()));
    }
    let gateway = value("gateway");
    let is_point = cidr.ends_with("/32") && gateway.contains('.');
    if !gateway.is_empty() && !contains(&cidr, gateway) && !is_point {
        return Err(("gateway", format!("{gateway} is not in subnet {cidr}")));
    }
    ranges(&cidr, value("dhcp-range")).map_err(|text| ("dhcp-range", text))
}

fn ranges(cidr: &str, text: &str) -> Result<(), String> {
    let mut before: Vec<(u128, u128)> = Vec::new();
    for range in text.split(' ').filter(|range| !range.is_empty()) {
        let range = Properties::read(range, "");
        let mut ends = Vec::new();
        for key in ["start-address", "end-address"] {
            let address = range.get(key).unwrap_or_default();
            let read = number(address);
            let (read, _) = read.ok_or_else(|| format!("{key} is not a valid IP {address}"))?;
            ends.push((key, address.to_owned(), read));
        }
        let [(_, first, from), (_, last, to)] = &ends[..] else {
            continue;
        };
        if from > to {
            return Err(format!("start-address {first} must be smaller than end-address {last}"));
        }
        if let Some((key, address, _)) =
            ends.iter().find(|(_, address, _)| !contains(cidr, address))
        {
            return Err(format!("{key} {address} is not in subnet {cidr}"));
        }
        if before.iter().any(|(other, end)| from <= end && other <= to) {
            return Err("dhcp ranges must not overlap".to_owned());
        }
        before.push((*from, *to));
    }
    Ok(())
}

/// Returns a subnet's id, such as `zone-10.50.0.0-24` (facts-2 9).
pub(crate) fn subnet_id(zone: &str, cidr: &str) -> String {
    format!("{zone}-{}", cidr.replace('/', "-"))
}

/// Returns a subnet's network, as in its id.
pub(crate) fn cidr_of(id: &str) -> String {
    let mut parts = id.splitn(3, '-').skip(1);
    let mut next = || parts.next().unwrap_or_default();
    let network = next();
    format!("{network}/{}", next())
}

/// Returns the IPAM of a zone, or an empty text.
pub(crate) fn ipam_of<'o>(objects: &'o Objects, zone: &str) -> &'o str {
    objects.value(Kind::Zone, zone, "ipam")
}
