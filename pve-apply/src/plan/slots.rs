//! NICs and drives: what is in a slot, whether it is ours, what is added, changed and removed.
//! Does no I/O.

use super::context::Context;
use super::difference::{Difference, NewDisk, Point};
use super::disk::{self, Volume};
use super::intent::{parts_of, text_of};
use crate::blocked::BlockReason;
use crate::mark::owns::{Slot, digest};
use crate::notice::NoticeKind;
use machine::{ConfigKey, Effect, Form, Parts, parse_size};
use pve_client::StorageId;

/// How much larger than requested a disk may be: PVE rounds a size up to whole KiB, and a storage to its
/// own blocks, of which LVM's extents are the largest.
// PVE: qemu-server, API2/Qemu.pm, create_disks; pve-storage, LVMPlugin.pm, lvcreate.
const ROUNDING: u64 = 4 << 20;

impl Difference {
    /// Compares a slot that is set or owned.
    pub(super) fn slot(&mut self, c: &Context<'_>, key: ConfigKey) {
        let name = key.to_string();
        let text = c.config().next(&name);
        if let (Some(_), true) = (text, c.is_seed(&name) && c.intents.is_explicit(key)) {
            return self.blocked.push(BlockReason::SlotIsSeed { slot: name });
        }
        match (text, c.intents.is_explicit(key)) {
            (Some(text), true) => self.present(c, key, text),
            (None, true) => self.absent(c, key),
            (Some(text), false) => self.unset(c, key, text),
            (None, false) if c.intents.slot(key).is_some() => self.still_there(c, key),
            (None, false) => {}
        }
    }

    fn present(&mut self, c: &Context<'_>, key: ConfigKey, text: &str) {
        if matches!(key.key.form, Form::Nic(_)) {
            return self.options(c, key, &|_| true, None);
        }
        let is_cd = Parts::read(key.key, text).is_cd();
        if is_cd != c.intents.explicit(key, "file").is_some() {
            let (slot, has) = (key.to_string(), text.to_owned());
            return self.blocked.push(BlockReason::SlotTaken { slot, has });
        }
        self.not_plugged_in(c, key, text);
        self.drive_options(c, key);
    }

    /// A drive that a running VM has not got yet. PVE: facts-4, 28 and 53: a task that fails half-way,
    /// or a hotplug that fails, leaves it pending, and the config shows it as if it were there.
    fn not_plugged_in(&mut self, c: &Context<'_>, key: ConfigKey, text: &str) {
        if c.config().now(&key.to_string()).is_some() {
            return;
        }
        let text = Some(text.to_owned());
        let (field, effect) = (key.to_string(), Effect::Restart);
        let (want, next, now) = (text.clone(), text, None);
        self.note(c, Point { field, key, kind: None, want, next, now, effect, reason: None });
    }

    /// Compares an existing drive: its storage, its size and its options.
    pub(super) fn drive_options(&mut self, c: &Context<'_>, key: ConfigKey) {
        let name = key.to_string();
        let Some(volume) = Volume::read(key, c.config().next(&name)) else { return };
        if volume.is_cd {
            let explicit = c.intents.explicit(key, "file");
            let is_held = explicit
                .is_some_and(|explicit| disk::is_same_cloud_init(key, explicit, &volume.file));
            let ordinary = |part: &str| {
                !(["storage", "import", "size"].contains(&part) || is_held && part == "file")
            };
            return self.options(c, key, &ordinary, None);
        }
        let is_boot = c.is_boot(key);
        let storage = match is_boot {
            true => {
                Some(c.definition.storage.as_str()).filter(|_| c.definition.storage_is_explicit)
            }
            false => c.intents.explicit(key, "storage"),
        };
        self.place(&name, is_boot, &volume, storage);
        let size = match is_boot {
            true => c.definition.disk_gib.map(|gib| u64::from(gib) << 30),
            false => c.intents.explicit(key, "size").and_then(parse_size),
        };
        let field = if is_boot { "disk".to_owned() } else { format!("{name}.size") };
        self.size(&name, &field, &volume, size);
        let grown = self.resizes.get(&name).map(|bytes| machine::display_size(*bytes));
        let ordinary = |part: &str| !["file", "storage", "import", "size"].contains(&part);
        self.options(c, key, &ordinary, grown.as_deref());
    }

