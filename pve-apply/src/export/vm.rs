//! One VM as an entry of `vms` of an env. Does no I/O.

use super::env_value::{CreateDefaults, EnvValue};
use super::yaml;
use crate::boot_disk::{self, Known};
use crate::mark::{Line, TAG, split_tags};
use crate::observed::{Config, Power};
use machine::{ConfigKey, KEYS, Kind, Parts, Problem, Settings, parse_size, refusal};
use pve_client::Vmid;
use serde_json::{Value, json};
use stage::Vm;
use std::collections::BTreeMap;

/// An existing VM.
#[derive(Clone, Debug)]
pub(crate) struct Found<'a> {
    /// Its vmid.
    pub(crate) vmid: Vmid,
    /// Its config.
    pub(crate) config: &'a Config,
    /// Whether it runs.
    pub(crate) power: Power,
    /// Its pool.
    pub(crate) pool: Option<&'a str>,
}

/// An env's entry for a VM, in reading order, and what it cannot express.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Entry {
    /// Key and value.
    pub(super) fields: Vec<(String, Value)>,
    /// What is left out, and why.
    pub(super) remarks: Vec<String>,
}

/// Keys that identify one VM, and PVE's own notes: a new VM gets its own.
const MACHINES_OWN: [&str; 10] = [
    "bootdisk",
    "digest",
    "lock",
    "meta",
    "parent",
    "template",
    "running-nets-host-mtu",
    "runningcpu",
    "runningmachine",
    "vmgenid",
];
/// Keys that have their own name in an env.
const NAMED: [&str; 3] = ["description", "name", "tags"];

const BYTES_OF_GIB: u64 = 1 << 30;

impl Found<'_> {
    /// Returns the VM's name; PVE uses the same form for a VM without one.
    pub(crate) fn name(&self) -> String {
        self.value("name").map_or_else(|| format!("VM{}", self.vmid), str::to_owned)
    }

    /// Returns the value that takes effect at the next start. PVE keeps a blank where a list became empty.
    // PVE: facts-4, 46 and 61.
    fn value(&self, key: &str) -> Option<&str> {
        self.config.next(key).filter(|text| !text.trim().is_empty())
    }

    /// Returns its entry.
    pub(crate) fn entry(&self) -> Entry {
        let mut entry = Entry::default();
        let mut values = self.values(&mut entry);
        entry.say("name", self.name());
        entry.say("vmid", self.vmid.get());
        entry.say("image", Vm::NO_IMAGE);
        self.short_forms(&mut entry, &mut values);
        entry.leave_out_what_is_refused(&mut values);
        self.tags(&mut entry);
        if let Some(pool) = self.pool {
            entry.say("pool", pool);
        }
        if self.power == Power::Stopped {
            entry.say("started", false);
        }
        self.description(&mut entry);
        values.into_iter().for_each(|(key, value)| entry.say(&key.to_string(), value));
        self.pending(&mut entry);
        entry
    }

    /// Returns the value of each key, under PVE's names.
    fn values(&self, entry: &mut Entry) -> BTreeMap<ConfigKey, Value> {
        let defaults = CreateDefaults::with(|key| self.value(key));
        let mut values = BTreeMap::new();
        for key in KEYS.iter().filter(|key| key.slots.is_none() || key.new_slot.is_some()) {
            let key = ConfigKey { key, slot: key.new_slot };
            if self.value(&key.to_string()).is_none() {
                values.extend(defaults.env_value(key, None).value.map(|value| (key, value)));
            }
        }
        let seed = self.seed_slot();
        for name in self.config.keys() {
            let Some(value) = self.value(name) else { continue };
            let key = ConfigKey::find(name).filter(|_| !NAMED.contains(&name));
            match key {
                _ if seed.as_deref() == Some(name) => {
                    let text =
                        format!("{name} has the data for cloud-init, and is created with the VM");
                    entry.remarks.push(text);
                }
                Some(key) => {
                    let EnvValue { value, remarks } = defaults.env_value(key, Some(value));
                    entry.remarks.extend(remarks);
                    values.extend(value.map(|value| (key, value)));
                }
                None => entry.remarks.extend(not_exported(name)),
            }
        }
        values
    }

    /// Returns the slot of the seed, if the VM is one of ours.
    fn seed_slot(&self) -> Option<String> {
        match Line::read(self.value("description").unwrap_or_default()) {
            Line::Mark(mark) => Some(mark.seed.slot).filter(|slot| !slot.is_empty()),
            _ => None,
        }
    }

    /// Writes what every VM has, always and in the short form: a site's defaults may differ.
    fn short_forms(&self, entry: &mut Entry, values: &mut BTreeMap<ConfigKey, Value>) {
        self.boot_disk(entry, values);
        for (name, key) in
            ["cores", "memory"].iter().filter_map(|n| Some((*n, ConfigKey::find(n)?)))
        {
            values.remove(&key);
            let Some(part) = key.key.parts().first() else { continue };
            let text = self.value(name).or(part.absent).unwrap_or_default();
            let parts = Parts::read(key.key, text);
            let value = parts.get(part.name_in(key.key)).or(part.absent);
            if let Some(value) = value.filter(|value| part.kind.normal(value).is_some()) {
                entry.say(name, part.kind.to_json(value));
            }
        }
        let Some(net0) = ConfigKey::find("net0") else { return };
        let Some(Value::Object(options)) = values.get_mut(&net0) else { return };
        for (option, short) in [("bridge", "bridge"), ("tag", "vlan"), ("macaddr", "mac")] {
            if let Some(value) = options.shift_remove(option) {
                entry.say(short, value);
            } else if option == "bridge" {
                // A NIC without a bridge: PVE gives it a NAT network.
                options.insert(option.to_owned(), Value::Null);
            }
        }
        if options.is_empty() {
            values.remove(&net0);
        }
    }

    fn boot_disk(&self, entry: &mut Entry, values: &mut BTreeMap<ConfigKey, Value>) {
        let boot = ConfigKey::find("boot");
        let slot = match boot_disk::of(|key| self.config.next(key), |_| false) {
            Known::Disk(slot) => Some(slot),
            // All others are listed as further disks, which leaves this one.
            Known::OneOf(list) => list.first().copied(),
        };
        let order = slot.map(|slot| json!({"order": [slot.to_string()]}));
        if let Some(boot) = boot.filter(|boot| values.get(boot) == order.as_ref()) {
            values.remove(&boot);
        }
        let Some(slot) = slot else { return };
        if slot.to_string() != boot_disk::NEW {
            entry.say("boot_disk", slot.to_string());
        }
        let Some(Value::Object(options)) = values.get_mut(&slot) else { return };
        let size = options.shift_remove("size");
        let bytes = size.as_ref().and_then(|size| Kind::Size.normal_of_json(size));
        match bytes.and_then(|text| parse_size(&text)) {
            Some(bytes) if bytes.is_multiple_of(BYTES_OF_GIB) => {
                entry.say("disk", bytes / BYTES_OF_GIB)
            }
            Some(bytes) => {
                let size = machine::display_size(bytes);
                entry
                    .remarks
                    .push(format!("disk is left as it is: {size} is not a whole number of GiB"));
            }
            None => {}
        }
        if let Some(storage) = options.shift_remove("storage") {
            entry.say("datastore", storage);
        }
        if options.is_empty() {
            values.remove(&slot);
        }
    }

    fn tags(&self, entry: &mut Entry) {
        let tags = split_tags(self.value("tags").unwrap_or_default());
        let tags: Vec<Value> =
            tags.filter(|tag| !tag.eq_ignore_ascii_case(TAG)).map(Value::from).collect();
        if !tags.is_empty() {
            entry.say("tags", tags);
        }
    }

    fn description(&self, entry: &mut Entry) {
        let text = self.value("description").unwrap_or_default();
        let others = text.split('\n').filter(|line| Line::read(line) == Line::None);
        let text = others.collect::<Vec<_>>().join("\n");
        // PVE: facts-4, 62: a trailing value without a letter is lost.
        let text = text.trim_end_matches(['\n', ' ']);
        if !text.is_empty() {
            entry.say("description", text);
        }
    }

    fn pending(&self, entry: &mut Entry) {
        let keys: Vec<&str> = self.config.pending_keys().collect();
        if !keys.is_empty() {
            let text = format!("written as it will be after the next start: {}", keys.join(", "));
            entry.remarks.push(text);
        }
    }
}

