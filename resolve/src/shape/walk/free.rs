//! Values without a type: as YAML 1.1 reads them, with a warning where YAML 1.2 reads something
//! else. Does no I/O.
//!
//! They may be secrets, so messages show only the words of flags.

use super::{Name, Walker};
use crate::source::Span;
use crate::yaml::{Key, Node, NodeKind, Reading, Scalar};
use serde_json::{Map, Number, Value};
use std::fmt::Display;

impl Walker<'_> {
    /// Returns an untyped value.
    pub(super) fn any(&mut self, node: &Node, name: Name<'_>) -> Value {
        let inside = Name::Inside(name.key());
        match &node.kind {
            NodeKind::Map(map) => {
                let mut object = Map::new();
                for (key, value) in &map.0 {
                    let text = self.any_key(key, name);
                    let value = self.any(value, inside);
                    if object.insert(text, value).is_some() {
                        let fact = "this key is already set, with another spelling";
                        self.error("duplicate-key", key.at, fact.to_owned());
                    }
                }
                Value::Object(object)
            }
            NodeKind::List(items) => items.iter().map(|item| self.any(item, inside)).collect(),
            NodeKind::Scalar(scalar) => self.any_scalar(node, scalar, name),
        }
    }

    fn any_scalar(&mut self, node: &Node, scalar: &Scalar, name: Name<'_>) -> Value {
        let (old, new) = scalar.readings();
        let is_same = old.is(new);
        match old {
            Reading::Null => Value::Null,
            Reading::Flag(value) => {
                if !is_same {
                    self.warn_yaml_1_1(node, name, &value);
                }
                value.into()
            }
            Reading::Whole(value) => {
                self.warn_of_versions(node.at, name, is_same);
                self.whole(node, value, name)
            }
            Reading::Fraction(value) => {
                self.warn_of_versions(node.at, name, is_same);
                Number::from_f64(value).map_or_else(
                    || self.no_json(node, format!("{name} must be a finite number")),
                    Value::Number,
                )
            }
            Reading::Text => {
                self.warn_of_versions(node.at, name, is_same);
                (*scalar.text).into()
            }
            Reading::Other => {
                self.warn_of_text(node, &name.to_string());
                (*scalar.text).into()
            }
        }
    }

    /// Returns a whole number, if JSON readers keep all of its digits.
    fn whole(&mut self, node: &Node, value: Option<i128>, name: Name<'_>) -> Value {
        let signed = value.and_then(|value| i64::try_from(value).ok()).map(Value::from);
        let unsigned = || value.and_then(|value| u64::try_from(value).ok()).map(Value::from);
        signed.or_else(unsigned).unwrap_or_else(|| {
            self.no_json(node, format!("{name} must be a number of at most 64 bits"))
        })
    }

    fn no_json(&mut self, node: &Node, fact: String) -> Value {
        self.push(self.sources.error("invalid-value", node.at, fact).hint("quote it"));
        Value::Null
    }

    /// Returns a key as Python's `json` writes it: `yes` is `true`.
    fn any_key(&mut self, key: &Key, name: Name<'_>) -> String {
        let scalar = Scalar { text: key.text.clone(), plain: key.plain };
        let text = match scalar.readings().0 {
            Reading::Null => "null".to_owned(),
            Reading::Flag(value) => value.to_string(),
            Reading::Whole(Some(value)) => value.to_string(),
            Reading::Fraction(value) => Value::from(value).to_string(),
            Reading::Whole(None) | Reading::Other | Reading::Text => key.text.to_string(),
        };
        if text != *key.text && !self.secret {
            let fact = match name {
                Name::Inside(of) | Name::Key(of, _) => format!("a key in `{of}`"),
                _ => "this key".to_owned(),
            };
            let fact = format!("{fact} is not text in YAML 1.1");
            let entry = self.sources.warning("not-quoted", key.at, fact);
            self.report.push(entry.hint("quote it"));
        }
        text
    }

    /// Warns that the value depends on the version of YAML, without the value.
    fn warn_of_versions(&mut self, at: Span, name: Name<'_>, is_same: bool) {
        if is_same || self.secret {
            return;
        }
        let fact = format!("{name} is a number whose value depends on the YAML version");
        let entry = self.sources.warning("yaml-1-1-number", at, fact);
        self.report.push(entry.hint("write it in decimal digits, or quote it"));
    }

    /// Warns that YAML 1.2 reads a number or a flag as text or as another number.
    pub(super) fn warn_yaml_1_1(&mut self, node: &Node, name: Name<'_>, value: &dyn Display) {
        if self.secret {
            return;
        }
        let or = if matches!(name, Name::Inside(_)) { ", or quote it" } else { "" };
        let text = node.text().unwrap_or_default();
        let fact = format!("{name} is {value}: \"{text}\" is read as YAML 1.1");
        let entry = self.sources.warning("yaml-1-1-number", node.at, fact);
        self.report.push(entry.hint(format!("write {value}{or}")));
    }

    /// Warns that a text is something else in YAML 1.1.
    pub(super) fn warn_of_text(&mut self, node: &Node, what: &str) {
        if self.secret {
            return;
        }
        let fact = format!("{what} is text here, but not in YAML 1.1");
        let entry = self.sources.warning("not-quoted", node.at, fact);
        self.report.push(entry.hint("quote it"));
    }
}
