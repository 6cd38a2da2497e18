//! The intended value of each option: what is set is enforced, what we own and is no longer set is
//! reset, everything else is left alone. Does no I/O.

use crate::desired::Definition;
use crate::mark::owns::{self, Slot};
use machine::{ConfigKey, Effect, Form, Part, Parts, Setting, Settings};
use std::collections::BTreeSet;

/// The intent for an option; no value means its default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Intent<'a> {
    /// It is set to this value.
    Enforce(Option<&'a str>),
    /// We own it and it is no longer set: it returns to what a new VM would get.
    Reset(Option<&'a str>),
    /// It is left alone.
    Leave,
}

/// The intents for one VM, from its settings and its mark.
pub(super) struct Intents<'a> {
    explicit: Settings,
    new: Settings,
    owned: &'a BTreeSet<String>,
    /// Whether a cancelled key must be missing: a document of an earlier build has no other way to say it.
    holds_cancelled: bool,
}

impl<'a> Intents<'a> {
    /// Returns the intents for a VM that boots from this disk: it gets the options of the boot disk,
    /// whatever slot a new VM would use.
    pub(super) fn of(
        definition: &Definition,
        owned: &'a BTreeSet<String>,
        boot: ConfigKey,
    ) -> Self {
        let placed = |settings: &Settings| {
            let mut settings = settings.clone();
            if boot != definition.boot {
                match settings.0.remove(&definition.boot) {
                    Some(explicit) => _ = settings.0.insert(boot, explicit),
                    None => _ = settings.0.remove(&boot),
                }
            }
            settings
        };
        Self {
            explicit: placed(&definition.explicit),
            new: placed(&definition.new),
            owned,
            holds_cancelled: !definition.remembers,
        }
    }

    /// Returns the intent for an option.
    pub(super) fn intent(&self, key: ConfigKey, part: &Part) -> Intent<'_> {
        let name = part.name_in(key.key);
        if part.effect == Effect::AtCreate {
            return Intent::Leave;
        }
        if let Some(value) = self.explicit.value(key, name) {
            return Intent::Enforce(Some(value));
        }
        // Such a document does not show what it no longer sets either.
        if self.holds_cancelled {
            let is_cancelled = self.explicit.is_cancelled(key, name);
            return if is_cancelled { Intent::Enforce(None) } else { Intent::Leave };
        }
        match self.owned.contains(&owns::entry(key, name)) {
            true => Intent::Reset(self.new.value(key, name)),
            false => Intent::Leave,
        }
    }

    /// Returns every key that is set or owned.
    pub(super) fn keys(&self) -> BTreeSet<ConfigKey> {
        let explicit = self.explicit.0.keys().copied();
        let owned = self.owned.iter().filter_map(|entry| Some(owns::key_of(entry)?.0));
        explicit.chain(owned).collect()
    }

    /// Returns whether any part of a key is set.
    pub(super) fn is_explicit(&self, key: ConfigKey) -> bool {
        matches!(self.explicit.0.get(&key), Some(Setting::Parts(_)))
    }

    /// Returns whether a key is set to be missing.
    pub(super) fn is_cancelled(&self, key: ConfigKey) -> bool {
        self.explicit.0.get(&key) == Some(&Setting::Cancelled)
    }

    /// Returns the value that is set for an option.
    pub(super) fn explicit(&self, key: ConfigKey, part: &str) -> Option<&str> {
        self.explicit.value(key, part)
    }

    /// Returns what is set, by key.
    pub(super) fn settings(&self) -> &Settings {
        &self.explicit
    }

    /// Returns what a new VM would get, by key.
    pub(super) fn of_a_new_vm(&self) -> &Settings {
        &self.new
    }

    /// Returns the mark's entry of a slot.
    pub(super) fn slot(&self, key: ConfigKey) -> Option<Slot<'a>> {
        owns::slot(self.owned, key)
    }
}

/// Returns the parts that settings give a key; `None` when the key is not set or cancelled.
pub(super) fn parts_of(settings: &Settings, key: ConfigKey) -> Option<Parts> {
    let Some(Setting::Parts(explicit)) = settings.0.get(&key) else { return None };
    let mut parts = Parts::default();
    for (name, value) in explicit {
        if let Some(value) = value {
            parts.set(name, value.as_str());
        }
    }
    Some(parts)
}

/// Returns PVE's text of a key; `None` when there is nothing to set.
pub(super) fn text_of(key: ConfigKey, mut parts: Parts) -> Option<String> {
    if parts.is_empty() {
        return None;
    }
    // PVE requires some options wherever their key is set, such as `enabled` of `agent`: they then get
    // their default.
    for part in key.key.parts().iter().filter(|part| part.required) {
        if let (None, Some(absent)) = (parts.get(part.name), part.absent) {
            parts.set(part.name, absent);
        }
    }
    Some(parts.write(key.key))
}

/// Returns a field's name for people: YAML's short form, or PVE's key and option.
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
