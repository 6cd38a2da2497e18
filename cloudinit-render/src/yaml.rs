//! Writes a model as YAML that every reader understands the same way. Does no I/O.
//!
//! Each string is quoted: cloud-init reads YAML 1.1, where `on`, `0644` and `12:30` without quotes
//! are a boolean and two numbers. The only module that names the YAML writer.
//!
//! A text of several lines has two forms. [`readable`] is what a seed holds: the text is a block
//! scalar, so that people can read it. [`quoted`] keeps it on one line, and is what the fingerprint
//! of a seed is computed from: the layout of a seed can change, its fingerprint does not.

use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_yaml::LitStr;

/// The error of the YAML writer.
pub(crate) type WriteError = serde_yaml::ser::Error;

/// Returns the model as YAML, with each string in quotes.
///
/// # Errors
/// The model holds something that YAML cannot; ours do not.
pub(crate) fn quoted(model: &impl Serialize) -> Result<String, WriteError> {
    let options = serde_yaml::ser_options! { quote_all: true };
    // Large enough for the models of a VM, so that the text is not moved as it grows.
    let mut text = String::with_capacity(512);
    serde_yaml::to_fmt_writer_with_options(&mut text, model, options)?;
    Ok(text)
}

/// Returns the model as YAML for people: texts of several lines are block scalars where every
/// reader gets them back byte for byte, all other strings are quoted.
///
/// # Errors
/// As for [`quoted`].
pub(crate) fn readable(model: &impl Serialize) -> Result<String, WriteError> {
    let value = serde_json::to_value(model).map_err(WriteError::custom)?;
    quoted(&Readable(&value))
}

/// A value whose texts of several lines become block scalars.
struct Readable<'a>(&'a Value);

impl Serialize for Readable<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::String(text) if fits_block(text) => LitStr(text).serialize(serializer),
            Value::Array(items) => serializer.collect_seq(items.iter().map(Readable)),
            Value::Object(fields) => {
                serializer.collect_map(fields.iter().map(|(key, value)| (key, Readable(value))))
            }
            other => other.serialize(serializer),
        }
    }
}

/// Returns whether a text is easier to read as a block scalar, and every reader takes it.
///
/// libyaml refuses a block whose first line begins with a tab, unless the block's indentation is
/// written out, which the YAML writer does for spaces only. What no block can hold, such as a
/// carriage return or a line end of Unicode, the YAML writer quotes by itself.
fn fits_block(text: &str) -> bool {
    let content = text.trim_start_matches('\n');
    text.contains('\n') && !content.is_empty() && !content.starts_with('\t')
}

#[cfg(test)]
mod tests;
