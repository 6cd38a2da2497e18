//! Where the fields of a YAML text are. Does no I/O.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_yaml::{Options, Spanned};
use stage::Position;
use std::collections::BTreeMap;
use std::fmt::Formatter;

/// The positions of fields, by paths such as `write_files[0].path`.
#[derive(Default)]
pub(super) struct Positions(BTreeMap<String, Position>);

impl Positions {
    /// Returns the positions in a text; none if it cannot be read.
    pub(super) fn read(text: &str, options: Options) -> Self {
        let mut positions = Self::default();
        if let Ok(Some(node)) = serde_yaml::from_str_with_options(text, options) {
            positions.add("", &node);
        }
        positions
    }

    /// Returns the position of a field, or of the innermost one around it if it is missing.
    pub(super) fn of(&self, field: &str) -> Option<Position> {
        let around = || field.rfind(['.', '[']).and_then(|end| self.of(&field[..end]));
        self.0.get(field).copied().or_else(around)
    }

    fn add(&mut self, path: &str, node: &Node) {
        match node {
            Node::Scalar => {}
            Node::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.insert(format!("{path}[{index}]"), item, &item.value);
                }
            }
            Node::Map(entries) => {
                for (key, value) in entries {
                    let dot = if path.is_empty() { "" } else { "." };
                    self.insert(format!("{path}{dot}{}", key.value), key, value);
                }
            }
        }
    }

    fn insert<T>(&mut self, path: String, at: &Spanned<T>, node: &Node) {
        let (line, column) = (at.referenced.line() as usize, at.referenced.column() as usize);
        self.add(&path, node);
        self.0.insert(path, Position { line, column });
    }
}

/// The outline of a YAML value.
enum Node {
    Scalar,
    List(Vec<Spanned<Node>>),
    Map(Vec<(Spanned<String>, Node)>),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Outline)
    }
}

struct Outline;

impl<'de> Visitor<'de> for Outline {
    type Value = Node;

    fn expecting(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_i128<E: Error>(self, _: i128) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_u128<E: Error>(self, _: u128) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_bytes<E: Error>(self, _: &[u8]) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_unit<E: Error>(self) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_none<E: Error>(self) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Node, D::Error> {
        Node::deserialize(from)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Node::Map(entries))
    }
}
