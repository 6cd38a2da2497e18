//! A model as YAML that every reader understands the same way. Does no I/O.
//!
//! Each string is quoted: cloud-init reads YAML 1.1, where `on`, `0644` and `12:30` without quotes
//! are a boolean and two numbers. The one place where the YAML writer is named.

use serde::Serialize;

/// Why a model has not been written.
pub(crate) type Unwritable = serde_yaml::ser::Error;

/// Returns the model as YAML.
///
/// # Errors
/// The model holds something that YAML cannot; ours do not.
pub(crate) fn text(model: &impl Serialize) -> Result<String, Unwritable> {
    let options = serde_yaml::ser_options! { quote_all: true };
    // Room for what is common, so that the text is not moved as it grows.
    let mut text = String::with_capacity(512);
    serde_yaml::to_fmt_writer_with_options(&mut text, model, options)?;
    Ok(text)
}
