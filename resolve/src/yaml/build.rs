//! `Builder`: YAML events → tree. Refuses YAML features that a site must not use. Does no I/O.

use super::reading::Reading;
use super::tree::{Key, Map, Node, NodeKind, Scalar, Size};
use super::{characters, colon_without_space, merge, problem};
use crate::source::{Sources, Span};
use stage::{Entry, Report, shown};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Limit of nodes that aliases expand to in one file: far above any site, far below an alias bomb.
const MAX_COPIED: usize = 100_000;
/// Limit of the text that aliases expand to in one file, in MiB: a long text may have many aliases.
const MAX_COPIED_MIB: usize = 8;

/// Up to this many entries, a linear search is faster than a map.
const LINEAR_LIMIT: usize = 16;

/// The tag `!`, which means text for a scalar.
const LONE: &str = "!";

const CORE: &str = "tag:yaml.org,2002:";

pub(super) struct Builder<'s> {
    pub(super) report: Report,
    sources: &'s Sources,
    open: Vec<Frame>,
    root: Option<Node>,
    documents: usize,
    anchors: BTreeMap<usize, Node>,
    names: BTreeMap<Box<str>, Span>,
    copied: Size,
}

struct Frame {
    at: Span,
    anchor: usize,
    body: Body,
}

enum Body {
    List(Vec<Node>),
    Map { entries: Vec<(Key, Node)>, key: Option<Key>, is_flow: bool },
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
            names: BTreeMap::new(),
            copied: Size::default(),
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

