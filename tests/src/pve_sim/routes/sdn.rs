//! SDN as a whole: apply, lock, rollback, and its state on a node.
//! A pure module: does no I/O. The texts are PVE's.
// PVE: pve-network, API2/Network/SDN.pm and API2/Network/SDN/Zones/Status.pm.

use serde_json::{Value, json};

use super::Call;
use crate::pve_sim::answer::{Refusal, Reply};
use crate::pve_sim::world::work::Work;

/// Refuses locks before PVE 9 (reference 6).
fn since_nine(call: &Call, what: &str) -> Result<(), Refusal> {
    if call.world.release() < (9, 0) {
        let text = format!("Method '{what}' not implemented");
        return Err(Refusal::status(501, text));
    }
    Ok(())
}

/// Facts 37 and 46.
pub(super) fn apply(call: &mut Call) -> Reply {
    call.world.sdn.check_lock(call.params.get("lock-token"))?;
    if call.world.sdn.lock.is_some() && call.params.get("release-lock") != Some("0") {
        call.world.sdn.lock = None;
    }
    // The task belongs to the cluster; it runs on the node that gets the request, here the first.
    let node = call.world.nodes.keys().next().cloned().unwrap_or_default();
    let upid = call.world.fork(&node, "reloadnetworkall", "", call.who, Work::Reload);
    Ok(Value::from(upid).into())
}

pub(super) fn lock(call: &mut Call) -> Reply {
    since_nine(call, "POST /cluster/sdn/lock")?;
    let sdn = &mut call.world.sdn;
    if sdn.lock.is_some() {
        return Err(Refusal::die("configuration is already locked"));
    }
    if sdn.edited != sdn.running && !call.params.flag("allow-pending") {
        return Err(Refusal::die(
            "could not acquire lock for SDN config: configuration has pending changes \
             at /usr/share/perl5/PVE/API2/Network/SDN.pm line 150.",
        ));
    }
    let token = format!("00000000-0000-4000-8000-{:012x}", call.world.clockwork.next());
    call.world.sdn.lock = Some(token.clone());
    Ok(Value::from(token).into())
}

pub(super) fn unlock(call: &mut Call) -> Reply {
    since_nine(call, "DELETE /cluster/sdn/lock")?;
    if !call.params.flag("force") {
        call.world.sdn.check_lock(call.params.get("lock-token"))?;
    }
    call.world.sdn.lock = None;
    Ok(Value::Null.into())
}

pub(super) fn rollback(call: &mut Call) -> Reply {
    since_nine(call, "POST /cluster/sdn/rollback")?;
    call.world.sdn.check_lock(call.params.get("lock-token"))?;
    call.world.sdn.edited = call.world.sdn.running.clone();
    if call.params.get("release-lock") != Some("0") {
        call.world.sdn.lock = None;
    }
    Ok(Value::Null.into())
}

/// Facts 37; facts-2 17: every user sees all zones of the node.
pub(super) fn on_node(call: &mut Call) -> Reply {
    let node = call.node();
    let sdn = &call.world.sdn;
    let (status, _) = sdn.state_on(&node);
    let zones = sdn.running.zones.keys().filter(|zone| sdn.has_zone(&node, zone));
    let lines = zones.map(|zone| json!({ "zone": zone, "status": status }));
    Ok(Value::Array(lines.collect()).into())
}

/// Facts-2 17. Returns an empty list for a zone that does not exist on the node or at all.
// PVE: API2/Network/SDN/Nodes/Zone.pm, index.
pub(super) fn content(call: &mut Call) -> Reply {
    let (node, zone) = (call.node(), call.params.text("zone"));
    let vnets = call.world.sdn.on_node(&node).filter(|(_, of, _, _)| *of == zone);
    let line = |(vnet, _, status, text): (&String, &str, &str, Option<&str>)| json!({ "vnet": vnet, "status": status, "statusmsg": text });
    Ok(Value::Array(vnets.map(line).collect()).into())
}
