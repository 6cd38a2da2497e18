//! `Slot`: what a tree says of a key, as a value with its place. Does no I/O.

use crate::source::Span;
use crate::tree::{Content, Spanned, Tree};

/// What is said of a key, and where.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Slot<T> {
    /// Nothing.
    #[default]
    Absent,
    /// `null`: there is none.
    Null(Span),
    /// Something that has been reported as wrong: nothing more is to be said of it.
    Invalid(Span),
    /// A value.
    Set(T, Span),
}

impl<T> Slot<T> {
    /// Reads what is said; what `read` cannot take has been reported as wrong.
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

    /// The value and its place.
    pub(crate) fn set(&self) -> Option<(&T, Span)> {
        match self {
            Self::Set(value, at) => Some((value, *at)),
            _ => None,
        }
    }

    /// The value.
    pub(crate) fn value(&self) -> Option<&T> {
        self.set().map(|(value, _)| value)
    }

    /// Where it is written, whatever it says.
    pub(crate) fn at(&self) -> Option<Span> {
        match self {
            Self::Absent => None,
            Self::Null(at) | Self::Invalid(at) | Self::Set(_, at) => Some(*at),
        }
    }

    /// Says whether a problem with it has been reported.
    pub(crate) fn is_invalid(&self) -> bool {
        matches!(self, Self::Invalid(_))
    }
}

impl Tree {
    /// A text of the top.
    pub(crate) fn text(&self, key: &str) -> Slot<String> {
        Slot::of(self.get(key), |spanned| spanned.text().map(str::to_owned))
    }

    /// A whole number of the top.
    pub(crate) fn number(&self, key: &str) -> Slot<u32> {
        Slot::of(self.get(key), Spanned::number)
    }

    /// A list of texts of the top.
    pub(crate) fn texts(&self, key: &str) -> Slot<Vec<String>> {
        Slot::of(self.get(key), Spanned::texts)
    }
}
