//! DOOR: writes files that hold secrets: whole or not at all, readable by their owner only.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Writes a file with mode 0600, also over an older one: beside it, and then renamed.
///
/// # Errors
/// The file cannot be written; what was there before is there still.
#[expect(clippy::disallowed_methods, reason = "door: the file")]
pub(crate) fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = Path::new(&part);
    // One that an earlier run has left may have another mode, or be a link to elsewhere.
    match fs::remove_file(part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let write = || {
        create(part, content)?;
        fs::rename(part, path)?;
        // Else the name may be gone after a power cut while something refers to it.
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    };
    write().inspect_err(|_| _ = fs::remove_file(part))
}

/// Makes a file with mode 0600 that is not there yet.
///
/// # Errors
/// It is there, or cannot be written.
pub(crate) fn create(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "looks at what was written")]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn what_lay_there_before_is_neither_kept_nor_followed() {
        let folder = tempfile::tempdir().unwrap();
        let [path, part, other] = ["a", "a.part", "other"].map(|name| folder.path().join(name));
        fs::write(&path, "older, and for all to read").unwrap();
        fs::write(&other, "not ours").unwrap();
        symlink(&other, &part).unwrap();
        write(&path, b"secret").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "secret");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_to_string(&other).unwrap(), "not ours");
        assert!(!part.exists());
    }

    #[test]
    fn a_folder_in_the_way_is_an_error_and_nothing_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::create_dir(&path).unwrap();
        assert!(write(&path, b"secret").is_err());
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    }
}
