//! How a VM differs from what the document asks: each aspect compared by itself. Does no I/O.

use super::aspects::{self, Aspect, BOOT_DISK};
use super::find::Ours;
use super::{quiet, seed, tags};
use crate::action::{Change, Impact};
use crate::blocked::Why;
use crate::desired::{Desired, DesiredVm, Machine};
use crate::mark::{Mark, Stage};
use crate::observed::{Power, Seen};
use pve_client::{PropertyString, Volid, display_size};
use std::collections::BTreeMap;

/// What the comparison of one VM gave.
#[derive(Default)]
pub(super) struct Difference {
    /// What differs, field by field.
    pub(super) changes: Vec<Change>,
    /// What is written to the config.
    pub(super) params: BTreeMap<String, String>,
    /// The size that the boot disk grows to.
    pub(super) resize: Option<u64>,
    /// The VM gets new seed data.
    pub(super) reseed: bool,
    /// The mark that the VM carries afterwards, where it changes.
    pub(super) mark: Option<Mark>,
    /// Fields whose new values wait for a reboot that this run leaves to the user.
    pub(super) waiting: Vec<String>,
    /// Config keys of those fields.
    pub(super) waiting_keys: Vec<String>,
    /// Why nothing is done.
    pub(super) blocked: Vec<Why>,
}

impl Difference {
    /// Compares a VM with what the document asks.
    pub(super) fn of(
        desired: &Desired,
        vm: &DesiredVm,
        machine: &Machine,
        ours: &Ours<'_>,
    ) -> Self {
        let (mut difference, seen) = (Self::default(), ours.seen);
        let bytes = difference.boot_disk(machine, seen);
        for aspect in aspects::of(&vm.name, machine, bytes) {
            // Without a disk there is nothing whose options could be set.
            if aspect.key != BOOT_DISK || seen.config.next(BOOT_DISK).is_some() {
                difference.aspect(&aspect, seen, desired.consent.pending);
            }
        }
        difference.tags(machine, ours);
        difference.seed(desired, machine, ours);
        if seen.power == Power::Stopped {
            let (from, to) = (Some("stopped".to_owned()), Some("running".to_owned()));
            difference.changes.push(quiet("power", from, to));
        }
        difference.mark(desired, machine, ours);
        difference
    }

    /// The worst of its changes.
    pub(super) fn impact(&self) -> Impact {
        self.changes.iter().map(|change| change.impact).max().unwrap_or_default()
    }

    fn aspect(&mut self, aspect: &Aspect<'_>, seen: &Seen, leave_pending: bool) {
        let next = (aspect.read)(seen.config.next(aspect.key));
        let now = (aspect.read)(seen.config.now(aspect.key));
        let running = seen.power == Power::Running;
        let drifted = next != aspect.want;
        // A stopped VM takes what is pending at its next start, which the plan brings anyway.
        let waits = running && now != aspect.want;
        if !drifted && !waits {
            return;
        }
        let needs_reboot = waits && !aspect.live;
        if needs_reboot && leave_pending {
            self.waiting.push(aspect.field.to_owned());
            self.waiting_keys.push(aspect.key.to_owned());
        }
        if drifted {
            let value = (aspect.write)(seen.config.next(aspect.key));
            self.params.insert(aspect.key.to_owned(), value);
        } else if needs_reboot && leave_pending {
            return;
        }
        let stale = running && drifted && !waits;
        self.changes.push(Change {
            field: aspect.field.to_owned(),
            from: if running && !stale { now } else { next },
            to: aspect.want.clone(),
            impact: if needs_reboot && !leave_pending { Impact::Reboot } else { Impact::None },
            reason: match (drifted, stale) {
                (false, _) => Some("pending in PVE".to_owned()),
                (_, true) => {
                    Some("clears a pending value; the guest keeps running as it is".into())
                }
                _ if needs_reboot && leave_pending => Some("waits for a reboot".to_owned()),
                _ => None,
            },
        });
    }

