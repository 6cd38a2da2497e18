//! Finds how a VM differs from a new one in options that nobody sets. They are left alone and reported.
//! Does no I/O.

use super::brought;
use super::context::Context;
use super::intent::{Intent, field, parts_of};
use machine::{ConfigKey, Effect, Form, Part, Parts};

/// Keys that a plan writes for every VM, and those that PVE itself sets.
const KNOWN: [&str; 12] = [
    "boot",
    "description",
    "digest",
    "lock",
    "meta",
    "name",
    "parent",
    "running-nets-host-mtu",
    "runningmachine",
    "smbios1",
    "tags",
    "vmgenid",
];

/// Returns the keys that were set by hand: neither a new VM nor the document has them.
pub(super) fn by_hand(c: &Context<'_>, keys: &mut dyn Iterator<Item = &str>) -> Vec<String> {
    let is_known = |key: &str| {
        let of_ours = |known: ConfigKey| {
            c.is_boot(known)
                || c.intents.of_a_new_vm().0.contains_key(&known)
                || c.intents.keys().contains(&known)
        };
        KNOWN.contains(&key)
            || c.is_seed(key)
            || key.starts_with("unused")
            || ConfigKey::find(key).is_some_and(of_ours)
    };
    keys.filter(|key| !is_known(key) && !is_as_absent(c, key)).map(str::to_owned).collect()
}

/// Returns the VM's keys that were set by hand. Of a clone of somebody's template, the keys that it keeps from the
/// template are left out.
pub(super) fn unmanaged(c: &Context<'_>) -> Vec<String> {
    let mut keys = by_hand(c, &mut c.config().keys());
    if is_of_a_template(c) {
        keys.retain(|key| !brought::is_kept(key, c.config().next(key).unwrap_or_default()));
    }
    keys
}

/// Returns whether a VM was cloned from somebody's template: then a new one would have what the template has now.
fn is_of_a_template(c: &Context<'_>) -> bool {
    c.definition.image.is_none() && c.ours.mark.made.starts_with("clone:")
}

/// Returns whether a key has its default.
fn is_as_absent(c: &Context<'_>, key: &str) -> bool {
    let Some(row) = ConfigKey::find(key).filter(|row| row.slot.is_none()) else { return false };
    let has = Parts::read(row.key, c.config().next(key).unwrap_or_default());
    let is_as_absent = |part: &Part| match has.get(part.name_in(row.key)) {
        Some(has) => part.absent.is_some_and(|absent| part.kind.agrees(absent, has)),
        None => true,
    };
    !has.is_empty() && row.key.parts().iter().all(is_as_absent)
}

/// Returns how a VM differs from a new one in what is neither set nor owned: `cpu: kvm64, a new one has host`.
pub(super) fn differences(c: &Context<'_>) -> Vec<String> {
    let mut list = Vec::new();
    if is_of_a_template(c) {
        return list;
    }
    for key in c.intents.of_a_new_vm().0.keys().copied() {
        let name = key.to_string();
        let Some(text) = c.config().next(&name).or_else(|| Some("").filter(|_| key.slot.is_none()))
        else {
            // What is set and missing is planned; what is cancelled is as in a new VM.
            if parts_of(c.intents.of_a_new_vm(), key).is_some() && !c.intents.is_explicit(key) {
                list.push(format!("{key}: nothing, a new one has it"));
            }
            continue;
        };
        let has = if text.is_empty() { Parts::default() } else { Parts::read(key.key, text) };
        for part in key.key.parts() {
            let option = part.name_in(key.key);
            let placed = match key.key.form {
                Form::Nic(_) => option == "macaddr",
                Form::Drive(_) => ["file", "storage", "import", "size"].contains(&option),
                _ => false,
            };
            if placed || c.intents.intent(key, part) != Intent::Leave {
                continue;
            }
            let asked = c.intents.of_a_new_vm().value(key, option);
            let (new, has) = (asked.or(part.absent), has.get(option).or(part.absent));
            // PVE records what it has created, not the format that was asked for.
            let is_pves_own = part.effect == Effect::AtCreate && (asked.is_none() || has.is_none());
            if new != has && !is_pves_own {
                let [has, new] = [has, new].map(|value| {
                    value.map_or_else(|| "nothing".to_owned(), |value| part.kind.shown(value))
                });
                list.push(format!("{}: {has}, a new one has {new}", field(key, part)));
            }
        }
    }
    list
}
