//! Files that are generated and checked in: man pages, completions, schemas.

use std::error::Error;
use std::path::Path;

/// Compares a checked-in file with what is generated now; with `UPDATE=1` writes it.
/// `path` starts at the project's root.
///
/// # Errors
/// The file is not what is generated now.
pub fn check(path: &str, generated: &[u8]) -> Result<(), Box<dyn Error>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    if std::fs::read(&file).is_ok_and(|bytes| bytes == generated) {
        return Ok(());
    }
    if std::env::var_os("UPDATE").is_none_or(|v| v != "1") {
        return Err(format!("{path} is not what is generated now; run `make docs`").into());
    }
    std::fs::create_dir_all(file.parent().ok_or("a file has a folder")?)?;
    Ok(std::fs::write(file, generated)?)
}
