//! `Fields`: reads a JSON object as typed values and reports every problem. Does no I/O.

use crate::gather::Gather as _;
use crate::report::{Entry, Place, Report};
use crate::secret::Secret;
use crate::shown;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A JSON object being read. Each method returns the value; after reporting a problem it returns a
/// default. `null` counts as absent, as in OpenTofu's `optional()`.
pub struct Fields<'a> {
    json: &'a Map<String, Value>,
    path: String,
    report: &'a mut Report,
}

impl<'a> Fields<'a> {
    /// Reads `json`, which is at `path` in the document (empty for the document itself).
    pub fn new(
        json: &'a Map<String, Value>,
        path: impl Into<String>,
        report: &'a mut Report,
    ) -> Self {
        Self { json, path: path.into(), report }
    }

    /// Text, or `None` when absent.
    pub fn text(&mut self, key: &str) -> Option<String> {
        let value = self.present(key)?;
        let text = value.as_str().map(str::to_owned);
        self.typed(key, text, "text")
    }

    /// Reads a secret string; `None` when absent.
    pub fn secret(&mut self, key: &str) -> Option<Secret<String>> {
        self.text(key).map(Secret::new)
    }

    /// A whole number from 0 to 2³²−1, or `None` when absent.
    pub fn number(&mut self, key: &str) -> Option<u32> {
        let value = self.present(key)?;
        // tfvars has one number type: 4.0 is 4.
        let float = value.as_f64().filter(|float| float.fract() == 0.0);
        let whole = value.as_u64().or_else(|| format!("{:.0}", float?).parse().ok());
        let number = whole.and_then(|n| u32::try_from(n).ok());
        let expected =
            if float.is_some() { "a number from 0 to 4294967295" } else { "a whole number" };
        self.typed(key, number, expected)
    }

    /// `true` or `false`, or `None` when absent.
    pub fn flag(&mut self, key: &str) -> Option<bool> {
        let value = self.present(key)?;
        self.typed(key, value.as_bool(), "true or false")
    }

    /// A list of texts; empty when absent.
    pub fn texts(&mut self, key: &str) -> Vec<String> {
        self.optional_texts(key).unwrap_or_default()
    }

    /// A list of texts, or `None` when absent.
    pub fn optional_texts(&mut self, key: &str) -> Option<Vec<String>> {
        let value = self.present(key)?;
        let texts = value.as_array().and_then(|items| {
            items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
        });
        self.typed(key, texts, "a list of texts")
    }

    /// A map from text to text; empty when absent.
    pub fn text_map(&mut self, key: &str) -> BTreeMap<String, String> {
        let Some(value) = self.present(key) else { return BTreeMap::new() };
        let map = value.as_object().and_then(|object| {
            let pair = |(k, v): (&String, &Value)| Some((k.clone(), v.as_str()?.to_owned()));
            object.iter().map(pair).collect::<Option<Vec<_>>>()
        });
        self.typed(key, map, "a map from names to texts").into_iter().flatten().gather()
    }

    /// A map from text to whole number, which may be null; empty when absent.
    pub fn number_map(&mut self, key: &str) -> BTreeMap<String, Option<u64>> {
        let object = self.object(key);
        let read = |(name, value): (&String, &Value)| match value {
            Value::Null => Some((name.clone(), None)),
            value => Some((name.clone(), Some(value.as_u64()?))),
        };
        let map = object.iter().map(read).collect::<Option<Vec<_>>>();
        let map = self.typed(key, map, "a map from names to whole numbers");
        map.into_iter().flatten().gather()
    }

    /// An object; empty when absent.
    pub fn object(&mut self, key: &str) -> Map<String, Value> {
        self.optional_object(key).unwrap_or_default()
    }

    /// An object, or `None` when absent.
    pub fn optional_object(&mut self, key: &str) -> Option<Map<String, Value>> {
        let object = self.present(key)?.as_object().cloned();
        self.typed(key, object, "an object")
    }

