//! `Output`: the result of a stage. Does no I/O.

use crate::document::Document;
use crate::report::Report;
use std::mem::ManuallyDrop;

/// The content of stdout.
#[derive(Debug)]
pub(crate) enum Content {
    /// These bytes.
    Bytes(Vec<u8>),
    /// A document, printed piece by piece: a copy as bytes would double the memory.
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

/// The result of a stage.
#[derive(Debug, Default)]
pub struct Output {
    pub(crate) stdout: Content,
    pub(crate) report: Report,
    pub(crate) changes: bool,
    pub(crate) world_changed: bool,
    pub(crate) blocked: bool,
}

impl Output {
    /// Returns a document and the findings. With an error in the report, nothing is printed.
    pub fn document(document: Document, report: Report) -> Self {
        let stdout = Content::Document(ManuallyDrop::new(document));
        Self { stdout, report, ..Self::default() }
    }

    /// Returns other bytes for stdout.
    pub fn bytes(stdout: impl Into<Vec<u8>>, report: Report) -> Self {
        Self { stdout: Content::Bytes(stdout.into()), report, ..Self::default() }
    }

    /// Sets whether the exit code reports changes.
    #[must_use]
    pub fn with_changes(mut self, changes: bool) -> Self {
        self.changes = changes;
        self
    }

    /// Prints stdout even with errors in the report, because a plan shows what blocks it. The exit code
    /// reports a failure if `blocked` is set or the report has errors.
    #[must_use]
    pub fn even_if_blocked(mut self, blocked: bool) -> Self {
        self.blocked = blocked || self.report.has_errors();
        self
    }

    /// Sets whether something outside has changed, for the exit code if stdout cannot be written.
    #[must_use]
    pub fn after_changes(mut self, changed: bool) -> Self {
        self.world_changed = changed;
        self
    }
}
