//! What happened on the wire during this thread's current call.
//!
//! ureq runs a call on the calling thread, and reports neither the reason phrase nor whether
//! a byte was sent. The transport records both here, and the client takes them after the call.
//! Does no I/O.

use std::cell::RefCell;

use crate::error::Unreachable;

/// The notes of one call.
#[derive(Debug, Default)]
pub(crate) struct Exchange {
    /// Whether the call opened its own connection; an idle one may have been stale.
    pub(crate) fresh: bool,
    /// Whether at least one byte may have left this machine.
    pub(crate) sent: bool,
    /// Whether the peer answered or closed before the whole request was sent; the rest is discarded.
    pub(crate) cut_short: bool,
    /// The reason phrase of the answer.
    pub(crate) reason: String,
    /// Why no connection could be established.
    pub(crate) unreachable: Option<Unreachable>,
}

thread_local! {
    static CURRENT: RefCell<Exchange> = RefCell::default();
}

/// Clears the notes of the previous call.
pub(crate) fn begin() {
    CURRENT.take();
}

/// Takes the notes of this call.
pub(crate) fn end() -> Exchange {
    CURRENT.take()
}

/// Records a note.
pub(crate) fn note(write: impl FnOnce(&mut Exchange)) {
    CURRENT.with_borrow_mut(write);
}

/// Returns whether the peer answered or closed before the whole request was sent.
pub(crate) fn is_cut_short() -> bool {
    CURRENT.with_borrow(|exchange| exchange.cut_short)
}
