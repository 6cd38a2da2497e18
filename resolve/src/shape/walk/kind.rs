//! Validates a value of a PVE config key by its kind. Does no I/O.

use super::{Name, Walker, unit};
use crate::shape::Rule;
use crate::tree::Content;
use crate::yaml::{Meaning, Node, Scalar};
use machine::Kind;
use serde_json::{Number, Value};

/// Returns the document's value for PVE's text.
pub(super) fn normal(kind: Kind, text: &str) -> Option<Value> {
    // PVE reads a size without a unit as bytes; everywhere else it is in GiB.
    if matches!(kind, Kind::Size) && !text.ends_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    kind.normal(text).map(|normal| kind.to_json(&normal))
}

/// Returns the document's value for a YAML value.
fn json(kind: Kind, value: &Value) -> Option<Value> {
    kind.normal_of_json(value).map(|normal| kind.to_json(&normal))
}

impl Walker<'_> {
    /// Validates a value by its kind.
    pub(super) fn kind(&mut self, node: &Node, kind: Kind, name: Name<'_>) -> Content {
        if node.is_null() {
            return Content::Null;
        }
        let Some(scalar) = node.scalar() else { return self.list_of_kind(node, kind, name) };
        let read = match kind {
            Kind::Int(least, most) => return self.number(node, least, most, name),
            Kind::Word(words) => return self.word(node, words, name),
            Kind::Flag if scalar.flag().is_some() => return self.flag(node, name),
            // An ID such as 0x10de stays as written, even if YAML reads it as a number.
            Kind::Text(rule) | Kind::Lines(rule) => match scalar.as_text() {
                Meaning::Number { .. } | Meaning::Fraction => {
                    normal(kind, &scalar.text).filter(|_| rule.accepts(&scalar.text))
                }
                _ => return self.normal_text(node, kind, rule, name),
            },
            Kind::Machine => return self.normal_text(node, kind, &machine::rule::MACHINE, name),
            Kind::Mac => return self.normal_text(node, kind, &machine::rule::MAC, name),
            Kind::Features(..) if scalar.flag().is_some() => match self.flag(node, name) {
                Content::Value(flag) => json(kind, &flag),
                content => return content,
            },
            Kind::Size | Kind::Decimal(..) | Kind::Flag => counted(kind, scalar),
            Kind::List(..) | Kind::Set(..) | Kind::Features(..) => counted(kind, scalar),
        };
        read.map_or_else(|| self.not_of_kind(node, scalar, kind, name), Content::Value)
    }

    fn not_of_kind(&mut self, node: &Node, scalar: &Scalar, kind: Kind, name: Name<'_>) -> Content {
        let fact = self.fact(node, name, &kind.must());
        let entry = self.sources.error("wrong-type", node.at, fact);
        self.push(match unit::hint_for(&scalar.text, name, kind) {
            Some(hint) => entry.hint(hint),
            None => entry,
        })
    }

    /// Validates a list; a mapping is invalid.
    fn list_of_kind(&mut self, node: &Node, kind: Kind, name: Name<'_>) -> Content {
        let rule = match kind {
            Kind::List(_, rule) | Kind::Set(_, rule) => Some(rule),
            Kind::Features(..) => None,
            _ => return self.wrong(node, name, &kind.must()),
        };
        let Some(items) = node.list() else { return self.wrong(node, name, &kind.must()) };
        if rule.is_some_and(|rule| !self.items(items, rule, name)) {
            return Content::Invalid;
        }
        let texts = items.iter().map(|item| item.text().unwrap_or_default()).collect();
        json(kind, &texts).map_or_else(|| self.wrong(node, name, &kind.must()), Content::Value)
    }

    /// Returns whether all items of a list follow a rule, and reports those that do not.
    fn items(&mut self, items: &[Node], rule: &Rule, name: Name<'_>) -> bool {
        let mut sound = true;
        for (index, item) in items.iter().enumerate() {
            if !item.text().is_some_and(|text| rule.accepts(text)) {
                let name = format!("{}[{index}]", name.path());
                self.wrong(item, Name::Key(&name, ""), rule.must);
                sound = false;
            }
        }
        sound
    }

    /// Validates text and returns its normal form.
    fn normal_text(&mut self, node: &Node, kind: Kind, rule: &Rule, name: Name<'_>) -> Content {
        match self.text(node, rule, name) {
            Content::Value(Value::String(text)) => {
                Content::Value(normal(kind, &text).unwrap_or_else(|| text.into()))
            }
            content => content,
        }
    }
}

/// Returns the value of a YAML number or of PVE's text.
fn counted(kind: Kind, scalar: &Scalar) -> Option<Value> {
    match scalar.number() {
        Some(Meaning::Number { value, yaml_1_1: false }) => json(kind, &value.into()),
        _ => match scalar.fraction().and_then(Number::from_f64) {
            Some(fraction) => json(kind, &Value::Number(fraction)),
            None => normal(kind, &scalar.text),
        },
    }
}
