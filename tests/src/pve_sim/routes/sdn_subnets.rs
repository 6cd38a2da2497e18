//! Subnets: list, read, create, change, delete.
//! A pure module: does no I/O. The texts are PVE's.
// PVE: pve-network, API2/Network/SDN/Subnets.pm.

use super::Call;
use super::sdn_objects::{VISIBLE_WITH, change, check_vnet, failed, keys, one, rows, store, wrong};
use crate::pve_sim::answer::{Refusal, Reply};
use crate::pve_sim::world::sdn::{Kind, rules};

/// Not even what is pending is listed for a vnet that was deleted: it must be among the edited ones.
pub(super) fn list(call: &mut Call) -> Reply {
    let vnet = call.params.text("vnet");
    check_vnet(call, vnet, &VISIBLE_WITH)?;
    rows(call, Kind::Subnet, |_, row| row["vnet"] == vnet)
}

pub(super) fn read(call: &mut Call) -> Reply {
    let vnet = call.params.text("vnet");
    check_vnet(call, vnet, &VISIBLE_WITH)?;
    let found = one(call, Kind::Subnet, call.params.text("subnet"))?;
    match found.data["vnet"] == vnet {
        true => Ok(found),
        false => Err(Refusal::parameter("vnet", "wrong vnet\n")),
    }
}

/// Facts-2 1 and 9.
pub(super) fn create(call: &mut Call) -> Reply {
    let vnet = call.params.text("vnet").to_owned();
    let zone = check_vnet(call, &vnet, &["SDN.Allocate"])?;
    call.world.check_quorum()?;
    let what = failed("create", Kind::Subnet);
    call.world.enter_sdn(call.params.get("lock-token"), &what)?;
    let id = rules::subnet_id(&zone, call.params.text("subnet"));
    let object = keys(call, Kind::Subnet);
    let fail = |cause: String| Refusal::die(format!("{what}: {cause}"));
    rules::check_config(Kind::Subnet, "", &object, true, call.world.release()).map_err(fail)?;
    let mut objects = call.world.sdn.edited.clone();
    if objects.subnets.contains_key(&id) {
        return Err(fail(format!("sdn subnet object ID '{id}' already defined")));
    }
    objects.subnets.insert(id.clone(), object);
    rules::subnet(&objects, &id).map_err(|name| wrong(&what, &[name]))?;
    store(call, objects)
}

/// The vnet in the path becomes that of the subnet.
pub(super) fn update(call: &mut Call) -> Reply {
    let id = call.params.text("subnet").to_owned();
    check_vnet(call, call.params.text("vnet"), &["SDN.Allocate"])?;
    let what = failed("update", Kind::Subnet);
    call.world.enter_sdn(call.params.get("lock-token"), &what)?;
    let objects = change(call, Kind::Subnet, &id, &what)?;
    rules::subnet(&objects, &id).map_err(|name| wrong(&what, &[name]))?;
    store(call, objects)
}

/// Facts-2 36: deleting one that does not exist fails only in a zone with an IPAM.
pub(super) fn delete(call: &mut Call) -> Reply {
    let id = call.params.text("subnet").to_owned();
    let zone = check_vnet(call, call.params.text("vnet"), &["SDN.Allocate"])?;
    let what = failed("delete", Kind::Subnet);
    call.world.enter_sdn(call.params.get("lock-token"), &what)?;
    let mut objects = call.world.sdn.edited.clone();
    let has_ipam = !rules::ipam_of(&objects, &zone).is_empty();
    if has_ipam && !objects.subnets.contains_key(&id) {
        return Err(Refusal::die(format!("{what}: zone '' doesn't exist in IPAM DB")));
    }
    // PVE: facts-3 3; Network/SDN/Ipams/PVEPlugin.pm, del_subnet.
    if has_ipam && call.world.takes_addresses(&id) {
        let cidr = rules::cidr_of(&id);
        return Err(Refusal::die(format!("{what}: cannot delete subnet '{cidr}', not empty")));
    }
    objects.subnets.remove(&id);
    store(call, objects)
}
