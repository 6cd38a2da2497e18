//! What a new VM gets where nobody says anything. Does no I/O.

use crate::config_key::ConfigKey;
use crate::row::{Form, Key, Part};
use crate::rows::KEYS;
use crate::settings::{Said, Settings};
use std::collections::BTreeMap;

impl Settings {
    /// Returns what a create sends: what is said, and the table's values at creation where nothing
    /// is. A cancelled key or option gets none.
    #[must_use]
    pub fn for_creation(&self) -> Self {
        let mut all = self.clone();
        for &key in KEYS {
            for key in all.slots_of(key) {
                let new = key.slot == key.key.new_slot;
                match all.0.get_mut(&key) {
                    Some(Said::Cancelled) => {}
                    Some(Said::Parts(parts)) => fill(key.key, parts),
                    None if new => {
                        let mut parts = BTreeMap::new();
                        fill(key.key, &mut parts);
                        if !parts.is_empty() {
                            all.0.insert(key, Said::Parts(parts));
                        }
                    }
                    None => {}
                }
            }
        }
        all
    }

    /// The keys of a row that a create may send: those that are said, and the one that is always there.
    fn slots_of(&self, key: &'static Key) -> Vec<ConfigKey> {
        let said = self.0.keys().filter(|said| std::ptr::eq(said.key, key)).copied();
        let mut all: Vec<ConfigKey> = said.collect();
        if key.slots.is_none() || key.new_slot.is_some() {
            all.push(ConfigKey { key, slot: key.new_slot });
        }
        all.sort_unstable();
        all.dedup();
        all
    }
}

fn fill(key: &'static Key, parts: &mut BTreeMap<&'static str, Option<String>>) {
    // What is read from a CD is no disk of the VM's own.
    let is_cd = matches!(key.form, Form::Drive(_)) && parts.contains_key("file");
    let new = |part: &'static Part| Some((part.name_in(key), part.at_create?));
    for (name, value) in key.parts().iter().filter(|_| !is_cd).filter_map(new) {
        parts.entry(name).or_insert_with(|| Some(value.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn check(said: &Value, expected: &Value) {
        let (settings, problems) = Settings::read(said.as_object().unwrap());
        assert_eq!(problems, []);
        assert_eq!(&Value::Object(settings.for_creation().to_json()), expected, "{said}");
    }

    #[test]
    fn a_new_vm_gets_what_nobody_cancels() {
        check(
            &json!({}),
            &json!({
                "agent": {"enabled": true}, "cpu": {"cputype": "host"}, "onboot": true,
                "ostype": "l26", "scsihw": "virtio-scsi-single", "serial0": "socket",
                "net0": {"model": "virtio"},
            }),
        );
        check(
            &json!({
                "agent": null, "cpu": "x86-64-v3", "onboot": false, "ostype": null,
                "scsihw": "lsi", "serial0": null, "serial1": "socket", "net0": null,
                "scsi1": {"size": 10, "storage": "tank", "discard": null},
                "scsi2": {"file": "none"},
            }),
            &json!({
                "agent": null, "cpu": {"cputype": "x86-64-v3"}, "onboot": false, "ostype": null,
                "scsihw": "lsi", "serial0": null, "serial1": "socket", "net0": null,
                "scsi1": {"discard": null, "iothread": true, "size": 10, "storage": "tank"},
                "scsi2": {"file": "none"},
            }),
        );
    }
}
