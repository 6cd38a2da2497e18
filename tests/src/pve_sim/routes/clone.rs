//! Templates and clones of VMs, and whether they are possible.
//! A pure module: does no I/O. The texts are PVE's.
// PVE: qemu-server 9.2.6, API2/Qemu.pm, vm_feature, template and clone_vm.

use serde_json::{Value, json};

use super::Call;
use crate::pve_sim::answer::{Refusal, Reply};
use crate::pve_sim::world::clone::CloneWish;
use crate::pve_sim::world::disk;
use crate::pve_sim::world::features::Feature;

/// Facts-4 12: numbers, not booleans.
pub(super) fn feature(call: &mut Call) -> Reply {
    let (node, vmid) = (call.node(), call.vmid());
    check_there(call)?;
    let vm = call.world.vm(&node, vmid)?;
    let snapshot = call.params.get("snapname");
    if let Some(name) = snapshot.filter(|name| !vm.snapshots.iter().any(|other| other == name)) {
        return Err(Refusal::die(format!("snapshot '{name}' does not exist")));
    }
    let feature = match call.params.text("feature") {
        "snapshot" => Feature::Snapshot,
        "clone" => Feature::Clone,
        _ => Feature::Copy,
    };
    let drives = vm.config.iter().filter(|(key, _)| disk::is_drive(key));
    let drives = drives.map(|(key, text)| disk::read(key, text));
    let has = |volid: &str| call.world.has_feature(feature, volid, snapshot.is_some());
    let able = drives
        .filter(|drive| !disk::is_cdrom(drive))
        .all(|drive| drive.get("file").is_some_and(has));
    Ok(json!({ "hasFeature": u8::from(able), "nodes": call.world.nodes_with_storages(&node, vm) })
        .into())
}

pub(super) fn template(call: &mut Call) -> Reply {
    let (node, vmid) = (call.node(), call.vmid());
    let disk = call.params.get("disk").map(str::to_owned);
    call.world.templatable(&node, vmid, disk.as_deref())?;
    let upid = call.world.start_template(&node, call.who, vmid, disk);
    Ok(Value::from(upid).into())
}

pub(super) fn clone(call: &mut Call) -> Reply {
    let (node, vmid) = (call.node(), call.vmid());
    check_there(call)?;
    let given = |name: &str| call.params.get(name).map(str::to_owned);
    let newid = call.params.text("newid").parse().unwrap_or_default();
    let wish = CloneWish {
        newid,
        name: given("name"),
        description: given("description"),
        pool: given("pool"),
        snapname: given("snapname"),
        storage: given("storage"),
        format: given("format"),
        full: call.params.get("full").map(|_| call.params.flag("full")),
        target: given("target").filter(|target| *target != node && target != "localhost"),
    };
    call.world.clonable(call.who, &node, vmid, &wish)?;
    let upid = call.world.start_clone(&node, call.who, vmid, wish);
    Ok(Value::from(upid).into())
}

/// Facts-4 38: these two ask first whether the VM runs.
// PVE: qemu-server, QemuServer/Helpers.pm, vm_running_locally.
fn check_there(call: &Call) -> Result<(), Refusal> {
    let (node, vmid) = (call.node(), call.vmid());
    match call.world.vm(&node, vmid) {
        Ok(_) => Ok(()),
        Err(_) => Err(Refusal::die(format!(
            "unable to find configuration file for VM {vmid} on node '{node}'"
        ))),
    }
}
