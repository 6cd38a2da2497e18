//! Whether a file is there at all.
//!
//! DOOR: reads the metadata of a path, and follows no link.

use std::io::ErrorKind;
use std::path::Path;

/// Returns whether a path exists, even as a dangling link or in a directory that may not be searched: then
/// reading it says what is wrong.
pub fn is_present(path: &Path) -> bool {
    let is_absent = |kind| matches!(kind, ErrorKind::NotFound | ErrorKind::NotADirectory);
    path.symlink_metadata().map_or_else(|error| !is_absent(error.kind()), |_| true)
}
