//! How a VM differs from what the document asks: what is said, and what is taken back, compared
//! option by option. Does no I/O.

use super::boot_disk::BootDisk;
use super::find::Ours;
use super::wish::Wishes;
use super::{owned, quiet, seed, tags};
use crate::blocked::Why;
use crate::change::{Change, Impact};
use crate::desired::{Desired, DesiredVm, Machine};
use crate::mark::{Mark, Stage};
use crate::notice::What;
use crate::observed::{Config, Observed, Power};
use machine::{ConfigKey, Effect, Feature};
use pve_client::StorageId;
use std::collections::{BTreeMap, BTreeSet};

/// What is compared.
pub(super) struct Context<'a> {
    pub(super) desired: &'a Desired,
    pub(super) vm: &'a DesiredVm,
    pub(super) machine: &'a Machine,
    pub(super) ours: &'a Ours<'a>,
    pub(super) observed: &'a Observed,
    pub(super) wishes: Wishes<'a>,
    pub(super) boot: BootDisk,
}

/// A disk to be made.
pub(super) struct NewDisk {
    /// What PVE makes it of.
    pub(super) value: String,
    /// The size that it grows to afterwards: an import has the image's.
    pub(super) grow: Option<u64>,
}

/// What the comparison of one VM gave.
#[derive(Default)]
pub(super) struct Difference {
    /// What differs, field by field.
    pub(super) changes: Vec<Change>,
    /// What is written to the config.
    pub(super) params: BTreeMap<String, String>,
    /// Keys that are taken out of the config.
    pub(super) deletes: BTreeSet<String>,
    /// The sizes that disks grow to.
    pub(super) resizes: BTreeMap<String, u64>,
    /// The storages that disks move to.
    pub(super) moves: BTreeMap<String, StorageId>,
    /// Disks that are made.
    pub(super) disks: BTreeMap<String, NewDisk>,
    /// The pool that the VM goes to; the inner `None`: to none.
    pub(super) pool: Option<Option<String>>,
    /// The VM gets new seed data.
    pub(super) reseed: bool,
    /// The mark with the first write, which names what was ours and what will be.
    pub(super) first: Option<Mark>,
    /// The mark that the VM carries afterwards.
    pub(super) last: Option<Mark>,
    /// Fields whose new values wait for a reboot that this run leaves to the user.
    pub(super) waiting: Vec<String>,
    /// Config keys of those fields.
    pub(super) waiting_keys: Vec<String>,
    /// What is taken off the VM.
    pub(super) detached: Vec<String>,
    /// What is worth a word.
    pub(super) notices: Vec<What>,
    /// Why nothing is done.
    pub(super) blocked: Vec<Why>,
}

/// One thing that is compared: what it shall be, what the next start brings, what is in force.
pub(super) struct Point<'a> {
    pub(super) field: String,
    pub(super) key: ConfigKey,
    pub(super) want: Option<String>,
    pub(super) next: Option<String>,
    pub(super) now: Option<String>,
    pub(super) effect: Effect,
    pub(super) reason: Option<&'a str>,
}

impl<'a> Context<'a> {
    /// What is compared of a VM that is ours.
    pub(super) fn of(
        desired: &'a Desired,
        vm: &'a DesiredVm,
        machine: &'a Machine,
        ours: &'a Ours<'a>,
        observed: &'a Observed,
    ) -> Self {
        let boot = BootDisk::of(&ours.seen.config, machine, &ours.mark);
        let key = boot.key.unwrap_or(machine.boot);
        let wishes = Wishes::of(machine, &ours.mark.owns, key);
        Self { desired, vm, machine, ours, observed, wishes, boot }
    }

    /// The VM's config.
    pub(super) fn config(&self) -> &Config {
        &self.ours.seen.config
    }

    /// Returns whether the VM runs.
    pub(super) fn runs(&self) -> bool {
        self.ours.seen.power == Power::Running
    }

    /// Why something that nobody says any more changes.
    pub(super) fn taken_back(&self) -> String {
        format!("taken back; last set by run {}", self.ours.mark.run)
    }

    /// Returns whether a running VM takes a change at once.
    fn is_live(&self, effect: Effect) -> bool {
        match effect {
            Effect::Live | Effect::Grow | Effect::AtCreate => true,
            Effect::Restart => false,
            Effect::Plug(feature) => plugs(self.config().now("hotplug"), feature),
        }
    }
}

/// Returns whether a VM takes a kind of device while it runs.
pub(super) fn plugs(hotplug: Option<&str>, feature: Feature) -> bool {
    // PVE: qemu-server, QemuServer.pm, parse_hotplug_features: `1` is what stands for absence.
    let words = match hotplug {
        None | Some("1") => "network,disk,usb",
        Some(words) => words,
    };
    let word = match feature {
        Feature::Network => "network",
        Feature::Disk => "disk",
        Feature::Usb => "usb",
        Feature::Cpu => "cpu",
        Feature::Memory => "memory",
    };
    words.split([',', ';', ' ']).any(|known| known == word)
}

