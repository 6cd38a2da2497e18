//! Storages: on a node, and in the cluster's configuration.
//! A pure module: does no I/O.
// PVE: pve-storage, API2/Storage/Status.pm and API2/Storage/Config.pm.

use serde_json::{Value, json};

use super::{Call, flag};
use crate::pve_sim::answer::{Refusal, Reply};
use crate::pve_sim::world::storage::Storage;

const VISIBLE_WITH: [&str; 2] = ["Datastore.Audit", "Datastore.AllocateSpace"];

/// Facts 54: filtered.
pub(super) fn on_node(call: &mut Call) -> Reply {
    let node = call.node();
    for name in ["format", "target"] {
        if call.params.get(name).is_some() {
            return Err(Refusal::unknown(format!("pve-sim: storages by '{name}' are not served")));
        }
    }
    let only = call.params.get("storage");
    if only.is_some_and(|only| !call.world.storages.contains_key(only)) {
        return Err(no_such());
    }
    let content = call.params.list("content");
    let lines: Vec<Value> = call
        .world
        .storages
        .iter()
        .filter(|(id, _)| only.is_none_or(|only| only == *id))
        .filter(|(_, storage)| !(call.params.flag("enabled") && storage.disable))
        .filter(|(_, storage)| {
            content.is_empty() || content.iter().any(|c| storage.content.contains(*c))
        })
        .filter(|(id, _)| {
            call.world.check_any(call.who, &format!("/storage/{id}"), &VISIBLE_WITH).is_ok()
        })
        .map(|(id, storage)| line(call, &node, id, storage))
        .collect();
    Ok(Value::Array(lines).into())
}

pub(super) fn status(call: &mut Call) -> Reply {
    let node = call.node();
    let id = call.params.text("storage");
    let storage = call.world.storages.get(id).ok_or_else(no_such)?;
    let mut shown = line(call, &node, id, storage);
    if let Some(shown) = shown.as_object_mut() {
        shown.shift_remove("storage");
        shown.shift_remove("used_fraction");
    }
    Ok(shown.into())
}

fn line(call: &Call, node: &str, id: &str, storage: &Storage) -> Value {
    // PVE: Storage.pm, storage_info: a disabled storage, or one on other nodes, is listed with zeros;
    // so is one that cannot be activated, but that is enabled.
    let enabled = !storage.disable && (storage.nodes.is_empty() || storage.nodes.contains(node));
    let active = enabled && storage.is_active_on(node);
    let (total, avail) = match active {
        true => (storage.total_on(node), call.world.available(node, id)),
        false => (0, 0),
    };
    let mut shown = json!({
        "storage": id,
        "type": storage.r#type,
        "content": content(storage),
        "active": flag(active),
        "enabled": flag(enabled),
        "shared": flag(storage.shared),
        "total": total,
        "avail": avail,
        "used": total - avail,
    });
    if total > 0 {
        shown["used_fraction"] = ((total - avail) as f64 / total as f64).into();
    }
    shown
}

// PVE: API2/Storage/Status.pm, index and read_status.
fn no_such() -> Refusal {
    Refusal::parameter("storage", "No such storage.")
}

fn content(storage: &Storage) -> String {
    storage.content.iter().cloned().collect::<Vec<_>>().join(",")
}

pub(super) fn list(call: &mut Call) -> Reply {
    let kind = call.params.get("type");
    let lines = call
        .world
        .storages
        .iter()
        .filter(|(_, storage)| kind.is_none_or(|kind| kind == storage.r#type))
        .filter(|(id, _)| {
            call.world.check_any(call.who, &format!("/storage/{id}"), &VISIBLE_WITH).is_ok()
        })
        .map(|(id, storage)| entry(id, storage));
    Ok(Value::Array(lines.collect()).into())
}

fn entry(id: &str, storage: &Storage) -> Value {
    let mut shown = json!({
        "storage": id,
        "type": storage.r#type,
        "content": content(storage),
        "digest": "0".repeat(40),
    });
    if storage.has_path() {
        shown["path"] = storage.path(id).into();
    }
    if storage.shared {
        shown["shared"] = flag(true);
    }
    if storage.disable {
        shown["disable"] = flag(true);
    }
    if !storage.nodes.is_empty() {
        shown["nodes"] = storage.nodes.iter().cloned().collect::<Vec<_>>().join(",").into();
    }
    shown
}

pub(super) fn get(call: &mut Call) -> Reply {
    let id = call.params.text("storage");
    let storage = call.world.storages.get(id).ok_or_else(|| missing(id))?;
    Ok(entry(id, storage).into())
}

/// Reference 8: this is how `import` is enabled.
pub(super) fn put(call: &mut Call) -> Reply {
    let id = call.params.text("storage").to_owned();
    for key in call.params.0.keys() {
        if !["storage", "content", "nodes", "shared", "disable", "digest"].contains(&key.as_str()) {
            return Err(Refusal::unknown(format!("pve-sim: storage with '{key}' is not served")));
        }
    }
    // PVE: API2/Storage/Config.pm, update.
    call.world
        .check_cluster_lock("file-storage_cfg")
        .map_err(|cause| Refusal::die(format!("update storage failed: {cause}")))?;
    let params = call.params.clone();
    let storage = call.world.storages.get_mut(&id).ok_or_else(|| missing(&id))?;
    let words = |name: &str| params.list(name).into_iter().map(str::to_owned).collect();
    if params.get("content").is_some() {
        storage.content = words("content");
    }
    if params.get("nodes").is_some() {
        storage.nodes = words("nodes");
    }
    if params.get("shared").is_some() {
        storage.shared = params.flag("shared");
    }
    if params.get("disable").is_some() {
        storage.disable = params.flag("disable");
    }
    Ok(json!({ "storage": id, "type": storage.r#type }).into())
}

/// Facts 4.
fn missing(id: &str) -> Refusal {
    Refusal::die(format!("storage '{id}' does not exist"))
}
