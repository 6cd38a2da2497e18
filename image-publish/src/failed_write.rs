//! A write that failed, and the task that PVE has begun for it. Does no I/O.

use pve_client::{Error, Upid};
use stage::Entry;

/// A write that failed.
#[derive(Debug)]
pub(crate) struct FailedWrite {
    /// Why.
    pub(crate) error: Error,
    /// The task that PVE has begun, if the answer named one.
    pub(crate) upid: Option<Upid>,
}

impl From<Error> for FailedWrite {
    fn from(error: Error) -> Self {
        Self { error, upid: None }
    }
}

impl FailedWrite {
    /// The wait for a task failed, or the task itself.
    pub(crate) fn of_task(upid: &Upid, error: Error) -> Self {
        Self { error, upid: Some(upid.clone()) }
    }

    /// Returns whether it is unknown how the write ends: a task that cannot be read may be at work.
    pub(crate) fn is_open(&self) -> bool {
        let is_over = matches!(self.error, Error::TaskFailed(_));
        self.error.is_outcome_unknown() || self.upid.is_some() && !is_over
    }

    /// Returns whether the write may have had its effect: a task that failed may have done part of its work.
    pub(crate) fn may_be_done(&self) -> bool {
        self.is_open() || self.upid.is_some()
    }

    /// Names the task in a finding about the error, unless the error does.
    pub(crate) fn with_task(&self, entry: Entry) -> Entry {
        let names_it = matches!(self.error, Error::TaskFailed(_) | Error::TaskStillRuns { .. });
        match &self.upid {
            Some(upid) if !names_it => entry.note(format!("task {upid}")),
            _ => entry,
        }
    }
}