    /// Returns the name of a tag, if it is one of YAML's own types.
    pub(super) fn tag(&mut self, at: Span, tag: Option<(&str, &str)>) -> Option<&'static str> {
        let (handle, suffix) = tag?;
        let known = ["str", "int", "bool", "float", "null", "map", "seq"];
        if matches!((handle, suffix), ("!", "") | ("", "!")) {
            return Some(LONE);
        }
        // `!!str`, or `!<tag:yaml.org,2002:str>`.
        let full = format!("{handle}{suffix}");
        let own = full.strip_prefix(CORE);
        if let Some(known) = known.into_iter().find(|known| own == Some(known)) {
            return Some(known);
        }
        // An unquoted password that begins with ! is parsed as a tag.
        let (fact, hint) = if self.sources.is_open(at) {
            let handle = if handle == CORE { "!!" } else { handle };
            (format!("the tag \"{handle}{suffix}\" is not supported"), "remove the tag")
        } else {
            ("this tag is not supported".to_owned(), "quote values that begin with !")
        };
        self.report.push(self.sources.error("yaml-tag", at, fact).hint(hint));
        None
    }

    /// Returns whether a scalar with a tag can be something other than text, and reports a tag that
    /// does not fit: each reader does something else with `!!float 3` and `!!int x`.
    pub(super) fn scalar_tag(
        &mut self,
        (tag_at, tag): (Span, &'static str),
        text: &str,
        at: Span,
        is_plain: bool,
    ) -> bool {
        let reading = Reading::yaml_1_1(text);
        let fits = match reading {
            _ if tag == "str" => return false,
            _ if tag == LONE => {
                // PyYAML ignores a lone `!`.
                if is_plain && reading != Reading::Text {
                    let fact = "this is text because of the `!`, but not in YAML 1.1";
                    let entry = self.sources.warning("not-quoted", at, fact);
                    self.report.push(entry.hint("quote it instead"));
                }
                return false;
            }
            Reading::Null => tag == "null",
            Reading::Flag(_) => tag == "bool",
            Reading::Whole(_) => tag == "int",
            Reading::Fraction(_) => tag == "float",
            Reading::Other | Reading::Text => false,
        };
        if !fits {
            self.wrong_tag(tag_at, tag);
        }
        true
    }

    /// Reports the tag of a collection that does not fit.
    pub(super) fn collection_tag(&mut self, at: Span, tag: Option<&'static str>, own: &str) {
        if let Some(tag) = tag.filter(|tag| *tag != own && *tag != LONE) {
            self.wrong_tag(at, tag);
        }
    }

    fn wrong_tag(&mut self, at: Span, tag: &str) {
        let fact = format!("the tag \"!!{tag}\" does not fit the value");
        self.report.push(self.sources.error("yaml-tag", at, fact).hint("remove the tag"));
    }

    pub(super) fn scalar(
        &mut self,
        at: Span,
        text: Cow<'_, str>,
        plain: bool,
        anchor: usize,
    ) -> Result<(), Entry> {
        let is_key = self.expects_key();
        if plain && characters::begins_with_false_space(&text, is_key) {
            let c = text.chars().next().unwrap_or_default();
            return Err(characters::false_space(self.sources, at, c));
        }
        let scalar = Scalar { text: text.into(), plain };
        let node = Node { at, kind: NodeKind::Scalar(scalar) };
        self.put(node, anchor)
    }

    /// Remembers where an anchor is written.
    pub(super) fn anchor(&mut self, at: Span, name: Cow<'_, str>) {
        let Some(first) = self.names.insert(name.into(), at) else { return };
        let fact =
            format!("this anchor is already set on line {}, which YAML 1.1 forbids", first.line);
        self.report
            .push(self.sources.warning("yaml-1-1-syntax", at, fact).hint("rename one of them"));
    }

    pub(super) fn open_list(&mut self, at: Span, anchor: usize) -> Result<(), Entry> {
        self.must_not_be_key(at)?;
        self.open.push(Frame { at, anchor, body: Body::List(Vec::new()) });
        Ok(())
    }

    pub(super) fn open_map(&mut self, at: Span, anchor: usize, is_flow: bool) -> Result<(), Entry> {
        self.must_not_be_key(at)?;
        let body = Body::Map { entries: Vec::new(), key: None, is_flow };
        self.open.push(Frame { at, anchor, body });
        Ok(())
    }

    pub(super) fn alias(&mut self, at: Span, anchor: usize) -> Result<(), Entry> {
        let Some(node) = self.anchors.get(&anchor) else {
            return Err(self.sources.error(
                "alias-cycle",
                at,
                "an alias must not refer to a node that contains it",
            ));
        };
        node.measure(&mut self.copied);
        let too_much = match self.copied {
            Size { nodes, .. } if nodes > MAX_COPIED => Some(format!("{MAX_COPIED} values")),
            Size { bytes, .. } if bytes > MAX_COPIED_MIB << 20 => {
                Some(format!("{MAX_COPIED_MIB} MiB of text"))
            }
            Size { .. } => None,
        };
        if let Some(limit) = too_much {
            let fact = format!("aliases expand to more than {limit}");
            return Err(self.sources.error("too-many-aliases", at, fact));
        }
        let mut node = node.clone();
        if node.scalar().is_none() {
            self.must_not_be_key(at)?;
        }
        // Keys, and missing keys of a mapping, are reported here, wrong scalars where they are
        // written.
        if node.scalar().is_none() || self.expects_key() {
            node.at = at;
        }
        self.put(node, 0)
    }

    pub(super) fn close(&mut self) -> Result<(), Entry> {
        let Some(Frame { at, anchor, body }) = self.open.pop() else { return Ok(()) };
        let kind = match body {
            Body::List(items) => NodeKind::List(items),
            Body::Map { mut entries, is_flow, .. } => {
                if is_flow {
                    entries.iter_mut().for_each(|entry| self.separate(entry));
                }
                NodeKind::Map(self.map(entries))
            }
        };
        self.put(Node { at, kind }, anchor)
    }

    fn put(&mut self, node: Node, anchor: usize) -> Result<(), Entry> {
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut().map(|frame| &mut frame.body) {
            Some(Body::List(items)) => items.push(node),
            Some(Body::Map { entries, key, .. }) => match (key.take(), node.kind) {
                (Some(key), kind) => entries.push((key, Node { at: node.at, kind })),
                (None, NodeKind::Scalar(Scalar { text, plain })) => {
                    *key = Some(Key { text, plain, at: node.at });
                }
                // `must_not_be_key` has refused it.
                (None, _) => {}
            },
            None => self.root = Some(node),
        }
        Ok(())
    }

    fn expects_key(&self) -> bool {
        matches!(self.open.last(), Some(Frame { body: Body::Map { key: None, .. }, .. }))
    }

    fn must_not_be_key(&self, at: Span) -> Result<(), Entry> {
        if !self.expects_key() {
            return Ok(());
        }
        let hint = "quote values that begin with [, { or *";
        Err(self.sources.error("invalid-key-type", at, "a key must be text").hint(hint))
    }

    /// Reports `{name:a}`, which YAML reads as a key without a value, and reads it as it was meant.
    fn separate(&mut self, (key, node): &mut (Key, Node)) {
        let is_empty = node.scalar().is_some_and(|scalar| scalar.plain && scalar.text.is_empty());
        let Some(colon) = colon_without_space(&key.text).filter(|_| key.plain && is_empty) else {
            return;
        };
        let column = key.at.column.saturating_add(u32::try_from(colon).unwrap_or_default());
        let at = Span { column, width: 1, ..key.at };
        self.report.push(problem::missing_space(self.sources, at));
        let value = key.text[colon + 1..].into();
        key.text = key.text[..colon].into();
        node.at = Span { column: column.saturating_add(1), ..at };
        node.kind = NodeKind::Scalar(Scalar { text: value, plain: true });
    }

    /// Refuses duplicate keys and expands `<<`.
    fn map(&mut self, entries: Vec<(Key, Node)>) -> Map {
        let (merges, entries): (Vec<_>, Vec<_>) =
            entries.into_iter().partition(|(key, _)| key.plain && &*key.text == "<<");
        let own = self.unique(entries);
        if merges.is_empty() {
            return Map(own);
        }
        let (map, wrong) = merge::expand(merges, own);
        for at in wrong {
            let fact = "`<<` must refer to a mapping";
            self.report.push(self.sources.error("invalid-merge", at, fact));
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
