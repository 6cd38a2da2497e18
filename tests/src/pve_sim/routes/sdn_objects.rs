//! What zones, vnets and subnets share: which config is shown, what is sent, and how a write fails.
//! A pure module: does no I/O. The texts are PVE's.
// PVE: pve-network, API2/Network/SDN/{Zones,Vnets,Subnets}.pm.

use serde_json::Value;

use super::Call;
use crate::pve_sim::answer::{Refusal, Reply};
use crate::pve_sim::world::sdn::pending::View;
use crate::pve_sim::world::sdn::{Kind, Object, Objects, rules};

/// The privileges that show an object; SDN.Use shows none (facts-2, the table).
pub(super) const VISIBLE_WITH: [&str; 2] = ["SDN.Audit", "SDN.Allocate"];

/// Parameters of a request that are not keys of an object.
const NOT_KEYS: [&str; 7] =
    ["subnet", "digest", "delete", "lock-token", "pending", "running", "force"];

/// Returns which config the request asks for.
pub(super) fn view(call: &Call) -> View {
    match (call.params.flag("pending"), call.params.flag("running")) {
        (true, _) => View::Pending,
        (false, true) => View::Running,
        (false, false) => View::Edited,
    }
}

/// Returns the keys in a request, as PVE stores them.
pub(super) fn keys(call: &Call, kind: Kind) -> Object {
    let mut object = call.params.0.clone();
    object.retain(|key, _| key != kind.key() && !NOT_KEYS.contains(&key.as_str()));
    if kind != Kind::Zone {
        object.remove("type");
    }
    for (key, value) in &mut object {
        match key.as_str() {
            "dhcp-range" => *value = value.replace('\0', " "),
            // PVE: Zones/Plugin.pm, decode_value and encode_value.
            "nodes" | "exitnodes" => {
                let words = value.split([',', ';', ' ']).filter(|word| !word.is_empty());
                let mut nodes: Vec<&str> = words.collect();
                nodes.sort_unstable();
                nodes.dedup();
                *value = nodes.join(",");
            }
            _ => {}
        }
    }
    object
}

/// Returns an object in the requested view.
pub(super) fn one(call: &Call, kind: Kind, id: &str) -> Reply {
    let shown = call.world.sdn.show(kind, id, view(call));
    shown.map(Into::into).ok_or_else(|| Refusal::die(kind.missing(id)))
}

/// Returns the rows of a list; the caller has checked which ones the token sees.
pub(super) fn rows(call: &Call, kind: Kind, sees: impl Fn(&str, &Value) -> bool) -> Reply {
    let (sdn, view) = (&call.world.sdn, view(call));
    let names = sdn.names(kind, view).into_iter();
    let rows = names.filter_map(|id| Some((sdn.show(kind, &id, view)?, id)));
    let rows = rows.filter(|(row, id)| sees(id, row)).map(|(row, _)| row);
    Ok(Value::Array(rows.collect()).into())
}

/// Returns the words that PVE puts before the cause of a failed write.
pub(super) fn failed(verb: &str, kind: Kind) -> String {
    format!("{verb} sdn {} object failed", kind.key())
}

/// Facts-2 2: status 500, with another status in the text.
pub(super) fn wrong(what: &str, names: &[rules::Wrong]) -> Refusal {
    let lines: String = names.iter().map(|(name, text)| format!("\n{name}: {text}")).collect();
    Refusal::die(format!("{what}: 400 Parameter verification failed.{lines}"))
}

/// Changes one object in a copy of what is edited: digest, options, then the given check.
pub(super) fn change(call: &Call, kind: Kind, id: &str, what: &str) -> Result<Objects, Refusal> {
    let fail = |cause: String| Refusal::die(format!("{what}: {cause}"));
    let mut objects = call.world.sdn.edited.clone();
    check_digest(call, kind, what)?;
    let set = keys(call, kind);
    let release = call.world.release();
    let found = objects.of_mut(kind).get_mut(id).ok_or_else(|| fail(kind.missing(id)))?;
    let of = found.get("type").cloned().unwrap_or_default();
    rules::check_config(kind, &of, &set, false, release).map_err(fail)?;
    rules::delete(kind, found, &set, &call.params.list("delete"), release).map_err(fail)?;
    found.extend(set);
    Ok(objects)
}

/// Facts-2 16.
// PVE: SectionConfig.pm, assert_if_modified.
pub(super) fn check_digest(call: &Call, kind: Kind, what: &str) -> Result<(), Refusal> {
    let digest = call.params.get("digest").filter(|digest| !digest.is_empty());
    match digest.is_some_and(|digest| digest != call.world.sdn.edited.digest(kind)) {
        true => Err(Refusal::die(format!(
            "{what}: detected modified configuration - file changed by other user? Try again."
        ))),
        false => Ok(()),
    }
}

/// Stores what was edited.
pub(super) fn store(call: &mut Call, objects: Objects) -> Reply {
    call.world.sdn.edited = objects;
    Ok(Value::Null.into())
}

/// Returns the zone of an edited vnet, on which its privileges are; only edited vnets exist here.
// PVE: API2/Network/SDN/Vnets.pm, $check_vnet_access.
pub(super) fn check_vnet(call: &Call, vnet: &str, any: &[&str]) -> Result<String, Refusal> {
    let edited = &call.world.sdn.edited;
    if !edited.vnets.contains_key(vnet) {
        return Err(Refusal::die(Kind::Vnet.missing(vnet)));
    }
    let zone = edited.zone_of(vnet).to_owned();
    call.world.check_any(call.who, &format!("/sdn/zones/{zone}/{vnet}"), any)?;
    Ok(zone)
}
