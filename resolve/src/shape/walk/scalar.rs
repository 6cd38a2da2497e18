//! Validates scalars: text, words, numbers and flags. Does no I/O.

use super::{Name, Walker, unit};
use crate::shape::{Rule, Shape};
use crate::suggest;
use crate::tree::Content;
use crate::yaml::{self, Meaning, Node, Scalar};
use stage::shown;

impl Walker<'_> {
    /// Reports a value where a mapping with known keys belongs.
    pub(super) fn no_mapping(&mut self, node: &Node, shape: &Shape, name: Name<'_>) -> Content {
        let what = match name {
            Name::File => shape.title.to_owned(),
            name => name.to_string(),
        };
        let fact = format!("{what} must be a mapping of keys to values");
        let entry = self.sources.error("wrong-type", node.at, fact);
        let is_joined = node.scalar().is_some_and(|scalar| {
            scalar.plain && yaml::colon_without_space(&scalar.text).is_some()
        });
        self.push(match shape.instead {
            _ if is_joined => entry.hint("a space must follow the colon"),
            "" => entry,
            instead => entry.hint(instead),
        })
    }

    pub(super) fn text(&mut self, node: &Node, rule: &Rule, name: Name<'_>) -> Content {
        let Some(text) = self.plain_text(node, name, rule.must) else { return Content::Invalid };
        self.follows(text, node, rule, name)
    }

    /// Validates text as written.
    pub(super) fn written(&mut self, node: &Node, rule: &Rule, name: Name<'_>) -> Content {
        match node.text() {
            Some(text) => self.follows(text, node, rule, name),
            None => self.wrong(node, name, rule.must),
        }
    }

    fn follows(&mut self, text: &str, node: &Node, rule: &Rule, name: Name<'_>) -> Content {
        let Some(normal) = rule.normal(text) else {
            let fact = match rule.fault.and_then(|fault| fault(text).err()) {
                Some(fault) => format!("{name} {fault}"),
                None => self.fact(node, name, rule.must),
            };
            let entry = self.sources.error("invalid-value", node.at, fact);
            return self.push(match rule.hint {
                Some(hint) => entry.hint(hint),
                None => entry,
            });
        };
        Content::Value(normal.into())
    }

    /// Validates one of a few words. The words are known, so they need no quotes.
    pub(super) fn word(&mut self, node: &Node, words: &'static [&str], name: Name<'_>) -> Content {
        let known = node.scalar().and_then(|scalar| words.iter().find(|w| **w == &*scalar.text));
        if let Some(known) = known {
            return Content::Value((*known).into());
        }
        let must = machine::Kind::Word(words).must();
        let Some(text) = self.plain_text(node, name, &must) else { return Content::Invalid };
        let entry = self.sources.error("invalid-value", node.at, self.fact(node, name, &must));
        let near = suggest::near(text, words.iter().copied());
        self.push(match near {
            Some(near) if !self.secret => entry.hint(format!("did you mean \"{near}\"?")),
            _ => entry,
        })
    }

    /// Returns the text of a scalar that is text in YAML 1.2; `None` if a problem was reported.
    fn plain_text<'n>(&mut self, node: &'n Node, name: Name<'_>, must: &str) -> Option<&'n str> {
        let Some(scalar) = node.scalar() else {
            self.wrong(node, name, must);
            return None;
        };
        match scalar.as_text() {
            Meaning::Flag { .. } | Meaning::Number { .. } | Meaning::Fraction => {
                let entry =
                    self.sources.error("not-quoted", node.at, self.fact(node, name, "text"));
                self.push(entry.hint("quote it"));
                return None;
            }
            Meaning::TextInYaml12 if !self.secret => {
                let what = match shown::value(&scalar.text, self.exposure) {
                    Some(text) => format!("\"{text}\""),
                    None => name.to_string(),
                };
                self.warn_of_text(node, &what);
            }
            Meaning::TextInYaml12 | Meaning::Text => {}
        }
        Some(&scalar.text)
    }

    pub(super) fn number(&mut self, node: &Node, least: i64, most: i64, name: Name<'_>) -> Content {
        let must = || match most {
            _ if least == most => format!("{least}").into(),
            _ => machine::Kind::Int(least, most).must(),
        };
        let Some(scalar) = node.scalar() else { return self.wrong(node, name, &must()) };
        match scalar.number() {
            Some(Meaning::Number { value, yaml_1_1 }) if (least..=most).contains(&value) => {
                if yaml_1_1 {
                    self.warn_yaml_1_1(node, name, &value);
                }
                Content::Value(value.into())
            }
            None if !scalar.plain && scalar.text.parse::<i64>().is_ok() => {
                let entry =
                    self.sources.error("quoted-number", node.at, self.fact(node, name, &must()));
                self.push(entry.hint("remove the quotes"))
            }
            None if unit::has_unit(&scalar.text) => {
                let entry =
                    self.sources.error("invalid-value", node.at, self.fact(node, name, &must()));
                self.push(match unit::hint(&scalar.text, name, &(least..=most)) {
                    Some(hint) => entry.hint(hint),
                    None => entry,
                })
            }
            _ => self.wrong(node, name, &must()),
        }
    }

    pub(super) fn flag(&mut self, node: &Node, name: Name<'_>) -> Content {
        match node.scalar().and_then(Scalar::flag) {
            Some(Meaning::Flag { value, yaml_1_1 }) => {
                if yaml_1_1 {
                    self.warn_yaml_1_1(node, name, &value);
                }
                Content::Value(value.into())
            }
            _ => self.wrong(node, name, "true or false"),
        }
    }
}
