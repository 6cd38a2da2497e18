//! What happened on the wire during the call that this thread makes.
//!
//! ureq runs a call on the thread that asks for it, and hands over neither the reason phrase nor whether
//! a byte was sent. The transport notes both here and the client takes them when the call is over.
//! Does no I/O.

use std::cell::RefCell;

use crate::error::Unreachable;

/// The notes of one call.
#[derive(Debug, Default)]
pub(crate) struct Exchange {
    /// The call opened its own connection; otherwise it had an idle one, which may have been stale.
    pub(crate) fresh: bool,
    /// At least one byte may have left this machine.
    pub(crate) sent: bool,
    /// The peer answered, or closed, before the whole request was sent: the rest is thrown away.
    pub(crate) cut_short: bool,
    /// The reason phrase of the answer.
    pub(crate) reason: String,
    /// Why no connection came about.
    pub(crate) unreachable: Option<Unreachable>,
}

thread_local! {
    static CURRENT: RefCell<Exchange> = RefCell::default();
}

/// Forgets the last call's notes.
pub(crate) fn begin() {
    CURRENT.take();
}

/// Takes this call's notes.
pub(crate) fn end() -> Exchange {
    CURRENT.take()
}

/// Writes a note.
pub(crate) fn note(write: impl FnOnce(&mut Exchange)) {
    CURRENT.with_borrow_mut(write);
}

/// Tells whether the peer has answered or closed before the whole request was sent.
pub(crate) fn is_cut_short() -> bool {
    CURRENT.with_borrow(|exchange| exchange.cut_short)
}
