//! Defaults of new VMs. Does no I/O.

use crate::config_key::ConfigKey;
use crate::row::{Form, Key};
use crate::rows::KEYS;
use crate::settings::{Setting, Settings};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Keys that every new VM has.
static NEW: LazyLock<Vec<ConfigKey>> = LazyLock::new(|| {
    let is_new = |key: &&&'static Key| {
        let is_one = key.slots.is_none() || key.new_slot.is_some();
        is_one && key.parts().iter().any(|part| part.at_create.is_some())
    };
    let slot = |key: &&'static Key| ConfigKey { key, slot: key.new_slot };
    KEYS.iter().filter(is_new).map(slot).collect()
});

impl Settings {
    /// Returns the settings for creating a VM: these settings, completed with the table's defaults
    /// for new VMs. Cancelled keys and options get no default.
    #[must_use]
    pub fn for_creation(&self) -> Self {
        let mut all = self.clone();
        for key in NEW.iter() {
            all.0.entry(*key).or_insert_with(|| Setting::Parts(BTreeMap::new()));
        }
        let mut dependent = Vec::new();
        for (key, setting) in &mut all.0 {
            let Setting::Parts(parts) = setting else { continue };
            // CD drives get no defaults of disks.
            if matches!(key.key.form, Form::Drive(_)) && parts.contains_key("file") {
                continue;
            }
            for part in key.key.parts() {
                let name = part.name_in(key.key);
                let Some(value) = part.at_create.filter(|_| !parts.contains_key(name)) else {
                    continue;
                };
                match part.at_create_with {
                    None => _ = parts.insert(name, Some(value.to_owned())),
                    Some(with) => dependent.push((*key, name, value, with)),
                }
            }
        }
        // These come last: they may depend on another default.
        for (key, name, value, (other, needed)) in dependent {
            if all.is_value(other, needed)
                && let Some(Setting::Parts(parts)) = all.0.get_mut(&key)
            {
                parts.insert(name, Some(value.to_owned()));
            }
        }
        all
    }

    /// Returns whether a scalar key has a value, considering its default.
    fn is_value(&self, name: &str, value: &str) -> bool {
        ConfigKey::find(name)
            .is_some_and(|key| self.value(key, "").or(key.key.part.absent) == Some(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn check(config: &Value, expected: &Value) {
        let (settings, problems) = Settings::read(config.as_object().unwrap());
        assert_eq!(problems, []);
        assert_eq!(&Value::Object(settings.for_creation().to_json()), expected, "{config}");
    }

    #[test]
    fn new_vms_get_defaults_unless_cancelled() {
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
    fn disk_defaults_depend_on_the_controller() {
        let disks = |config: Value| {
            let (settings, problems) = Settings::read(config.as_object().unwrap());
            assert_eq!(problems, []);
            let all = settings.for_creation().to_json();
            ["scsi0", "virtio0", "sata0"].map(|slot| all[slot].clone())
        };
        let config = json!({"scsi0": {"size": 1}, "virtio0": {"size": 1}, "sata0": {"size": 1}});
        let with = json!({"discard": "on", "iothread": true, "size": 1});
        let without = json!({"discard": "on", "size": 1});
        assert_eq!(disks(config.clone()), [with.clone(), with.clone(), without.clone()]);
        for scsihw in [json!("virtio-scsi-pci"), Value::Null] {
            let mut config = config.clone();
            config["scsihw"] = scsihw;
            assert_eq!(disks(config), [without.clone(), with.clone(), without.clone()]);
        }
    }
}
