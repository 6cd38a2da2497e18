//! Reads fields of PVE's answers, whose types are mixed: numbers as strings, booleans as 0 and 1.
//!
//! PVE: facts 11. Does no I/O.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value};

use crate::error::{Call, Error};
use crate::property_string::parse_boolean;

/// An answer and its call.
#[derive(Debug)]
pub(crate) struct Answer {
    call: Call,
    whole: Value,
}

impl Answer {
    /// Combines an answer with its call.
    pub(crate) fn new(call: Call, whole: Value) -> Self {
        Self { call, whole }
    }

    /// Returns `data`.
    pub(crate) fn data(&self) -> &Value {
        &self.whole["data"]
    }

    /// Returns a number next to `data`, such as `total`.
    pub(crate) fn sibling(&self, name: &str) -> Option<u64> {
        self.whole.get(name).and_then(integer)
    }

    /// Returns `data` as an object.
    pub(crate) fn object(&self) -> Result<Fields<'_>, Error> {
        self.data().as_object().map(Fields).ok_or_else(|| self.bad("`data` is not an object"))
    }

    /// Reads each row of the list in `data`. Null is an error, and a row that cannot be read
    /// invalidates the whole answer: what is missing from a list must be missing in PVE.
    pub(crate) fn list<T>(
        &self,
        read: impl Fn(&Fields<'_>) -> Result<T, BadField>,
    ) -> Result<Vec<T>, Error> {
        self.list_some(|row| read(row).map(Some))
    }

    /// Like [`Self::list`], but leaves out the rows for which `read` returns `None`.
    pub(crate) fn list_some<T>(
        &self,
        read: impl Fn(&Fields<'_>) -> Result<Option<T>, BadField>,
    ) -> Result<Vec<T>, Error> {
        let list = self.data().as_array().ok_or_else(|| match self.data() {
            Value::Null => self.bad("`data` is null, not a list"),
            _ => self.bad("`data` is not a list"),
        })?;
        let mut rows = Vec::new();
        for (number, row) in (1..).zip(list) {
            let row = row.as_object();
            let row = row.ok_or_else(|| self.bad(&format!("row {number} is not an object")))?;
            let read = read(&Fields(row));
            rows.extend(read.map_err(|field| self.bad(&format!("row {number}: {field}")))?);
        }
        Ok(rows)
    }

    /// Parses `data`.
    pub(crate) fn parse<T: FromStr>(&self, rule: &str) -> Result<T, Error> {
        text(self.data())
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| self.bad(&format!("`data` is not {rule}")))
    }

    /// Parses `data`, unless it is null.
    pub(crate) fn parse_or_null<T: FromStr>(&self, rule: &str) -> Result<Option<T>, Error> {
        if self.data().is_null() { Ok(None) } else { self.parse(rule).map(Some) }
    }

    /// Returns the error for an unusable answer; `what` says what is wrong.
    pub(crate) fn bad(&self, what: &str) -> Error {
        Error::BadAnswer { call: self.call.clone(), what: what.to_owned() }
    }
}

/// A field of a row that is missing or invalid.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadField {
    name: &'static str,
    value: Option<String>,
}

impl fmt::Display for BadField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "`{}` is \"{value}\"", self.name),
            None => write!(f, "`{}` is missing", self.name),
        }
    }
}

/// One object in an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields<'a>(pub(crate) &'a Map<String, Value>);

