//! PVE's config keys: a value, PVE's property string, or a mapping of options. Does no I/O.

use super::kind::normal;
use super::{CONFIG, Name, Walker, unit};
use crate::shape::{Opt, bare, option_names, short_form};
use crate::source::Span;
use crate::suggest;
use crate::tree::{Content, Spanned, Tree};
use crate::yaml::{Key, Map, Node, NodeKind, Scalar};
use machine::{ConfigKey, Form, KEYS, Kind};
use serde_json::{Number, Value};
use stage::shown;
use std::borrow::Cow;

/// Returns names of config keys for "did you mean"; families get the slot of the wrong name.
pub(super) fn names_like(wrong: &str) -> Vec<String> {
    let stem = wrong.trim_end_matches(|c: char| c.is_ascii_digit());
    let slot = wrong.strip_prefix(stem).filter(|digits| !digits.is_empty()).unwrap_or("0");
    let name = |key: &&machine::Key| match key.slots {
        Some(_) => format!("{}{slot}", key.part.name),
        None => key.part.name.to_owned(),
    };
    KEYS.iter().map(name).collect()
}

impl Walker<'_> {
    /// Validates the value of a config key.
    pub(super) fn row(&mut self, node: &Node, key: ConfigKey, name: &str) -> Content {
        let content = match (key.key.form, &node.kind) {
            _ if node.is_null() => return Content::Null,
            (Form::Scalar, _) => {
                return self.kind(node, key.key.part.kind, Name::Key(name, key.key.part.help));
            }
            (_, NodeKind::Map(map)) => self.options(map, key.key, name),
            (_, NodeKind::Scalar(scalar)) => self.property_string(node, scalar, key.key, name),
            (_, NodeKind::List(_)) => {
                let must = match (bare(key.key), key.key.parts()) {
                    (Some(part), [_]) => part.kind.must(),
                    _ => "text or a mapping of options".into(),
                };
                return self.wrong(node, Name::Key(name, key.key.part.help), &must);
            }
        };
        match content {
            Content::Map(tree) if matches!(key.key.form, Form::Drive(_)) => {
                self.new_disk(tree, node.at, key.key, name)
            }
            content => content,
        }
    }

    /// Splits `STORAGE:SIZE`, PVE's syntax for a new disk.
    fn new_disk(
        &mut self,
        mut tree: Tree,
        at: Span,
        key: &'static machine::Key,
        name: &str,
    ) -> Content {
        let file = tree.get("file").and_then(Spanned::text).and_then(|file| file.split_once(':'));
        let size = file.and_then(|(_, size)| size.parse::<Number>().ok());
        let (Some((storage, _)), Some(size)) = (file, size) else { return Content::Map(tree) };
        let storage = storage.to_owned();
        if key.part("size").is_none() {
            return Content::Map(tree);
        }
        for also in ["size", "storage"] {
            if let Some(spanned) = tree.get(also) {
                let fact = format!("`{name}` already sets the storage and size of a new disk");
                return self.error("duplicate-option", spanned.at.max(at), fact);
            }
        }
        tree.take("file");
        tree.set("storage", Spanned { at, content: Content::Value(storage.into()) });
        tree.set("size", Spanned { at, content: Content::Value(Value::Number(size)) });
        Content::Map(tree)
    }

    fn options(&mut self, map: &Map, key: &'static machine::Key, name: &str) -> Content {
        let mut tree = Tree::default();
        for (written, value) in &map.0 {
            let Some(option) = Opt::find(key, &written.text) else {
                self.no_option(written.at, key, name, &written.text);
                continue;
            };
            if tree.get(option.name()).is_some() {
                let is_it = |(other, _): &&(Key, Node)| {
                    Opt::find(key, &other.text).is_some_and(|o| o.name() == option.name())
                };
                let other = map.0.iter().find(is_it).map_or("", |(other, _)| &*other.text);
                let fact = format!("`{}` and `{other}` are the same option", written.text);
                self.error("duplicate-option", written.at, fact);
                continue;
            }
            let name = Name::Option(name, &written.text, option.help());
            let content = self.option(value, option, name);
            tree.set(option.name(), Spanned { at: value.at, content });
        }
        Content::Map(tree)
    }

    fn option(&mut self, node: &Node, option: Opt, name: Name<'_>) -> Content {
        match option {
            Opt::Part(part) => self.kind(node, part.kind, name),
            Opt::Field(field) => self.of_field(node, field, name),
        }
    }

    /// Validates the value of a short form.
    pub(super) fn option_of(
        &mut self,
        node: &Node,
        slot: &str,
        option: &str,
        name: Name<'_>,
    ) -> Content {
        let option = ConfigKey::find(slot).and_then(|slot| Opt::find(slot.key, option));
        option.map_or(Content::Invalid, |option| self.option(node, option, name))
    }

    fn no_option(&mut self, at: Span, key: &'static machine::Key, name: &str, option: &str) {
        let shown = shown::name(option);
        if let Some(reason) = machine::option_refusal(key, option) {
            self.error("key-not-allowed", at, format!("`{name}.{shown}` cannot be set: {reason}"));
            return;
        }
        let entry =
            self.sources.error("unknown-option", at, format!("`{name}` has no option `{shown}`"));
        self.push(entry.hint(suggest::key(option, option_names(key))));
    }

    /// Reports a value without an option name, for a key whose options all need one.
    fn no_options(&mut self, at: Span, key: &'static machine::Key, name: &str, value: &str) {
        let first = option_names(key).next().unwrap_or_default();
        let is = shown::value(value, self.exposure).unwrap_or_default();
        let fact = format!("`{name}` must be options such as {first}=…, not \"{is}\"");
        self.push(
            self.sources
                .error("invalid-value", at, fact)
                .hint(suggest::key(value, option_names(key))),
        );
    }

    /// Validates PVE's property string. A single value follows YAML's types.
    fn property_string(
        &mut self,
        node: &Node,
        scalar: &Scalar,
        key: &'static machine::Key,
        name: &str,
    ) -> Content {
        let spanned = |content| Spanned { at: node.at, content };
        let mut tree = Tree::default();
        if let Some(part) = bare(key).filter(|_| !scalar.text.contains([',', '='])) {
            let name = Name::Key(name, key.part.help);
            let (option, content) = self.bare_value(node, scalar, (key, part), name);
            if is_disk(key) && matches!(content, Content::Invalid) {
                return content;
            }
            tree.set(option, spanned(content));
            return Content::Map(tree);
        }
        // One that is in the place of the model has been reported.
        let mut has_bridge = false;
        for (option, value) in machine::split(key, &scalar.text) {
            if let Some(storage) = storage_of_state(key, option, value) {
                tree.set("storage", spanned(Content::Value(storage.into())));
                continue;
            }
            let Some(part) = key.part(option) else {
                match option {
                    "" => self.no_options(node.at, key, name, value),
                    option => self.no_option(node.at, key, name, option),
                }
                continue;
            };
            if tree.get(part.name).is_some() {
                self.error("duplicate-option", node.at, format!("`{name}` sets `{option}` twice"));
                continue;
            }
            let own = Name::Option(name, option, part.help);
            let content = self.part_of_string(node, (key, part), value, own);
            has_bridge |= meant_as_bridge(key, part.name, value).is_some();
            tree.set(part.name, spanned(content));
        }
        if has_bridge && tree.get("bridge").is_none() {
            tree.set("bridge", spanned(Content::Invalid));
        }
        Content::Map(tree)
    }

    /// Validates a value that is written without the name of its option; returns the name, too.
    fn bare_value(
        &mut self,
        node: &Node,
        scalar: &Scalar,
        (key, part): (&'static machine::Key, &'static machine::Part),
        name: Name<'_>,
    ) -> (&'static str, Content) {
        let (other, hint) = match meant_as_bridge(key, part.name, &scalar.text) {
            Some(bridge) => ("bridge", format!("write `{{bridge: {bridge}}}`")),
            None if is_disk(key) && part.kind.normal(&scalar.text).is_none() => {
                (part.name, NEW_DISK.to_owned())
            }
            None => return (part.name, self.kind(node, part.kind, name)),
        };
        let fact = self.fact(node, name, &part.kind.must());
        let entry = self.sources.error("invalid-value", node.at, fact);
        (other, self.push(entry.hint(hint)))
    }

    /// Validates the value of an option in a property string.
    fn part_of_string(
        &mut self,
        node: &Node,
        (key, part): (&'static machine::Key, &'static machine::Part),
        value: &str,
        name: Name<'_>,
    ) -> Content {
        if let Some(value) = normal(part.kind, value) {
            return Content::Value(value);
        }
        let is = shown::value(value, self.exposure).unwrap_or_default();
        let fact = format!("{name} must be {}, not \"{is}\"", part.kind.must());
        let entry = self.sources.error("invalid-value", node.at, fact);
        let has_bridge = node.text().is_some_and(|text| text.contains("bridge="));
        let bridge = meant_as_bridge(key, part.name, value).filter(|_| !has_bridge);
        let bridge = bridge.map(|name| format!("write `bridge={name}`"));
        self.push(match bridge.or_else(|| unit::hint_for(value, name, part.kind)) {
            Some(hint) => entry.hint(hint),
            None => entry,
        })
    }

    /// Sets a config key in the tree of a VM; short forms may have set some of its options.
    pub(super) fn slot(&mut self, tree: &mut Tree, slot: ConfigKey, spanned: Spanned) {
        let name: Cow<'static, str> = match slot.slot {
            None => slot.key.part.name.into(),
            Some(_) => slot.to_string().into(),
        };
        let Some(config) = tree.map_mut(CONFIG, spanned.at) else { return };
        let Some(short) = config.get(&name).and_then(Spanned::map) else {
            return config.set(name, spanned);
        };
        let twice = short.iter().find_map(|(option, low)| match &spanned.content {
            Content::Map(new) => Some((option, low.at, new.get(option)?.at)),
            Content::Null => Some((option, low.at, spanned.at)),
            _ => None,
        });
        if let Some((option, one, other)) = twice {
            return self.twice((&name, option), one, other);
        }
        if let (Content::Map(new), Some(low)) = (&spanned.content, config.map_mut(name, spanned.at))
        {
            low.overlay(new);
        }
    }

    /// Sets the option of a short form.
    pub(super) fn short(
        &mut self,
        tree: &mut Tree,
        (slot, option): (&'static str, &'static str),
        spanned: Spanned,
    ) {
        let Some(config) = tree.map_mut(CONFIG, spanned.at) else { return };
        let null = config.get(slot).filter(|other| other.is_null());
        let other = null.or_else(|| config.map(slot)?.get(option)).map(|other| other.at);
        match (other, config.map_mut(slot, spanned.at)) {
            (Some(other), _) => self.twice((slot, option), spanned.at, other),
            (None, Some(low)) => low.set(option, spanned),
            // It is invalid and has been reported.
            (None, None) => {}
        }
    }

    /// Reports that both the short and the long form are set.
    fn twice(&mut self, (slot, option): (&str, &str), one: Span, other: Span) {
        let first = self.sources.short(one.min(other));
        let short = short_form(slot, option).unwrap_or(option);
        let fact =
            format!("`{short}` is short for `{slot}.{option}`, which is also set at {first}");
        self.push(
            self.sources.error("duplicate-option", one.max(other), fact).hint("remove one of them"),
        );
    }
}

