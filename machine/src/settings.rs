//! `Settings`: the document's `config` of one VM. Does no I/O.

use crate::config_key::ConfigKey;
use crate::parts::Parts;
use crate::row::{Form, Key, Part};
use crate::rows::{option_refusal, refusal};
use serde_json::{Map, Value};
use stage::Gather as _;
use std::collections::BTreeMap;

/// The setting of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// `null`: the VM must not have it, not even the default for new VMs.
    Cancelled,
    /// Options by their name in PVE, in normal form; `None` for a cancelled option. The only part
    /// of a scalar has an empty name.
    Parts(BTreeMap<&'static str, Option<String>>),
}

impl Setting {
    /// Returns what a key without parts has.
    pub fn scalar(text: String) -> Self {
        Self::Parts([("", Some(text))].into())
    }

    /// Returns what PVE's text of a key would be in a document; parts that the table lacks are left out.
    pub fn of(key: &'static Key, parts: &Parts) -> Self {
        let known = parts.iter().filter_map(|(name, value)| {
            Some((key.part(name)?.name_in(key), Some(value.to_owned())))
        });
        Self::Parts(known.gather())
    }
}

/// The settings of a VM: only what some layer of YAML sets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings(pub BTreeMap<ConfigKey, Setting>);

/// A problem with a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The config key, as written.
    pub key: String,
    /// The option, if one is at fault.
    pub part: Option<String>,
    /// The code of the finding.
    pub code: &'static str,
    /// What is wrong.
    pub fact: String,
    /// How to fix it.
    pub hint: Option<String>,
}

impl Settings {
    /// Reads the document's `config`. Returns all problems; invalid keys are omitted.
    pub fn read(json: &Map<String, Value>) -> (Self, Vec<Problem>) {
        let (mut settings, mut problems) = (Self::default(), Vec::new());
        for (name, value) in json {
            let problem = |code, part: Option<&str>, fact: String| Problem {
                code,
                key: name.clone(),
                part: part.map(str::to_owned),
                fact,
                hint: None,
            };
            let Some(key) = ConfigKey::find(name) else {
                problems.push(problem("unknown-key", None, unknown(name)));
                continue;
            };
            match read_value(key.key, value) {
                Ok(setting) => _ = settings.0.insert(key, setting),
                Err(list) => problems
                    .extend(list.into_iter().map(|(p, fact)| problem("invalid-value", p, fact))),
            }
        }
        (settings, problems)
    }

    /// Returns the value of an option, in normal form.
    pub fn value(&self, key: ConfigKey, part: &str) -> Option<&str> {
        match self.0.get(&key)? {
            Setting::Cancelled => None,
            Setting::Parts(parts) => parts.get(part)?.as_deref(),
        }
    }

    /// Returns whether a key, or the option of a key, is cancelled.
    pub fn is_cancelled(&self, key: ConfigKey, part: &str) -> bool {
        match self.0.get(&key) {
            Some(Setting::Cancelled) => true,
            Some(Setting::Parts(parts)) => parts.get(part) == Some(&None),
            None => false,
        }
    }

    /// Returns the settings as the document's `config`.
    pub fn to_json(&self) -> Map<String, Value> {
        let value = |part: &Part, text: &Option<String>| {
            text.as_ref().map_or(Value::Null, |text| part.kind.to_json(text))
        };
        let json = |key: &ConfigKey, setting: &Setting| match setting {
            Setting::Cancelled => Value::Null,
            Setting::Parts(parts) if key.key.is_scalar() => {
                parts.get("").map_or(Value::Null, |text| value(&key.key.part, text))
            }
            Setting::Parts(parts) => {
                let known = parts.iter().filter_map(|(name, text)| {
                    Some(((*name).to_owned(), value(key.key.part(name)?, text)))
                });
                Value::Object(known.collect())
            }
        };
        self.0.iter().map(|(key, setting)| (key.to_string(), json(key, setting))).collect()
    }
}

fn unknown(name: &str) -> String {
    match refusal(name) {
        Some(reason) => format!("cannot be set: {reason}"),
        None => "is not a PVE config key".to_owned(),
    }
}

