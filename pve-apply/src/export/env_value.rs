//! Decides which value of a config key an env needs so that a new VM gets the existing one.
//! Does no I/O.

use machine::{ConfigKey, Form, KEYS, Key, Part, Parts, Setting, Settings, option_refusal};
use serde_json::{Map, Value};
use stage::Gather as _;
use std::collections::BTreeMap;

/// An env's value for a key, and what it cannot express.
#[derive(Debug, Default, PartialEq)]
pub(super) struct EnvValue {
    /// The value; `None` when the env needs none.
    pub(super) value: Option<Value>,
    /// What is left out, and why.
    pub(super) remarks: Vec<String>,
}

impl EnvValue {
    fn remark(text: String) -> Self {
        Self { value: None, remarks: vec![text] }
    }
}

/// The defaults of a new VM: a value at creation may depend on other keys.
pub(super) struct CreateDefaults(Settings);

impl CreateDefaults {
    /// The defaults of a VM with these scalar keys.
    pub(super) fn with<'a>(value: impl Fn(&str) -> Option<&'a str>) -> Self {
        let scalars = KEYS.iter().filter(|key| key.is_scalar() && key.slots.is_none());
        let setting = scalars.map(|&key| {
            let text = value(key.part.name).and_then(|text| normal(key, text));
            let setting = text.map(Setting::scalar);
            (ConfigKey { key, slot: None }, setting.unwrap_or(Setting::Cancelled))
        });
        Self(Settings(setting.gather()))
    }

    /// Returns what a create sends for a key with this setting, or without one.
    fn of(&self, key: ConfigKey, setting: Option<Setting>) -> Option<Setting> {
        let mut settings = self.0.clone();
        match setting {
            Some(setting) => settings.0.insert(key, setting),
            None => settings.0.remove(&key),
        };
        settings.for_creation().0.remove(&key)
    }

    /// Returns an env's value for a key; `text` is PVE's value, `None` when the VM does not have the key.
    pub(super) fn env_value(&self, key: ConfigKey, text: Option<&str>) -> EnvValue {
        let new = self.of(key, None);
        match (text, key.key.form) {
            (None, _) => EnvValue { value: new.map(|_| Value::Null), remarks: Vec::new() },
            (Some(text), Form::Scalar) => scalar(key, text, new.as_ref()),
            (Some(text), _) => self.options(key, text),
        }
    }

    fn options(&self, key: ConfigKey, text: &str) -> EnvValue {
        let mut parts = Parts::read(key.key, text);
        let remarks = match split(key, &mut parts) {
            Ok(remarks) => remarks,
            Err(remark) => return EnvValue::remark(remark),
        };
        if parts.iter().all(|(name, have)| key.key.part(name).and_then(|p| p.absent) == Some(have))
        {
            // It equals the default.
            return EnvValue { remarks, ..self.env_value(key, None) };
        }
        // This distinguishes a CD drive from a disk.
        let file = parts.get("file").map(|file| ("file", Some(file.to_owned())));
        let new = match self.of(key, Some(Setting::Parts(file.into_iter().collect()))) {
            Some(Setting::Parts(new)) => new,
            _ => BTreeMap::new(),
        };
        let mut values = Map::new();
        for part in key.key.parts() {
            let new = new.get(part.name).and_then(Option::as_deref).filter(|_| part.name != "file");
            match (parts.get(part.name), new) {
                (Some(have), new) if is_needed(part, have, new) => {
                    values.insert(part.name.to_owned(), part.kind.to_json(have));
                }
                (None, Some(_)) => _ = values.insert(part.name.to_owned(), Value::Null),
                _ => {}
            }
        }
        if values.is_empty() && self.of(key, None).is_none() {
            // The key itself is the value.
            let known =
                key.key.parts().iter().filter_map(|part| Some((part, parts.get(part.name)?)));
            values = known.map(|(p, have)| (p.name.to_owned(), p.kind.to_json(have))).collect();
        }
        let value = (!values.is_empty()).then(|| short(key.key, values));
        EnvValue { value, remarks }
    }
}

