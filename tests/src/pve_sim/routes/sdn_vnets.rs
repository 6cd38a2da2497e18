//! Vnets: list, read, create, change, delete.
//! A pure module: does no I/O. The texts are PVE's.
// PVE: pve-network, API2/Network/SDN/Vnets.pm.

use super::Call;
use super::sdn_objects::{VISIBLE_WITH, change, check_vnet, failed, keys, one, rows, store, wrong};
use crate::pve_sim::answer::{Refusal, Reply};
use crate::pve_sim::world::sdn::{Kind, rules};

/// A zone is looked up in the row itself: that of a new vnet is pending.
pub(super) fn list(call: &mut Call) -> Reply {
    rows(call, Kind::Vnet, |id, row| {
        let zone = row.get("zone").unwrap_or(&row["pending"]["zone"]);
        let path = format!("/sdn/zones/{}/{id}", zone.as_str().unwrap_or_default());
        call.world.check_any(call.who, &path, &VISIBLE_WITH).is_ok()
    })
}

pub(super) fn read(call: &mut Call) -> Reply {
    let id = call.params.text("vnet");
    check_vnet(call, id, &VISIBLE_WITH)?;
    one(call, Kind::Vnet, id)
}

/// Facts-2 1, 2 and 5 to 8.
pub(super) fn create(call: &mut Call) -> Reply {
    let id = call.params.text("vnet").to_owned();
    call.world.check_quorum()?;
    let what = failed("create", Kind::Vnet);
    call.world.enter_sdn(call.params.get("lock-token"), &what)?;
    let object = keys(call, Kind::Vnet);
    let fail = |cause: String| Refusal::die(format!("{what}: {cause}"));
    rules::check_config(Kind::Vnet, "", &object, true, call.world.release()).map_err(fail)?;
    let mut objects = call.world.sdn.edited.clone();
    if objects.vnets.contains_key(&id) {
        return Err(fail(format!("sdn vnet object ID '{id}' already defined")));
    }
    objects.vnets.insert(id.clone(), object);
    check_zone(call, &objects, &id, &what, 326)?;
    rules::vnet(&objects, &id).map_err(|name| wrong(&what, &[name]))?;
    store(call, objects)
}

/// Facts-2 7: the message does not name the zone.
fn check_zone(
    call: &Call,
    objects: &crate::pve_sim::world::sdn::Objects,
    id: &str,
    what: &str,
    line: u32,
) -> Result<(), Refusal> {
    if objects.zones.contains_key(objects.zone_of(id)) {
        return Ok(());
    }
    // The line in 8.4 and in 9.2.
    let line = if call.world.release() < (9, 0) { line - 102 } else { line };
    Err(Refusal::die(format!(
        "{what}: cannot lookup undefined type! \
         at /usr/share/perl5/PVE/API2/Network/SDN/Vnets.pm line {line}."
    )))
}

/// Facts-2 34.
pub(super) fn update(call: &mut Call) -> Reply {
    let id = call.params.text("vnet").to_owned();
    check_vnet(call, &id, &["SDN.Allocate"])?;
    let what = failed("update", Kind::Vnet);
    call.world.enter_sdn(call.params.get("lock-token"), &what)?;
    let objects = change(call, Kind::Vnet, &id, &what)?;
    let moves = objects.zone_of(&id) != call.world.sdn.edited.zone_of(&id);
    if moves && objects.subnets_of(&id).next().is_some() {
        let text = "can't change zone if subnets exist".to_owned();
        return Err(wrong(&what, &[("zone", text)]));
    }
    check_zone(call, &objects, &id, &what, 402)?;
    rules::vnet(&objects, &id).map_err(|name| wrong(&what, &[name]))?;
    store(call, objects)
}

/// Facts-2 35 to 37: nothing asks whether a guest uses it.
pub(super) fn delete(call: &mut Call) -> Reply {
    let id = call.params.text("vnet").to_owned();
    check_vnet(call, &id, &["SDN.Allocate"])?;
    let what = failed("delete", Kind::Vnet);
    call.world.enter_sdn(call.params.get("lock-token"), &what)?;
    let mut objects = call.world.sdn.edited.clone();
    if objects.subnets_of(&id).next().is_some() {
        let text = "Can't delete vnet if subnets exists".to_owned();
        return Err(wrong(&what, &[("vnet", text)]));
    }
    objects.vnets.remove(&id);
    store(call, objects)
}
