//! `Difference`: how a VM differs from what the document asks, and the writes for it. Does no I/O.

use super::context::Context;
use super::migration::Migration;
use crate::blocked::BlockReason;
use crate::change::{Change, Impact};
use crate::mark::Mark;
use crate::notice::NoticeKind;
use machine::{ConfigKey, Effect, Kind};
use pve_client::StorageId;
use std::collections::{BTreeMap, BTreeSet};

/// A disk to be created.
pub(super) struct NewDisk {
    /// What PVE creates it from.
    pub(super) value: String,
    /// The size that it gets afterwards: an import has the image's.
    pub(super) grow: Option<u64>,
}

/// The result of comparing one VM.
#[derive(Default)]
pub(super) struct Difference {
    /// What differs, field by field.
    pub(super) changes: Vec<Change>,
    /// What is written to the config.
    pub(super) params: BTreeMap<String, String>,
    /// Keys that are deleted from the config.
    pub(super) deletes: BTreeSet<String>,
    /// The new sizes of disks.
    pub(super) resizes: BTreeMap<String, u64>,
    /// The storages that disks move to.
    pub(super) moves: BTreeMap<String, StorageId>,
    /// Disks that are created.
    pub(super) disks: BTreeMap<String, NewDisk>,
    /// How the VM moves to its new node.
    pub(super) migration: Option<Migration>,
    /// The VM's new pool; the inner `None` for no pool.
    pub(super) pool: Option<Option<String>>,
    /// Whether the VM gets new seed data.
    pub(super) reseed: bool,
    /// The mark of the first write, which names what we owned and what we will own.
    pub(super) first: Option<Mark>,
    /// The VM's mark afterwards.
    pub(super) last: Option<Mark>,
    /// Values that wait for a reboot that this run leaves to the user.
    pub(super) waiting: Vec<Change>,
    /// Config keys of those fields.
    pub(super) waiting_keys: Vec<String>,
    /// What is removed from the VM.
    pub(super) detached: Vec<String>,
    /// Notices.
    pub(super) notices: Vec<NoticeKind>,
    /// Why nothing is done.
    pub(super) blocked: Vec<BlockReason>,
}

/// One comparison: what should be, what the next start brings, and what is current.
pub(super) struct Point<'a> {
    pub(super) field: String,
    pub(super) key: ConfigKey,
    /// The kind of its values; `None` for the text of a whole key.
    pub(super) kind: Option<Kind>,
    pub(super) want: Option<String>,
    pub(super) next: Option<String>,
    pub(super) now: Option<String>,
    pub(super) effect: Effect,
    pub(super) reason: Option<&'a str>,
}

impl Difference {
    /// Returns the worst impact of its changes.
    pub(super) fn impact(&self) -> Impact {
        self.changes.iter().map(|change| change.impact).max().unwrap_or_default()
    }

    /// Returns whether nothing differs.
    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.blocked.is_empty()
    }

    /// Records a difference; returns whether it must be written.
    pub(super) fn note(&mut self, c: &Context<'_>, point: Point<'_>) -> bool {
        let Point { field, key, kind, want, next, now, effect, reason } = point;
        let (running, consent) = (c.runs(), c.desired.consent);
        let drifted = next != want;
        // A stopped VM takes what is pending at its next start.
        let waits = running && now != want;
        if !drifted && !waits {
            return false;
        }
        // A value that is written and pending waits, whatever its key: PVE has tried what it could.
        let needs_reboot = waits && (!drifted || !c.is_live(effect));
        let leave = consent.pending || !drifted && !consent.reboot && !consent.stop;
        let shown = |value: Option<String>| match kind {
            Some(kind) => value.map(|value| kind.shown(&value)),
            None => value,
        };
        let stale = running && drifted && !waits;
        let mut change = Change {
            field,
            from: shown(if running && !stale { now } else { next }),
            to: shown(want),
            impact: Impact::None,
            reason: None,
        };
        if needs_reboot && leave {
            self.waiting.push(change.clone());
            self.waiting_keys.push(key.to_string());
            if !drifted {
                return false;
            }
        }
        let state = match (drifted, stale) {
            (false, _) => Some("pending in PVE"),
            (_, true) => Some("clears a pending value; the guest keeps running as it is"),
            _ if needs_reboot && leave => Some("waits for a reboot"),
            _ => None,
        };
        let reasons: Vec<&str> = reason.into_iter().chain(state).collect();
        change.reason = (!reasons.is_empty()).then(|| reasons.join("; "));
        change.impact = if needs_reboot && !leave { Impact::Reboot } else { Impact::None };
        self.changes.push(change);
        drifted
    }
}
