//! Validates YAML against a shape: reports every problem at its place and returns the rest as a
//! [`Tree`] of values. Does no I/O.

mod foreign;
mod free;
mod kind;
mod name;
mod network;
mod row;
mod scalar;
mod unit;

use super::{Blank, Field, KeyMatch, Reference, Shape, Type};
use crate::source::{FileId, Sources, Span};
use crate::suggest;
use crate::tree::{Content, Spanned, Tree};
use crate::yaml::{Key, Map, Meaning, Node, NodeKind, Scalar};
use machine::ConfigKey;
use name::Name;
use stage::shown::{self, Exposure};
use stage::{Entry, Report};

/// The key of PVE's config keys in a VM's tree.
pub(crate) const CONFIG: &str = "config";

/// Manifests of version 1 had a list of levels instead of nodes.
const LEVELS: &str = "rewrite `levels` as `nodes`: a node's `parent` is the level above it";

/// The values of a file.
pub(crate) struct Walked {
    /// Its values; `None` if it is not a mapping.
    pub tree: Option<Tree>,
    /// What it refers to.
    pub references: Vec<Reference>,
    /// Values that are written under a former name of their key.
    pub former: Vec<Span>,
}

/// The `node` of an env or manifest is not a list.
const ONE_NODE: &str = "write the list as `node` of the VMs, or of their template or preset; this \
                        `node` is one, for the VMs that set none";

/// A `template` of ours is a file; other tools call what they clone so.
const TEMPLATE_OF_PVE: &str =
    "quote the name of a file in vms/; `clone_from: {vmid: 9000}` clones a template in PVE";

/// Returns a hint for an unknown key.
fn hint<'a>(key: &str, shape: &Shape, names: impl Iterator<Item = &'a str> + Clone) -> String {
    if let Some(outer) = shape.all().find(|field| field.holds(key)) {
        return format!("did you mean `{}.{key}`?", outer.name);
    }
    match foreign::hint(key).filter(|_| shape.is_vm()) {
        Some(hint) => hint.to_owned(),
        None => suggest::key(key, names),
    }
}

/// Validates a node against a shape, reports problems and returns the rest.
pub(crate) fn walk(sources: &Sources, node: &Node, shape: &Shape, report: &mut Report) -> Walked {
    let secret = is_secret(sources, node.at.file);
    let exposure = if secret { Exposure::Hidden } else { Exposure::Open };
    let (references, former) = (Vec::new(), Vec::new());
    let mut walker = Walker { sources, report, secret, exposure, references, former };
    let tree = match walker.object(node, shape, Name::File) {
        Content::Map(tree) => Some(tree),
        _ => None,
    };
    Walked { tree, references: walker.references, former: walker.former }
}

struct Walker<'a> {
    sources: &'a Sources,
    report: &'a mut Report,
    /// Keys must not be shown, either.
    secret: bool,
    /// How much of the current value may be shown.
    exposure: Exposure,
    references: Vec<Reference>,
    former: Vec<Span>,
}

