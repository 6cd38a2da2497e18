//! `Failure`: why a stage has no output. Does no I/O.

use crate::report::{Entry, Report};

/// Why a stage has no output.
#[derive(Debug)]
pub struct Failure {
    report: Report,
    pub(crate) part_way: bool,
    pub(crate) usage: bool,
}

impl Failure {
    /// Returns a failure of a run that has changed, or may have changed, something outside.
    pub fn part_way(report: Report) -> Self {
        Self { report, part_way: true, usage: false }
    }

    /// Returns a failure of a command line that clap accepts and that lacks something.
    pub fn usage(entry: Entry) -> Self {
        Self { report: entry.into(), part_way: false, usage: true }
    }

    /// Returns the same failure for a run that had already changed something outside.
    #[must_use]
    pub fn after_changes(self) -> Self {
        Self { part_way: true, ..self }
    }

    /// Returns this failure and another one of the same run.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let mut report = self.report;
        report.extend(other.report);
        Self { report, part_way: self.part_way || other.part_way, usage: self.usage && other.usage }
    }

    /// Returns the findings.
    pub fn report(&self) -> &Report {
        &self.report
    }
}

impl From<Report> for Failure {
    fn from(report: Report) -> Self {
        Self { report, part_way: false, usage: false }
    }
}

impl From<Entry> for Failure {
    fn from(entry: Entry) -> Self {
        Report::from(entry).into()
    }
}
