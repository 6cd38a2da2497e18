//! Writes files with secrets: completely or not at all, and readable only by their owner.
//!
//! DOOR: writes files. Every file that an option names is written here, so that no option replaces a
//! device, a link or a pipe.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The suffix of a file's name until it is complete.
pub const PART: &str = ".part";

/// The mode of a file that only its owner can read.
pub const PRIVATE: u32 = 0o600;
/// The mode of a file for all, as far as the user's mask allows.
pub const PUBLIC: u32 = 0o666;

/// A file being written, next to its destination, under a name that ends with [`PART`].
///
/// [`WholeFile::commit`] puts it in place; until then an existing file stays unchanged.
#[derive(Debug)]
pub struct WholeFile {
    path: PathBuf,
    part: PathBuf,
    file: File,
    renamed: bool,
}

impl WholeFile {
    /// Opens a file with mode 0600. An existing file of this name is not touched yet.
    ///
    /// # Errors
    /// The name belongs to something other than a file, another process is writing it, or it cannot be
    /// written.
    #[expect(clippy::disallowed_methods, reason = "door: the file")]
    pub fn open(path: &Path) -> io::Result<Self> {
        may_be_replaced(path)?;
        let mut part = path.as_os_str().to_owned();
        part.push(PART);
        let part = PathBuf::from(part);
        // A link or a pipe of this name belongs to no run; a file of another run is locked.
        match part.symlink_metadata() {
            Ok(there) if there.is_file() => {
                let left = OpenOptions::new().write(true).open(&part)?;
                lock(&left, &part)?;
                fs::remove_file(&part)?;
            }
            Ok(_) => fs::remove_file(&part)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let file = new(&part, PRIVATE).map_err(|error| without_folder(path, error))?;
        lock(&file, &part)?;
        Ok(Self { path: path.to_owned(), part, file, renamed: false })
    }

    /// Writes the content and renames the file to its destination.
    ///
    /// # Errors
    /// It cannot be written; an existing file is unchanged.
    pub fn commit(mut self, content: &[u8]) -> io::Result<()> {
        self.file.write_all(content)?;
        self.file.sync_all()?;
        // It may have been created in the meantime.
        may_be_replaced(&self.path)?;
        rename(&self.part, &self.path)?;
        self.renamed = true;
        Ok(())
    }
}

impl Drop for WholeFile {
    #[expect(clippy::disallowed_methods, reason = "door: the file")]
    fn drop(&mut self) {
        if !self.renamed {
            // The next run replaces what cannot be removed.
            let _ = fs::remove_file(&self.part);
        }
    }
}

/// Writes a file with mode 0600, replacing an existing one.
///
/// # Errors
/// As [`WholeFile::open`] and [`WholeFile::commit`].
pub fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    WholeFile::open(path)?.commit(content)
}

/// Renames a file, and waits until the new name is on the disk: otherwise it could be lost in a power failure
/// although something refers to it.
///
/// # Errors
/// It is not renamed; an existing file is unchanged.
#[expect(clippy::disallowed_methods, reason = "door: the file")]
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = File::open(folder.unwrap_or(Path::new(".")))?;
    fs::rename(from, to)?;
    // The file has its name now, so an error would be wrong; some file systems cannot sync folders.
    let _ = folder.sync_all();
    Ok(())
}

/// Writes a new file with this mode.
///
/// # Errors
/// It exists, or cannot be written; then nothing of it is left.
#[expect(clippy::disallowed_methods, reason = "door: the file")]
pub fn create(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let mut file = new(path, mode)?;
    file.write_all(content).and_then(|()| file.sync_all()).inspect_err(|_| {
        // The first error says more than one of the removal.
        let _ = fs::remove_file(path);
    })
}

fn new(path: &Path, mode: u32) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(mode).open(path)
}

/// Returns the error for a file whose directory does not exist, which the system's text does not say.
fn without_folder(path: &Path, error: io::Error) -> io::Error {
    match path.parent() {
        Some(folder) if error.kind() == io::ErrorKind::NotFound => {
            let fact = format!("the directory \"{}\" does not exist", folder.display());
            io::Error::new(io::ErrorKind::NotFound, fact)
        }
        _ => error,
    }
}

fn may_be_replaced(path: &Path) -> io::Result<()> {
    let kind = match path.symlink_metadata() {
        Ok(there) if there.is_file() => return Ok(()),
        Ok(there) => there.file_type(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let what = match kind {
        kind if kind.is_dir() => "a directory",
        kind if kind.is_symlink() => "a symbolic link",
        kind if kind.is_fifo() => "a named pipe",
        kind if kind.is_socket() => "a socket",
        _ => "a device",
    };
    Err(io::Error::other(format!("it is {what}; only regular files are replaced")))
}

/// Locks a file that is being written, so that two runs cannot mix their bytes.
fn lock(file: &File, path: &Path) -> io::Result<()> {
    let is_ours = match file.try_lock() {
        Err(TryLockError::WouldBlock) => false,
        // A file system without locks.
        Err(TryLockError::Error(_)) => true,
        Ok(()) => path.symlink_metadata().is_ok_and(|there| {
            file.metadata().is_ok_and(|ours| (ours.dev(), ours.ino()) == (there.dev(), there.ino()))
        }),
    };
    if is_ours {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::ResourceBusy, "another process is writing it"))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "looks at what was written")]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::os::unix::net::UnixListener;
    use std::process::Command;

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
        fs::write(&part, "half, of a killed run, and for all to read").unwrap();
        write(&path, b"again").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "again");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!part.exists());
    }

    #[test]
    fn without_a_commit_nothing_has_happened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "older").unwrap();
        let file = WholeFile::open(&path).unwrap();
        assert_eq!(
            fs::metadata(folder.path().join("a.part")).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert!(write(&path, b"at the same time").is_err(), "two runs must not mix");
        drop(file);
        assert_eq!(fs::read_to_string(&path).unwrap(), "older");
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    }

    #[test]
    fn only_files_are_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let [directory, link, lost, pipe, socket] =
            ["directory", "link", "lost", "pipe", "socket"].map(|name| folder.path().join(name));
        fs::create_dir(&directory).unwrap();
        symlink("/dev/null", &link).unwrap();
        symlink("nowhere", &lost).unwrap();
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let _socket = UnixListener::bind(&socket).unwrap();
        for (path, what) in [
            (directory.as_path(), "a directory"),
            (&link, "a symbolic link"),
            (&lost, "a symbolic link"),
            (&pipe, "a named pipe"),
            (&socket, "a socket"),
            (Path::new("/dev/null"), "a device"),
        ] {
            let kind = path.symlink_metadata().unwrap().file_type();
            let error = write(path, b"secret").unwrap_err().to_string();
            assert_eq!(error, format!("it is {what}; only regular files are replaced"));
            assert_eq!(path.symlink_metadata().unwrap().file_type(), kind);
        }
        assert_eq!(folder.path().read_dir().unwrap().count(), 5, "nothing is left");
    }

    #[test]
    fn what_comes_meanwhile_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let file = WholeFile::open(&path).unwrap();
        symlink("/dev/null", &path).unwrap();
        assert!(file.commit(b"secret").is_err());
        assert!(path.is_symlink() && !folder.path().join("a.part").exists());
    }
}
