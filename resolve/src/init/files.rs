//! The files of a new site. DOOR: writes them, and reads the user's public key.

use super::NewFile;
use stage::{Entry, Place, Report, whole_file};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// No public key is longer.
const MAX_KEY: u64 = 64 << 10;

/// Reads a public key.
///
/// # Errors
/// The file does not exist, or is not text.
#[expect(clippy::disallowed_methods, reason = "door: the user's public key")]
pub(super) fn read_key(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(MAX_KEY).read_to_string(&mut text)?;
    Ok(text)
}

/// Writes new files and returns their paths.
///
/// # Errors
/// One exists, or cannot be written; then this run leaves none.
pub(super) fn write(folder: &Path, files: &[NewFile]) -> Result<Vec<PathBuf>, Report> {
    let paths: Vec<PathBuf> = files.iter().map(|file| folder.join(&file.path)).collect();
    let mut report = Report::new();
    for path in paths.iter().filter(|path| path.symlink_metadata().is_ok()) {
        let entry = Entry::error(
            "already-exists",
            Place::file(path.display().to_string()),
            "already exists",
        );
        report.push(entry.hint("name a new directory: `resolve init DIR`"));
    }
    if report.has_errors() {
        return Err(report);
    }
    for (index, (file, path)) in files.iter().zip(&paths).enumerate() {
        if let Err(error) = create(file, path) {
            remove(&paths[..index]);
            let place = Place::file(path.display().to_string());
            return Err(Entry::error("unwritable", place, "cannot be written")
                .cause(&error)
                .into());
        }
    }
    Ok(paths)
}

#[expect(clippy::disallowed_methods, reason = "door: the new site")]
fn create(file: &NewFile, path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mode = if file.secret { whole_file::PRIVATE } else { whole_file::PUBLIC };
    whole_file::create(path, file.text.as_bytes(), mode)
}

#[expect(clippy::disallowed_methods, reason = "door: the new site")]
fn remove(paths: &[PathBuf]) {
    for path in paths {
        // What cannot be removed is named by the next run.
        let _ = std::fs::remove_file(path);
    }
}
