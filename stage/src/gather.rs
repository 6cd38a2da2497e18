//! Maps of few entries, made with little code. Does no I/O.

/// Collects without sorting.
pub trait Gather: Iterator + Sized {
    /// Adds one item after the other to an empty collection.
    ///
    /// For a map this is [`Iterator::collect`], which sorts the items first, with 5 KB of code for each kind of
    /// iterator: a twentieth of pve-apply was such code (docs/decisions/0008).
    fn gather<C: Default + Extend<Self::Item>>(self) -> C {
        let mut all = C::default();
        all.extend(self);
        all
    }
}

impl<I: Iterator> Gather for I {}
