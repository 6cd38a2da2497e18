//! What becomes of an image: what was done about it, or what has failed. Does no I/O.

use pve_client::Volid;
use stage::Entry;

/// What became of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Published {
    /// Its name in the document.
    pub(crate) name: String,
    /// Where it is.
    pub(crate) volid: Volid,
    /// What was done.
    pub(crate) action: Action,
    /// Its length in bytes, when it is known.
    pub(crate) length: Option<u64>,
}

/// What was done about an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Nothing: it was there.
    Present,
    /// It was sent.
    Sent,
    /// The node downloaded it.
    Downloaded,
}

/// A step's failure, and whether something may be left of it.
pub(crate) struct Failed {
    /// What is to be said.
    pub(crate) entry: Entry,
    /// Something may be left.
    pub(crate) left: bool,
}

impl From<Entry> for Failed {
    fn from(entry: Entry) -> Self {
        Self { entry, left: false }
    }
}
