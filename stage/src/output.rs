//! `Output`: what a stage has made. Does no I/O.

use crate::document::Document;
use crate::report::Report;
use std::mem::ManuallyDrop;

/// What goes to stdout.
#[derive(Debug)]
pub(crate) enum Content {
    /// These bytes.
    Bytes(Vec<u8>),
    /// A document, which is printed piece by piece: as bytes it would take its size once more.
    ///
    /// It is never dropped: the process ends right after it is printed, and freeing each value of
    /// a large document would take a tenth of the run.
    Document(ManuallyDrop<Document>),
}

impl Default for Content {
    fn default() -> Self {
        Self::Bytes(Vec::new())
    }
}

/// What a stage has made.
#[derive(Debug, Default)]
pub struct Output {
    pub(crate) stdout: Content,
    pub(crate) report: Report,
    pub(crate) changes: bool,
    pub(crate) world_changed: bool,
    pub(crate) blocked: bool,
}

impl Output {
    /// The document, and what was found on the way. With an error in the report nothing is printed.
    pub fn document(document: Document, report: Report) -> Self {
        let stdout = Content::Document(ManuallyDrop::new(document));
        Self { stdout, report, ..Self::default() }
    }

    /// Any other bytes for stdout.
    pub fn bytes(stdout: impl Into<Vec<u8>>, report: Report) -> Self {
        Self { stdout: Content::Bytes(stdout.into()), report, ..Self::default() }
    }

    /// Makes the exit code say that there are changes.
    #[must_use]
    pub fn with_changes(mut self, changes: bool) -> Self {
        self.changes = changes;
        self
    }

    /// Prints stdout whatever the report holds, and makes the exit code say that something is blocked
    /// when `blocked` is set or the report has errors: what a plan shows is the reason for its failure.
    #[must_use]
    pub fn even_if_blocked(mut self, blocked: bool) -> Self {
        self.blocked = blocked || self.report.has_errors();
        self
    }

    /// Makes a stdout that cannot be written say that the world has changed all the same.
    #[must_use]
    pub fn after_changes(mut self, changed: bool) -> Self {
        self.world_changed = changed;
        self
    }
}
