//! The outcome for one image: what was done, or what failed. Does no I/O.

use std::sync::Arc;

use pve_client::Volid;
use stage::Entry;

use crate::wanted::Wanted;

/// An image that is on the storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Published {
    /// What the document wants.
    pub(crate) wanted: Arc<Wanted>,
    /// Its name in the document.
    pub(crate) name: String,
    /// The node through which it was published; `None` for a directory.
    pub(crate) node: Option<String>,
    /// Where it is.
    pub(crate) volid: Volid,
    /// What was done.
    pub(crate) action: Action,
    /// Its length in bytes, when it is known.
    pub(crate) length: Option<u64>,
}

/// What was done to publish an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Nothing: it was already there.
    Present,
    /// It was uploaded or written.
    Sent,
    /// The node downloaded it.
    Downloaded,
}

/// A step's failure, and whether it may have left something behind.
pub(crate) struct Failed {
    /// The error to report.
    pub(crate) entry: Entry,
    /// Something may be left behind.
    pub(crate) left: bool,
}

impl From<Entry> for Failed {
    fn from(entry: Entry) -> Self {
        Self { entry, left: false }
    }
}
