//! DOOR: a plan in a file, readable by its owner only, since it has the seed data.

use crate::action::{Plan, VERSION};
use crate::json;
use stage::{Entry, Failure, Place, whole_file};
use std::path::Path;

/// Returns a plan as JSON.
pub(crate) fn to_bytes(plan: &Plan) -> Vec<u8> {
    json::pretty(plan)
}

/// Writes a plan with mode 0600, also over an older file.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn write(path: &Path, plan: &Plan) -> Result<(), Failure> {
    whole_file::write(path, &to_bytes(plan)).map_err(|error| {
        let place = Place::file(path.display().to_string());
        Entry::error("unwritable", place, "cannot be written").cause(&error).into()
    })
}

/// Reads a plan.
///
/// # Errors
/// The file cannot be read, or is not a plan of this version.
#[expect(clippy::disallowed_methods, reason = "door: the plan's file")]
pub(crate) fn read(path: &Path) -> Result<Plan, Failure> {
    let place = || Place::file(path.display().to_string());
    let bytes = std::fs::read(path)
        .map_err(|error| Entry::error("unreadable", place(), "cannot be read").cause(&error))?;
    parse(&bytes, place)
}

/// Reads the plan that a file has.
///
/// # Errors
/// It is not a plan of this version.
pub(crate) fn parse(bytes: &[u8], place: impl Fn() -> Place) -> Result<Plan, Failure> {
    let value: serde_json::Value = serde_json::from_slice(bytes)
        .map_err(|error| Entry::error("not-json", place(), "is not JSON").cause(&error))?;
    let version = value.get("version").and_then(serde_json::Value::as_u64);
    if version != Some(u64::from(VERSION)) {
        return Err(Entry::error(
            "plan-version",
            place(),
            format!("is not a plan of version {VERSION}"),
        )
        .hint("create it again with this version of pve-apply")
        .into());
    }
    serde_json::from_value(value).map_err(|error| {
        Entry::error("plan-unusable", place(), "is not a plan").cause(&error).into()
    })
}
