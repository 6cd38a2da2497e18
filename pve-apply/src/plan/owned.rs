//! The mark of a VM before and after a change: above all what we own on it. Does no I/O.

use super::context::Context;
use super::difference::Difference;
use super::intent::field;
use super::{described, quiet, seed};
use crate::change::Impact;
use crate::desired::{Definition, OWNED_POOL, OWNED_TAG, Placement};
use crate::mark::owns::{self, Slot};
use crate::mark::{self, Mark, Stage};
use machine::{ConfigKey, Effect, Form, Setting, Settings};
use std::collections::BTreeSet;

/// The field of a change of the mark alone: what the document sets from now on.
const MANAGED: &str = "now managed";
/// The same: what it has set before.
const UNMANAGED: &str = "no longer managed";
/// The same: the slots whose MAC or volume has changed.
const NOTED: &str = "noted in the mark";

/// Returns whether a field is only in our mark, not in the VM.
pub(crate) fn is_mark_only(field: &str) -> bool {
    [MANAGED, UNMANAGED, NOTED].contains(&field)
}

/// Returns what we own on a VM once it is as the document asks. `slot` returns the mark's entry of a slot.
pub(super) fn of(
    definition: &Definition,
    settings: &Settings,
    slot: impl Fn(ConfigKey) -> Option<String>,
) -> BTreeSet<String> {
    let tags = definition.tags.iter().map(|tag| format!("{OWNED_TAG}{}", tag.to_lowercase()));
    let mut all: BTreeSet<String> = tags.collect();
    if !definition.remembers {
        return all;
    }
    all.extend(definition.pool.iter().map(|_| OWNED_POOL.to_owned()));
    for (key, setting) in &settings.0 {
        let Setting::Parts(parts) = setting else { continue };
        let values = parts.iter().filter(|(_, value)| value.is_some()).map(|(name, _)| *name);
        all.extend(values.filter(|name| is_owned(*key, name)).map(|name| owns::entry(*key, name)));
        if matches!(key.key.form, Form::Nic(_) | Form::Drive(_)) {
            all.extend(slot(*key));
        }
    }
    all
}

/// Returns whether an option can be taken back: not the boot disk, a MAC, or a disk's storage or size.
fn is_owned(key: ConfigKey, name: &str) -> bool {
    let placed = match key.key.form {
        Form::Nic(_) => name == "macaddr",
        Form::Drive(_) => ["file", "storage", "size"].contains(&name),
        _ => key.key.part.name == "boot",
    };
    let made = key.key.part(name).is_some_and(|part| part.effect == Effect::AtCreate);
    !placed && !made
}

/// Returns what we own on a VM that is being created: the create fills its slots.
pub(super) fn of_new(definition: &Definition, slot: Slot<'_>) -> BTreeSet<String> {
    of(definition, &definition.explicit, |key| {
        (key != definition.boot).then(|| owns::slot_entry(key, slot))
    })
}

/// Returns the mark for the first write, and the one once the VM is as the document asks.
pub(super) fn marks(difference: &mut Difference, c: &Context<'_>) {
    let old = &c.ours.mark;
    let last = owns(difference, c);
    let first = united(&old.owns, &last);
    let seed = match difference.reseed {
        true => c.definition.seed.note(&c.seed),
        // The run that created the VM ended before it recorded the seed's volume.
        false if old.stage == Stage::Making => old.seed.clone().with_open_volume(),
        false => old.seed.clone(),
    };
    let node = match c.vm.placement {
        Placement::Listed => old.node.clone(),
        Placement::Selected | Placement::Written => c.vm.node.to_string(),
    };
    let vm = c.vm.name.clone();
    // PVE: facts-3 4.4: a migration gives a copied volume another name where the target has that name.
    let in_slot = c.config().next(&c.seed);
    let seed = if node == old.node { seed } else { seed::recorded_again(seed, in_slot) };
    let home = Mark { node, vm, ..old.clone() };
    let end = Mark { stage: Stage::Done, owns: last, seed, ..home.clone() };
    if end == *old {
        // What people wrote is not part of the mark, but is written with it.
        if difference.params.contains_key("description") {
            difference.first = Some(Mark { run: c.desired.run.clone(), ..end });
        }
        return;
    }
    changes(difference, old, &end);
    let stamped = |mark: Mark| Mark { run: c.desired.run.clone(), ..mark };
    // An entry is removed only after its reset value has been read back; a slot's content is known only then.
    let writes = !difference.params.is_empty()
        || !difference.deletes.is_empty()
        || !difference.disks.is_empty()
        || !difference.moves.is_empty()
        || difference.pool.is_some();
    let first = if writes { first } else { end.owns.clone() };
    let first = Mark { owns: first, ..home };
    let text = match difference.params.get("description") {
        Some(text) => text.clone(),
        None => mark::of_people(c.config().next("description").unwrap_or_default()),
    };
    // A new seed is recorded only when it exists: too late to find that its note has no room.
    let too_long = described::too_long(&text, &first).or_else(|| described::too_long(&text, &end));
    difference.blocked.extend(too_long);
    if first != *old || difference.params.contains_key("description") {
        difference.first = Some(stamped(first));
    }
    difference.last = Some(stamped(end));
}

