//! Keys with one value or with options, and the options of NICs and drives: each option is compared
//! by itself, and all differences of one key are one write. Does no I/O.

use super::context::Context;
use super::difference::{Difference, Point};
use super::intent::{Intent, field, parts_of, text_of};
use machine::{ConfigKey, Form, Part, Parts};

impl Difference {
    /// Compares what is set or owned of a key.
    pub(super) fn key(&mut self, c: &Context<'_>, key: ConfigKey) {
        match key.key.form {
            // PVE writes what people wrote and our mark into one key.
            Form::Scalar if key.key.part.name == "description" => {}
            // Compared before everything else.
            Form::Drive(_) if c.is_boot(key) => {}
            Form::Drive(_) | Form::Nic(_) => self.slot(c, key),
            Form::Options { .. } if key.slot.is_some() => self.device(c, key),
            Form::Options { .. } | Form::Scalar => self.options(c, key, &|_| true, None),
        }
    }

    /// A device that exists as a whole or not at all, such as usb0.
    fn device(&mut self, c: &Context<'_>, key: ConfigKey) {
        let name = key.to_string();
        match (c.config().next(&name), c.intents.is_explicit(key)) {
            (None, true) => {
                let parts = parts_of(c.intents.of_a_new_vm(), key).unwrap_or_default();
                self.add(c, key, text_of(key, parts));
            }
            (Some(_), true) => self.options(c, key, &|_| true, None),
            (Some(_), false) => {
                let taken_back = |part| matches!(c.intents.intent(key, part), Intent::Reset(_));
                if key.key.parts().iter().any(taken_back) {
                    self.take_off(c, key, None);
                }
            }
            (None, false) => self.still_there(c, key),
        }
    }

    /// Adds a whole device.
    pub(super) fn add(&mut self, c: &Context<'_>, key: ConfigKey, text: Option<String>) {
        let Some(text) = text else { return };
        let name = key.to_string();
        let point = Point {
            field: name.clone(),
            key,
            kind: None,
            want: Some(text.clone()),
            next: None,
            now: None,
            effect: key.key.part.effect,
            reason: None,
        };
        if self.note(c, point) {
            self.params.insert(name, text);
        }
    }

    /// Removes a whole device from the VM; `stays` says what becomes of it.
    pub(super) fn take_off(&mut self, c: &Context<'_>, key: ConfigKey, stays: Option<&str>) {
        let name = key.to_string();
        let reason = match stays {
            Some(stays) => format!("{}; {stays}", c.reset_reason()),
            None => c.reset_reason(),
        };
        let point = Point {
            field: name.clone(),
            key,
            kind: None,
            want: None,
            next: c.config().next(&name).map(str::to_owned),
            now: c.config().now(&name).map(str::to_owned),
            effect: key.key.part.effect,
            reason: Some(&reason),
        };
        if self.note(c, point) {
            self.deletes.insert(name);
        }
    }

    /// A removal by an earlier run may wait for the next start.
    pub(super) fn still_there(&mut self, c: &Context<'_>, key: ConfigKey) {
        if c.definition.remembers && c.config().now(&key.to_string()).is_some() {
            self.take_off(c, key, None);
        }
    }

    /// Compares the options of a key that `is_ours` accepts. A drive that grows names its new size.
    pub(super) fn options(
        &mut self,
        c: &Context<'_>,
        key: ConfigKey,
        is_ours: &dyn Fn(&str) -> bool,
        size: Option<&str>,
    ) {
        let name = key.to_string();
        let read = |text: Option<&str>| text.map(|text| Parts::read(key.key, text));
        let next = read(c.config().next(&name)).unwrap_or_default();
        let now = read(c.config().now(&name)).unwrap_or_default();
        let reason = c.reset_reason();
        // A device that waits for the next start takes no changes before it.
        let waits = key.slot.is_some() && !key.key.is_scalar() && c.config().now(&name).is_none();
        let mut written = next.clone();
        let mut edited = false;
        // A device without an option that PVE requires does not exist.
        let has_no_default = |part: &Part| part.required && part.absent.is_none();
        let is_device = key.slot.is_some() && !key.key.is_scalar() && c.intents.is_explicit(key);
        for part in key.key.parts().iter().filter(|part| is_ours(part.name_in(key.key))) {
            let option = part.name_in(key.key);
            let (want, reason) = match c.intents.intent(key, part) {
                // Removing an option does not remove a device that is still set: that needs consent.
                Intent::Reset(None) | Intent::Enforce(None)
                    if is_device && has_no_default(part) =>
                {
                    continue;
                }
                Intent::Enforce(value) => (value, None),
                Intent::Reset(value) => (value, Some(reason.as_str())),
                Intent::Leave => continue,
            };
            let meant = |value: Option<&str>| {
                let agrees = |wanted: &&str| value.is_some_and(|has| part.kind.agrees(wanted, has));
                want.filter(agrees).or(value).or(part.absent).map(str::to_owned)
            };
            let point = Point {
                field: field(key, part),
                key,
                kind: Some(part.kind),
                want: meant(want),
                next: meant(next.get(option)),
                now: meant(now.get(option)),
                effect: match waits {
                    true => key.key.part.effect,
                    false => part.effect_of(now.get(option), want),
                },
                reason,
            };
            if self.note(c, point) {
                edited = true;
                match want {
                    Some(value) => written.set(option, value),
                    None => written.remove(option),
                }
            }
        }
        if !edited {
            return;
        }
        if let Some(size) = size {
            written.set("size", size);
        }
        let mut required = key.key.parts().iter().filter(|part| has_no_default(part));
        let is_whole = key.key.is_scalar() || required.all(|p| written.get(p.name).is_some());
        match text_of(key, written).filter(|_| is_whole) {
            Some(text) => _ = self.params.insert(name, text),
            None => _ = self.deletes.insert(name),
        }
    }
}