    /// Compares the boot disk's place and size; returns the size that it will have.
    fn boot_disk(&mut self, machine: &Machine, seen: &Seen) -> u64 {
        let want = u64::from(machine.disk_gib) << 30;
        let Some(text) = seen.config.next(BOOT_DISK) else {
            self.blocked.push(Why::DiskMissing);
            return want;
        };
        let drive = PropertyString::parse(text, "file");
        let volid = drive.get("file").and_then(|file| file.parse::<Volid>().ok());
        if let Some(has) = volid.map(|v| v.storage().clone()).filter(|has| *has != machine.storage)
        {
            let (wanted, has) = (machine.storage.to_string(), has.to_string());
            self.blocked.push(Why::StorageDiffers { wanted, has });
        }
        let has = drive.size("size").unwrap_or(0);
        if has > want {
            let shown = display_size(has);
            self.blocked.push(Why::DiskWouldShrink { disk_gib: machine.disk_gib, has: shown });
        } else if has < want {
            self.resize = Some(want);
            let (from, to) = (Some(display_size(has)), Some(display_size(want)));
            self.changes.push(quiet("disk", from, to));
        }
        has.max(want)
    }

    fn tags(&mut self, machine: &Machine, ours: &Ours<'_>) {
        let has = ours.seen.config.next("tags").unwrap_or_default();
        if let Some(tags) = tags::wanted(has, &machine.tags, &ours.mark.owns) {
            self.changes.push(quiet("tags", Some(has.to_owned()), Some(tags.clone())));
            self.params.insert("tags".to_owned(), tags);
        }
    }

    /// Changed seed data never replaces a VM; it reaches one only when the user asks.
    fn seed(&mut self, desired: &Desired, machine: &Machine, ours: &Ours<'_>) {
        let old = &ours.mark.seed.fingerprint;
        if *old == machine.seed.fingerprint || !desired.consent.reseed {
            return;
        }
        let config = &ours.seen.config;
        if let Some(has) = seed::foreign_disk(config) {
            return self.blocked.push(Why::SeedDiskForeign { has: has.to_owned() });
        }
        let keys = seed::rivals(config);
        if !keys.is_empty() {
            return self.blocked.push(Why::SeedRivals { keys });
        }
        self.reseed = true;
        let running = ours.seen.power == Power::Running;
        self.changes.push(Change {
            field: "seed".to_owned(),
            from: Some(old.clone()),
            to: Some(machine.seed.fingerprint.clone()),
            impact: if running { Impact::PowerOff } else { Impact::None },
            reason: Some("cloud-init runs again at the next boot".to_owned()),
        });
    }

    /// What the mark must say once the VM is as the document asks.
    fn mark(&mut self, desired: &Desired, machine: &Machine, ours: &Ours<'_>) {
        let old = &ours.mark;
        let seed = if self.reseed { machine.seed.note() } else { old.seed.clone() };
        let mark = Mark {
            node: desired.node.to_string(),
            stage: Stage::Done,
            owns: machine.owned(),
            seed,
            ..old.clone()
        };
        if mark == *old {
            return;
        }
        if mark.node != old.node {
            self.changes.push(quiet("home node", Some(old.node.clone()), Some(mark.node.clone())));
        }
        if mark.stage != old.stage {
            let (from, to) = (Some("unfinished".to_owned()), Some("finished".to_owned()));
            self.changes.push(quiet("creation", from, to));
        }
        if mark.owns != old.owns {
            let list = |mark: &Mark| mark.owns.iter().cloned().collect::<Vec<_>>().join(", ");
            let (from, to) = (list(old), list(&mark));
            let some = |text: String| Some(text).filter(|text| !text.is_empty());
            self.changes.push(quiet("set by the document", some(from), some(to)));
        }
        self.mark = Some(Mark { run: desired.run.clone(), ..mark });
    }
}
