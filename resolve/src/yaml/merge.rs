//! `<<`: the entries of other mappings. Does no I/O.
//!
//! The order is that of PyYAML (`constructor.py`, flatten_mapping), because the order of SSH keys is
//! part of the document: first what is merged, then the mapping's own entries. A key keeps its first
//! place and gets its last value. Within the list of one `<<`, the first mapping wins; of several
//! `<<`, the last.

use super::tree::{Key, Map, Node, NodeKind};
use crate::source::Span;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// Merges the values of `<<` and the mapping's own entries. Also returns the `<<` whose value is
/// neither a mapping nor a list of mappings.
pub(super) fn expand(merges: Vec<(Key, Node)>, own: Vec<(Key, Node)>) -> (Map, Vec<Span>) {
    let (mut merged, mut wrong) = (Merged::default(), Vec::new());
    for (key, node) in merges {
        let sources = match node.kind {
            NodeKind::List(items) => items,
            _ => vec![node],
        };
        for source in sources.into_iter().rev() {
            match source.kind {
                NodeKind::Map(map) => map.0.into_iter().for_each(|entry| merged.set(entry)),
                _ => wrong.push(key.at),
            }
        }
    }
    own.into_iter().for_each(|entry| merged.set(entry));
    (Map(merged.entries), wrong)
}

#[derive(Default)]
struct Merged {
    entries: Vec<(Key, Node)>,
    places: BTreeMap<Box<str>, usize>,
}

impl Merged {
    fn set(&mut self, entry: (Key, Node)) {
        match self.places.entry(entry.0.text.clone()) {
            Entry::Occupied(place) => self.entries[*place.get()] = entry,
            Entry::Vacant(place) => {
                place.insert(self.entries.len());
                self.entries.push(entry);
            }
        }
    }
}
