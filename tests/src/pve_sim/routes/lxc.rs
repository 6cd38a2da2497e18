//! Containers: only their configs, which say whether one uses a bridge.
//! A pure module: does no I/O. The texts are PVE's.
// PVE: pve-container, API2/LXC/Config.pm.

use serde_json::{Map, Value};

use super::Call;
use crate::pve_sim::answer::{Refusal, Reply};

pub(super) fn config(call: &mut Call) -> Reply {
    let (node, vmid) = (call.node(), call.vmid());
    let found = call.world.containers.get(&vmid).filter(|container| container.node == node);
    let container = found.ok_or_else(|| {
        let text = format!("Configuration file 'nodes/{node}/lxc/{vmid}.conf' does not exist");
        Refusal::die(text)
    })?;
    let config = container.config.iter();
    let mut shown: Map<String, Value> =
        config.map(|(key, value)| (key.clone(), value.clone().into())).collect();
    shown.insert("digest".to_owned(), container.digest().into());
    Ok(Value::Object(shown).into())
}
