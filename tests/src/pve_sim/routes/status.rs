//! The power state of a VM.
//! A pure module: does no I/O.
// PVE: qemu-server, API2/Qemu.pm, vm_start, vm_stop, vm_shutdown, vm_reboot, vm_status.

use super::{Call, flag};
use crate::pve_sim::answer::{Refusal, Reply};
use crate::pve_sim::world::ha::{Request, StopCommand};
use crate::pve_sim::world::work::Work;

pub(super) fn current(call: &mut Call) -> Reply {
    let (node, vmid) = (call.node(), call.vmid());
    let vm = call.world.vm(&node, vmid)?;
    let mut line = super::qemu::line(vmid, vm);
    line["qmpstatus"] = vm.qmpstatus().into();
    // PVE: facts-3 4.2.
    line["ha"] = match call.world.managed_by_ha(vmid) {
        Some(resource) => serde_json::json!({ "managed": 1, "state": resource.service }),
        None => serde_json::json!({ "managed": 0 }),
    };
    let agent = vm.config.get("agent").is_some_and(|text| agent_on(text));
    if agent {
        line["agent"] = flag(true);
    }
    Ok(line.into())
}

/// Returns whether the `agent` key enables the agent.
pub(super) fn agent_on(text: &str) -> bool {
    let agent = crate::pve_sim::property::Properties::read(text, "enabled");
    agent.get("enabled").is_some_and(|value| matches!(value, "1" | "on" | "yes" | "true"))
}

const ROOT_START: [&str; 9] = [
    "stateuri",
    "skiplock",
    "migratedfrom",
    "migration_type",
    "migration_network",
    "targetstorage",
    "force-cpu",
    "with-conntrack-state",
    "nets-host-mtu",
];

/// Facts 29: PVE forks first and checks afterwards.
pub(super) fn start(call: &mut Call) -> Reply {
    call.root_only(&ROOT_START)?;
    let vmid = call.vmid();
    call.world.check_quorum()?;
    if call.world.managed_by_ha(vmid).is_some() {
        return call.fork("hastart", vmid, Work::AskHa { vmid, request: Request::Start });
    }
    call.fork("qmstart", vmid, Work::Start { vmid })
}

pub(super) fn stop(call: &mut Call) -> Reply {
    call.root_only(&["skiplock", "keepActive", "migratedfrom"])?;
    let vmid = call.vmid();
    if call.world.managed_by_ha(vmid).is_some() {
        if call.params.flag("overrule-shutdown") {
            let text = "Not applicable for HA resources.";
            return Err(Refusal::parameter("overrule-shutdown", text));
        }
        return ask_stop(call, vmid, StopCommand::Hard);
    }
    call.fork("qmstop", vmid, Work::Stop { vmid })
}

pub(super) fn shutdown(call: &mut Call) -> Reply {
    call.root_only(&["skiplock", "keepActive"])?;
    let vmid = call.vmid();
    // PVE: a paused VM cannot be shut down; with `forceStop` it is stopped.
    if !call.params.flag("forceStop") {
        check_paused(call)?;
    }
    if call.world.managed_by_ha(vmid).is_some() {
        let hard = call.params.number("timeout") == Some(0);
        let how = if hard { StopCommand::Hard } else { StopCommand::Graceful };
        return ask_stop(call, vmid, how);
    }
    let force = call.params.flag("forceStop");
    call.fork("qmshutdown", vmid, Work::Shutdown { vmid, force })
}

fn check_paused(call: &Call) -> Result<(), Refusal> {
    match call.world.vms.get(&call.vmid()) {
        Some(vm) if vm.is_paused() => Err(Refusal::die("VM is paused - cannot shutdown")),
        _ => Ok(()),
    }
}

fn ask_stop(call: &mut Call, vmid: u32, how: StopCommand) -> Reply {
    call.fork("hastop", vmid, Work::AskHa { vmid, request: Request::Stop(how) })
}

/// PVE: HA does not handle a reboot, only the start after it (CLI/qm.pm, cleanup).
pub(super) fn reboot(call: &mut Call) -> Reply {
    let vmid = call.vmid();
    check_paused(call)?;
    // PVE: QemuServer/Helpers.pm, vm_running_locally and QemuConfig's assert.
    let node = call.node();
    let missing = |_| {
        let text = format!("unable to find configuration file for VM {vmid} on node '{node}'");
        Refusal::die(text)
    };
    if !call.world.vm(&node, vmid).map_err(missing)?.running {
        return Err(Refusal::die(format!("VM {vmid} not running")));
    }
    call.fork("qmreboot", vmid, Work::Reboot { vmid })
}
