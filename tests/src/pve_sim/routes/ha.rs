//! HA's own endpoints: they need Sys.Audit or Sys.Console on `/`.
//! A pure module: does no I/O. The texts are PVE's.
// PVE: pve-ha-manager 5.2.0, API2/HA/Resources.pm and Status.pm; facts-3 4.2 and 4.3.

use serde_json::{Value, json};

use super::{Call, flag};
use crate::pve_sim::answer::{Refusal, Reply};
use crate::pve_sim::world::ha::{Disarmed, HaResource};

pub(super) fn resources(call: &mut Call) -> Reply {
    if call.params.get("type") == Some("ct") {
        return Ok(Value::Array(Vec::new()).into());
    }
    let lines = call.world.ha.iter().map(|(vmid, resource)| entry(*vmid, resource));
    Ok(Value::Array(lines.collect()).into())
}

fn entry(vmid: u32, resource: &HaResource) -> Value {
    json!({
        "sid": format!("vm:{vmid}"), "type": "vm", "state": resource.state,
        "max_restart": 1, "max_relocate": 1, "digest": "0".repeat(40),
    })
}

/// Returns the VM of `vm:100` or `100`.
// PVE: HA/Config.pm, parse_sid.
fn vmid(call: &Call) -> Result<u32, Refusal> {
    let sid = call.params.text("sid");
    let digits = sid.strip_prefix("vm:").unwrap_or(sid);
    digits.parse().map_err(|_| Refusal::unknown(format!("pve-sim: HA for '{sid}' is not served")))
}

pub(super) fn resource(call: &mut Call) -> Reply {
    let vmid = vmid(call)?;
    match call.world.ha.get(&vmid) {
        Some(resource) => Ok(entry(vmid, resource).into()),
        None => Err(Refusal::die(format!("no such resource 'vm:{vmid}'"))),
    }
}

/// Sets the requested state: how a person leads a VM out of `error`.
pub(super) fn change(call: &mut Call) -> Reply {
    let vmid = vmid(call)?;
    for name in call.params.0.keys() {
        if !["sid", "state"].contains(&name.as_str()) {
            let text = format!("pve-sim: an HA resource with '{name}' is not served");
            return Err(Refusal::unknown(text));
        }
    }
    let state = call.params.get("state").map(str::to_owned);
    call.world.check_ha_request(vmid, state.as_deref()).map_err(Refusal::die)?;
    let failed = |cause| Refusal::die(format!("update resources config failed: {cause}"));
    call.world.check_cluster_lock("domain-ha").map_err(failed)?;
    call.world.set_ha_state(vmid, state.as_deref()).map_err(failed)?;
    Ok(Value::Null.into())
}

/// Lists quorum, fencing and services; without HA resources only quorum, as on a node without a manager.
pub(super) fn status(call: &mut Call) -> Reply {
    let world = &call.world;
    let (local, quorate) = (world.local_node(), world.is_quorate());
    let words = match quorate {
        true => "OK".to_owned(),
        false => format!("No quorum on node '{local}'!"),
    };
    let mut lines = vec![json!({
        "id": "quorum", "type": "quorum", "node": local, "status": words, "quorate": flag(quorate),
    })];
    if let Some(disarmed) = world.ha_disarmed {
        let mode = if disarmed == Disarmed::Ignore { "ignore" } else { "freeze" };
        lines.push(json!({
            "id": "fencing", "type": "fencing", "node": local, "armed-state": "disarmed",
            "status": format!("disarmed, resource mode: {mode} (CRM watchdog released)"),
            "resource_mode": mode,
        }));
    }
    for (vmid, resource) in &world.ha {
        let vm = world.vms.get(vmid);
        let node = vm.map_or("---", |vm| vm.node.as_str());
        let state = match world.ha_disarmed {
            Some(Disarmed::Ignore) => "ignore",
            _ => resource.verbose(vm.is_some_and(|vm| vm.running)),
        };
        let mut line = json!({
            "id": format!("service:vm:{vmid}"), "type": "service", "sid": format!("vm:{vmid}"),
            "node": node, "state": state, "request_state": resource.state,
            "status": format!("vm:{vmid} ({node}, {state})"), "max_restart": 1, "max_relocate": 1,
        });
        if let Some(service) = &resource.service {
            line["crm_state"] = service.clone().into();
        }
        lines.push(line);
    }
    Ok(Value::Array(lines).into())
}