impl Difference {
    /// Compares a VM with what the document asks.
    pub(super) fn of(c: &Context<'_>) -> Self {
        let mut difference = Self::default();
        difference.boot_disk(c);
        difference.name(c);
        for key in c.wishes.keys() {
            difference.key(c, key);
        }
        difference.description(c);
        difference.tags(c);
        difference.pool(c);
        difference.seed(c);
        difference.power(c);
        owned::marks(&mut difference, c);
        difference
    }

    /// The worst of its changes.
    pub(super) fn impact(&self) -> Impact {
        self.changes.iter().map(|change| change.impact).max().unwrap_or_default()
    }

    /// Returns whether nothing differs.
    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.blocked.is_empty()
    }

    /// Notes a point where it differs; returns whether it must be written.
    pub(super) fn note(&mut self, c: &Context<'_>, point: Point<'_>) -> bool {
        let Point { field, key, want, next, now, effect, reason } = point;
        let (running, leave) = (c.runs(), c.desired.consent.pending);
        let drifted = next != want;
        // A stopped VM takes what is pending at its next start.
        let waits = running && now != want;
        if !drifted && !waits {
            return false;
        }
        let needs_reboot = waits && !c.is_live(effect);
        if needs_reboot && leave {
            self.waiting.push(field.clone());
            self.waiting_keys.push(key.to_string());
            if !drifted {
                return false;
            }
        }
        let stale = running && drifted && !waits;
        let why = match (drifted, stale) {
            (false, _) => Some("pending in PVE"),
            (_, true) => Some("clears a pending value; the guest keeps running as it is"),
            _ if needs_reboot && leave => Some("waits for a reboot"),
            _ => None,
        };
        let reasons: Vec<&str> = reason.into_iter().chain(why).collect();
        self.changes.push(Change {
            field,
            from: if running && !stale { now } else { next },
            to: want,
            impact: if needs_reboot && !leave { Impact::Reboot } else { Impact::None },
            reason: (!reasons.is_empty()).then(|| reasons.join("; ")),
        });
        drifted
    }

    fn name(&mut self, c: &Context<'_>) {
        let (next, now) = (c.config().next("name"), c.config().now("name"));
        let want = c.vm.name.as_str();
        if next != Some(want) || c.runs() && now != Some(want) {
            self.changes.push(quiet("name", next.map(str::to_owned), Some(want.to_owned())));
            self.params.insert("name".to_owned(), want.to_owned());
        }
    }

    fn tags(&mut self, c: &Context<'_>) {
        let has = c.config().next("tags").unwrap_or_default();
        if let Some(tags) = tags::wanted(has, &c.machine.tags, &c.ours.mark.owns) {
            self.changes.push(quiet("tags", Some(has.to_owned()), Some(tags.clone())));
            self.params.insert("tags".to_owned(), tags);
        }
    }

    /// Changed seed data never replaces a VM; it reaches one only when the user asks.
    fn seed(&mut self, c: &Context<'_>) {
        let old = &c.ours.mark.seed.fingerprint;
        if *old == c.machine.seed.fingerprint || !c.desired.consent.reseed {
            return;
        }
        if let Some(has) = seed::foreign_disk(c.config(), &c.ours.mark) {
            let slot = seed::slot(&c.ours.mark).to_owned();
            return self.blocked.push(Why::SeedDiskForeign { slot, has: has.to_owned() });
        }
        let (cancelled, keys): (Vec<_>, Vec<_>) = seed::rivals(c.config())
            .into_iter()
            .partition(|key| ConfigKey::find(key).is_some_and(|key| c.wishes.is_cancelled(key)));
        if !keys.is_empty() {
            return self.blocked.push(Why::SeedRivals { keys });
        }
        for key in cancelled {
            self.changes.push(quiet(&key, c.config().next(&key).map(str::to_owned), None));
            self.deletes.insert(key);
        }
        self.reseed = true;
        self.changes.push(Change {
            field: "seed".to_owned(),
            from: Some(old.clone()),
            to: Some(c.machine.seed.fingerprint.clone()),
            impact: if c.runs() { Impact::PowerOff } else { Impact::None },
            reason: Some("cloud-init runs again at the next boot".to_owned()),
        });
    }

    /// Whether it shall run; one whose creation is not finished is started in any case but one.
    fn power(&mut self, c: &Context<'_>) {
        let unfinished = c.ours.mark.stage != Stage::Done;
        let wants = match c.machine.power {
            stage::Power::Running => Power::Running,
            stage::Power::Stopped => Power::Stopped,
            stage::Power::Any if unfinished => Power::Running,
            stage::Power::Any => return,
        };
        let has = c.ours.seen.power;
        if has != wants {
            let mut change = quiet("power", Some(has.as_str().into()), Some(wants.as_str().into()));
            if wants == Power::Stopped {
                change.impact = Impact::PowerOff;
            }
            self.changes.push(change);
        }
    }
}
