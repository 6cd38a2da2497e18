//! `Slot`: a field of a layer, with its place. Does no I/O.

use crate::shape::{Shape, Type, known_as, number_of, text_of};
use crate::source::Span;
use crate::yaml::{Map, Node};
use serde::Serialize;
use serde_json::Value;

/// What a layer says of a field, and where.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Slot<T> {
    /// Nothing: the layer below decides.
    #[default]
    Absent,
    /// `null`: there is none, whatever the layer below says.
    Null(Span),
    /// Something that has been reported as wrong: nothing more is to be said of it.
    Bad(Span),
    /// A value.
    Set(T, Span),
}

impl<T> Slot<T> {
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

    /// What it says as JSON, and where; `None` when it says nothing.
    pub(crate) fn said(&self) -> Option<(Value, Span)>
    where
        T: Serialize,
    {
        let value = self.value().and_then(|value| serde_json::to_value(value).ok());
        Some((value.unwrap_or_default(), self.at()?))
    }

    /// Says whether the layer says nothing.
    pub(crate) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// Says whether a problem with it has been reported.
    pub(crate) fn is_bad(&self) -> bool {
        matches!(self, Self::Bad(_))
    }
}

/// Reads fields of a mapping; problems have been reported by the walker.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a> {
    map: &'a Map,
    shape: &'static Shape,
}

impl<'a> Fields<'a> {
    /// Reads `map`, which the walker has judged by `shape`.
    pub(crate) fn new(map: &'a Map, shape: &'static Shape) -> Self {
        Self { map, shape }
    }

    /// A text.
    pub(crate) fn text(self, name: &str) -> Slot<String> {
        self.read(name, |node, ty| text_of(node, ty).map(str::to_owned))
    }

    /// A whole number.
    pub(crate) fn number(self, name: &str) -> Slot<u32> {
        self.read(name, |node, ty| number_of(node, ty).and_then(|n| u32::try_from(n).ok()))
    }

    /// A list of texts.
    pub(crate) fn texts(self, name: &str) -> Slot<Vec<String>> {
        self.read(name, |node, ty| {
            let Type::List(item) = ty else { return None };
            node.list()?.iter().map(|n| text_of(n, item).map(str::to_owned)).collect()
        })
    }

    /// The node of a field that is not null.
    pub(crate) fn node(self, name: &str) -> Option<&'a Node> {
        let field = self.shape.field(name)?;
        known_as(self.map, field).map(|(_, node)| node).filter(|node| !node.is_null())
    }

    fn read<T>(self, name: &str, read: impl Fn(&Node, &Type) -> Option<T>) -> Slot<T> {
        let Some(field) = self.shape.field(name) else { return Slot::Absent };
        let Some((_, node)) = known_as(self.map, field) else { return Slot::Absent };
        if node.is_null() {
            return Slot::Null(node.at);
        }
        match read(node, &field.ty) {
            Some(value) => Slot::Set(value, node.at),
            None => Slot::Bad(node.at),
        }
    }
}
