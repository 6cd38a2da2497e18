//! How time passes for tasks, and the counters that replace clocks.
//! A pure module: does no I/O; the clock, where one is used, is handed in.

use std::collections::BTreeMap;

use sha1::{Digest, Sha1};

use super::task::{Run, Task, TaskFault};

/// How time passes for tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pace {
    /// A task ends after this many status reads returned "running".
    Polls(u64),
    /// A task ends after this many milliseconds.
    Millis(u64),
    /// A task ends after a time between the two, drawn from the seed for its type and ID.
    MillisBetween(u64, u64),
}

impl Pace {
    /// Returns the shortest and longest time of a task.
    fn span(&self) -> (u64, u64) {
        match self {
            Self::Polls(length) | Self::Millis(length) => (*length, *length),
            Self::MillisBetween(least, most) => (*least, *most),
        }
    }
}

/// Counters and pace; not part of a written world.
#[derive(Debug, Clone)]
pub struct Clockwork {
    pub(crate) pace: Pace,
    /// The shortest and longest time for each type of task.
    pub(crate) lengths: BTreeMap<String, (u64, u64)>,
    /// The seed for lengths.
    pub(crate) seed: u64,
    pub(crate) now: u64,
    /// Seconds that requests and tasks have waited for lock files.
    pub(crate) waited: u64,
    /// Bytes written to each storage.
    pub(crate) written: BTreeMap<String, u64>,
    /// How many bytes a storage can write in a second; copies to it wait for each other.
    pub(crate) copy_rate: Option<u64>,
    /// When the last copy to a storage ends.
    pub(crate) busy: BTreeMap<String, u64>,
    /// How many VMs were created with a vmid.
    pub(crate) created: BTreeMap<u32, u32>,
    pub(crate) counter: u64,
    /// How many tasks have ended.
    pub(crate) ends: u64,
    pub(crate) fault: Option<TaskFault>,
    /// The fingerprint of the served certificate.
    pub(crate) fingerprint: String,
}

impl Default for Clockwork {
    fn default() -> Self {
        Self {
            pace: Pace::Polls(1),
            lengths: BTreeMap::new(),
            seed: 0,
            now: 0,
            waited: 0,
            written: BTreeMap::new(),
            copy_rate: None,
            busy: BTreeMap::new(),
            created: BTreeMap::new(),
            counter: 0,
            ends: 0,
            fault: None,
            fingerprint: String::new(),
        }
    }
}

impl Clockwork {
    /// Returns the next number, from which process IDs, MACs and UUIDs are generated.
    pub(crate) fn next(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    /// Returns the remaining seconds of a running task; a read counts as one.
    pub(super) fn seconds_left(&self, run: &Run) -> u64 {
        match self.pace {
            Pace::Polls(_) => run.length.saturating_sub(run.polls),
            _ => (run.started + run.length).saturating_sub(self.now).div_ceil(1000),
        }
    }

    /// Returns how many of `all` equal parts a running task has done.
    pub(super) fn part_done(&self, run: &Run, all: usize) -> usize {
        let (passed, length) = match self.pace {
            Pace::Polls(_) => (run.polls, run.length + 1),
            _ => (self.now.saturating_sub(run.started), run.length.max(1)),
        };
        usize::try_from(all as u64 * passed / length).unwrap_or(all).min(all)
    }

    /// Returns the milliseconds that copies take, after those that already write to their storages.
    pub(super) fn copy_time(&mut self, copies: &[(String, u64)]) -> u64 {
        let Some(rate) = self.copy_rate.filter(|_| !matches!(self.pace, Pace::Polls(_))) else {
            return 0;
        };
        let mut end = self.now;
        for (storage, bytes) in copies {
            let busy = self.busy.entry(storage.clone()).or_default();
            *busy = end.max(*busy) + bytes * 1000 / rate.max(1);
            end = *busy;
        }
        end - self.now
    }

    /// Returns the default length of a task.
    pub(super) fn length(&self, kind: &str, id: &str) -> u64 {
        let (least, most) = match (self.lengths.get(kind), kind) {
            (Some(own), _) => *own,
            // PVE: facts-3 4.1. They only send a request to the HA manager and end at once.
            (None, "hastart" | "hastop") => (0, 0),
            (None, _) => self.pace.span(),
        };
        let of = match self.seed {
            0 => format!("{kind}/{id}"),
            seed => format!("{kind}/{id}/{seed}"),
        };
        let bytes = Sha1::digest(of.as_bytes());
        let drawn = u64::from(u16::from_be_bytes([bytes[0], bytes[1]]));
        least + drawn * most.saturating_sub(least) / u64::from(u16::MAX)
    }

    /// Gives a task its UPID (facts 33). No clock: the start time is a count.
    pub(crate) fn named(&mut self, mut task: Task) -> Task {
        if task.upid.is_empty() {
            let count = self.next();
            task.upid = format!(
                "UPID:{}:{:08X}:{:08X}:{:08X}:{}:{}:{}:",
                task.node,
                0x1000 + count,
                0x0010_0000 + count * 100,
                0x6900_0000 + count,
                task.kind,
                task.id,
                task.user,
            );
        }
        task
    }
}
