//! Version, nodes, their status and their interfaces.
//! A pure module: does no I/O.
// PVE: pve-manager, API2/Nodes.pm, API2/Network.pm, API2/APT.pm.

use serde_json::{Map, Value, json};

use super::{Call, flag};
use crate::pve_sim::answer::{Refusal, Reply};
use crate::pve_sim::world::sdn::failure::{DEBIAN_IFUPDOWN2, Lack};

pub(super) fn version(call: &mut Call) -> Reply {
    let (major, minor) = call.world.release();
    Ok(json!({
        "version": call.world.version,
        "release": format!("{major}.{minor}"),
        "repoid": "0000000000000000",
    })
    .into())
}

/// Facts 54: everyone sees the names, but only some the other fields.
pub(super) fn list(call: &mut Call) -> Reply {
    let nodes = call.world.nodes.iter().map(|(name, node)| {
        let mut line = json!({
            "node": name,
            "id": format!("node/{name}"),
            "type": "node",
            "status": if node.online { "online" } else { "offline" },
            "level": "",
            "ssl_fingerprint": call.world.clockwork.fingerprint,
        });
        if call.world.may(call.who, &format!("/nodes/{name}"), &["Sys.Audit"]) && node.online {
            line["maxcpu"] = node.cpus.into();
            line["maxmem"] = (node.memory << 20).into();
            line["cpu"] = 0.into();
            line["mem"] = 0.into();
            line["uptime"] = 1000.into();
        }
        line
    });
    Ok(Value::Array(nodes.collect()).into())
}

pub(super) fn status(call: &mut Call) -> Reply {
    let version = call.world.version.clone();
    let node = call.world.reachable_node(call.params.text("node"))?;
    let total = node.memory << 20;
    Ok(json!({
        "pveversion": format!("pve-manager/{version}/0000000000000000"),
        "kversion": "Linux 6.14.11-4-pve",
        "cpuinfo": { "cpus": node.cpus, "cores": node.cpus, "sockets": 1, "model": "simulated" },
        "memory": { "total": total, "used": 0, "free": total },
        "rootfs": { "total": 1u64 << 36, "used": 0, "free": 1u64 << 36, "avail": 1u64 << 36 },
        "uptime": 1000,
        "loadavg": ["0.00", "0.00", "0.00"],
        "wait": 0,
        "cpu": 0,
    })
    .into())
}

/// Facts 54: bridges need SDN.Audit or SDN.Use on them, everything else Sys.Audit.
pub(super) fn network(call: &mut Call) -> Reply {
    let node = call.world.reachable_node(call.params.text("node"))?;
    let wanted = call.params.get("type");
    let mut lines = Vec::new();
    let mut has_route = (!node.lacks.contains(&Lack::DefaultRoute)).then_some(());
    for (name, interface) in &node.interfaces {
        let kind = interface.r#type.as_str();
        let is_bridge = matches!(kind, "bridge" | "OVSBridge");
        let fits = match wanted {
            None => true,
            Some("any_bridge" | "any_local_bridge" | "include_sdn") => is_bridge,
            Some(wanted) => wanted == kind,
        };
        let zone = format!("/sdn/zones/localnetwork/{name}");
        let seen = if is_bridge {
            call.world.check_any(call.who, &zone, &["SDN.Audit", "SDN.Use"]).is_ok()
        } else {
            let path = format!("/nodes/{}", call.params.text("node"));
            call.world.may(call.who, &path, &["Sys.Audit"])
        };
        if fits && seen {
            let mut line = line(name, interface);
            // The default route is on the first bridge with an address.
            let routes = has_route.take_if(|_| interface.cidr.is_some() && is_bridge);
            if let (Some(()), Some(address)) = (routes, line["address"].as_str()) {
                let network = address.rsplit_once('.').map_or("", |(network, _)| network);
                line["gateway"] = format!("{network}.1").into();
            }
            lines.push(line);
        }
    }
    if matches!(wanted, Some("any_bridge" | "include_sdn")) {
        for (vnet, object) in &call.world.sdn.running.vnets {
            let zone = object.get("zone").map_or("", String::as_str);
            let path = format!("/sdn/zones/{zone}/{vnet}");
            // PVE: Network/SDN.pm, get_local_vnets: does not check whether the node has created it.
            let is_here = call.world.sdn.has_zone(call.params.text("node"), zone);
            if is_here && call.world.check_any(call.who, &path, &["SDN.Audit", "SDN.Use"]).is_ok() {
                lines.push(json!({ "iface": vnet, "type": "vnet", "active": 1 }));
            }
        }
    }
    Ok(Value::Array(lines).into())
}

/// Returns some of the packages that PVE lists: those that SDN needs (facts-2 29 and 33).
// PVE: pve-manager, API2/APT.pm, versions: a package that is not installed has no `OldVersion`.
pub(super) fn packages(call: &mut Call) -> Reply {
    let node = call.world.reachable_node(call.params.text("node"))?;
    let lacks = |what: Lack| node.lacks.contains(&what);
    let row = |name: &str, version: &str, is_installed: bool| {
        let state = if is_installed { "Installed" } else { "NotInstalled" };
        let mut row = json!({ "Package": name, "Version": version, "CurrentState": state });
        if is_installed {
            row["OldVersion"] = version.into();
        }
        row
    };
    let version = call.world.version.clone();
    let ifupdown2 = if lacks(Lack::Ifupdown2) { DEBIAN_IFUPDOWN2 } else { "3.3.0-1+pmx11" };
    let rows = [
        row("pve-manager", &version, true),
        row("dnsmasq", "2.91-1", !lacks(Lack::Dnsmasq)),
        row("ifupdown2", ifupdown2, true),
    ];
    Ok(Value::Array(rows.to_vec()).into())
}

fn line(name: &str, interface: &crate::pve_sim::world::Interface) -> Value {
    let mut shown = Map::new();
    shown.insert("iface".to_owned(), name.into());
    shown.insert("type".to_owned(), interface.r#type.clone().into());
    shown.insert("active".to_owned(), 1.into());
    shown.insert("autostart".to_owned(), 1.into());
    if let Some(cidr) = &interface.cidr {
        shown.insert("cidr".to_owned(), cidr.clone().into());
        let address = cidr.split('/').next().unwrap_or_default();
        shown.insert("address".to_owned(), address.into());
    }
    if let Some(ports) = &interface.bridge_ports {
        shown.insert("bridge_ports".to_owned(), ports.clone().into());
    }
    if interface.bridge_vlan_aware {
        shown.insert("bridge_vlan_aware".to_owned(), flag(true));
    }
    shown.into()
}

/// Reference 8: a HEAD request by the node.
pub(super) fn url_metadata(call: &mut Call) -> Reply {
    let url = call.params.text("url");
    let found = call.world.urls.get(url).ok_or_else(|| {
        let host = url.split('/').nth(2).unwrap_or_default();
        Refusal::die(format!(
            "invalid server response: '500 Can't connect to {host}:443 (Name or service not known)'"
        ))
    })?;
    if let Some(status @ 400..) = found.status {
        return Err(Refusal::die(format!("invalid server response: '{status} Not Found'")));
    }
    let name = url.rsplit('/').next().unwrap_or_default();
    let mimetype = found.mimetype.as_deref().unwrap_or("application/octet-stream");
    Ok(json!({ "filename": name, "size": found.size, "mimetype": mimetype }).into())
}
