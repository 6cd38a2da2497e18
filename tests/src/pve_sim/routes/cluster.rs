//! The cluster: resources, next vmid, status, options.
//! A pure module: does no I/O.
// PVE: pve-manager, API2/Cluster.pm.

use serde_json::{Map, Value, json};

use super::{Call, flag};
use crate::pve_sim::answer::{Refusal, Reply};
use crate::pve_sim::property::Properties;
use crate::pve_sim::world::container::Container;
use crate::pve_sim::world::vm::{PvestatdView, Vm};

/// Facts 31 and 49; filtered as facts 54.
pub(super) fn resources(call: &mut Call) -> Reply {
    let wanted = call.params.get("type").map(str::to_owned);
    let is = |kind: &str| wanted.as_deref().is_none_or(|wanted| wanted == kind);
    let mut lines = Vec::new();
    if is("pool") {
        lines.extend(pools(call));
    }
    if is("vm") {
        lines.extend(vms(call));
        lines.extend(containers(call));
    }
    if is("node") {
        lines.extend(nodes(call));
    }
    if is("storage") {
        lines.extend(storages(call));
    }
    // The schema has no such type: these rows appear only when all types are requested (facts 49).
    if is("network") && call.world.release() >= (9, 1) {
        lines.extend(networks(call));
    }
    Ok(Value::Array(lines).into())
}

fn pools(call: &Call) -> Vec<Value> {
    let pools = call.world.pools.keys();
    pools
        .filter(|id| call.world.may(call.who, &format!("/pool/{id}"), &["Pool.Audit"]))
        .map(|id| json!({ "id": format!("/pool/{id}"), "pool": id, "type": "pool" }))
        .collect()
}

fn vms(call: &mut Call) -> Vec<Value> {
    let all: Vec<u32> = call.world.vms.keys().copied().collect();
    let lag = call.world.resources_lag;
    let mut lines = Vec::new();
    for vmid in all {
        if !call.world.may(call.who, &format!("/vms/{vmid}"), &["VM.Audit"]) {
            continue;
        }
        let pool = pool_of(call, vmid);
        let nodes = &call.world.nodes;
        if let Some(vm) = call.world.vms.get_mut(&vmid) {
            let online = nodes.get(&vm.node).is_some_and(|node| node.online);
            let seen = vm.reported(vmid, lag).filter(|_| online);
            let mut line = vm_line(vmid, vm, seen, pool);
            // PVE: facts-3 4.2.
            if let Some(state) = call.world.ha_state(vmid) {
                line["hastate"] = state.into();
            }
            lines.push(line);
        }
    }
    lines
}

fn containers(call: &Call) -> Vec<Value> {
    let all = call.world.containers.iter();
    let seen =
        all.filter(|(vmid, _)| call.world.may(call.who, &format!("/vms/{vmid}"), &["VM.Audit"]));
    let line = |(vmid, container): (&u32, &Container)| {
        let name = container.config.get("hostname").cloned();
        json!({
            "id": format!("lxc/{vmid}"), "vmid": vmid, "node": container.node, "type": "lxc",
            "name": name.unwrap_or_else(|| format!("CT{vmid}")), "template": 0,
            "status": if container.running { "running" } else { "stopped" },
        })
    };
    seen.map(line).collect()
}

/// Lock and tags come from the config itself, everything else from pvestatd.
// PVE: pve-manager, API2Tools.pm, extract_vm_stats; Cluster.pm, get_guest_config_properties.
fn vm_line(vmid: u32, vm: &Vm, seen: Option<PvestatdView>, pool: Option<String>) -> Value {
    let mut line = json!({
        "id": format!("qemu/{vmid}"),
        "vmid": vmid,
        "node": vm.node,
        "type": "qemu",
        "status": "unknown",
    });
    if let Some(seen) = seen {
        line["name"] = seen.name.into();
        line["status"] = if seen.running { "running" } else { "stopped" }.into();
        line["template"] = flag(seen.template);
        line["maxcpu"] = seen.cores.into();
        line["maxmem"] = seen.memory.into();
        line["maxdisk"] = super::qemu::max_disk(vm).into();
        line["uptime"] = if seen.running { 100 } else { 0 }.into();
        for key in ["cpu", "mem", "disk", "netin", "netout", "diskread", "diskwrite"] {
            line[key] = 0.into();
        }
    }
    for key in ["lock", "tags"] {
        if let Some(value) = vm.config.get(key) {
            line[key] = value.clone().into();
        }
    }
    if let Some(pool) = pool {
        line["pool"] = pool.into();
    }
    line
}

fn networks(call: &Call) -> Vec<Value> {
    let mut lines = Vec::new();
    for node in call.world.nodes.keys() {
        let mut zones = vec![("localnetwork".to_owned(), "ok")];
        zones.extend(call.world.zone_states(node));
        for (zone, status) in &zones {
            if call.world.may(call.who, &format!("/sdn/zones/{zone}"), &["SDN.Audit"]) {
                lines.push(json!({
                    "id": format!("network/{node}/zone/{zone}"), "type": "network",
                    "network-type": "zone", "network": zone, "node": node, "status": status,
                }));
            }
        }
    }
    lines
}

