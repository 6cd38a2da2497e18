//! `Tree`: the validated values of a file with their places, and how layers are merged.
//! Does no I/O.
//!
//! No `Debug`: a tree may hold secrets.

use crate::source::Span;
use serde_json::{Map, Value};
use std::borrow::Cow;

/// A mapping: keys under their current names, in file order.
#[derive(Clone, Default)]
pub(crate) struct Tree(Vec<(Name, Spanned)>);

/// Most names are static strings of the tables.
type Name = Cow<'static, str>;

/// A value with its place.
#[derive(Clone)]
pub(crate) struct Spanned {
    /// Where it is written.
    pub at: Span,
    /// The value.
    pub content: Content,
}

/// A value, validated against its table.
#[derive(Clone)]
pub(crate) enum Content {
    /// `null`: unset, whatever the layers below set.
    Null,
    /// Invalid and already reported.
    Invalid,
    /// Text, a number, a flag, or a value that is passed on unchanged.
    Value(Value),
    /// A list.
    List(Vec<Spanned>),
    /// A mapping.
    Map(Tree),
}

impl Spanned {
    /// Returns the text, if it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Value(value) => value.as_str(),
            _ => None,
        }
    }

    /// Returns the whole number, if it is one that fits.
    pub(crate) fn number(&self) -> Option<u32> {
        match &self.content {
            Content::Value(value) => value.as_u64().and_then(|number| u32::try_from(number).ok()),
            _ => None,
        }
    }

    /// Returns the flag, if it is one.
    pub(crate) fn flag(&self) -> Option<bool> {
        match &self.content {
            Content::Value(value) => value.as_bool(),
            _ => None,
        }
    }

    /// Returns the items of a list, or a single value as the only item.
    pub(crate) fn items(&self) -> &[Spanned] {
        match &self.content {
            Content::List(items) => items,
            Content::Value(_) => std::slice::from_ref(self),
            _ => &[],
        }
    }

    /// Returns the texts of a list, if all items are texts.
    pub(crate) fn texts(&self) -> Option<Vec<String>> {
        match &self.content {
            Content::List(items) => {
                items.iter().map(|item| item.text().map(str::to_owned)).collect()
            }
            _ => None,
        }
    }

    /// Returns the mapping, if it is one.
    pub(crate) fn map(&self) -> Option<&Tree> {
        match &self.content {
            Content::Map(tree) => Some(tree),
            _ => None,
        }
    }

    /// Returns the items of a list.
    pub(crate) fn into_items(self) -> Vec<Spanned> {
        match self.content {
            Content::List(items) => items,
            _ => Vec::new(),
        }
    }

    /// Returns the mapping, if it is one.
    pub(crate) fn into_map(self) -> Option<Tree> {
        match self.content {
            Content::Map(tree) => Some(tree),
            _ => None,
        }
    }

    /// Returns whether it is `null`.
    pub(crate) fn is_null(&self) -> bool {
        matches!(self.content, Content::Null)
    }

    /// Returns whether it has been reported as invalid.
    pub(crate) fn is_invalid(&self) -> bool {
        matches!(self.content, Content::Invalid)
    }

    /// Returns it as JSON. Nulls in mappings are omitted unless `nulls` is set.
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
    /// Returns the value of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&Spanned> {
        self.0.iter().find(|(name, _)| *name == key).map(|(_, spanned)| spanned)
    }

    /// Returns the value at a path. A value above it that is not a mapping applies to everything
    /// below.
    pub(crate) fn find(&self, path: &[&str]) -> Option<&Spanned> {
        let (first, rest) = path.split_first()?;
        let spanned = self.get(first)?;
        match spanned.map() {
            Some(tree) if !rest.is_empty() => tree.find(rest),
            _ => Some(spanned),
        }
    }

    /// Returns the mapping of a key.
    pub(crate) fn map(&self, key: &str) -> Option<&Tree> {
        self.get(key)?.map()
    }

    /// Returns keys and values.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Spanned)> {
        self.0.iter().map(|(name, spanned)| (name.as_ref(), spanned))
    }

    /// Returns whether it is empty.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sets a key. An existing key keeps its position.
    pub(crate) fn set(&mut self, key: impl Into<Name>, spanned: Spanned) {
        let key = key.into();
        match self.get_mut(&key) {
            Some(old) => *old = spanned,
            None => self.0.push((key, spanned)),
        }
    }

    /// Removes a key and returns its value.
    pub(crate) fn take(&mut self, key: &str) -> Option<Spanned> {
        let index = self.0.iter().position(|(name, _)| *name == key)?;
        Some(self.0.remove(index).1)
    }

    /// Returns the mapping of a key, created if missing; `None` if the value is not a mapping.
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

    /// Merges a higher layer: mappings merge key by key, other values replace those below.
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

    /// Returns it as JSON. Nulls are omitted unless `nulls` is set.
    pub(crate) fn to_json(&self, nulls: bool) -> Map<String, Value> {
        let spanned = self.0.iter().filter(|(_, spanned)| nulls || !spanned.is_null());
        spanned.map(|(name, spanned)| (name.to_string(), spanned.to_json(nulls))).collect()
    }
}
