//! Judges a tree by its shape: every problem, each at its place. Does no I/O.

use super::{Field, Rule, Shape, Type};
use crate::source::{FileId, Sources, Span};
use crate::suggest;
use crate::yaml::{Key, Kind, Map, Node, Reading};
use stage::shown::{self, Exposure};
use stage::{Entry, Report};
use std::fmt::Display;

/// Reports what a node holds against its type. `name` is what messages call it.
pub(crate) fn walk(sources: &Sources, node: &Node, shape: &Shape, report: &mut Report) {
    let secret = is_secret(sources, node.at.file);
    let exposure = if secret { Exposure::Hidden } else { Exposure::Open };
    Walker { sources, report, secret, exposure }.object(node, shape, Name::File);
}

/// What messages call a value.
#[derive(Clone, Copy)]
enum Name<'a> {
    /// The file itself.
    File,
    /// The value of a key, and what that is for.
    Key(&'a str, &'static str),
    /// An entry of a mapping of names.
    Entry(&'a str, &'a str),
    /// An item of a list.
    Item(&'a str, usize),
    /// Something below a key that may hold anything.
    Inside(&'a str),
}

impl Display for Name<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File => Ok(()),
            Self::Key(key, _) => write!(f, "`{key}`"),
            Self::Entry(of, key) => write!(f, "`{of}.{key}`"),
            Self::Item(of, index) => write!(f, "`{of}[{index}]`"),
            Self::Inside(of) => write!(f, "a value in `{of}`"),
        }
    }
}

impl<'a> Name<'a> {
    fn key(self) -> &'a str {
        match self {
            Self::File => "",
            Self::Key(key, _) | Self::Entry(_, key) | Self::Item(key, _) | Self::Inside(key) => key,
        }
    }
}

struct Walker<'a> {
    sources: &'a Sources,
    report: &'a mut Report,
    /// Not even keys are shown.
    secret: bool,
    /// How much is shown of the value that is being judged.
    exposure: Exposure,
}

