//! Containers: only their configs, which say whether one uses a bridge.
//! A pure module: does no I/O. The texts are PVE's.
// PVE: pve-container, API2/LXC/Config.pm.

use serde_json::{Map, Value, json};

use super::Call;
use crate::pve_sim::answer::{Refusal, Reply};
use crate::pve_sim::world::container::Container;

fn find<'c>(call: &'c Call<'_>) -> Result<&'c Container, Refusal> {
    let (node, vmid) = (call.node(), call.vmid());
    let found = call.world.containers.get(&vmid).filter(|container| container.node == node);
    found.ok_or_else(|| {
        let text = format!("Configuration file 'nodes/{node}/lxc/{vmid}.conf' does not exist");
        Refusal::die(text)
    })
}

/// Returns rows like those of a VM.
// PVE: pve-container, API2/LXC.pm, vm_pending; guest-common, GuestHelpers.pm,
// config_with_pending_array.
pub(super) fn pending(call: &mut Call) -> Reply {
    let container = find(call)?;
    let mut rows = Vec::new();
    for (key, value) in &container.config {
        let mut row = json!({ "key": key, "value": value });
        match container.pending.get(key) {
            Some(Some(next)) => row["pending"] = next.clone().into(),
            Some(None) => row["delete"] = 1.into(),
            None => {}
        }
        rows.push(row);
    }
    for (key, value) in &container.pending {
        if let (false, Some(next)) = (container.config.contains_key(key), value) {
            rows.push(json!({ "key": key, "pending": next }));
        }
    }
    rows.push(json!({ "key": "digest", "value": container.digest() }));
    Ok(Value::Array(rows).into())
}

pub(super) fn config(call: &mut Call) -> Reply {
    let container = find(call)?;
    let config = container.config.iter();
    let mut shown: Map<String, Value> =
        config.map(|(key, value)| (key.clone(), value.clone().into())).collect();
    shown.insert("digest".to_owned(), container.digest().into());
    Ok(Value::Object(shown).into())
}