    /// Compares the storage of a disk, where it is set.
    fn place(&mut self, name: &str, is_boot: bool, volume: &Volume, want: Option<&str>) {
        let (Some(want), Some(has)) = (want, &volume.storage) else { return };
        let Some(storage) = want.parse::<StorageId>().ok().filter(|_| want != has) else { return };
        let field = if is_boot { "datastore".to_owned() } else { format!("{name}.storage") };
        self.changes.push(super::quiet(&field, Some(has.clone()), Some(want.to_owned())));
        self.moves.insert(name.to_owned(), storage);
    }

    fn size(&mut self, name: &str, field: &str, volume: &Volume, want: Option<u64>) {
        let (Some(want), has) = (want, volume.size.unwrap_or(0)) else { return };
        let shown = volume.size.map_or_else(|| "unknown size".to_owned(), machine::shown_size);
        let wanted = machine::shown_size(want);
        if has >= want.saturating_add(ROUNDING) {
            let field = field.to_owned();
            self.blocked.push(BlockReason::DiskWouldShrink { field, wanted, has: shown });
        } else if has < want {
            self.resizes.insert(name.to_owned(), want);
            self.changes.push(super::quiet(field, Some(shown), Some(wanted)));
        }
    }

    fn absent(&mut self, c: &Context<'_>, key: ConfigKey) {
        let name = key.to_string();
        let Some(parts) = parts_of(c.intents.of_a_new_vm(), key) else { return };
        if matches!(key.key.form, Form::Nic(_)) || !disk::is_made(&parts) {
            return self.add(c, key, text_of(key, parts));
        }
        // A missing disk may still exist as an unused one: a second new disk would hide it.
        if let Some(Slot::Holds(digest)) = c.intents.slot(key) {
            let unused = disk::unused(c.config(), digest);
            return self.blocked.push(BlockReason::DiskGone { slot: name, unused });
        }
        match disk::new(c.definition, (c.observed, &c.ours.seen.node), key, &parts) {
            Err(reason) => self.blocked.push(reason),
            Ok(NewDisk { value, grow }) => {
                let point = Point {
                    field: name.clone(),
                    key,
                    kind: None,
                    want: Some(value.clone()),
                    next: None,
                    now: None,
                    effect: key.key.part.effect,
                    reason: None,
                };
                self.note(c, point);
                if let Some(change) = self.changes.last_mut().filter(|change| change.field == name)
                {
                    change.to = Some(disk::in_words(c.definition, key, &parts));
                }
                self.disks.insert(name, NewDisk { value, grow });
            }
        }
    }

    /// Handles a slot that is no longer set.
    fn unset(&mut self, c: &Context<'_>, key: ConfigKey, text: &str) {
        let Some(slot) = c.intents.slot(key).filter(|_| c.definition.remembers) else { return };
        let name = key.to_string();
        let is_ours =
            matches!(slot, Slot::Holds(known) if digest(key, Some(text)).as_deref() == Some(known));
        if !is_ours {
            return self
                .notices
                .push(NoticeKind::NotTakenBack { slot: name, has: text.to_owned() });
        }
        if parts_of(c.intents.of_a_new_vm(), key).is_some() {
            return self.options(c, key, &|part| part != "macaddr", None);
        }
        let nic = matches!(key.key.form, Form::Nic(_));
        let volume = Volume::read(key, Some(text)).filter(|volume| !nic && !volume.is_cd);
        let stays = volume.map(|volume| format!("{} stays as an unused disk", volume.file));
        self.take_off(c, key, stays.as_deref());
        if stays.is_some() || nic && c.runs() {
            self.detached.push(name);
        }
    }
}
