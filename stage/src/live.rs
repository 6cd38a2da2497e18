//! `Live`: the live block of a terminal, as [`Console`](crate::Console) uses it. Does no I/O.
//!
//! What draws it is in pve-stage, so that the pure stages need not link it.

use crate::event::Event;

/// What a terminal shows while a stage works, below the lines that stay.
pub trait Live: Send + Sync {
    /// Shows an event; `line` is what stays of one that is worth reading later.
    fn event(&self, event: &Event<'_>, line: &str);

    /// Counts from now on how many of `total` subjects are done. With none there is nothing to count.
    fn expect(&self, total: usize);

    /// Takes the block away: what is printed next stands alone.
    fn clear(&self);
}
