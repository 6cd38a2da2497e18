//! `Slot`: the value of a key in a tree, with its place. Does no I/O.

use crate::source::Span;
use crate::tree::{Content, Spanned, Tree};

/// The value of a key, and where it is written.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Slot<T> {
    /// The key is not set.
    #[default]
    Absent,
    /// The key is `null`.
    Null(Span),
    /// The value is invalid and has been reported.
    Invalid(Span),
    /// A value.
    Set(T, Span),
}

impl<T> Slot<T> {
    /// Reads a value. If `read` returns `None`, the value has been reported as invalid.
    pub(crate) fn of<'t>(
        spanned: Option<&'t Spanned>,
        read: impl Fn(&'t Spanned) -> Option<T>,
    ) -> Self {
        let Some(spanned) = spanned else { return Self::Absent };
        match (&spanned.content, read(spanned)) {
            (Content::Null, _) => Self::Null(spanned.at),
            (_, Some(value)) => Self::Set(value, spanned.at),
            (_, None) => Self::Invalid(spanned.at),
        }
    }

    /// Returns the value and its place.
    pub(crate) fn set(&self) -> Option<(&T, Span)> {
        match self {
            Self::Set(value, at) => Some((value, *at)),
            _ => None,
        }
    }

    /// Returns the value.
    pub(crate) fn value(&self) -> Option<&T> {
        self.set().map(|(value, _)| value)
    }

    /// Returns where it is written.
    pub(crate) fn at(&self) -> Option<Span> {
        match self {
            Self::Absent => None,
            Self::Null(at) | Self::Invalid(at) | Self::Set(_, at) => Some(*at),
        }
    }

    /// Returns whether it has been reported as invalid.
    pub(crate) fn is_invalid(&self) -> bool {
        matches!(self, Self::Invalid(_))
    }
}

impl Tree {
    /// Returns a text at the top level.
    pub(crate) fn text(&self, key: &str) -> Slot<String> {
        Slot::of(self.get(key), |spanned| spanned.text().map(str::to_owned))
    }

    /// Returns a whole number at the top level.
    pub(crate) fn number(&self, key: &str) -> Slot<u32> {
        Slot::of(self.get(key), Spanned::number)
    }

    /// Returns a list of texts at the top level.
    pub(crate) fn texts(&self, key: &str) -> Slot<Vec<String>> {
        Slot::of(self.get(key), Spanned::texts)
    }
}
