//! `Tree`: what a file says, judged, each value with its place; and how layers of it are merged.
//! Does no I/O.
//!
//! No `Debug`: a tree may hold secrets.

use crate::source::Span;
use serde_json::{Map, Value};
use std::borrow::Cow;

/// What a mapping says: its keys under their present names, in the order of the file.
#[derive(Clone, Default)]
pub(crate) struct Tree(Vec<(Name, Spanned)>);

/// Most names are those of the tables.
type Name = Cow<'static, str>;

/// What is said somewhere.
#[derive(Clone)]
pub(crate) struct Spanned {
    /// Where.
    pub at: Span,
    /// What.
    pub content: Content,
}

/// A value as the table has it.
#[derive(Clone)]
pub(crate) enum Content {
    /// `null`: nothing, whatever the layers below say.
    Null,
    /// Something that has been reported as wrong: nothing more is to be said of it.
    Invalid,
    /// Text, a number, a flag, or what is passed on as it is.
    Value(Value),
    /// A list.
    List(Vec<Spanned>),
    /// A mapping.
    Map(Tree),
}

impl Spanned {
    /// The text, when it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Value(value) => value.as_str(),
            _ => None,
        }
    }

    /// The whole number, when it is one that fits.
    pub(crate) fn number(&self) -> Option<u32> {
        match &self.content {
            Content::Value(value) => value.as_u64().and_then(|number| u32::try_from(number).ok()),
            _ => None,
        }
    }

    /// The flag, when it is one.
    pub(crate) fn flag(&self) -> Option<bool> {
        match &self.content {
            Content::Value(value) => value.as_bool(),
            _ => None,
        }
    }

    /// The items of a list; a single value is the only one.
    pub(crate) fn items(&self) -> &[Spanned] {
        match &self.content {
            Content::List(items) => items,
            Content::Value(_) => std::slice::from_ref(self),
            _ => &[],
        }
    }

    /// The texts of a list, when all are.
    pub(crate) fn texts(&self) -> Option<Vec<String>> {
        match &self.content {
            Content::List(items) => {
                items.iter().map(|item| item.text().map(str::to_owned)).collect()
            }
            _ => None,
        }
    }

    /// The mapping, when it is one.
    pub(crate) fn map(&self) -> Option<&Tree> {
        match &self.content {
            Content::Map(tree) => Some(tree),
            _ => None,
        }
    }

    /// The items of a list.
    pub(crate) fn into_items(self) -> Vec<Spanned> {
        match self.content {
            Content::List(items) => items,
            _ => Vec::new(),
        }
    }

    /// The mapping, when it is one.
    pub(crate) fn into_map(self) -> Option<Tree> {
        match self.content {
            Content::Map(tree) => Some(tree),
            _ => None,
        }
    }

    /// Says whether it is `null`.
    pub(crate) fn is_null(&self) -> bool {
        matches!(self.content, Content::Null)
    }

    /// Says whether a problem with it has been reported.
    pub(crate) fn is_invalid(&self) -> bool {
        matches!(self.content, Content::Invalid)
    }

    /// What it says as JSON; in a mapping, what is null is left out unless `nulls` are wanted.
    pub(crate) fn to_json(&self, nulls: bool) -> Value {
        match &self.content {
            Content::Null | Content::Invalid => Value::Null,
            Content::Value(value) => value.clone(),
            Content::List(items) => items.iter().map(|item| item.to_json(nulls)).collect(),
            Content::Map(tree) => Value::Object(tree.to_json(nulls)),
        }
    }
}

impl Tree {
    /// What is said of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&Spanned> {
        self.0.iter().find(|(name, _)| *name == key).map(|(_, spanned)| spanned)
    }

    /// What is said at a path. What stands above it and is no mapping decides all below.
    pub(crate) fn find(&self, path: &[&str]) -> Option<&Spanned> {
        let (first, rest) = path.split_first()?;
        let spanned = self.get(first)?;
        match spanned.map() {
            Some(tree) if !rest.is_empty() => tree.find(rest),
            _ => Some(spanned),
        }
    }

    /// The mapping of a key.
    pub(crate) fn map(&self, key: &str) -> Option<&Tree> {
        self.get(key)?.map()
    }

    /// Keys and what is said of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Spanned)> {
        self.0.iter().map(|(name, spanned)| (name.as_ref(), spanned))
    }

    /// Says whether it says nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sets a key; the first place in the order stays its own.
    pub(crate) fn set(&mut self, key: impl Into<Name>, spanned: Spanned) {
        let key = key.into();
        match self.get_mut(&key) {
            Some(old) => *old = spanned,
            None => self.0.push((key, spanned)),
        }
    }

    /// Takes a key out.
    pub(crate) fn take(&mut self, key: &str) -> Option<Spanned> {
        let index = self.0.iter().position(|(name, _)| *name == key)?;
        Some(self.0.remove(index).1)
    }

    /// The mapping of a key, made when there is none; `None` when it is something else.
    pub(crate) fn map_mut(&mut self, key: impl Into<Name>, at: Span) -> Option<&mut Tree> {
        let key = key.into();
        let index = self.0.iter().position(|(name, _)| *name == key).unwrap_or_else(|| {
            self.0.push((key, Spanned { at, content: Content::Map(Self::default()) }));
            self.0.len() - 1
        });
        match &mut self.0.get_mut(index)?.1.content {
            Content::Map(tree) => Some(tree),
            _ => None,
        }
    }

    fn get_mut(&mut self, key: &str) -> Option<&mut Spanned> {
        self.0.iter_mut().find(|(name, _)| *name == key).map(|(_, spanned)| spanned)
    }

    /// Lays a layer on top: mappings merge key by key, anything else replaces what is below it.
    pub(crate) fn overlay(&mut self, above: &Self) {
        for (name, spanned) in &above.0 {
            match (self.get_mut(name), &spanned.content) {
                (Some(Spanned { at, content: Content::Map(low) }), Content::Map(high)) => {
                    *at = spanned.at;
                    low.overlay(high);
                }
                (Some(low), _) => *low = spanned.clone(),
                (None, _) => self.0.push((name.clone(), spanned.clone())),
            }
        }
    }

    /// It as JSON; what is null is left out unless `nulls` are wanted.
    pub(crate) fn to_json(&self, nulls: bool) -> Map<String, Value> {
        let spanned = self.0.iter().filter(|(_, spanned)| nulls || !spanned.is_null());
        spanned.map(|(name, spanned)| (name.to_string(), spanned.to_json(nulls))).collect()
    }
}
