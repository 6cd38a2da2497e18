//! A model of PVE's SDN for tests: `Sdn` after edits and a commit, with PVE's refusals (facts-2).

use super::desired::{DesiredNetworks, Purpose};
use super::mark::{Alias, Mark, Origin};
use super::model::{Edit, EditVerb, Param, Transaction};
use super::observed::{Kind, NodeSdn, Object, Sdn, State, Users, Values};
use crate::desired::Desired;
use machine::sdn::Network;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The nodes of the cluster.
const NODES: [&str; 2] = ["pve1", "pve2"];

/// A cluster without SDN objects, whose token sees everything.
pub(crate) fn empty() -> Sdn {
    let audit = BTreeMap::from([("SDN.Audit".to_owned(), true)]);
    let mut sdn = Sdn {
        permissions: Some(BTreeMap::from([("/sdn".to_owned(), audit)])),
        controllers: Some(BTreeMap::new()),
        users: Some(Users { sees_all: true, ..Users::default() }),
        ..Sdn::default()
    };
    for node in NODES {
        let seen = NodeSdn { is_online: true, ..NodeSdn::default() };
        sdn.nodes.insert(node.parse().unwrap(), seen);
    }
    sdn
}

/// The document's networks.
pub(crate) fn networks(json: &Value) -> Vec<Network> {
    let document = json!({"deployment": "dev", "node": "pve1", "vms": [], "networks": json});
    let document = stage::Document::parse(document.to_string().as_bytes()).unwrap();
    let (deployment, _) = stage::Deployment::read(&document);
    let (list, faults) = Network::read(deployment.networks.as_deref().unwrap());
    assert_eq!(faults, []);
    assert_eq!(machine::sdn::problems(&list, "lab"), []);
    list
}

/// A deployment of site "lab" with these networks.
pub(crate) fn desired(json: &Value) -> Desired {
    let mut desired = crate::plan::worlds::desired(Vec::new());
    let list = networks(json);
    let names = list.iter().map(|network| network.zone.clone()).collect();
    desired.networks = DesiredNetworks {
        list,
        names: Some(names),
        purpose: Purpose::Compare,
        ..DesiredNetworks::default()
    };
    desired
}

/// An alias with a mark.
pub(crate) fn alias(site: &str, net: &str, zone: Origin) -> String {
    let other = String::new();
    let mark = Mark { site: site.into(), net: net.into(), zone, run: "01d".into(), other };
    Alias::write("", &mark)
}

/// Options as parameters of an edit.
pub(crate) fn params(pairs: &[(&str, &str)]) -> BTreeMap<String, Param> {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), Param::One((*v).to_owned()))).collect()
}

/// Carries out a transaction: its first `most` edits, and the commit if that was all of them.
pub(crate) fn carry_out(transaction: &Transaction, sdn: &mut Sdn, most: usize) {
    for edit in transaction.edits.iter().take(most) {
        assert!(edit.guard.holds(sdn.get(edit.kind, &edit.id)), "guard of {edit:?}");
        if let Err(text) = send(edit, sdn) {
            panic!("PVE refuses {edit:?}: {text}");
        }
    }
    if most < transaction.edits.len() {
        return;
    }
    let is_known = |object: &Object| {
        let listed = |p: &super::model::Pending| (p.kind, &p.id) == (object.kind, &object.id);
        transaction.pending.iter().any(listed)
            || transaction.edits.iter().any(|e| (e.kind, &e.id) == (object.kind, &object.id))
    };
    for object in sdn.all().filter(|object| object.is_pending()) {
        assert!(is_known(object), "{object:?} would be committed");
    }
    commit(sdn);
}

/// Commits everything that is pending.
pub(crate) fn commit(sdn: &mut Sdn) {
    for map in [&mut sdn.zones, &mut sdn.vnets, &mut sdn.subnets] {
        map.retain(|_, object| object.is_there());
        for object in map.values_mut() {
            object.running = object.edited.clone();
            object.state = State::Applied;
        }
    }
    let zones: Vec<String> = sdn.zones.keys().cloned().collect();
    for node in sdn.nodes.values_mut() {
        node.zones = zones.iter().map(|zone| (zone.clone(), "available".to_owned())).collect();
    }
}