fn pool_of(call: &Call, vmid: u32) -> Option<String> {
    let mut pools = call.world.pools.iter();
    let (id, _) = pools.find(|(_, pool)| pool.vms.contains(&vmid))?;
    call.world.may(call.who, &format!("/pool/{id}"), &["Pool.Audit"]).then(|| id.clone())
}

fn nodes(call: &Call) -> Vec<Value> {
    let nodes = call.world.nodes.iter();
    nodes
        .map(|(name, node)| {
            let mut line = json!({
                "id": format!("node/{name}"), "type": "node", "node": name, "level": "",
                "status": if node.online { "online" } else { "offline" },
            });
            if call.world.may(call.who, &format!("/nodes/{name}"), &["Sys.Audit"]) && node.online {
                line["maxcpu"] = node.cpus.into();
                line["maxmem"] = (node.memory << 20).into();
            }
            line
        })
        .collect()
}

fn storages(call: &Call) -> Vec<Value> {
    let mut lines = Vec::new();
    for (node, there) in &call.world.nodes {
        for (id, storage) in &call.world.storages {
            let path = format!("/storage/{id}");
            let sees = call.world.may(call.who, &path, &["Datastore.Audit"]);
            if !sees
                || storage.disable
                || (!storage.nodes.is_empty() && !storage.nodes.contains(node))
            {
                continue;
            }
            let mut line = json!({
                "id": format!("storage/{node}/{id}"), "type": "storage", "storage": id,
                "node": node, "status": "unknown", "plugintype": storage.r#type,
                "shared": flag(storage.shared),
                "content": storage.content.iter().cloned().collect::<Vec<_>>().join(","),
            });
            // PVE: pve-manager, API2Tools.pm, extract_storage_stats: what the node itself reports.
            if there.online && storage.is_active_on(node) {
                let total = storage.total_on(node);
                line["status"] = "available".into();
                line["maxdisk"] = total.into();
                line["disk"] = (total - call.world.available(node, id)).into();
            }
            lines.push(line);
        }
    }
    lines
}

/// Facts 11 and 32: a string, and no reservation.
pub(super) fn nextid(call: &mut Call) -> Reply {
    let is_taken =
        |vmid: u32| call.world.vms.contains_key(&vmid) || call.world.containers.contains_key(&vmid);
    if let Some(vmid) = call.params.number("vmid") {
        if is_taken(vmid as u32) {
            return Err(Refusal::parameter("vmid", format!("VM {vmid} already exists")));
        }
        return Ok(Value::from(vmid.to_string()).into());
    }
    let range = call.world.options.get("next-id").map_or("", String::as_str);
    let range = Properties::read(range, "");
    let bound = |name: &str, usual: u32| {
        range.get(name).and_then(|number| number.parse().ok()).unwrap_or(usual)
    };
    let (lower, upper) = (bound("lower", 100), bound("upper", 1_000_000));
    let free = (lower..upper).find(|vmid| !is_taken(*vmid));
    let free = free.ok_or_else(|| {
        Refusal::die(format!("unable to get any free VMID in range [{lower}, {upper}]"))
    })?;
    Ok(Value::from(free.to_string()).into())
}

pub(super) fn status(call: &mut Call) -> Reply {
    let nodes = &call.world.nodes;
    let mut lines = Vec::new();
    if nodes.len() > 1 {
        lines.push(json!({
            "type": "cluster", "id": "cluster", "name": "simulated", "version": 2,
            "nodes": nodes.len(), "quorate": flag(call.world.is_quorate()),
        }));
    }
    for (number, (name, node)) in nodes.iter().enumerate() {
        lines.push(json!({
            "type": "node", "id": format!("node/{name}"), "name": name, "nodeid": number + 1,
            "ip": "127.0.0.1", "online": flag(node.online), "local": flag(name == call.world.local_node()), "level": "",
        }));
    }
    Ok(Value::Array(lines).into())
}

/// Returns only some of the options without Sys.Audit.
// PVE: pve-manager, API2/Cluster.pm, get_options.
pub(super) fn options(call: &mut Call) -> Reply {
    let all = call.world.may(call.who, "/", &["Sys.Audit"]);
    let options = call.world.options.iter();
    let mut shown: Map<String, Value> = options
        .filter(|(key, _)| all || matches!(key.as_str(), "console" | "tag-style"))
        .map(|(key, value)| (key.clone(), shown_option(key, value)))
        .collect();
    shown.insert("allowed-tags".to_owned(), json!(call.world.shown_tags(call.who)));
    Ok(Value::Object(shown).into())
}

/// Returns an option; PVE shows some property strings as objects.
// PVE: pve-cluster, DataCenterConfig.pm, parse_datacenter_config.
fn shown_option(key: &str, value: &str) -> Value {
    match key {
        "next-id" | "tag-style" | "user-tag-access" => {
            let parts = Properties::read(value, "");
            parts.iter().map(|(key, part)| (key.to_owned(), Value::from(part))).collect()
        }
        "registered-tags" => value.split([';', ',', ' ']).map(Value::from).collect(),
        _ => value.into(),
    }
}