    /// Reads an object by `read`, or `None` when absent.
    pub fn optional_one<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(&mut Fields<'_>) -> T,
    ) -> Option<T> {
        let value = self.present(key)?;
        let json = self.typed(key, value.as_object(), "an object")?;
        let path = self.path_of(key);
        Some(read(&mut Fields::new(json, path, self.report)))
    }

    /// Reads each object of a list by `read`; empty when absent.
    pub fn each<T>(&mut self, key: &str, read: impl FnMut(&mut Fields<'_>) -> T) -> Vec<T> {
        self.optional_each(key, read).unwrap_or_default()
    }

    /// Reads each object of a list by `read`, or `None` when there is no list.
    pub fn optional_each<T>(
        &mut self,
        key: &str,
        mut read: impl FnMut(&mut Fields<'_>) -> T,
    ) -> Option<Vec<T>> {
        let value = self.present(key)?;
        let items = self.typed(key, value.as_array(), "a list of objects")?;
        let mut out = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let path = format!("{}[{index}]", self.path_of(key));
            match item.as_object() {
                Some(json) => out.push(read(&mut Fields::new(json, path, self.report))),
                None => self.report.error("wrong-type", Place::input(path), "must be an object"),
            }
        }
        Some(out)
    }

    /// Reads each value of an object of objects by `read`; empty when absent.
    pub fn each_named<T>(
        &mut self,
        key: &str,
        mut read: impl FnMut(&mut Fields<'_>) -> T,
    ) -> BTreeMap<String, T> {
        let object = self.object(key);
        let mut out = BTreeMap::new();
        for (name, item) in &object {
            let path = format!("{}.{}", self.path_of(key), shown::name(name));
            match item.as_object() {
                Some(json) => {
                    out.insert(name.clone(), read(&mut Fields::new(json, path, self.report)));
                }
                None => self.report.error("wrong-type", Place::input(path), "must be an object"),
            }
        }
        out
    }

    /// Returns the object itself, for fields with more than one type.
    pub fn json(&self) -> &'a Map<String, Value> {
        self.json
    }

    /// Returns the place of a field of this object.
    pub fn place(&self, key: &str) -> Place {
        Place::input(self.path_of(key))
    }

    /// Reports a problem of a field of this object.
    pub fn problem(&mut self, code: &'static str, key: &str, fact: impl Into<String>) {
        let entry = Entry::error(code, self.place(key), fact);
        self.report.push(entry);
    }

    fn present(&self, key: &str) -> Option<&'a Value> {
        self.json.get(key).filter(|value| !value.is_null())
    }

    fn typed<T>(&mut self, key: &str, value: Option<T>, expected: &str) -> Option<T> {
        if value.is_none() {
            self.problem("wrong-type", key, format!("must be {expected}"));
        }
        value
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        for (json, expected) in [
            ("0", Ok(0)),
            ("4.0", Ok(4)),
            ("4294967295", Ok(u32::MAX)),
            ("1e3", Ok(1000)),
            ("-1", Err("must be a number from 0 to 4294967295")),
            ("4294967296", Err("must be a number from 0 to 4294967295")),
            ("18446744073709551616", Err("must be a number from 0 to 4294967295")),
            ("1e300", Err("must be a number from 0 to 4294967295")),
            ("1.5", Err("must be a whole number")),
            ("\"1\"", Err("must be a whole number")),
            ("true", Err("must be a whole number")),
        ] {
            let json = Map::from_iter([("n".to_owned(), serde_json::from_str(json).unwrap())]);
            let mut report = Report::new();
            let number = Fields::new(&json, "", &mut report).number("n");
            let fact = report.entries().first().map(|entry| entry.fact.as_str());
            assert_eq!(number.ok_or_else(|| fact.unwrap_or("no finding")), expected, "{json:?}");
        }
    }
}