impl Walker<'_> {
    fn object(&mut self, node: &Node, shape: &Shape, name: Name<'_>) {
        let Some(map) = node.map() else {
            let what = match name {
                Name::File => shape.title.to_owned(),
                name => name.to_string(),
            };
            return self.error(node.at, format!("{what} must be a mapping of keys to values"));
        };
        for (key, value) in &map.0 {
            match shape.field(&key.text) {
                Some(field) => {
                    self.former(map, key, field);
                    let outer = self.exposure;
                    self.exposure = outer.max(field.shown);
                    self.value(value, &field.ty, Name::Key(&key.text, field.doc));
                    self.exposure = outer;
                }
                // Whatever begins with x- is the site's own: anchors, notes.
                None if key.text.starts_with("x-") => {}
                None => self.unknown(key, shape),
            }
        }
        for field in shape.fields.iter().filter(|f| f.required) {
            let there = known_as(map, field).is_some_and(|(_, value)| !value.is_null());
            if !there {
                let fact = format!("{} must have `{}`", shape.title, field.name);
                self.error(node.at, fact);
            }
        }
        let set = |name: &&str| map.get(name).is_some_and(|value| !value.is_null());
        if !shape.any_of.is_empty() && !shape.any_of.iter().any(set) {
            let names: Vec<String> = shape.any_of.iter().map(|name| format!("`{name}`")).collect();
            self.error(node.at, format!("{} must have {}", shape.title, names.join(" or ")));
        }
        for group in shape.exclusive {
            let fields = group.iter().filter_map(|name| shape.field(name));
            let set = fields.filter_map(|field| known_as(map, field));
            let mut set = set.filter(|(_, value)| !value.is_null()).map(|(key, _)| key);
            if let (Some(first), Some(second)) = (set.next(), set.next()) {
                let fact = format!("`{}` must not stand beside `{}`", second.text, first.text);
                self.error(second.at.max(first.at), fact);
            }
        }
    }

    /// The same field under two of its names is a mistake in either order.
    fn former(&mut self, map: &Map, key: &Key, field: &Field) {
        if &*key.text == field.name {
            return;
        }
        let newer = field.names().take_while(|name| *name != &*key.text);
        let other = newer.filter_map(|name| map.entry(name)).next();
        if let Some((other, _)) = other {
            let fact = format!("`{}` and `{}` are the same field", key.text, other.text);
            self.error(key.at.max(other.at), fact);
        }
    }

    fn unknown(&mut self, key: &Key, shape: &Shape) {
        let names = shape.fields.iter().map(|f| f.name);
        let shown = shown::name(&key.text);
        if self.secret || shown != &*key.text {
            // Whoever mixes up key and value has written the secret here.
            let entry = self.sources.error(key.at, format!("{} has no such key", shape.title));
            let near = suggest::near(&key.text, names);
            return self.report.push(match near {
                Some(name) => entry.hint(format!("did you mean `{name}`?")),
                None => entry,
            });
        }
        let entry = self.sources.error(key.at, format!("{} has no `{shown}`", shape.title));
        self.report.push(entry.hint(suggest::key(&key.text, names)));
    }

    fn value(&mut self, node: &Node, ty: &Type, name: Name<'_>) {
        if node.is_null() {
            return;
        }
        match ty {
            Type::Text(rule) => self.text(node, rule, name),
            Type::Number(least, most) => self.number(node, *least, *most, name),
            Type::Flag => self.flag(node, name),
            Type::List(item) => self.list(node, item, name),
            Type::Filled(item) => {
                if node.list().is_some_and(<[Node]>::is_empty) {
                    self.error(node.at, format!("{name} must not be empty"));
                }
                self.list(node, item, name);
            }
            Type::Object(shape) => self.object(node, shape, name),
            Type::Named(item) => match node.map() {
                Some(map) => map.0.iter().for_each(|(key, value)| {
                    let hidden = self.exposure == Exposure::Hidden;
                    let key = if hidden { shown::MASK } else { shown::name(&key.text) };
                    self.value(value, item, Name::Entry(name.key(), key));
                }),
                None => self.error(node.at, format!("{name} must be a mapping of names to values")),
            },
            Type::Either(one, other) => {
                self.value(node, if node.list().is_none() { one } else { other }, name);
            }
            Type::Any => self.any(node, name),
        }
    }

    fn list(&mut self, node: &Node, item: &Type, name: Name<'_>) {
        match node.list() {
            Some(items) => items.iter().enumerate().for_each(|(index, node)| {
                let name = Name::Item(name.key(), index);
                match node.is_null() {
                    true => self.error(node.at, format!("{name} must not be empty")),
                    false => self.value(node, item, name),
                }
            }),
            None => self.wrong(node, name, "a list"),
        }
    }

    fn text(&mut self, node: &Node, rule: &Rule, name: Name<'_>) {
        let Some(scalar) = node.scalar() else { return self.wrong(node, name, rule.must) };
        match scalar.as_text() {
            Reading::Flag { .. } | Reading::Number { .. } | Reading::Fraction => {
                let entry = self.sources.error(node.at, self.fact(node, name, "text"));
                return self.report.push(entry.hint("put it in quotes"));
            }
            Reading::TextOnlyNow if !self.secret => {
                let what = match shown::value(&scalar.text, self.exposure) {
                    Some(text) => format!("\"{text}\""),
                    None => name.to_string(),
                };
                let fact = format!("{what} is text here, but not to readers of YAML 1.1");
                let entry = self.sources.warning(node.at, fact);
                self.report.push(entry.hint("put it in quotes"));
            }
            Reading::TextOnlyNow | Reading::Text => {}
        }
        if !rule.accepts(&scalar.text) {
            let entry = self.sources.error(node.at, self.fact(node, name, rule.must));
            let near = suggest::near(&scalar.text, rule.one_of.iter().copied());
            self.report.push(match near {
                Some(near) if !self.secret => entry.hint(format!("did you mean \"{near}\"?")),
                _ => entry,
            });
        }
    }

    fn number(&mut self, node: &Node, least: i64, most: i64, name: Name<'_>) {
        let must = || match most {
            i64::MAX => format!("a whole number, {least} or more"),
            _ if least == most => format!("{least}"),
            _ => format!("a whole number from {least} to {most}"),
        };
        let Some(scalar) = node.scalar() else { return self.wrong(node, name, &must()) };
        match scalar.number() {
            Some(Reading::Number { value, habit }) if (least..=most).contains(&value) => {
                if habit {
                    self.habit(node, name, Some(&value), "");
                }
            }
            None if !scalar.plain && scalar.text.parse::<i64>().is_ok() => {
                let entry = self.sources.error(node.at, self.fact(node, name, &must()));
                self.report.push(entry.hint("remove the quotes"));
            }
            None if has_unit(&scalar.text) => {
                let entry = self.sources.error(node.at, self.fact(node, name, &must()));
                self.report.push(match name {
                    Name::Key(_, doc) => {
                        let doc = doc.trim_end_matches('.');
                        entry.hint(format!("write the number alone ({doc})"))
                    }
                    _ => entry,
                });
            }
            _ => self.wrong(node, name, &must()),
        }
    }

    fn flag(&mut self, node: &Node, name: Name<'_>) {
        match node.scalar().and_then(|s| s.flag()) {
            Some(Reading::Flag { value, habit: true }) => {
                self.habit(node, name, Some(&value), "");
            }
            Some(_) => {}
            None => self.wrong(node, name, "true or false"),
        }
    }

    /// What is passed on as it is has no type: it is what YAML 1.1 makes of it. Nobody knows what
    /// it is, so of keys and values only words that every flag has are shown.
    fn any(&mut self, node: &Node, name: Name<'_>) {
        match &node.kind {
            Kind::Map(map) => {
                map.0.iter().for_each(|(_, value)| self.any(value, Name::Inside(name.key())));
            }
            Kind::List(items) => {
                items.iter().for_each(|item| self.any(item, Name::Inside(name.key())));
            }
            Kind::Scalar(scalar) => {
                let or = ", or put it in quotes";
                match scalar.flag().or_else(|| scalar.number()) {
                    Some(Reading::Flag { value, habit: true }) => {
                        self.habit(node, name, Some(&value), or);
                    }
                    Some(Reading::Number { habit: true, .. }) => self.habit(node, name, None, or),
                    _ => {}
                }
            }
        }
    }

    /// Readers of YAML 1.2 take it for text or for another number.
    fn habit(&mut self, node: &Node, name: Name<'_>, value: Option<&dyn Display>, or: &str) {
        if self.secret {
            return;
        }
        let entry = match value {
            Some(value) => {
                let text = node.text().unwrap_or_default();
                let fact = format!("{name} is {value}: \"{text}\" is read as YAML 1.1");
                self.sources.warning(node.at, fact).hint(format!("write {value}{or}"))
            }
            None => {
                let fact = format!("{name} is a number whose value depends on the YAML version");
                self.sources.warning(node.at, fact).hint(format!("write it in decimal digits{or}"))
            }
        };
        self.report.push(entry);
    }

    fn wrong(&mut self, node: &Node, name: Name<'_>, must: &str) {
        self.error(node.at, self.fact(node, name, must));
    }

    fn fact(&self, node: &Node, name: Name<'_>, must: &str) -> String {
        let is = match &node.kind {
            _ if self.secret => String::new(),
            Kind::Scalar(scalar) => shown::value(&scalar.text, self.exposure)
                .map_or_else(String::new, |text| format!(", not \"{text}\"")),
            Kind::List(_) => ", not a list".to_owned(),
            Kind::Map(_) => ", not a mapping".to_owned(),
        };
        format!("{name} must be {must}{is}")
    }

    fn error(&mut self, at: Span, fact: String) {
        let entry: Entry = self.sources.error(at, fact);
        self.report.push(entry);
    }
}

