//! A world as a list of facts, which can be compared and merged one by one.

use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use test_support::pve_sim::World;

/// What is so in a world: paths and their values, without what differs from run to run.
///
/// A volume that a VM's config names is part of the VM: its number depends on the order of steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Facts(BTreeMap<String, String>);

impl Facts {
    pub(crate) fn of(world: &World) -> Self {
        let mut value: Value = serde_json::from_str(&world.to_json()).unwrap();
        let object = value.as_object_mut().unwrap();
        object.remove("tasks");
        object.remove("access");
        let mut volumes = volumes(object);
        for (_, vm) in
            object.get_mut("vms").into_iter().flat_map(|vms| vms.as_object_mut().unwrap())
        {
            take_volumes(vm, &mut volumes);
        }
        let mut facts = BTreeMap::new();
        flatten("", &value, &mut facts);
        flatten("volumes", &Value::Object(volumes), &mut facts);
        Self(facts)
    }

    /// Returns the value at a path.
    pub(crate) fn get(&self, path: &str) -> Option<&String> {
        self.0.get(path)
    }

    /// Returns the paths of all.
    pub(crate) fn paths<'a>(all: &[&'a Self]) -> BTreeSet<&'a String> {
        all.iter().flat_map(|facts| facts.0.keys()).collect()
    }

    /// Returns the paths whose values differ, with both values.
    pub(crate) fn difference(&self, other: &Self) -> String {
        let differing = Self::paths(&[self, other])
            .into_iter()
            .filter(|path| self.get(path) != other.get(path));
        differing
            .map(|path| {
                format!("  {path}: {} -> {}\n", shown(self.get(path)), shown(other.get(path)))
            })
            .collect()
    }
}

/// Returns a value for a message.
pub(crate) fn shown(value: Option<&String>) -> &str {
    value.map_or("nothing", String::as_str)
}

/// Takes the volumes out of a world, by node and volid.
fn volumes(world: &mut Map<String, Value>) -> Map<String, Value> {
    let mut volumes = Map::new();
    for mut volume in
        world.remove("volumes").iter().flat_map(|all| all.as_array().unwrap()).cloned()
    {
        let volume = volume.as_object_mut().unwrap();
        let [node, volid] = ["node", "volid"].map(|key| volume.remove(key).unwrap());
        // How much is written depends on how a disk came to be.
        volume.retain(|key, _| !matches!(key.as_str(), "ctime" | "used"));
        volumes.insert(key(text(&node), text(&volid)), Value::Object(volume.clone()));
    }
    volumes
}

fn key(node: &str, volid: &str) -> String {
    format!("{node}/{}", steady(volid))
}

/// Moves the volumes that a VM's config names into the VM.
fn take_volumes(vm: &mut Value, volumes: &mut Map<String, Value>) {
    let node = text(&vm["node"]).to_owned();
    let mut taken = Map::new();
    let config = vm["config"].as_object_mut().unwrap();
    for (slot, value) in config.iter_mut() {
        let volid = text(value).split(',').next().unwrap().to_owned();
        if let Some(volume) = volumes.remove(&key(&node, &volid)) {
            let storage = volid.split(':').next().unwrap();
            *value = text(value).replacen(&volid, storage, 1).into();
            taken.insert(slot.clone(), volume);
        }
    }
    vm["volumes"] = taken.into();
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn flatten(path: &str, value: &Value, facts: &mut BTreeMap<String, String>) {
    let key = path.rsplit('/').next().unwrap_or_default();
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                let path = if path.is_empty() { key.clone() } else { format!("{path}/{key}") };
                flatten(&path, value, facts);
            }
        }
        // New for each VM.
        Value::String(_) if matches!(key, "vmgenid" | "meta") => {}
        Value::String(text) if key == "description" => describe(path, text, facts),
        Value::String(text) => {
            facts.insert(path.to_owned(), steady(text));
        }
        other => {
            facts.insert(path.to_owned(), other.to_string());
        }
    }
}

/// Adds the fields of a mark, and each part that it owns.
fn describe(path: &str, description: &str, facts: &mut BTreeMap<String, String>) {
    for word in description.split_whitespace() {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        match name {
            // New for each run, or history.
            "run" | "uuid" | "made" => {}
            "owns" => {
                for owned in value.split(',').filter(|owned| !owned.is_empty()) {
                    // The digest of a volume's name.
                    facts.insert(format!("{path}/owns/{owned}"), String::new());
                }
            }
            "seed" => {
                let steady = value.split(";vol:").next().unwrap();
                facts.insert(format!("{path}/seed"), steady.to_owned());
            }
            _ => {
                facts.insert(format!("{path}/{name}"), value.to_owned());
            }
        }
    }
}

/// Returns a text without the nonces of runs.
fn steady(text: &str) -> String {
    ["run=", "uuid=", "-seed_"].iter().fold(text.to_owned(), |text, mark| {
        let mut parts = text.split(mark);
        let first = parts.next().unwrap().to_owned();
        parts.fold(first, |all, part| {
            let is_nonce = |c: char| c.is_ascii_hexdigit() || c == '-';
            all + mark + part.trim_start_matches(is_nonce)
        })
    })
}