/// How to write a new disk.
const NEW_DISK: &str =
    "for a new 32 GiB disk on storage tank, write tank:32 or {size: 32, storage: tank}";

/// Returns whether a key is a disk, such as scsi1.
fn is_disk(key: &'static machine::Key) -> bool {
    matches!(key.form, Form::Drive(_)) && key.part("size").is_some()
}

/// Returns the name of a bridge or vnet that is written in the place of a NIC's model.
fn meant_as_bridge<'v>(
    key: &'static machine::Key,
    option: &str,
    value: &'v str,
) -> Option<&'v str> {
    let is_model = matches!(key.form, Form::Nic(_)) && option == "model";
    let models = key.part("model").map(|part| part.kind).filter(|_| is_model)?;
    let Kind::Word(models) = models else { return None };
    let is_other = suggest::near(value, models.iter().copied()).is_none();
    (is_other && machine::rule::BRIDGE.accepts(value)).then_some(value)
}

/// Returns the storage in `STORAGE:SIZE`, PVE's syntax for a new efidisk0 or tpmstate0. PVE ignores
/// the size.
fn storage_of_state<'v>(
    key: &'static machine::Key,
    option: &str,
    value: &'v str,
) -> Option<&'v str> {
    let is_state = matches!(key.form, Form::Drive(_)) && !is_disk(key) && option == "file";
    let (storage, size) = value.split_once(':').filter(|_| is_state)?;
    (machine::rule::STORAGE.accepts(storage) && size.parse::<Number>().is_ok()).then_some(storage)
}
