//! What a new VM gets where nobody says anything. Does no I/O.

use crate::config_key::ConfigKey;
use crate::row::Form;
use crate::rows::KEYS;
use crate::settings::{Said, Settings};
use std::collections::BTreeMap;

impl Settings {
    /// Returns what a create sends: what is said, and the table's values at creation where nothing
    /// is. A cancelled key or option gets none.
    #[must_use]
    pub fn for_creation(&self) -> Self {
        let mut all = self.clone();
        for key in KEYS.iter().filter(|key| key.slots.is_none() || key.new_slot.is_some()) {
            let key = ConfigKey { key, slot: key.new_slot };
            if !all.0.contains_key(&key) && key.key.parts().iter().any(|p| p.at_create.is_some()) {
                all.0.insert(key, Said::Parts(BTreeMap::new()));
            }
        }
        // What needs another key's value comes last: that value may be one at creation itself.
        for needs_another in [false, true] {
            let missing = all.missing(needs_another);
            for (key, part, value) in missing {
                if let Some(Said::Parts(parts)) = all.0.get_mut(&key) {
                    parts.insert(part, Some(value.to_owned()));
                }
            }
        }
        all
    }

    /// The values at creation of all keys that are said, where their option is not.
    fn missing(&self, needs_another: bool) -> Vec<(ConfigKey, &'static str, &'static str)> {
        let mut missing = Vec::new();
        for (key, said) in &self.0 {
            let Said::Parts(parts) = said else { continue };
            // What is read from a CD is no disk of the VM's own.
            if matches!(key.key.form, Form::Drive(_)) && parts.contains_key("file") {
                continue;
            }
            for part in key.key.parts() {
                let name = part.name_in(key.key);
                let Some(value) = part.at_create.filter(|_| !parts.contains_key(name)) else {
                    continue;
                };
                let fits = match part.at_create_with {
                    None => !needs_another,
                    Some((other, needed)) => needs_another && self.is_value(other, needed),
                };
                if fits {
                    missing.push((*key, name, value));
                }
            }
        }
        missing
    }

    /// Returns whether a scalar key has a value, its absence included.
    fn is_value(&self, name: &str, value: &str) -> bool {
        ConfigKey::find(name)
            .is_some_and(|key| self.value(key, "").or(key.key.part.absent) == Some(value))
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
                "scsi1": {"discard": null, "size": 10, "storage": "tank"},
                "scsi2": {"file": "none"},
            }),
        );
    }

    #[test]
    fn a_disk_gets_what_its_controller_has() {
        let disks = |said: Value| {
            let (settings, problems) = Settings::read(said.as_object().unwrap());
            assert_eq!(problems, []);
            let all = settings.for_creation().to_json();
            ["scsi0", "virtio0", "sata0"].map(|slot| all[slot].clone())
        };
        let said = json!({"scsi0": {"size": 1}, "virtio0": {"size": 1}, "sata0": {"size": 1}});
        let with = json!({"discard": "on", "iothread": true, "size": 1});
        let without = json!({"discard": "on", "size": 1});
        assert_eq!(disks(said.clone()), [with.clone(), with.clone(), without.clone()]);
        for scsihw in [json!("virtio-scsi-pci"), Value::Null] {
            let mut said = said.clone();
            said["scsihw"] = scsihw;
            assert_eq!(disks(said), [without.clone(), with.clone(), without.clone()]);
        }
    }
}
