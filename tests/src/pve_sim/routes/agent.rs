//! The guest agent of a VM.
//! A pure module: does no I/O.
// PVE: qemu-server, API2/Qemu/Agent.pm, QemuServer/Agent.pm.

use serde_json::{Value, json};

use super::Call;
use super::status::agent_on;
use crate::pve_sim::answer::{Refusal, Reply};
use crate::pve_sim::world::create::read_net;
use crate::pve_sim::world::vm::Guest;

/// Facts 30 and reference 7: whether the agent exists and answers yet.
// PVE: QemuServer/Agent.pm, assert_agent_available: only a missing key counts as not configured; an
// agent that is switched off has no socket, so its ping fails.
fn available(call: &mut Call) -> Result<(), Refusal> {
    let (node, vmid) = (call.node(), call.vmid());
    let after = call.world.guest_of(vmid).agent_after;
    let vm = call.world.vm_mut(&node, vmid)?;
    let Some(agent) = vm.config.get("agent") else {
        return Err(Refusal::die("No QEMU guest agent configured"));
    };
    let after = after.filter(|_| agent_on(agent));
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

/// File systems are never frozen here, except by a fault.
pub(super) fn fsfreeze_status(call: &mut Call) -> Reply {
    available(call)?;
    Ok(json!({ "result": "thawed" }).into())
}

pub(super) fn interfaces(call: &mut Call) -> Reply {
    available(call)?;
    let (node, vmid) = (call.node(), call.vmid());
    let guest = call.world.guest_of(vmid).clone();
    // PVE: API2/Qemu/Agent.pm, register_command: the agent's answers are passed on, including errors.
    if let Some(text) = blocked(&guest, "guest-network-get-interfaces") {
        let error = json!({ "class": "CommandNotFound", "desc": text });
        return Ok(json!({ "result": { "error": error } }).into());
    }
    let addresses = guest.addresses;
    let vm = call.world.vm(&node, vmid)?;
    let none = Vec::new();
    let mut all = vec![interface("lo", "00:00:00:00:00:00", &["127.0.0.1/8".to_owned()])];
    let nets = vm.config.iter().filter(|(key, _)| key.starts_with("net"));
    for (number, (key, text)) in nets.enumerate() {
        let net = read_net(text);
        let mac = net.get("macaddr").unwrap_or_default().to_lowercase();
        let made_up = vec![format!("192.0.2.{}/24", 100 + vmid % 100)];
        let here = match (number, addresses.is_empty()) {
            (0, true) => &made_up,
            (0, false) => &addresses,
            _ => guest.nic_addresses.get(key).unwrap_or(&none),
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

/// The maximum number of bytes that PVE reads from a file.
// PVE: API2/Qemu/Agent.pm, MAX_READ_SIZE.
const MAX_READ: usize = 16 * 1024 * 1024;

// PVE: API2/Qemu/Agent.pm, file-read; QemuServer/Agent.pm, check_agent_error. QEMU: qga/commands-posix.c,
// safe_open_or_create; qapi/qmp-dispatch.c. Both texts were observed with qemu-ga 10.0.
pub(super) fn file_read(call: &mut Call) -> Reply {
    available(call)?;
    let (node, vmid) = (call.node(), call.vmid());
    let path = call.params.get("file").unwrap_or_default().to_owned();
    let guest = call.world.guest_of(vmid).clone();
    for command in ["guest-file-open", "guest-file-read"] {
        if let Some(text) = blocked(&guest, command) {
            return Err(agent_error(&text));
        }
    }
    let vm = call.world.vm_mut(&node, vmid)?;
    vm.file_reads += 1;
    let is_written = vm.file_reads > guest.files_after;
    let Some(content) = guest.files.get(&path).filter(|_| is_written) else {
        let text = "No such file or directory";
        return Err(agent_error(&format!("failed to open file '{path}' (mode: 'r'): {text}")));
    };
    let bytes = content.as_bytes();
    let read = bytes.get(..MAX_READ).unwrap_or(bytes);
    // Perl passes the bytes on one by one, so non-ASCII characters are encoded twice.
    let content: String = read.iter().map(|byte| char::from(*byte)).collect();
    let mut answer = json!({ "bytes-read": read.len(), "content": content });
    if read.len() == MAX_READ {
        answer["truncated"] = 1.into();
    }
    Ok(answer.into())
}

/// Returns the error for a blocked command, as observed with qemu-ga 10.0.
fn blocked(guest: &Guest, command: &str) -> Option<String> {
    let is_blocked = guest.agent_blocks.iter().any(|blocked| blocked == command);
    is_blocked.then(|| format!("Command {command} has been disabled: the command is not allowed"))
}

fn agent_error(text: &str) -> Refusal {
    Refusal::die(format!("Agent error: {text}"))
}

/// Every command succeeds at once, without output.
pub(super) fn exec(call: &mut Call) -> Reply {
    available(call)?;
    Ok(json!({ "pid": 1000 }).into())
}

pub(super) fn exec_status(call: &mut Call) -> Reply {
    available(call)?;
    Ok(json!({ "exited": 1, "exitcode": 0, "out-data": "" }).into())
}
