//! What a VM shall have, option by option: what is said is held, what is ours and no longer said is
//! taken back, all else is left alone. Does no I/O.

use crate::desired::Machine;
use crate::mark::owns::{self, Slot};
use machine::{ConfigKey, Effect, Form, Part, Parts, Setting, Settings};
use std::collections::BTreeSet;

/// What an option shall be; no value: what its absence means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish<'a> {
    /// It is held to this.
    Hold(Option<&'a str>),
    /// It is ours and no longer said: it goes back to what a new VM would get.
    TakeBack(Option<&'a str>),
    /// It is not ours to say.
    Leave,
}

/// What is said of one VM, and what its mark remembers.
pub(super) struct Wishes<'a> {
    said: Settings,
    new: Settings,
    owned: &'a BTreeSet<String>,
    /// What is cancelled is held to its absence: a document of an earlier build says no other way.
    holds_cancelled: bool,
}

impl<'a> Wishes<'a> {
    /// What is said of a VM that boots from this disk: the options of the boot disk are meant for it,
    /// whatever slot a new VM would get.
    pub(super) fn of(machine: &Machine, owned: &'a BTreeSet<String>, boot: ConfigKey) -> Self {
        let placed = |settings: &Settings| {
            let mut settings = settings.clone();
            if boot != machine.boot {
                match settings.0.remove(&machine.boot) {
                    Some(said) => _ = settings.0.insert(boot, said),
                    None => _ = settings.0.remove(&boot),
                }
            }
            settings
        };
        Self {
            said: placed(&machine.said),
            new: placed(&machine.new),
            owned,
            holds_cancelled: !machine.remembers,
        }
    }

    /// What an option shall be.
    pub(super) fn wish(&self, key: ConfigKey, part: &Part) -> Wish<'_> {
        let name = part.name_in(key.key);
        if part.effect == Effect::AtCreate {
            return Wish::Leave;
        }
        if let Some(value) = self.said.value(key, name) {
            return Wish::Hold(Some(value));
        }
        // Nor does such a document tell what it says no longer.
        if self.holds_cancelled {
            let is_cancelled = self.said.is_cancelled(key, name);
            return if is_cancelled { Wish::Hold(None) } else { Wish::Leave };
        }
        match self.owned.contains(&owns::entry(key, name)) {
            true => Wish::TakeBack(self.new.value(key, name)),
            false => Wish::Leave,
        }
    }

    /// Every key that is said or owned.
    pub(super) fn keys(&self) -> BTreeSet<ConfigKey> {
        let said = self.said.0.keys().copied();
        let owned = self.owned.iter().filter_map(|entry| Some(owns::key_of(entry)?.0));
        said.chain(owned).collect()
    }

    /// Returns whether something of a key is said.
    pub(super) fn is_said(&self, key: ConfigKey) -> bool {
        matches!(self.said.0.get(&key), Some(Setting::Parts(_)))
    }

    /// Returns whether a key is said not to be there.
    pub(super) fn is_cancelled(&self, key: ConfigKey) -> bool {
        self.said.0.get(&key) == Some(&Setting::Cancelled)
    }

    /// The value that is said of an option.
    pub(super) fn said(&self, key: ConfigKey, part: &str) -> Option<&str> {
        self.said.value(key, part)
    }

    /// What is said, by key.
    pub(super) fn all_said(&self) -> &Settings {
        &self.said
    }

    /// What a new VM would get, by key.
    pub(super) fn of_a_new_vm(&self) -> &Settings {
        &self.new
    }

    /// What the mark knows of a slot.
    pub(super) fn slot(&self, key: ConfigKey) -> Option<Slot<'a>> {
        owns::slot(self.owned, key)
    }
}

/// The parts that settings give a key; `None`: the key is not said, or cancelled.
pub(super) fn parts_of(settings: &Settings, key: ConfigKey) -> Option<Parts> {
    let Some(Setting::Parts(said)) = settings.0.get(&key) else { return None };
    let mut parts = Parts::default();
    for (name, value) in said {
        if let Some(value) = value {
            parts.set(name, value.as_str());
        }
    }
    Some(parts)
}

/// PVE's text of a key; `None`: there is nothing to say.
pub(super) fn text_of(key: ConfigKey, mut parts: Parts) -> Option<String> {
    if parts.is_empty() {
        return None;
    }
    // PVE wants some options wherever their key is set, as `enabled` of `agent`: what their absence
    // means is what they then say.
    for part in key.key.parts().iter().filter(|part| part.required) {
        if let (None, Some(absent)) = (parts.get(part.name), part.absent) {
            parts.set(part.name, absent);
        }
    }
    Some(parts.write(key.key))
}

/// How a field is called for people: as YAML's short form, else as PVE's key and option.
pub(super) fn field(key: ConfigKey, part: &Part) -> String {
    let name = part.name_in(key.key);
    if let Some(short) = crate::desired::short_name(key, name) {
        return short.to_owned();
    }
    match key.key.form {
        Form::Options { default, .. } if default == name => key.to_string(),
        _ => owns::entry(key, name),
    }
}
