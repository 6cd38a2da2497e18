//! `Builder`: YAML events → tree. Refuses YAML features that a site must not use. Does no I/O.

use super::tree::{Key, Map, Node, NodeKind, Scalar};
use crate::source::{Sources, Span};
use stage::{Entry, Report, shown};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// Limit of nodes that aliases expand to in one file: far above any site, far below an alias bomb.
const MAX_COPIED: usize = 100_000;

/// Up to this many entries, a linear search is faster than a map.
const LINEAR_LIMIT: usize = 16;

const CORE: &str = "tag:yaml.org,2002:";

pub(super) struct Builder<'s> {
    pub(super) report: Report,
    sources: &'s Sources,
    open: Vec<Frame>,
    root: Option<Node>,
    documents: usize,
    anchors: BTreeMap<usize, Node>,
    copied: usize,
}

struct Frame {
    at: Span,
    anchor: usize,
    body: Body,
}

enum Body {
    List(Vec<Node>),
    Map { entries: Vec<(Key, Node)>, key: Option<Key> },
}

impl<'s> Builder<'s> {
    pub(super) fn new(sources: &'s Sources) -> Self {
        Self {
            report: Report::new(),
            sources,
            open: Vec::new(),
            root: None,
            documents: 0,
            anchors: BTreeMap::new(),
            copied: 0,
        }
    }

    /// Returns the tree.
    pub(super) fn finish(self) -> Option<Node> {
        self.root
    }

    pub(super) fn document(&mut self, at: Span) -> Result<(), Entry> {
        self.documents += 1;
        if self.documents < 2 {
            return Ok(());
        }
        let fact = "a file must contain only one document";
        Err(self
            .sources
            .error("several-documents", at, fact)
            .hint("remove the `---`, or split the file"))
    }

    /// Validates a tag and returns whether it turns a scalar into text.
    pub(super) fn tag(&mut self, at: Span, tag: Option<(&str, &str)>) -> bool {
        let Some((handle, suffix)) = tag else { return false };
        let known = ["str", "int", "bool", "float", "null", "map", "seq"];
        // A lone `!` means text.
        let lone = matches!((handle, suffix), ("!", "") | ("", "!"));
        if lone || (handle == CORE && known.contains(&suffix)) {
            return lone || suffix == "str";
        }
        // An unquoted password that begins with ! is parsed as a tag.
        let (fact, hint) = if self.sources.is_open(at) {
            let handle = if handle == CORE { "!!" } else { handle };
            (format!("the tag \"{handle}{suffix}\" is not supported"), "remove the tag")
        } else {
            ("this tag is not supported".to_owned(), "quote values that begin with !")
        };
        self.report.push(self.sources.error("yaml-tag", at, fact).hint(hint));
        false
    }

    pub(super) fn scalar(
        &mut self,
        at: Span,
        text: Cow<'_, str>,
        plain: bool,
        anchor: usize,
    ) -> Result<(), Entry> {
        if let Some(Frame { body: Body::Map { key: key @ None, .. }, .. }) = self.open.last_mut() {
            *key = Some(Key { text: text.into(), at });
            return Ok(());
        }
        let node = Node { at, kind: NodeKind::Scalar(Scalar { text: text.into(), plain }) };
        self.put(node, anchor)
    }

    pub(super) fn open_list(&mut self, at: Span, anchor: usize) -> Result<(), Entry> {
        self.must_not_be_key(at)?;
        self.open.push(Frame { at, anchor, body: Body::List(Vec::new()) });
        Ok(())
    }

    pub(super) fn open_map(&mut self, at: Span, anchor: usize) -> Result<(), Entry> {
        self.must_not_be_key(at)?;
        let body = Body::Map { entries: Vec::new(), key: None };
        self.open.push(Frame { at, anchor, body });
        Ok(())
    }