/// Returns why a key is not written; `None` when there is nothing to report.
fn not_exported(name: &str) -> Option<String> {
    if MACHINES_OWN.contains(&name) || NAMED.contains(&name) {
        return None;
    }
    if name.starts_with("unused") {
        return Some(format!("{name} is a disk that is not attached; it stays with the VM"));
    }
    let why = refusal(name).unwrap_or("is unknown to this version");
    Some(format!("{name} is left as it is: {why}"))
}

impl Entry {
    fn say(&mut self, key: &str, value: impl Into<Value>) {
        self.fields.push((key.to_owned(), value.into()));
    }

    /// Leaves out combinations that an env cannot express: PVE keeps much that it would refuse today.
    fn leave_out_what_is_refused(&mut self, values: &mut BTreeMap<ConfigKey, Value>) {
        loop {
            let named = self.fields.iter().filter(|(key, _)| ConfigKey::find(key).is_some());
            let keys = values.iter().map(|(key, value)| (key.to_string(), value.clone()));
            let (settings, _) = Settings::read(&named.cloned().chain(keys).collect());
            let known = |problem: &Problem| {
                let key = ConfigKey::find(&problem.key)?;
                values.contains_key(&key).then(|| (key, problem.clone()))
            };
            let Some((key, problem)) = machine::problems(&settings, None).iter().find_map(known)
            else {
                return;
            };
            let option = problem.part.map(|part| format!(".{part}")).unwrap_or_default();
            values.remove(&key);
            self.remarks.push(format!("{key} is left as it is: `{key}{option}` {}", problem.fact));
        }
    }

    /// Returns the lines of an item of a list.
    pub(super) fn lines(&self) -> String {
        const INDENT: usize = 4;
        let mut lines: Vec<String> = Vec::new();
        for (key, value) in &self.fields {
            let dash = if lines.is_empty() { "  - " } else { "    " };
            lines.push(format!("{dash}{}", yaml::entry(key, value, INDENT)));
        }
        let remarks = self.remarks.iter().map(|text| format!("    # {}", yaml::comment(text)));
        lines.extend(remarks);
        lines.join("\n") + "\n"
    }

    /// Returns the entry as a YAML reader sees it.
    #[cfg(test)]
    pub(super) fn to_json(&self) -> serde_json::Map<String, Value> {
        self.fields.iter().cloned().collect()
    }
}
