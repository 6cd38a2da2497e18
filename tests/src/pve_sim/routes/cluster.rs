//! The cluster: resources, next vmid, status, options.
//! A pure module: does no I/O.
// PVE: pve-manager, API2/Cluster.pm.

use serde_json::{Value, json};

use super::{Call, flag};
use crate::pve_sim::answer::{Refusal, Reply};
use crate::pve_sim::world::vm::Vm;

/// Facts 31 and 49; filtered as facts 54.
pub(super) fn resources(call: &mut Call) -> Reply {
    let wanted = call.params.get("type").map(str::to_owned);
    let is = |kind: &str| wanted.as_deref().is_none_or(|wanted| wanted == kind);
    let mut lines = Vec::new();
    if is("vm") {
        let seen: Vec<u32> = call
            .world
            .vms
            .keys()
            .copied()
            .filter(|vmid| call.world.may(call.who, &format!("/vms/{vmid}"), &["VM.Audit"]))
            .collect();
        for vmid in seen {
            let pool = pool_of(call, vmid);
            let online =
                call.world.vms.get(&vmid).is_some_and(|vm| {
                    call.world.nodes.get(&vm.node).is_some_and(|node| node.online)
                });
            if let Some(vm) = call.world.vms.get_mut(&vmid) {
                lines.push(vm_line(vmid, vm, pool, online));
                vm.unseen = vm.unseen.saturating_sub(1);
            }
        }
    }
    if is("node") {
        lines.extend(nodes(call));
    }
    if is("storage") {
        lines.extend(storages(call));
    }
    Ok(Value::Array(lines).into())
}

fn vm_line(vmid: u32, vm: &Vm, pool: Option<String>, online: bool) -> Value {
    let mut line = json!({
        "id": format!("qemu/{vmid}"),
        "type": "qemu",
        "vmid": vmid,
        "node": vm.node,
    });
    let lock = vm.config.get("lock");
    if vm.unseen > 0 || !online {
        // PVE: facts 31. No round of pvestatd has seen it yet, or its node is away.
        line["status"] = "unknown".into();
    } else {
        let mut shown = super::qemu::line(vmid, vm);
        if let Some(shown) = shown.as_object_mut() {
            shown.shift_remove("cpus");
            shown.shift_remove("pid");
        }
        shown["maxcpu"] =
            vm.config.get("cores").and_then(|c| c.parse::<u64>().ok()).unwrap_or(1).into();
        shown["template"] = flag(vm.is_set("template"));
        if let (Some(line), Value::Object(shown)) = (line.as_object_mut(), shown) {
            line.extend(shown);
        }
    }
    if let Some(lock) = lock {
        line["lock"] = lock.clone().into();
    }
    if let Some(pool) = pool {
        line["pool"] = pool.into();
    }
    // PVE: tags come from the config, not from pvestatd (Cluster.pm, get_guest_config_properties).
    if let Some(tags) = vm.config.get("tags") {
        line["tags"] = tags.clone().into();
    }
    line
}

fn pool_of(call: &Call, vmid: u32) -> Option<String> {
    let mut pools = call.world.pools.iter();
    pools.find(|(_, pool)| pool.vms.contains(&vmid)).map(|(name, _)| name.clone())
}

fn nodes(call: &Call) -> Vec<Value> {
    let nodes = call.world.nodes.iter();
    nodes
        .map(|(name, node)| {
            let mut line = json!({
                "id": format!("node/{name}"), "type": "node", "node": name,
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
    for (node, _) in call.world.nodes.iter().filter(|(_, node)| node.online) {
        for (id, storage) in &call.world.storages {
            let path = format!("/storage/{id}");
            let sees = call.world.check_any(
                call.who,
                &path,
                &["Datastore.Audit", "Datastore.AllocateSpace"],
            );
            if sees.is_err() || (!storage.nodes.is_empty() && !storage.nodes.contains(node)) {
                continue;
            }
            let avail = call.world.available(node, id);
            lines.push(json!({
                "id": format!("storage/{node}/{id}"), "type": "storage", "storage": id,
                "node": node, "status": "available", "plugintype": storage.r#type,
                "shared": flag(storage.shared), "maxdisk": storage.total, "disk": storage.total - avail,
                "content": storage.content.iter().cloned().collect::<Vec<_>>().join(","),
            }));
        }
    }
    lines
}

/// Facts 11 and 32: a string, and no reservation.
pub(super) fn nextid(call: &mut Call) -> Reply {
    if let Some(vmid) = call.params.number("vmid") {
        if call.world.vms.contains_key(&(vmid as u32)) {
            return Err(Refusal::parameter("vmid", format!("VM {vmid} already exists\n")));
        }
        return Ok(Value::from(vmid.to_string()).into());
    }
    let free = (100u32..1_000_000).find(|vmid| !call.world.vms.contains_key(vmid));
    let free =
        free.ok_or_else(|| Refusal::die("unable to get any free VMID in range [100, 999999]"))?;
    Ok(Value::from(free.to_string()).into())
}

pub(super) fn status(call: &mut Call) -> Reply {
    let nodes = &call.world.nodes;
    let mut lines = Vec::new();
    if nodes.len() > 1 {
        let online = nodes.values().filter(|node| node.online).count();
        lines.push(json!({
            "type": "cluster", "id": "cluster", "name": "simulated", "version": 2,
            "nodes": nodes.len(), "quorate": flag(online * 2 > nodes.len()),
        }));
    }
    for (number, (name, node)) in nodes.iter().enumerate() {
        lines.push(json!({
            "type": "node", "id": format!("node/{name}"), "name": name, "nodeid": number + 1,
            "ip": "127.0.0.1", "online": flag(node.online), "local": flag(number == 0), "level": "",
        }));
    }
    Ok(Value::Array(lines).into())
}

pub(super) fn options(call: &mut Call) -> Reply {
    let options = call.world.options.iter();
    let shown = options.map(|(key, value)| (key.clone(), Value::from(value.clone())));
    Ok(Value::Object(shown.collect()).into())
}
