//! The writes of a change, in the order that PVE needs: it checks each against the current config.
//! Does no I/O.

use super::context::Context;
use super::difference::Difference;
use super::intent::{Intent, text_of};
use machine::{ConfigKey, Form, Parts};
use std::collections::BTreeMap;

/// What is written to the config, in up to three calls.
#[derive(Default)]
pub(super) struct Writes {
    /// What must be removed before PVE accepts the rest.
    pub(super) first: BTreeMap<String, String>,
    /// Everything that depends on nothing else.
    pub(super) main: BTreeMap<String, String>,
    /// What PVE accepts, or leaves as it is, only once the new disks exist.
    pub(super) last: BTreeMap<String, String>,
}

impl Writes {
    /// Returns the writes of a difference.
    pub(super) fn of(c: &Context<'_>, difference: &mut Difference) -> Self {
        let mut writes = Self::default();
        if is_unprotected_for(difference) {
            match difference.params.remove_entry("protection") {
                Some((key, value)) => _ = writes.first.insert(key, value),
                None => _ = difference.deletes.remove("protection"),
            }
            if !writes.first.contains_key("protection") {
                writes.first.insert("delete".to_owned(), "protection".to_owned());
            }
        }
        // PVE: qemu-server, API2/Qemu.pm, update_vm_api: new memory is checked against the existing
        // balloon, even if the same call deletes it.
        if difference.params.contains_key("memory") && difference.deletes.remove("balloon") {
            let gone = writes.first.remove("delete");
            let gone = gone.map_or("balloon".to_owned(), |key| format!("{key},balloon"));
            writes.first.insert("delete".to_owned(), gone);
        }
        if let Some(boot) = late_boot_order(c, difference) {
            difference.params.remove("boot");
            writes.last.insert("boot".to_owned(), boot);
        }
        writes.main = std::mem::take(&mut difference.params);
        if !difference.deletes.is_empty() {
            let keys: Vec<&str> = difference.deletes.iter().map(String::as_str).collect();
            writes.main.insert("delete".to_owned(), keys.join(","));
        }
        writes
    }
}

fn is_drive(key: &str) -> bool {
    ConfigKey::find(key).is_some_and(|key| matches!(key.key.form, Form::Drive(_)))
}

fn changes_protection(difference: &Difference) -> bool {
    difference.params.contains_key("protection") || difference.deletes.contains("protection")
}

/// PVE: qemu-server, API2/Qemu.pm, update_vm_api: a drive cannot be removed from a protected VM, even if
/// the same call ends the protection.
fn is_unprotected_for(difference: &Difference) -> bool {
    let on = difference.params.get("protection").map(String::as_str) == Some("1");
    changes_protection(difference) && !on && difference.deletes.iter().any(|key| is_drive(key))
}

/// Returns the drives that would be removed from a VM whose protection stays.
pub(super) fn protected(c: &Context<'_>, difference: &Difference) -> Vec<String> {
    let has = c.config().next("protection").and_then(pve_client::parse_boolean) == Some(true);
    let stays = has && !changes_protection(difference);
    let begins = difference.params.get("protection").map(String::as_str) == Some("1");
    let leaves = difference.deletes.iter().filter(|key| stays && is_drive(key)).cloned();
    // The old seed is removed before the new one is attached, and after everything else is written.
    let seed = Some(&c.seed).filter(|_| difference.reseed && (stays || begins));
    leaves.chain(seed.filter(|slot| c.config().next(slot).is_some()).cloned()).collect()
}

/// Returns the boot order that is set, where it cannot be written with the rest.
fn late_boot_order(c: &Context<'_>, difference: &Difference) -> Option<String> {
    let key = ConfigKey::find("boot")?;
    let Intent::Enforce(Some(order)) = c.intents.intent(key, key.key.part("order")?) else {
        return None;
    };
    let names = |drive: &String| order.split(';').any(|known| known == drive);
    // PVE: qemu-server, API2/Qemu.pm, update_vm_api: an order can name only existing drives; and a CD drive
    // that is written without being in it is appended.
    let is_cd = |(drive, text): &(&String, &String)| {
        ConfigKey::find(drive)
            .is_some_and(|key| is_drive(drive) && Parts::read(key.key, text).is_cd())
    };
    let late = difference.disks.keys().any(names)
        || difference.params.iter().filter(is_cd).any(|(drive, _)| !names(drive));
    let mut parts = Parts::default();
    parts.set("order", order);
    text_of(key, parts).filter(|_| late)
}
