//! DOOR: a plan in a file, readable by its owner only, for it holds the seed data.

use crate::action::{Plan, VERSION};
use stage::{Entry, Failure, Place};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Returns a plan as JSON.
pub(crate) fn to_bytes(plan: &Plan) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(plan).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

/// Writes a plan with mode 0600, also over an older file.
///
/// # Errors
/// The file cannot be written.
#[expect(clippy::disallowed_methods, reason = "door: the plan's file")]
pub(crate) fn write(path: &Path, plan: &Plan) -> Result<(), Failure> {
    let place = Place::file(path.display().to_string());
    // Beside the target and then renamed: a reader never sees half a plan, and the mode is right from the first byte.
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = Path::new(&part);
    let write = || -> std::io::Result<()> {
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(part)?;
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
        file.write_all(&to_bytes(plan))?;
        file.sync_all()?;
        std::fs::rename(part, path)
    };
    write().map_err(|error| {
        let _ = std::fs::remove_file(part);
        Entry::error(place, "cannot be written").cause(&error).into()
    })
}

/// Reads a plan.
///
/// # Errors
/// The file cannot be read, or holds no plan of this version.
#[expect(clippy::disallowed_methods, reason = "door: the plan's file")]
pub(crate) fn read(path: &Path) -> Result<Plan, Failure> {
    let place = || Place::file(path.display().to_string());
    let bytes = std::fs::read(path)
        .map_err(|error| Entry::error(place(), "cannot be read").cause(&error))?;
    let value: serde_json::Value = serde_json::from_slice(&bytes)
        .map_err(|error| Entry::error(place(), "is not JSON").cause(&error))?;
    let version = value.get("version").and_then(serde_json::Value::as_u64);
    if version != Some(u64::from(VERSION)) {
        return Err(Entry::error(place(), format!("is no plan of version {VERSION}"))
            .hint("plan again with this pve-apply")
            .into());
    }
    serde_json::from_value(value)
        .map_err(|error| Entry::error(place(), "is no plan").cause(&error).into())
}