    pub(super) fn alias(&mut self, at: Span, anchor: usize) -> Result<(), Entry> {
        self.must_not_be_key(at)?;
        let Some(node) = self.anchors.get(&anchor) else {
            return Err(self.sources.error(
                "alias-cycle",
                at,
                "an alias must not refer to a node that contains it",
            ));
        };
        self.copied += node.size();
        if self.copied > MAX_COPIED {
            let fact = format!("aliases expand to more than {MAX_COPIED} values");
            return Err(self.sources.error("too-many-aliases", at, fact));
        }
        let mut node = node.clone();
        // Missing keys of a mapping are reported here, wrong scalars where they are written.
        if node.scalar().is_none() {
            node.at = at;
        }
        self.put(node, 0)
    }

    pub(super) fn close(&mut self) -> Result<(), Entry> {
        let Some(Frame { at, anchor, body }) = self.open.pop() else { return Ok(()) };
        let kind = match body {
            Body::List(items) => NodeKind::List(items),
            Body::Map { entries, .. } => NodeKind::Map(self.map(entries)),
        };
        self.put(Node { at, kind }, anchor)
    }

    fn put(&mut self, node: Node, anchor: usize) -> Result<(), Entry> {
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut().map(|frame| &mut frame.body) {
            Some(Body::List(items)) => items.push(node),
            Some(Body::Map { entries, key }) => {
                if let Some(key) = key.take() {
                    entries.push((key, node));
                }
            }
            None => self.root = Some(node),
        }
        Ok(())
    }

    fn must_not_be_key(&self, at: Span) -> Result<(), Entry> {
        match self.open.last() {
            Some(Frame { body: Body::Map { key: None, .. }, .. }) => {
                let hint = "quote values that begin with [, { or *";
                Err(self.sources.error("invalid-key-type", at, "a key must be text").hint(hint))
            }
            _ => Ok(()),
        }
    }

    /// Refuses duplicate keys and expands `<<`; the map's own entries take precedence.
    fn map(&mut self, entries: Vec<(Key, Node)>) -> Map {
        let (merges, entries): (Vec<_>, Vec<_>) =
            entries.into_iter().partition(|(key, _)| &*key.text == "<<");
        let mut map = Map(self.unique(entries));
        if merges.is_empty() {
            return map;
        }
        let mut keys: BTreeSet<Box<str>> = map.0.iter().map(|(key, _)| key.text.clone()).collect();
        for (key, node) in merges {
            let sources = match node.kind {
                NodeKind::List(items) => items,
                _ => vec![node],
            };
            for source in sources {
                match source.kind {
                    NodeKind::Map(more) => {
                        for (key, node) in more.0 {
                            if keys.insert(key.text.clone()) {
                                map.0.push((key, node));
                            }
                        }
                    }
                    _ => self.report.push(self.sources.error(
                        "invalid-merge",
                        key.at,
                        "`<<` must refer to a mapping",
                    )),
                }
            }
        }
        map
    }

    fn unique(&mut self, entries: Vec<(Key, Node)>) -> Vec<(Key, Node)> {
        let mut index: BTreeMap<Box<str>, Span> = BTreeMap::new();
        let many = entries.len() > LINEAR_LIMIT;
        let mut kept: Vec<(Key, Node)> = Vec::with_capacity(entries.len());
        for (key, node) in entries {
            let first = if many {
                index.get(&key.text).copied()
            } else {
                kept.iter().find(|(k, _)| k.text == key.text).map(|(k, _)| k.at)
            };
            match first {
                Some(first) => self.report.push(self.duplicate(&key, first)),
                None => {
                    if many {
                        index.insert(key.text.clone(), key.at);
                    }
                    kept.push((key, node));
                }
            }
        }
        kept
    }

    fn duplicate(&self, key: &Key, first: Span) -> Entry {
        let what = match self.sources.is_open(key.at) {
            true => format!("`{}`", shown::name(&key.text)),
            false => "this key".to_owned(),
        };
        let fact = format!("{what} is already set on line {}", first.line);
        self.sources.error("duplicate-key", key.at, fact)
    }
}
