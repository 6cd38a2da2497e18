//! `View`: the values of options, as far as they are known. Does no I/O.

use super::new_vm::NewVm;
use crate::config_key::ConfigKey;
use crate::parts::Parts;
use crate::row::Part;
use crate::settings::{Problem, Setting, Settings};
use std::collections::BTreeMap;

/// The settings of a VM, and the defaults if it is new.
pub(super) struct View<'v> {
    pub(super) settings: &'v Settings,
    pub(super) new: Option<&'v NewVm>,
}

/// The options of a key.
pub(super) type Options = BTreeMap<&'static str, Option<String>>;

impl<'v> View<'v> {
    /// Returns the value of an option in normal form; `None` if it has none or is unknown.
    pub(super) fn value(&self, key: &str, option: &str) -> Option<&'v str> {
        let key = ConfigKey::find(key)?;
        self.value_of(key, key.key.part(option)?)
    }

    pub(super) fn value_of(&self, key: ConfigKey, part: &'static Part) -> Option<&'v str> {
        let new = || match part.at_create_with {
            None if key.slot.is_none() || key.slot == key.key.new_slot || self.has(key) => {
                part.at_create.or(part.absent)
            }
            _ => part.absent,
        };
        match self.settings.0.get(&key) {
            Some(Setting::Cancelled) => part.absent,
            Some(Setting::Parts(parts)) => match parts.get(part.name_in(key.key)) {
                Some(setting) => setting.as_deref().or(part.absent),
                None => self.new.and_then(|_| new()),
            },
            None => self.new.and_then(|_| new()),
        }
    }

    /// Returns a whole number, including cores and memory of a new VM.
    pub(super) fn number(&self, key: &str, option: &str) -> Option<u64> {
        let given = match (key, self.new) {
            ("cores", Some(new)) => new.cores,
            ("memory", Some(new)) => new.memory,
            _ => None,
        };
        let is_set = ConfigKey::find(key).is_some_and(|key| self.settings.0.contains_key(&key));
        match given {
            Some(number) if !is_set => Some(number.into()),
            _ => self.value(key, option)?.parse().ok(),
        }
    }

    pub(super) fn is(&self, key: &str, option: &str, value: &str) -> bool {
        self.value(key, option) == Some(value)
    }

    /// Returns whether a key is set and not cancelled.
    pub(super) fn has(&self, key: ConfigKey) -> bool {
        matches!(self.settings.0.get(&key), Some(Setting::Parts(_)))
    }

    /// Returns the keys with a name or stem, with their options.
    pub(super) fn each(&self, name: &str) -> impl Iterator<Item = (ConfigKey, &'v Options)> {
        self.all().filter(move |(key, _)| key.key.part.name == name)
    }

    /// Returns all keys that are set, with their options.
    pub(super) fn all(&self) -> impl Iterator<Item = (ConfigKey, &'v Options)> + use<'v> {
        self.settings.0.iter().filter_map(|(key, setting)| match setting {
            Setting::Parts(parts) => Some((*key, parts)),
            Setting::Cancelled => None,
        })
    }

    /// Returns the version of Windows, 0 for other systems; `None` if unknown.
    pub(super) fn windows(&self) -> Option<u32> {
        // PVE: qemu-server, Helpers.pm, windows_version.
        Some(match self.value("ostype", "")? {
            "wxp" | "w2k3" | "w2k" => 5,
            "w2k8" | "wvista" => 6,
            other => other.strip_prefix("win").and_then(|v| v.parse().ok()).unwrap_or_default(),
        })
    }

    /// Returns whether the machine type is q35; `None` if unknown.
    pub(super) fn is_q35(&self) -> Option<bool> {
        Some(self.value("machine", "type")?.contains("q35"))
    }
}

/// Returns the value of an option.
pub(super) fn get<'o>(options: &'o Options, name: &str) -> Option<&'o str> {
    options.get(name)?.as_deref()
}

/// Returns the options of a key, without cancelled ones.
pub(super) fn parts_of(options: &Options) -> Parts {
    let mut parts = Parts::default();
    for (name, value) in
        options.iter().filter_map(|(name, setting)| Some((name, setting.as_ref()?)))
    {
        parts.set(name, value.as_str());
    }
    parts
}

/// Creates a problem of a key, or of one of its options.
pub(super) fn problem(
    key: impl std::fmt::Display,
    part: &str,
    fact: impl Into<String>,
    hint: Option<&str>,
) -> Problem {
    Problem {
        code: "refused-combination",
        key: key.to_string(),
        part: (!part.is_empty()).then(|| part.to_owned()),
        fact: fact.into(),
        hint: hint.map(str::to_owned),
    }
}
