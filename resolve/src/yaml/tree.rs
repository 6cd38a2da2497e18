//! `Node`: YAML as a tree in which everything knows its place. Does no I/O.
//!
//! Scalars are kept as written: what they mean depends on the field (`scalar.rs`).
//! No `Debug`: a tree may hold secrets.

use crate::source::Span;

/// A node of the tree.
#[derive(Clone)]
pub(crate) struct Node {
    /// Where it is written.
    pub at: Span,
    /// What it is.
    pub kind: NodeKind,
}

/// What a node is.
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
    /// Written without quotes: only then it may be something other than text.
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
    /// Where it is written.
    pub at: Span,
}

impl Map {
    /// The value of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|(_, node)| node)
    }

    /// The key and its value.
    pub(crate) fn entry(&self, key: &str) -> Option<&(Key, Node)> {
        self.0.iter().find(|(k, _)| &*k.text == key)
    }
}

impl Node {
    /// A mapping without entries: what an empty file holds.
    pub(crate) fn empty(at: Span) -> Self {
        Self { at, kind: NodeKind::Map(Map::default()) }
    }

    /// The mapping, when it is one.
    pub(crate) fn map(&self) -> Option<&Map> {
        match &self.kind {
            NodeKind::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The items, when it is a list.
    pub(crate) fn list(&self) -> Option<&[Node]> {
        match &self.kind {
            NodeKind::List(items) => Some(items),
            _ => None,
        }
    }

    /// The scalar, when it is one.
    pub(crate) fn scalar(&self) -> Option<&Scalar> {
        match &self.kind {
            NodeKind::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// Says whether it is `null`, `~` or nothing at all.
    pub(crate) fn is_null(&self) -> bool {
        self.scalar().is_some_and(Scalar::is_null)
    }

    /// The text of a scalar that is not null, whatever it looks like.
    pub(crate) fn text(&self) -> Option<&str> {
        self.scalar().filter(|s| !s.is_null()).map(|s| &*s.text)
    }

    /// How many nodes there are in it, itself included.
    pub(super) fn size(&self) -> usize {
        1 + match &self.kind {
            NodeKind::Scalar(_) => 0,
            NodeKind::List(items) => items.iter().map(Node::size).sum(),
            NodeKind::Map(map) => map.0.iter().map(|(_, node)| node.size()).sum(),
        }
    }
}

impl Scalar {
    fn is_null(&self) -> bool {
        self.plain && matches!(&*self.text, "" | "~" | "null" | "Null" | "NULL")
    }
}