impl Walker<'_> {
    fn object(&mut self, node: &Node, shape: &Shape, name: Name<'_>) -> Content {
        let Some(map) = node.map() else { return self.no_mapping(node, shape, name) };
        if let Some(content) = self.older_version(map, shape) {
            return content;
        }
        let mut tree = Tree::default();
        for (key, value) in &map.0 {
            match shape.find(&key.text) {
                Some(KeyMatch::Field(field)) => {
                    self.former(map, key, field, value.at);
                    let blank = is_blank(field, value);
                    if blank && field.blank == Blank::Unset {
                        continue;
                    }
                    let outer = self.exposure;
                    self.exposure = outer.max(field.shown);
                    let content = self.of_field(value, field, Name::Key(&key.text, field.doc));
                    self.exposure = outer;
                    let spanned = Spanned { at: value.at, content };
                    match field.ty {
                        Type::Short(slot, option) => {
                            self.short(&mut tree, (slot, option), spanned);
                        }
                        _ => tree.set(field.name, spanned),
                    }
                }
                Some(KeyMatch::Row(slot)) => {
                    let content = self.row(value, slot, &key.text);
                    self.slot(&mut tree, slot, Spanned { at: value.at, content });
                }
                Some(KeyMatch::Option(row)) => {
                    let content = self.network_option(value, row, &key.text);
                    tree.set(row.part.name, Spanned { at: value.at, content });
                }
                // Keys that begin with x- belong to the site: anchors, notes.
                None if key.text.starts_with("x-") => {}
                None => self.unknown(key, shape),
            }
        }
        self.completeness(node, map, shape);
        Content::Map(tree)
    }

    /// Reports a manifest of version 1: it has levels instead of nodes, so one finding says it all.
    fn older_version(&mut self, map: &Map, shape: &Shape) -> Option<Content> {
        let node = &map.entry("schema_version")?.1;
        let is_older = shape.field("schema_version").is_some()
            && map.entry("levels").is_some()
            && matches!(node.scalar()?.number(), Some(Meaning::Number { value: 1, .. }));
        let fact = format!("{} of version 1 cannot be read, only version 2", shape.title);
        let entry = self.sources.error("unsupported-version", node.at, fact).hint(LEVELS);
        is_older.then(|| self.push(entry))
    }

    /// Reports missing keys and keys that cannot be combined.
    fn completeness(&mut self, node: &Node, map: &Map, shape: &Shape) {
        for field in shape.all().filter(|f| f.required) {
            let there = known_as(map, field).is_some_and(|(_, value)| is_set(field, value));
            if !there {
                let fact = format!("{} requires `{}`", shape.title, field.name);
                self.error("missing-field", node.at, fact);
            }
        }
        let set = |name: &&str| map.get(name).is_some_and(|value| !value.is_null());
        if !shape.any_of.is_empty() && !shape.any_of.iter().any(set) {
            let names: Vec<String> = shape.any_of.iter().map(|name| format!("`{name}`")).collect();
            self.error(
                "missing-field",
                node.at,
                format!("{} requires {}", shape.title, names.join(" or ")),
            );
        }
        for group in shape.exclusive {
            let fields = group.iter().filter_map(|name| shape.field(name));
            let known = |field: &'static Field| Some((field, known_as(map, field)?));
            let set = fields.filter_map(known).filter(|(field, (_, value))| is_set(field, value));
            let mut set = set.map(|(_, (key, _))| key);
            if let (Some(first), Some(second)) = (set.next(), set.next()) {
                let fact = format!("`{}` cannot be combined with `{}`", second.text, first.text);
                self.error("exclusive-keys", second.at.max(first.at), fact);
            }
        }
    }

    /// Notes a field that is set under a former name, and reports one that has two names.
    fn former(&mut self, map: &Map, key: &Key, field: &Field, at: Span) {
        if &*key.text == field.name {
            return;
        }
        self.former.push(at);
        let newer = field.names().take_while(|name| *name != &*key.text);
        let other = newer.filter_map(|name| map.entry(name)).next();
        if let Some((other, _)) = other {
            let fact = format!("`{}` and `{}` are the same field", key.text, other.text);
            self.error("duplicate-key", key.at.max(other.at), fact);
        }
    }

    fn unknown(&mut self, key: &Key, shape: &Shape) {
        let shown = shown::name(&key.text);
        if self.secret || shown != &*key.text {
            // The key may be a secret, if key and value were swapped.
            let entry = self.sources.error(
                "unknown-key",
                key.at,
                format!("{} has no such key", shape.title),
            );
            let names = shape.all().map(|field| field.name);
            return self.report.push(entry.hint(hint(&key.text, shape, names)));
        }
        let entry = |fact: String| self.sources.error("unknown-key", key.at, fact);
        let own = shape.all().map(|field| field.name);
        let refusal = |object| machine::sdn::refusal(object, &key.text);
        if let Some(reason) = shape.options.and_then(refusal) {
            return self.report.push(entry(format!("`{shown}` cannot be set: {reason}")));
        }
        let own = own.chain(shape.rows().map(|row| row.part.name));
        if !shape.is_vm() {
            let entry = entry(format!("{} has no `{shown}`", shape.title));
            return self.report.push(entry.hint(hint(&key.text, shape, own)));
        }
        self.report.push(match (machine::refusal(&key.text), ConfigKey::family(&key.text)) {
            (Some(reason), _) => entry(format!("`{shown}` cannot be set: {reason}")),
            (None, Some(family)) => {
                let (stem, last) = (family.part.name, family.slots.unwrap_or(1) - 1);
                entry(format!("`{shown}` does not exist: {stem} has slots 0 to {last}"))
            }
            (None, None) => {
                let rows = row::names_like(&key.text);
                let names = own.chain(rows.iter().map(String::as_str));
                let entry = entry(format!("{} has no `{shown}`", shape.title));
                entry.hint(hint(&key.text, shape, names))
            }
        });
    }

    /// Validates the value of a key.
    fn of_field(&mut self, node: &Node, field: &Field, name: Name<'_>) -> Content {
        if is_blank(field, node) { Content::Null } else { self.value(node, &field.ty, name) }
    }

    fn value(&mut self, node: &Node, ty: &Type, name: Name<'_>) -> Content {
        if node.is_null() {
            return Content::Null;
        }
        match ty {
            Type::Text(rule) => self.text(node, rule, name),
            Type::Written(rule) => self.written(node, rule, name),
            Type::Word(words) => self.word(node, words, name),
            Type::Reference(target) => self.reference(node, *target, name),
            Type::Short(slot, option) => self.option_of(node, slot, option, name),
            Type::Number(least, most) => self.number(node, *least, *most, name),
            Type::Flag => self.flag(node, name),
            Type::List(item) => self.list(node, item, name),
            Type::Filled(item) => {
                if node.list().is_some_and(<[Node]>::is_empty) {
                    return self.error("empty-list", node.at, format!("{name} must not be empty"));
                }
                self.list(node, item, name)
            }
            Type::Object(shape) => self.object(node, shape, name),
            Type::Named(item) => self.named(node, item, name),
            Type::Keyed(rule, item) => self.keyed(node, rule, item, name),
            Type::Either(one, other) => {
                self.value(node, if node.list().is_none() { one } else { other }, name)
            }
            Type::Or(word, _) if node.text() == Some(*word) => Content::Value((*word).into()),
            Type::Or(_, other) => self.value(node, other, name),
            Type::Any => Content::Value(self.any(node, name)),
        }
    }

    fn named(&mut self, node: &Node, item: &Type, name: Name<'_>) -> Content {
        let Some(map) = node.map() else {
            return self.error(
                "wrong-type",
                node.at,
                format!("{name} must be a mapping of names to values"),
            );
        };
        let mut tree = Tree::default();
        for (key, value) in &map.0 {
            let hidden = self.exposure == Exposure::Hidden;
            let shown = if hidden { shown::MASK } else { shown::name(&key.text) };
            let content = self.value(value, item, Name::Entry(name.key(), shown));
            tree.set(key.text.to_string(), Spanned { at: value.at, content });
        }
        Content::Map(tree)
    }

    fn list(&mut self, node: &Node, item: &Type, name: Name<'_>) -> Content {
        let Some(items) = node.list() else { return self.wrong(node, name, "a list") };
        let spanned = items.iter().enumerate().map(|(index, node)| {
            let name = Name::Item(name.key(), index);
            let content = match node.is_null() {
                true => self.error("empty-list", node.at, format!("{name} must not be empty")),
                false => self.value(node, item, name),
            };
            Spanned { at: node.at, content }
        });
        Content::List(spanned.collect())
    }

    fn reference(&mut self, node: &Node, target: super::Target, name: Name<'_>) -> Content {
        // A VM's own list of nodes is a list of references.
        if target == super::Target::Node && node.list().is_some() && matches!(name, Name::Key(..)) {
            let fact = self.fact(node, name, target.rule().must);
            let entry = self.sources.error("wrong-type", node.at, fact);
            return self.push(entry.hint(ONE_NODE));
        }
        let is_number =
            || matches!(node.scalar().map(Scalar::as_text), Some(Meaning::Number { .. }));
        if target == super::Target::Template && is_number() {
            let entry = self.sources.error("not-quoted", node.at, self.fact(node, name, "text"));
            return self.push(entry.hint(TEMPLATE_OF_PVE));
        }
        let content = self.text(node, target.rule(), name);
        if let Content::Value(text) = &content {
            let name = text.as_str().unwrap_or_default().to_owned();
            self.references.push(Reference { target, name, at: node.at });
        }
        content
    }

    fn wrong(&mut self, node: &Node, name: Name<'_>, must: &str) -> Content {
        self.error("wrong-type", node.at, self.fact(node, name, must))
    }

    fn fact(&self, node: &Node, name: Name<'_>, must: &str) -> String {
        let is = match &node.kind {
            NodeKind::Scalar(scalar) if scalar.text.is_empty() => ", not empty".to_owned(),
            _ if self.secret => String::new(),
            NodeKind::Scalar(scalar) => match shown::value(&scalar.text, self.exposure) {
                // A number or flag is shown as written; in quotes it would be text.
                Some(text) if scalar.as_text().is_typed() => format!(", not {text}"),
                Some(text) => format!(", not \"{text}\""),
                None => String::new(),
            },
            NodeKind::List(_) => ", not a list".to_owned(),
            NodeKind::Map(_) => ", not a mapping".to_owned(),
        };
        format!("{name} must be {must}{is}")
    }

    fn error(&mut self, code: &'static str, at: Span, fact: String) -> Content {
        self.push(self.sources.error(code, at, fact))
    }

    /// Reports why a value is invalid.
    fn push(&mut self, entry: Entry) -> Content {
        self.report.push(entry);
        Content::Invalid
    }
}

fn is_secret(sources: &Sources, file: FileId) -> bool {
    sources.file(file).is_some_and(|f| f.secret)
}

/// Returns whether a value is an empty text that counts as none.
fn is_blank(field: &Field, value: &Node) -> bool {
    field.blank != Blank::Value && value.text() == Some("")
}

/// Returns whether a value sets a key.
fn is_set(field: &Field, value: &Node) -> bool {
    !value.is_null() && !is_blank(field, value)
}

/// Returns the entry of a field under any of its names.
fn known_as<'m>(map: &'m Map, field: &Field) -> Option<&'m (Key, Node)> {
    field.names().find_map(|name| map.entry(name))
}
