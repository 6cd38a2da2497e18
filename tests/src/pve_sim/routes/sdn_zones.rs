//! Zones: list, read, create, change, delete.
//! A pure module: does no I/O. The texts are PVE's.
// PVE: pve-network, API2/Network/SDN/Zones.pm.

use super::Call;
use super::sdn_objects::{VISIBLE_WITH, change, failed, keys, one, rows, store, wrong};
use crate::pve_sim::answer::{Refusal, Reply};
use crate::pve_sim::world::sdn::{Kind, rules};

pub(super) fn list(call: &mut Call) -> Reply {
    let wanted = call.params.get("type");
    rows(call, Kind::Zone, |id, row| {
        let path = format!("/sdn/zones/{id}");
        call.world.check_any(call.who, &path, &VISIBLE_WITH).is_ok()
            && wanted.is_none_or(|wanted| row["type"] == wanted)
    })
}

pub(super) fn read(call: &mut Call) -> Reply {
    one(call, Kind::Zone, call.params.text("zone"))
}

/// Facts-2 1 to 8.
pub(super) fn create(call: &mut Call) -> Reply {
    let id = call.params.text("zone").to_owned();
    let object = keys(call, Kind::Zone);
    let of = object.get("type").cloned().unwrap_or_default();
    let checked = rules::check_config(Kind::Zone, &of, &object, true, call.world.release());
    checked.map_err(Refusal::die)?;
    if matches!(of.as_str(), "evpn" | "faucet") {
        return Err(Refusal::unknown(format!("pve-sim: creating {of} zones is not served")));
    }
    call.world.check_quorum()?;
    let what = failed("create", Kind::Zone);
    call.world.enter_sdn(call.params.get("lock-token"), &what)?;
    let mut objects = call.world.sdn.edited.clone();
    if objects.zones.contains_key(&id) {
        let text = format!("{what}: sdn zone object ID '{id}' already defined");
        return Err(Refusal::die(text));
    }
    objects.zones.insert(id.clone(), object.clone());
    rules::zone(&objects, &id, &object).map_err(|names| wrong(&what, &names))?;
    store(call, objects)
}

/// Facts-2 34.
pub(super) fn update(call: &mut Call) -> Reply {
    let id = call.params.text("zone").to_owned();
    let what = failed("update", Kind::Zone);
    call.world.enter_sdn(call.params.get("lock-token"), &what)?;
    let objects = change(call, Kind::Zone, &id, &what)?;
    let ipam = |objects: &_| rules::ipam_of(objects, &id).to_owned();
    let inside = |subnet: &String| subnet.split('-').next() == Some(id.as_str());
    if ipam(&objects) != ipam(&call.world.sdn.edited) && objects.subnets.keys().any(inside) {
        let text = "can't change ipam if a subnet is already defined in this zone";
        return Err(wrong(&what, &[("ipam", text.to_owned())]));
    }
    let set = keys(call, Kind::Zone);
    rules::zone(&objects, &id, &set).map_err(|names| wrong(&what, &names))?;
    store(call, objects)
}

/// Facts-2 35 and 36.
pub(super) fn delete(call: &mut Call) -> Reply {
    let id = call.params.text("zone").to_owned();
    let what = failed("delete", Kind::Zone);
    call.world.enter_sdn(call.params.get("lock-token"), &what)?;
    let mut objects = call.world.sdn.edited.clone();
    if !objects.zones.contains_key(&id) {
        return Err(Refusal::die(format!("{what}: {}", Kind::Zone.missing(&id))));
    }
    if let Some(vnet) = objects.vnets.keys().find(|vnet| objects.zone_of(vnet) == id) {
        return Err(Refusal::die(format!(
            "{what}: zone {id} is used by vnet {vnet} \
             at /usr/share/perl5/PVE/Network/SDN/Zones/Plugin.pm line 149."
        )));
    }
    objects.zones.remove(&id);
    store(call, objects)
}
