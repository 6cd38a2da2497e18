//! The guest agent of a VM.
//! A pure module: does no I/O.
// PVE: qemu-server, API2/Qemu/Agent.pm, QemuServer/Agent.pm.

use serde_json::{Value, json};

use super::Call;
use super::status::agent_on;
use crate::pve_sim::answer::{Refusal, Reply};
use crate::pve_sim::world::create::read_net;

/// Facts 30 and reference 7: who is there, and does he answer yet.
fn available(call: &mut Call) -> Result<(), Refusal> {
    let (node, vmid) = (call.node(), call.vmid());
    let after = call.world.guest_of(vmid).agent_after;
    let vm = call.world.vm_mut(&node, vmid)?;
    if !vm.config.get("agent").is_some_and(|text| agent_on(text)) {
        return Err(Refusal::die("No QEMU guest agent configured"));
    }
    if !vm.running {
        return Err(Refusal::die(format!("VM {vmid} is not running")));
    }
    vm.agent_calls += 1;
    match after {
        Some(after) if vm.agent_calls > after => Ok(()),
        _ => Err(Refusal::die("QEMU guest agent is not running")),
    }
}

pub(super) fn ping(call: &mut Call) -> Reply {
    available(call)?;
    Ok(json!({ "result": {} }).into())
}

pub(super) fn interfaces(call: &mut Call) -> Reply {
    available(call)?;
    let (node, vmid) = (call.node(), call.vmid());
    let addresses = call.world.guest_of(vmid).addresses.clone();
    let vm = call.world.vm(&node, vmid)?;
    let mut all = vec![interface("lo", "00:00:00:00:00:00", &["127.0.0.1/8".to_owned()])];
    let nets = vm.config.iter().filter(|(key, _)| key.starts_with("net"));
    for (number, (_, text)) in nets.enumerate() {
        let net = read_net(text);
        let mac = net.get("macaddr").unwrap_or_default().to_lowercase();
        let made_up = vec![format!("192.0.2.{}/24", 100 + vmid % 100)];
        let here = match (number, addresses.is_empty()) {
            (0, true) => &made_up,
            (0, false) => &addresses,
            _ => &Vec::new(),
        };
        all.push(interface(&format!("eth{number}"), &mac, here));
    }
    Ok(json!({ "result": all }).into())
}

fn interface(name: &str, mac: &str, addresses: &[String]) -> Value {
    let addresses: Vec<Value> = addresses
        .iter()
        .map(|text| {
            let (address, prefix) = text.split_once('/').unwrap_or((text, "32"));
            json!({
                "ip-address": address,
                "ip-address-type": if address.contains(':') { "ipv6" } else { "ipv4" },
                "prefix": prefix.parse::<u8>().unwrap_or(32),
            })
        })
        .collect();
    json!({ "name": name, "hardware-address": mac, "ip-addresses": addresses })
}

pub(super) fn osinfo(call: &mut Call) -> Reply {
    available(call)?;
    let os = &call.world.guest_of(call.vmid()).os;
    Ok(json!({ "result": { "id": os, "name": os } }).into())
}

/// Every command ends at once, well and without output.
pub(super) fn exec(call: &mut Call) -> Reply {
    available(call)?;
    Ok(json!({ "pid": 1000 }).into())
}

pub(super) fn exec_status(call: &mut Call) -> Reply {
    available(call)?;
    Ok(json!({ "exited": 1, "exitcode": 0, "out-data": "" }).into())
}