impl Fields<'_> {
    /// Returns a text, number or boolean field as text.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.0.get(name).and_then(text)
    }

    /// Returns a field as an integer, even if PVE sent it as text.
    pub(crate) fn integer(&self, name: &str) -> Option<u64> {
        self.0.get(name).and_then(integer)
    }

    /// Returns a field as a boolean [default: false].
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.0.get(name).and_then(text).and_then(|t| parse_boolean(&t)).unwrap_or(false)
    }

    /// Returns a field if it exists and parses.
    pub(crate) fn parse<T: FromStr>(&self, name: &str) -> Option<T> {
        self.text(name)?.parse().ok()
    }

    /// Returns a required field.
    pub(crate) fn required<T: FromStr>(&self, name: &'static str) -> Result<T, BadField> {
        self.parse(name).ok_or_else(|| self.bad(name))
    }

    /// Returns the error for a field.
    pub(crate) fn bad(&self, name: &'static str) -> BadField {
        let found = self.0.get(name).filter(|value| !value.is_null());
        let value = found.map(|value| text(value).unwrap_or_else(|| value.to_string()));
        BadField { name, value }
    }

    /// Splits a field that is a list in one text.
    pub(crate) fn split(&self, name: &str, separators: &[char]) -> Vec<String> {
        let whole = self.text(name).unwrap_or_default();
        whole
            .split(separators)
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect()
    }

    /// Returns a nested object.
    pub(crate) fn object(&self, name: &str) -> Option<Fields<'_>> {
        self.0.get(name)?.as_object().map(Fields)
    }

    /// Returns the texts in a nested list that PVE leaves out when it is empty.
    pub(crate) fn texts_if_any(&self, name: &'static str) -> Result<Vec<String>, BadField> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Array(list)) => {
                list.iter().map(|item| text(item).ok_or_else(|| self.bad(name))).collect()
            }
            Some(_) => Err(self.bad(name)),
        }
    }

    /// Reads each row of a nested list. As in [`Answer::list`], what is missing from it must be missing in PVE:
    /// without the list, or with a row that cannot be read, the answer is unusable.
    pub(crate) fn rows<T>(
        &self,
        name: &'static str,
        read: impl Fn(&Fields<'_>) -> Result<T, BadField>,
    ) -> Result<Vec<T>, BadField> {
        let list = self.0.get(name).and_then(Value::as_array).ok_or_else(|| self.bad(name))?;
        let rows = list.iter().map(|row| row.as_object().map(Fields));
        rows.map(|row| read(&row.ok_or_else(|| self.bad(name))?)).collect()
    }

    /// The same for a list that PVE leaves out when it is empty.
    pub(crate) fn rows_if_any<T>(
        &self,
        name: &'static str,
        read: impl Fn(&Fields<'_>) -> Result<T, BadField>,
    ) -> Result<Vec<T>, BadField> {
        let is_there = self.0.get(name).is_some_and(|list| !list.is_null());
        if is_there { self.rows(name, read) } else { Ok(Vec::new()) }
    }

    /// Returns the texts in a nested list; `None` if there is no list.
    pub(crate) fn items(&self, name: &str) -> Option<Vec<String>> {
        Some(self.0.get(name)?.as_array()?.iter().filter_map(text).collect())
    }

    /// Returns all text, number and boolean fields as texts.
    pub(crate) fn texts(&self) -> BTreeMap<String, String> {
        map_of(self.0.iter().filter_map(|(name, value)| Some((name.clone(), text(value)?))))
    }
}

/// Collects without sorting first: `collect` would need 5 KB of code for each kind of iterator.
pub(crate) fn map_of<V>(entries: impl Iterator<Item = (String, V)>) -> BTreeMap<String, V> {
    let mut map = BTreeMap::new();
    map.extend(entries);
    map
}

/// Converts a text, number or boolean to text.
pub(crate) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(u8::from(*flag).to_string()),
        _ => None,
    }
}

/// Reads an integer; a fraction is truncated.
pub(crate) fn integer(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64().or_else(|| {
            let float = number.as_f64().filter(|f| (0.0..9e15).contains(f))?;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the range is checked above"
            )]
            let whole = float as u64;
            Some(whole)
        }),
        Value::String(text) => text.trim().parse().ok(),
        Value::Bool(flag) => Some(u64::from(*flag)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, text: Option<&str>, integer: Option<u64>, flag: bool) {
        let value: Value = serde_json::from_str(&format!(r#"{{"f":{json}}}"#)).unwrap();
        let fields = Fields(value.as_object().unwrap());
        assert_eq!(
            (fields.text("f").as_deref(), fields.integer("f"), fields.flag("f")),
            (text, integer, flag),
            "{json}"
        );
    }

    #[test]
    fn mixed_types() {
        check(r#""256""#, Some("256"), Some(256), false);
        check("256", Some("256"), Some(256), false);
        check("1", Some("1"), Some(1), true);
        check(r#""1""#, Some("1"), Some(1), true);
        check("true", Some("1"), Some(1), true);
        check("0.5", Some("0.5"), Some(0), false);
        check("null", None, None, false);
        check("[]", None, None, false);
    }
}
