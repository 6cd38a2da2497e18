//! `Slot`: what a tree says of a key, as a value with its place. Does no I/O.

use crate::source::Span;
use crate::tree::{Said, Tree, What};

/// What is said of a key, and where.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Slot<T> {
    /// Nothing.
    #[default]
    Absent,
    /// `null`: there is none.
    Null(Span),
    /// Something that has been reported as wrong: nothing more is to be said of it.
    Bad(Span),
    /// A value.
    Set(T, Span),
}

impl<T> Slot<T> {
    /// Reads what is said; what `read` cannot take has been reported as wrong.
    pub(crate) fn of<'t>(said: Option<&'t Said>, read: impl Fn(&'t Said) -> Option<T>) -> Self {
        let Some(said) = said else { return Self::Absent };
        match (&said.what, read(said)) {
            (What::Null, _) => Self::Null(said.at),
            (_, Some(value)) => Self::Set(value, said.at),
            (_, None) => Self::Bad(said.at),
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
            Self::Null(at) | Self::Bad(at) | Self::Set(_, at) => Some(*at),
        }
    }

    /// Says whether a problem with it has been reported.
    pub(crate) fn is_bad(&self) -> bool {
        matches!(self, Self::Bad(_))
    }
}

impl Tree {
    /// A text of the top.
    pub(crate) fn text(&self, key: &str) -> Slot<String> {
        Slot::of(self.get(key), |said| said.text().map(str::to_owned))
    }

    /// A whole number of the top.
    pub(crate) fn number(&self, key: &str) -> Slot<u32> {
        Slot::of(self.get(key), Said::number)
    }

    /// A list of texts of the top.
    pub(crate) fn texts(&self, key: &str) -> Slot<Vec<String>> {
        Slot::of(self.get(key), Said::texts)
    }
}
