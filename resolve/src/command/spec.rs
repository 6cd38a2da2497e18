//! `resolve spec`: a spec with its references resolved, as a VM fetches it. Does no I/O.

use crate::json;
use crate::shape;
use crate::site::{POSTURES, SPECS, Site, Slot};
use crate::yaml::Node;
use serde_json::{Map, Value};

/// Older specs wrote `ssh_keys.NAME`.
const PREFIX: &str = "ssh_keys.";

/// Resolves a spec. What is wrong goes into the site's report.
pub(crate) fn spec(site: &mut Site<'_>, name: &str) -> Option<Value> {
    let file = site.find(&SPECS, name, None)?;
    let node = site.parse(file, &shape::SPEC)?;
    let mut spec = json::object(Some(&node), &shape::SPEC);
    let fill = |spec: &mut Map<String, Value>, section: &str, key: &str, value: Option<&str>| {
        let section = spec.entry(section).or_insert_with(|| Map::new().into());
        if let (Some(section), Some(value)) = (section.as_object_mut(), value) {
            section.entry(key).or_insert_with(|| value.into());
        }
    };
    let text = |slot: &Slot<String>| slot.value().cloned();
    let (domain, timezone) = (text(&site.whole.domain), text(&site.whole.timezone));
    fill(&mut spec, "identity", "hostname", Some(name));
    fill(&mut spec, "identity", "domain", domain.as_deref());
    fill(&mut spec, "config", "timezone", timezone.as_deref());
    let posture = posture(site, &node);
    fill(&mut spec, "access", "posture", None);
    if let Some(access) = spec.get_mut("access").and_then(Value::as_object_mut) {
        access.insert("_posture".into(), posture);
        if let Some(users) = access.get_mut("users").and_then(Value::as_array_mut) {
            give_keys(site, &node, users);
        }
    }
    Some(spec.into())
}

fn posture(site: &mut Site<'_>, spec: &Node) -> Value {
    let named = spec.get("access").and_then(|access| access.get("posture"));
    let name = named.and_then(Node::text).unwrap_or("dev");
    let at = named.map_or(spec.at, |node| node.at);
    let Some(file) = site.find(&POSTURES, name, Some(at)) else { return Value::Null };
    let Some(node) = site.parse(file, &shape::POSTURE) else { return Value::Null };
    json::object(Some(&node), &shape::POSTURE).into()
}

/// Names of keys become the keys. A user without `ssh_keys` gets all, as newer sites have it.
fn give_keys(site: &mut Site<'_>, spec: &Node, users: &mut [Value]) {
    let nodes = spec.get("access").and_then(|a| a.get("users")).and_then(Node::list);
    for (user, node) in users.iter_mut().zip(nodes.unwrap_or_default()) {
        let named = node.get("ssh_keys").map(|keys| keys.list().unwrap_or_default());
        let keys: Vec<String> = match (named, &site.secrets) {
            (None, secrets) => {
                secrets.iter().flat_map(|s| &s.ssh_keys).map(|(_, k)| k.clone()).collect()
            }
            (Some(names), _) => names.iter().filter_map(|name| key(site, name)).collect(),
        };
        if let Some(user) = user.as_object_mut() {
            user.insert("ssh_keys".into(), keys.into());
        }
    }
}

fn key(site: &mut Site<'_>, node: &Node) -> Option<String> {
    let name = node.text()?;
    let name = name.strip_prefix(PREFIX).unwrap_or(name);
    let keys = site.secrets.as_ref().map(|s| s.ssh_keys.as_slice()).unwrap_or_default();
    if let Some((_, key)) = keys.iter().find(|(known, _)| known == name) {
        return Some(key.clone());
    }
    if site.secrets_unknown {
        return None;
    }
    let names = keys.iter().map(|(name, _)| name.as_str());
    let hint = site.secrets_hint(name, "ssh_keys", names);
    let entry = site
        .sources
        .error(node.at, format!("SSH key \"{}\" does not exist", stage::shown::name(name)));
    site.report.push(entry.hint(hint));
    None
}
