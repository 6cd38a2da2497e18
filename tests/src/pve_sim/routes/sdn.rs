//! SDN as a whole: apply, lock, rollback, its state on a node, and what the simulator only lists.
//! A pure module: does no I/O. The texts are PVE's.
// PVE: pve-network, API2/Network/SDN.pm, API2/Network/SDN/Nodes/{Zone,Zones}.pm, Controllers.pm and
// Fabrics.pm.

use serde_json::{Value, json};

use super::Call;
use super::sdn_objects::VISIBLE_WITH;
use crate::pve_sim::answer::{Refusal, Reply};
use crate::pve_sim::world::sdn::Kind;
use crate::pve_sim::world::sdn::pending::View;
use crate::pve_sim::world::work::Work;

/// Returns the folders below.
pub(super) fn index(call: &mut Call) -> Reply {
    let mut folders = vec!["vnets", "zones", "controllers", "ipams", "dns"];
    if call.world.release() >= (9, 0) {
        folders.push("fabrics");
    }
    let folders = folders.into_iter().map(|id| json!({ "id": id }));
    Ok(Value::Array(folders.collect()).into())
}

/// Facts-2 25, 27 and 31: the commit is done before the task starts, and releases the lock.
pub(super) fn apply(call: &mut Call) -> Reply {
    call.world.enter_sdn(call.params.get("lock-token"), "could not commit SDN config")?;
    call.world.commit_sdn();
    release_lock(call);
    // The task belongs to the cluster; it runs on the node that gets the request, here the first.
    let mut online = call.world.nodes.iter().filter(|(_, node)| node.online);
    let node = online.next().map(|(name, _)| name.clone()).unwrap_or_default();
    let upid = call.world.fork(&node, "reloadnetworkall", "", call.who, Work::Reload);
    Ok(Value::from(upid).into())
}

/// Facts-2 25. Whoever comes here has the lock's token, or there is no lock.
fn release_lock(call: &mut Call) {
    if call.params.get("release-lock") != Some("0") {
        call.world.sdn.lock = None;
    }
}

/// Facts-2 21 to 23.
pub(super) fn lock(call: &mut Call) -> Reply {
    let what = "could not acquire lock for SDN config";
    call.world.enter_sdn(None, what)?;
    if call.world.sdn.has_pending() && !call.params.flag("allow-pending") {
        return Err(Refusal::die(format!(
            "{what}: configuration has pending changes \
             at /usr/share/perl5/PVE/API2/Network/SDN.pm line 150."
        )));
    }
    let token = format!("00000000-0000-4000-8000-{:012x}", call.world.clockwork.next());
    call.world.sdn.lock = Some(token.clone());
    Ok(Value::from(token).into())
}

/// Facts-2 26.
pub(super) fn unlock(call: &mut Call) -> Reply {
    if !call.params.flag("force") {
        call.world.enter_sdn(call.params.get("lock-token"), "could not release lock")?;
    }
    let was_held = call.world.sdn.lock.take().is_some();
    Ok(answer(call, was_held.then_some(1)).into())
}

/// Answers null; 9.0 answers what its last statement returned.
fn answer(call: &Call, last: Option<u8>) -> Value {
    match call.world.release() {
        (9, 0) => last.into(),
        _ => Value::Null,
    }
}

/// Facts-2 32: the edits of everybody are gone.
pub(super) fn rollback(call: &mut Call) -> Reply {
    let what = "could not rollback SDN configuration";
    call.world.enter_sdn(call.params.get("lock-token"), what)?;
    call.world.sdn.edited = call.world.sdn.running.clone();
    release_lock(call);
    let released = call.world.sdn.lock.is_none();
    Ok(answer(call, Some(released.into())).into())
}

/// Facts-2 17: every user sees all zones of the node.
pub(super) fn on_node(call: &mut Call) -> Reply {
    let states = call.world.zone_states(call.params.text("node"));
    let lines = states.into_iter().map(|(zone, status)| json!({ "zone": zone, "status": status }));
    Ok(Value::Array(lines.collect()).into())
}

/// Facts-2 17. Returns an empty list for a zone that does not exist on the node or at all.
pub(super) fn content(call: &mut Call) -> Reply {
    let zone = call.params.text("zone");
    let states = call.world.vnet_states(call.params.text("node"));
    let lines = states.into_iter().filter(|state| state.zone == zone).map(
        |state| json!({ "vnet": state.vnet, "status": state.status, "statusmsg": state.text }),
    );
    Ok(Value::Array(lines.collect()).into())
}

/// Facts-2 20: the simulator has no files to compare, only whether anything would change.
pub(super) fn dry_run(call: &mut Call) -> Reply {
    let node = call.node();
    call.world.reachable_node(&node)?;
    let sdn = &call.world.sdn;
    let is_same = sdn.edited == sdn.running && !sdn.stale_on.contains(&node);
    let diff = match is_same {
        true => Value::Null,
        false => format!("@@ -1 +1 @@\n-#version:{0}\n+#version:{0}\n", sdn.version).into(),
    };
    Ok(json!({ "frr-diff": null, "interfaces-diff": diff }).into())
}

/// Facts-2 31: filtered like zones.
pub(super) fn controllers(call: &mut Call) -> Reply {
    let view = super::sdn_objects::view(call);
    let wanted = call.params.get("type");
    let sdn = &call.world.sdn;
    let names = sdn.names(Kind::Controller, view);
    let seen = names.iter().filter(|id| sees(call, &format!("/sdn/controllers/{id}")));
    let lines = seen.filter_map(|id| sdn.show(Kind::Controller, id, view));
    let lines = lines.filter(|line| wanted.is_none_or(|wanted| line["type"] == wanted));
    Ok(Value::Array(lines.collect()).into())
}

fn sees(call: &Call, path: &str) -> bool {
    call.world.check_any(call.who, path, &VISIBLE_WITH).is_ok()
}

/// Facts-2 42.
pub(super) fn fabrics(call: &mut Call) -> Reply {
    let view = super::sdn_objects::view(call);
    let sdn = &call.world.sdn;
    let show = |kind| {
        let rows = sdn.names(kind, view).into_iter();
        rows.filter_map(move |id| sdn.show(kind, &id, view)).map(move |mut row| {
            // PVE: API2/Network/SDN/Fabrics.pm, list_all: the digest is that of what is edited.
            match view {
                View::Running => row.as_object_mut().and_then(|row| row.remove("digest")),
                _ => row.as_object_mut().and_then(|row| {
                    row.insert("digest".to_owned(), sdn.edited.digest(Kind::Fabric).into())
                }),
            };
            row
        })
    };
    let text = |row: &Value, key: &str| {
        let found = row.get(key).or_else(|| row["pending"].get(key));
        found.and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let fabrics = show(Kind::Fabric);
    let fabrics = fabrics.filter(|row| sees(call, &format!("/sdn/fabrics/{}", text(row, "id"))));
    let nodes = show(Kind::FabricNode).filter(|row| {
        let node = format!("/nodes/{}", text(row, "node_id"));
        let audit = call.world.check_any(call.who, &node, &["Sys.Audit", "Sys.Modify"]);
        sees(call, &format!("/sdn/fabrics/{}", text(row, "fabric_id"))) && audit.is_ok()
    });
    let (fabrics, nodes): (Vec<_>, Vec<_>) = (fabrics.collect(), nodes.collect());
    Ok(json!({ "fabrics": fabrics, "nodes": nodes }).into())
}
