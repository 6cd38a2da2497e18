//! Processor and memory. Does no I/O.

use super::view::{View, get, problem};
use crate::settings::Problem;

pub(super) fn validate(view: &View<'_>, problems: &mut Vec<Problem>) {
    vcpus(view, problems);
    balloon(view, problems);
    numa(view, problems);
    memory_hotplug(view, problems);
}

/// PVE: qemu-server, QemuServer.pm, config_to_command: QEMU refuses more than maxcpus.
fn vcpus(view: &View<'_>, problems: &mut Vec<Problem>) {
    let known = (view.number("vcpus", ""), view.number("cores", ""), view.number("sockets", ""));
    if let (Some(vcpus), Some(cores), Some(sockets)) = known
        && vcpus > cores.saturating_mul(sockets)
    {
        let all = cores.saturating_mul(sockets);
        let fact = format!("exceeds cores times sockets ({all})");
        problems.push(problem("vcpus", "", fact, None));
    }
}

/// PVE: qemu-server, API2/Qemu.pm, update_vm_api.
fn balloon(view: &View<'_>, problems: &mut Vec<Problem>) {
    let balloon = view.number("balloon", "");
    if let (Some(balloon), Some(memory)) = (balloon, view.number("memory", "current"))
        && balloon > memory
    {
        let fact = format!("exceeds the memory of {memory} MiB");
        problems.push(problem("balloon", "", fact, None));
    }
    let weighs = view.each("shares").any(|(_, options)| get(options, "") != Some("0"));
    if balloon == Some(0) && weighs {
        let fact = "has no effect with `balloon: 0`: the host reclaims no memory";
        problems.push(problem("shares", "", fact, None));
    }
}

/// PVE: qemu-server, Memory.pm, config.
fn numa(view: &View<'_>, problems: &mut Vec<Problem>) {
    if view.each("numa").all(|(key, _)| key.slot.is_none()) || !view.is("numa", "", "1") {
        return;
    }
    let mut sum = Some(0.0);
    for (key, options) in view.each("numa").filter(|(key, _)| key.slot.is_some()) {
        let memory = get(options, "memory").and_then(|text| text.parse::<f64>().ok());
        if memory.is_none() && view.new.is_some() {
            problems.push(problem(key, "", "requires `memory`, the MiB of this NUMA node", None));
        }
        sum = sum.zip(memory).map(|(sum, memory)| sum + memory);
        if get(options, "hostnodes").is_some()
            && get(options, "policy").is_none()
            && view.new.is_some()
        {
            problems.push(problem(key, "hostnodes", "requires `policy`", None));
        }
    }
    // An existing VM may have other NUMA nodes.
    let memory = view.new.and_then(|_| view.number("memory", "current"));
    #[expect(clippy::cast_precision_loss, reason = "memory is below 2^53 MiB")]
    if let (Some(sum), Some(memory)) = (sum, memory)
        && (sum - memory as f64).abs() > 0.0
    {
        let fact = format!("is {memory} MiB, but the NUMA nodes add up to {sum} MiB");
        problems.push(problem("memory", "", fact, None));
    }
}

/// PVE: qemu-server, Memory.pm, config.
fn memory_hotplug(view: &View<'_>, problems: &mut Vec<Problem>) {
    let plugs =
        view.value("hotplug", "").is_some_and(|text| text.split(',').any(|w| w == "memory"));
    if !plugs {
        return;
    }
    let mut refuse = |fact: &str| problems.push(problem("hotplug", "", fact, None));
    if view.is("numa", "", "0") {
        refuse("requires `numa: true` for memory");
    }
    if view.each("numa").any(|(key, _)| key.slot.is_some()) {
        refuse("cannot include memory when the VM has its own NUMA nodes");
    }
    if view.each("virtiofs").next().is_some() {
        refuse("cannot include memory when the VM has virtiofs directories");
    }
    if view.number("memory", "current").is_some_and(|memory| memory < 1024) {
        refuse("cannot include memory for a VM with less than 1024 MiB");
    }
}