/// Returns the normal form of a scalar's text in PVE.
fn normal(key: &'static Key, text: &str) -> Option<String> {
    Parts::read(key, text).get("").and_then(|text| key.part.kind.normal(text))
}

fn scalar(key: ConfigKey, text: &str, new: Option<&Setting>) -> EnvValue {
    let part = &key.key.part;
    let Some(have) = normal(key.key, text) else {
        return EnvValue::remark(format!("{key} is left as it is: it is not {}", part.kind.must()));
    };
    let new = match new {
        Some(Setting::Parts(parts)) => parts.get("").and_then(Option::as_deref),
        _ => None,
    };
    let value = is_needed(part, &have, new).then(|| part.kind.to_json(&have));
    EnvValue { value, remarks: Vec::new() }
}

/// Keeps a value where a create would give another, or would leave it to PVE, which takes another.
fn is_needed(part: &Part, have: &str, new: Option<&str>) -> bool {
    new.or(part.absent) != Some(have)
}

/// Removes from a value what belongs to the machine and what cannot be written; remarks report the latter.
fn split(key: ConfigKey, parts: &mut Parts) -> Result<Vec<String>, String> {
    if matches!(key.key.form, Form::Drive(_)) {
        volume(key, parts)?;
    }
    let mut remarks = Vec::new();
    let all: Vec<(String, String)> = parts.iter().map(|(n, v)| (n.into(), v.into())).collect();
    for (name, value) in &all {
        let Some(why) = unwritable(key.key, name, value) else { continue };
        if matches!(key.key.form, Form::Options { default, .. } if default == name) {
            return Err(format!("{key} is left as it is: its `{name}` {why}"));
        }
        parts.remove(name);
        if !MACHINES_OWN.contains(&(key.key.part.name, name)) {
            remarks.push(format!("{key}: its `{name}` is left as it is: that {why}"));
        }
    }
    Ok(remarks)
}

/// Options that identify one VM: a new VM gets its own.
const MACHINES_OWN: [(&str, &str); 3] =
    [("smbios1", "uuid"), ("efidisk0", "size"), ("tpmstate0", "size")];

/// Returns why an option cannot be written; `None` when it can.
fn unwritable(key: &'static Key, name: &str, value: &str) -> Option<String> {
    match (key.part(name), option_refusal(key, name)) {
        (Some(part), _) if part.kind.normal(value).is_some() => None,
        (Some(part), _) => Some(format!("is not {}", part.kind.must())),
        (None, Some(reason)) => Some(format!("cannot be set: {reason}")),
        (None, None) => Some("is unknown to this version".to_owned()),
    }
}

/// Describes a disk by its storage and size, a CD drive by its medium.
fn volume(key: ConfigKey, parts: &mut Parts) -> Result<(), String> {
    let file = parts.get("file").unwrap_or_default().to_owned();
    let storage = file.split_once(':').map(|(storage, _)| storage.to_owned());
    if parts.is_cd() {
        // Its size is that of its volume.
        parts.remove("size");
        if let Some(storage) = storage.filter(|_| parts.is_cloud_init()) {
            parts.set("file", format!("{storage}:cloudinit"));
        }
        return Ok(());
    }
    let Some(storage) = storage else {
        let why = "it is a device of the node, which only root is allowed to attach";
        return Err(format!("{key} is left as it is: {why}"));
    };
    parts.remove("file");
    parts.set("storage", storage);
    Ok(())
}

/// `cpu: host` instead of `cpu: {cputype: host}`.
fn short(key: &Key, values: Map<String, Value>) -> Value {
    let Form::Options { default, bare: true, .. } = key.form else { return Value::Object(values) };
    match values.get(default) {
        Some(only) if values.len() == 1 && !only.is_null() && !only.is_array() => only.clone(),
        _ => Value::Object(values),
    }
}
