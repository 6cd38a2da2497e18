//! DOOR: a plan in a file, readable by its owner only, since it has the seed data.

use crate::action::{Plan, VERSION};
use crate::json;
use serde::Deserialize as _;
use serde_json::Value;
use stage::{Entry, Failure, Place, whole_file};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A plan from a file. Of what was blocked only the names are read, and of the notices nothing: `apply` judges
/// both anew.
#[derive(Debug)]
pub(crate) struct Saved {
    /// The file.
    pub(crate) path: PathBuf,
    /// The plan, without what is blocked and without notices.
    pub(crate) plan: Plan,
    /// The VMs that were blocked.
    pub(crate) blocked: BTreeSet<String>,
    /// The networks that were blocked.
    pub(crate) blocked_networks: BTreeSet<String>,
}

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
pub(crate) fn read(path: &Path) -> Result<Saved, Failure> {
    let place = || Place::file(path.display().to_string());
    let bytes = std::fs::read(path)
        .map_err(|error| Entry::error("unreadable", place(), "cannot be read").cause(&error))?;
    parse(&bytes, path)
}

/// Reads the plan that a file has.
///
/// # Errors
/// It is not a plan of this version.
pub(crate) fn parse(bytes: &[u8], path: &Path) -> Result<Saved, Failure> {
    let place = || Place::file(path.display().to_string());
    let json: Value = serde_json::from_slice(bytes)
        .map_err(|error| Entry::error("not-json", place(), "is not JSON").cause(&error))?;
    if json.get("version").and_then(Value::as_u64) != Some(u64::from(VERSION)) {
        return Err(Entry::error(
            "plan-version",
            place(),
            format!("is not a plan of version {VERSION}"),
        )
        .hint("create it again with this version of pve-apply")
        .into());
    }
    let plan = Plan::deserialize(&json)
        .map_err(|error| Entry::error("plan-unusable", place(), "is not a plan").cause(&error))?;
    let blocked = names(json.get("blocked"));
    let blocked_networks = names(json.pointer("/networks/blocked"));
    Ok(Saved { path: path.to_owned(), plan, blocked, blocked_networks })
}

/// Returns the names in a list of objects.
fn names(list: Option<&Value>) -> BTreeSet<String> {
    let list = list.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(|object| object.get("name")?.as_str().map(str::to_owned)).collect()
}