/// Sends one edit; returns PVE's refusal.
pub(crate) fn send(edit: &Edit, sdn: &mut Sdn) -> Result<(), String> {
    let there = sdn.get(edit.kind, &edit.id).is_some_and(Object::is_there);
    if sdn.get(edit.kind, &edit.id).is_some_and(|seen| there && seen.vnet != edit.vnet) {
        return Err("already defined in another vnet".into());
    }
    match edit.verb {
        EditVerb::Create if there => return Err("already defined".into()),
        EditVerb::Update | EditVerb::Delete if !there => return Err("does not exist".into()),
        _ => {}
    }
    let mut after = sdn.clone();
    let map = match edit.kind {
        Kind::Zone => &mut after.zones,
        Kind::Vnet => &mut after.vnets,
        _ => &mut after.subnets,
    };
    let old = map.get(&edit.id).cloned();
    let mut edited = match edit.verb {
        EditVerb::Update => old.as_ref().unwrap().edited.clone(),
        _ => Values::new(),
    };
    for (name, value) in &edit.params {
        let text = match value {
            Param::One(text) => text.clone(),
            Param::Many(items) => items.join(";"),
        };
        match name.as_str() {
            "delete" => text.split(',').for_each(|name| _ = edited.remove(name)),
            "subnet" => {}
            "type" if edit.kind != Kind::Zone => {}
            "zone" if edit.kind == Kind::Zone => {}
            "vnet" if edit.kind == Kind::Vnet => {}
            name => _ = edited.insert(name.to_owned(), text),
        }
    }
    let running = old.as_ref().filter(|old| !old.is_new()).map(|old| old.running.clone());
    let state = match (&running, edit.verb) {
        (None, EditVerb::Delete) => {
            map.remove(&edit.id);
            return checked(edit, after, sdn);
        }
        (Some(_), EditVerb::Delete) => State::Deleted,
        (None, _) => State::New,
        (Some(running), _) if *running == edited => State::Applied,
        (Some(_), _) => State::Changed,
    };
    let (id, running) = (edit.id.clone(), running.unwrap_or_default());
    let object = Object { kind: edit.kind, id, state, running, edited, vnet: edit.vnet.clone() };
    map.insert(edit.id.clone(), object);
    checked(edit, after, sdn)
}

/// Accepts the result if PVE would.
fn checked(edit: &Edit, after: Sdn, sdn: &mut Sdn) -> Result<(), String> {
    let mut tags = BTreeMap::new();
    for vnet in after.vnets.values().filter(|vnet| vnet.is_there()) {
        let zone = vnet.value("zone").ok_or("a vnet has a zone")?;
        let zone = after.zones.get(zone).filter(|zone| zone.is_there());
        let zone = zone.ok_or(format!("zone is used by vnet {}", vnet.id))?;
        let is_vxlan = zone.value("type") == Some("vxlan");
        if let Some(tag) = vnet.value("tag").filter(|_| is_vxlan)
            && let Some(other) = tags.insert(tag.to_owned(), vnet.id.clone())
        {
            return Err(format!("vxlan tag {tag} already exist in vnet {other}"));
        }
        if is_vxlan && vnet.value("tag").is_none() {
            return Err("missing vxlan tag".into());
        }
    }
    for subnet in after.subnets.values().filter(|subnet| subnet.is_there()) {
        let vnet = subnet.vnet.as_ref().and_then(|vnet| after.vnets.get(vnet));
        let vnet = vnet.filter(|vnet| vnet.is_there()).ok_or("vnet: subnets exist")?;
        if !subnet.id.starts_with(vnet.value("zone").unwrap_or_default()) {
            return Err("can't change zone if subnets exist".into());
        }
        if vnet.value("vlanaware") == Some("1") {
            return Err("vlanaware vnet is not compatible with subnets".into());
        }
    }
    let _ = edit;
    *sdn = after;
    Ok(())
}
