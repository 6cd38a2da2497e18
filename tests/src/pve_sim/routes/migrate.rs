//! Migrating a VM: the preconditions, and the request.
//! A pure module: does no I/O. The texts are PVE's.
// PVE: qemu-server 9.2.6, API2/Qemu.pm, migrate_vm_precondition and migrate_vm; facts-3 4.4.

use serde_json::Value;

use super::Call;
use crate::pve_sim::answer::{Refusal, Reply};
use crate::pve_sim::world::ha::Request;
use crate::pve_sim::world::migration::{Migration, StorageMap};
use crate::pve_sim::world::work::Work;

/// `target` is accepted and ignored, as by PVE.
pub(super) fn preconditions(call: &mut Call) -> Reply {
    let node = call.node();
    Ok(call.world.preconditions(&node, call.vmid())?.into())
}

pub(super) fn migrate(call: &mut Call) -> Reply {
    let (node, vmid) = (call.node(), call.vmid());
    let target = call.params.text("target").to_owned();
    if target == node {
        return Err(Refusal::parameter("target", "target is local node."));
    }
    call.world.check_quorum()?;
    if !call.world.nodes.contains_key(&target) {
        // PVE: pve-cluster, Cluster.pm, check_node_exists.
        return Err(Refusal::die(format!("no such cluster node '{target}'")));
    }
    for name in ["force", "migration_type", "migration_network"] {
        call.root_only(&[name])?;
    }
    let text = call.params.get("targetstorage");
    let map = text.map(StorageMap::read).transpose().map_err(|cause| {
        let text = format!("failed to parse storage map: {cause}\n");
        Refusal::parameter("targetstorage", text)
    })?;
    let wish = Migration {
        target: target.clone(),
        online: call.params.flag("online"),
        with_local_disks: call.params.flag("with-local-disks"),
        force: call.params.flag("force"),
        map: map.unwrap_or_default(),
    };
    call.world.migratable(call.who, &node, vmid, &wish)?;
    if call.world.managed_by_ha(vmid).is_some() {
        let request = Request::Migrate(target);
        return call.fork("hamigrate", vmid, Work::AskHa { vmid, request });
    }
    let upid = call.world.start_migration(&node, call.who, vmid, wish);
    Ok(Value::from(upid).into())
}