/// Returns what we own afterwards.
fn owns(difference: &Difference, c: &Context<'_>) -> BTreeSet<String> {
    let slot = |key: ConfigKey| {
        let name = key.to_string();
        if c.is_boot(key) {
            return None;
        }
        let is_drive = matches!(key.key.form, Form::Drive(_));
        let made = difference.disks.contains_key(&name)
            || difference.moves.contains_key(&name)
            || is_drive && difference.migration.is_some();
        let text = difference.params.get(&name).map(String::as_str).or(c.config().next(&name));
        let digest = owns::digest(key, text).filter(|_| !made);
        Some(owns::slot_entry(key, Slot::Holds(&digest.unwrap_or_default())))
    };
    let mut all = of(c.definition, c.intents.settings(), slot);
    let is_tag = |entry: &&String| entry.starts_with(OWNED_TAG);
    let old = c.ours.mark.owns.iter().filter(|entry| !is_tag(entry));
    // Entries of a later build stay; and a document without `config` resets nothing.
    let known = |entry: &str| owns::key_of(entry).is_some() || entry == OWNED_POOL;
    // What waits for a reboot is not reset yet.
    let waits = |entry: &str| {
        let option = owns::key_of(entry).filter(|(_, part)| matches!(part, owns::Part::Option(_)));
        option.is_some_and(|(key, _)| difference.waiting_keys.contains(&key.to_string()))
    };
    let stays = |entry: &&String| !c.definition.remembers || !known(entry) || waits(entry);
    all.extend(old.filter(stays).cloned());
    all
}

fn key_of_slot(entry: &str) -> Option<(ConfigKey, Slot<'_>)> {
    match owns::key_of(entry)? {
        (key, owns::Part::Slot(slot)) => Some((key, slot)),
        (_, owns::Part::Option(_)) => None,
    }
}

/// Returns what we owned and what we will own. A slot that gets a new entry keeps only that.
fn united(old: &BTreeSet<String>, new: &BTreeSet<String>) -> BTreeSet<String> {
    let mut all = old.clone();
    for entry in new {
        match key_of_slot(entry) {
            // What it will hold is unknown yet.
            Some((key, Slot::Holds(""))) => {
                if owns::slot(old, key).is_none() {
                    all.insert(owns::slot_entry(key, Slot::Making));
                }
            }
            Some((key, _)) => {
                all.retain(|other| key_of_slot(other).is_none_or(|(known, _)| known != key));
                all.insert(entry.clone());
            }
            None => _ = all.insert(entry.clone()),
        }
    }
    all
}

/// Returns the changes of the mark.
fn changes(difference: &mut Difference, old: &Mark, new: &Mark) {
    let list = &mut difference.changes;
    // Of a migration, the VM's own node is in the list.
    if new.node != old.node && !list.iter().any(|change| change.impact == Impact::Migration) {
        list.push(quiet("home node", Some(old.node.clone()), Some(new.node.clone())));
    }
    if new.stage != old.stage {
        let (from, to) = (Some("unfinished".to_owned()), Some("finished".to_owned()));
        list.push(quiet("creation", from, to));
    }
    if new.owns != old.owns {
        let names = |entries: &BTreeSet<String>| -> BTreeSet<String> {
            entries.iter().map(|entry| shown(entry)).collect()
        };
        let (had, has) = (names(&old.owns), names(&new.owns));
        let joined = |names: BTreeSet<String>| {
            let names: Vec<String> = names.into_iter().collect();
            Some(names.join(", ")).filter(|text| !text.is_empty())
        };
        let (lost, gained) = (joined(&had - &has), joined(&has - &had));
        let is_listed = lost.is_some() || gained.is_some();
        list.extend(gained.map(|names| quiet(MANAGED, None, Some(names))));
        list.extend(lost.map(|names| quiet(UNMANAGED, None, Some(names))));
        if !is_listed {
            // The same slots with other MACs or volumes in them, or other tags.
            list.push(quiet(NOTED, None, joined(names(&(&new.owns ^ &old.owns)))));
        }
    }
}

/// Returns an entry of what we own as a plan shows it: the field.
fn shown(entry: &str) -> String {
    match owns::key_of(entry) {
        Some((key, owns::Part::Slot(_))) => key.to_string(),
        Some((key, owns::Part::Option(option))) => {
            key.key.part(option).map_or_else(|| entry.to_owned(), |part| field(key, part))
        }
        None => entry.to_owned(),
    }
}
