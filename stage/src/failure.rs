//! `Failure`: why a stage has made nothing. Does no I/O.

use crate::report::{Entry, Report};

/// Why a stage has made nothing.
#[derive(Debug)]
pub struct Failure {
    report: Report,
    pub(crate) part_way: bool,
}

impl Failure {
    /// Stopped after the world was changed, or may have been.
    pub fn part_way(report: Report) -> Self {
        Self { report, part_way: true }
    }

    /// The same, when the world was changed before it.
    #[must_use]
    pub fn after_changes(self) -> Self {
        Self { part_way: true, ..self }
    }

    /// What was found.
    pub fn report(&self) -> &Report {
        &self.report
    }
}

impl From<Report> for Failure {
    fn from(report: Report) -> Self {
        Self { report, part_way: false }
    }
}

impl From<Entry> for Failure {
    fn from(entry: Entry) -> Self {
        Report::from(entry).into()
    }
}
