//! `Node`: YAML as a tree of nodes with places. Does no I/O.
//!
//! Scalars are kept as written: their meaning depends on the field (`scalar.rs`).
//! No `Debug`: a tree may hold secrets.

use crate::source::Span;

/// A node of the tree.
#[derive(Clone)]
pub(crate) struct Node {
    /// Where it is written.
    pub at: Span,
    /// Its kind and content.
    pub kind: NodeKind,
}

/// What copies of nodes take.
#[derive(Default)]
pub(super) struct Size {
    /// The number of nodes.
    pub nodes: usize,
    /// The length of their texts, those of keys too.
    pub bytes: usize,
}

/// The kind of a node.
#[derive(Clone)]
pub(crate) enum NodeKind {
    /// Text, number, flag or null: the field decides.
    Scalar(Scalar),
    /// A list.
    List(Vec<Node>),
    /// A mapping.
    Map(Map),
}

/// A scalar as written.
#[derive(Clone)]
pub(crate) struct Scalar {
    /// The text, after escapes and folding.
    pub text: Box<str>,
    /// Written without quotes: only then it can be something other than text.
    pub plain: bool,
}

/// A mapping in the order of the file; keys are unique.
#[derive(Clone, Default)]
pub(crate) struct Map(pub Vec<(Key, Node)>);

/// The key of an entry.
#[derive(Clone)]
pub(crate) struct Key {
    /// The key as text.
    pub text: Box<str>,
    /// Written without quotes: only then it can be something other than text.
    pub plain: bool,
    /// Where it is written.
    pub at: Span,
}

impl Map {
    /// Returns the value of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|(_, node)| node)
    }

    /// Returns the key and its value.
    pub(crate) fn entry(&self, key: &str) -> Option<&(Key, Node)> {
        self.0.iter().find(|(k, _)| &*k.text == key)
    }
}

impl Node {
    /// Returns a mapping without entries, the content of an empty file.
    pub(crate) fn empty(at: Span) -> Self {
        Self { at, kind: NodeKind::Map(Map::default()) }
    }

    /// Returns the mapping, if it is one.
    pub(crate) fn map(&self) -> Option<&Map> {
        match &self.kind {
            NodeKind::Map(map) => Some(map),
            _ => None,
        }
    }

    /// Returns the items, if it is a list.
    pub(crate) fn list(&self) -> Option<&[Node]> {
        match &self.kind {
            NodeKind::List(items) => Some(items),
            _ => None,
        }
    }

    /// Returns the scalar, if it is one.
    pub(crate) fn scalar(&self) -> Option<&Scalar> {
        match &self.kind {
            NodeKind::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// Returns whether it is `null`, `~` or empty.
    pub(crate) fn is_null(&self) -> bool {
        self.scalar().is_some_and(Scalar::is_null)
    }

    /// Returns the text of a scalar that is not null.
    pub(crate) fn text(&self) -> Option<&str> {
        self.scalar().filter(|s| !s.is_null()).map(|s| &*s.text)
    }

    /// Adds what a copy of it takes.
    pub(super) fn measure(&self, size: &mut Size) {
        size.nodes += 1;
        match &self.kind {
            NodeKind::Scalar(scalar) => size.bytes += scalar.text.len(),
            NodeKind::List(items) => items.iter().for_each(|item| item.measure(size)),
            NodeKind::Map(map) => map.0.iter().for_each(|(key, node)| {
                size.bytes += key.text.len();
                node.measure(size);
            }),
        }
    }
}

impl Scalar {
    fn is_null(&self) -> bool {
        self.plain && matches!(&*self.text, "" | "~" | "null" | "Null" | "NULL")
    }
}