/// `4G`, `2048 MiB`: the number is there, the unit is the key's own.
fn has_unit(text: &str) -> bool {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || ". ".contains(c));
    text.starts_with(|c: char| c.is_ascii_digit())
        && (1..=3).contains(&unit.len())
        && unit.starts_with(['k', 'K', 'm', 'M', 'g', 'G', 't', 'T'])
}

fn is_secret(sources: &Sources, file: FileId) -> bool {
    sources.file(file).is_some_and(|f| f.secret)
}

/// The entry of a field under any of its names.
pub(crate) fn known_as<'m>(map: &'m Map, field: &Field) -> Option<&'m (Key, Node)> {
    field.names().find_map(|name| map.entry(name))
}

/// The number that a node holds, when it keeps the field's type.
pub(crate) fn number_of(node: &Node, ty: &Type) -> Option<i64> {
    let Type::Number(least, most) = ty else { return None };
    match node.scalar()?.number()? {
        Reading::Number { value, .. } if (*least..=*most).contains(&value) => Some(value),
        _ => None,
    }
}

/// The text that a node holds, when it keeps the field's type.
pub(crate) fn text_of<'n>(node: &'n Node, ty: &Type) -> Option<&'n str> {
    let Type::Text(rule) = ty else { return None };
    let scalar = node.scalar()?;
    let is_text = matches!(scalar.as_text(), Reading::Text | Reading::TextOnlyNow);
    (is_text && rule.accepts(&scalar.text)).then_some(&*scalar.text)
}

/// The flag that a node holds.
pub(crate) fn bool_of(node: &Node) -> Option<bool> {
    match node.scalar()?.flag()? {
        Reading::Flag { value, .. } => Some(value),
        _ => None,
    }
}