fn no_option(key: &Key, name: &str) -> String {
    match option_refusal(key, name) {
        Some(reason) => format!("its option `{name}` cannot be set: {reason}"),
        None => format!("has no option `{name}`"),
    }
}

type Wrong = Vec<(Option<&'static str>, String)>;

/// Reads a value: `null`, a scalar, PVE's property string, or an object of options.
fn read_value(key: &'static Key, value: &Value) -> Result<Setting, Wrong> {
    let must = |part: &Part| format!("must be {}", part.kind.must());
    match (key.form, value) {
        (_, Value::Null) => Ok(Setting::Cancelled),
        (Form::Scalar, value) => match key.part.kind.normal_of_json(value) {
            Some(text) => Ok(Setting::scalar(text)),
            None => Err(vec![(None, must(&key.part))]),
        },
        (_, Value::Object(options)) => {
            let (mut parts, mut wrong) = (BTreeMap::new(), Vec::new());
            for (name, value) in options {
                match key.part(name) {
                    None => wrong.push((None, no_option(key, name))),
                    Some(part) if value.is_null() => _ = parts.insert(part.name, None),
                    Some(part) => match part.kind.normal_of_json(value) {
                        Some(text) => _ = parts.insert(part.name, Some(text)),
                        None => wrong.push((Some(part.name), must(part))),
                    },
                }
            }
            if wrong.is_empty() { Ok(Setting::Parts(parts)) } else { Err(wrong) }
        }
        (_, value) => read_text(key, value),
    }
}

/// Reads PVE's text, or a bare number such as `memory: 4096`.
fn read_text(key: &'static Key, value: &Value) -> Result<Setting, Wrong> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => u8::from(*flag).to_string(),
        _ => return Err(vec![(None, "must be text or a mapping of options".to_owned())]),
    };
    let (mut parts, mut wrong) = (BTreeMap::new(), Vec::new());
    for (name, value) in crate::Parts::read(key, &text).iter() {
        match key.part(name) {
            None => wrong.push((None, no_option(key, name))),
            Some(part) => match part.kind.normal(value) {
                Some(text) => _ = parts.insert(part.name, Some(text)),
                None => wrong.push((Some(part.name), format!("must be {}", part.kind.must()))),
            },
        }
    }
    if wrong.is_empty() { Ok(Setting::Parts(parts)) } else { Err(wrong) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: Value) -> (Settings, Vec<Problem>) {
        Settings::read(value.as_object().unwrap())
    }

    #[test]
    fn text_and_mapping_mean_the_same() {
        for (text, mapping) in [
            (
                json!({"cpu": "host,flags=+aes"}),
                json!({"cpu": {"type": "host", "flags": ["+aes"]}}),
            ),
            (json!({"memory": 2048}), json!({"memory": {"current": 2048}})),
            (json!({"agent": true}), json!({"agent": {"enabled": true}})),
            (
                json!({"net1": "virtio,bridge=lan,tag=3"}),
                json!({"net1": {"model": "virtio", "bridge": "lan", "vlan": 3}}),
            ),
        ] {
            assert_eq!(read(text.clone()), read(mapping), "{text}");
            assert_eq!(read(text).1, []);
        }
    }

    #[test]
    fn settings_round_trip() {
        let json = json!({"cores": 4, "net0": {"bridge": "lan", "tag": null}, "serial0": null});
        let (settings, problems) = read(json.clone());
        assert_eq!(problems, []);
        assert_eq!(Value::Object(settings.to_json()), json);
    }

    #[test]
    fn every_problem_is_returned() {
        let json = json!({"cores": "many", "args": "-x", "nix": 1, "net0": {"tag": 5000, "x": 1}});
        let facts: Vec<_> = read(json).1.into_iter().map(|p| (p.key, p.part)).collect();
        let expected =
            [("cores", None), ("args", None), ("nix", None), ("net0", Some("tag")), ("net0", None)];
        let expected = expected.map(|(key, part)| (key.to_owned(), part.map(str::to_owned)));
        assert_eq!(facts, expected);
    }
}
