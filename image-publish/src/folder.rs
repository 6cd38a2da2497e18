//! DOOR: writes into a storage's own folder, on a PVE host itself: under a temporary name, synced, then renamed.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use pve_client::{StorageId, Volid};
use stage::{Entry, Place};

use crate::plan::Present;
use crate::source::examine::{Sums, sums_of};
use crate::spool::sweep;

/// A storage's folder, as `/var/lib/vz`.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    /// The storage's path.
    pub(crate) path: PathBuf,
    /// The storage's name, for the volids.
    pub(crate) storage: StorageId,
}

impl Folder {
    /// Returns the folder that PVE keeps content `import` in.
    fn import(&self) -> PathBuf {
        self.path.join("import")
    }

    /// Returns the volid of a file.
    pub(crate) fn volid(&self, file: &str) -> Volid {
        Volid::of_file(&self.storage, "import", file)
    }

    /// Returns a file's path.
    pub(crate) fn path_of(&self, file: &str) -> PathBuf {
        self.import().join(file)
    }

    /// Returns the files that are there.
    #[expect(clippy::disallowed_methods, reason = "door: the storage's folder")]
    pub(crate) fn present(&self) -> Result<Vec<Present>, Entry> {
        let place = || Place::file(self.path.display().to_string());
        if !self.path.is_dir() {
            return Err(Entry::error(place(), "is not a folder")
                .hint("`--local-dir` takes a storage's path, as /var/lib/vz"));
        }
        let listing = match std::fs::read_dir(self.import()) {
            Ok(listing) => listing,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Entry::error(place(), "cannot be read").cause(&error)),
        };
        let file = |entry: io::Result<std::fs::DirEntry>| {
            let entry = entry.ok()?;
            Some(Present {
                file: entry.file_name().into_string().ok()?,
                size: entry.metadata().ok()?.size(),
            })
        };
        let mut files: Vec<_> = listing.filter_map(file).collect();
        files.sort_by(|a, b| a.file.cmp(&b.file));
        Ok(files)
    }

    /// Writes a file: nobody sees it under its name before it is whole and on the disk.
    pub(crate) fn write(
        &self,
        file: &str,
        reader: &mut dyn Read,
        on_progress: &mut dyn FnMut(u64),
        is_right: impl FnOnce() -> bool,
    ) -> io::Result<Written> {
        let temporary = Temporary::create(&self.import(), file)?;
        temporary.fill(reader, on_progress)?;
        if !is_right() {
            return Ok(Written::WrongSum);
        }
        temporary.rename(&self.path_of(file))?;
        Ok(Written::Whole)
    }

    /// Returns the sums of a file.
    #[expect(clippy::disallowed_methods, reason = "door: the storage's folder")]
    pub(crate) fn sums_of(&self, file: &str) -> io::Result<Sums> {
        sums_of(&mut File::open(self.path_of(file))?)
    }

    /// Removes a file.
    #[expect(clippy::disallowed_methods, reason = "door: the storage's folder")]
    pub(crate) fn remove(&self, file: &str) -> io::Result<()> {
        std::fs::remove_file(self.path_of(file))
    }
}

/// What came of writing a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// It is there.
    Whole,
    /// The bytes were not those that were examined; nothing is left.
    WrongSum,
}

/// A file under a temporary name; it goes unless it is renamed.
struct Temporary {
    path: PathBuf,
    file: File,
}

impl Temporary {
    #[expect(clippy::disallowed_methods, reason = "door: the storage's folder")]
    fn create(folder: &Path, name: &str) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        sweep(folder, ".", name);
        // PVE lists no name that begins with a dot.
        let path = folder.join(format!(".{name}.{}", std::process::id()));
        let file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o644).open(&path)?;
        Ok(Self { path, file })
    }

    fn fill(&self, reader: &mut dyn Read, on_progress: &mut dyn FnMut(u64)) -> io::Result<()> {
        let mut buffer = vec![0; 128 * 1024];
        let mut done = 0;
        loop {
            let read = match reader.read(&mut buffer) {
                Ok(0) => return self.file.sync_all(),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            (&self.file).write_all(&buffer[..read])?;
            done += read as u64;
            on_progress(done);
        }
    }

    #[expect(clippy::disallowed_methods, reason = "door: the storage's folder")]
    fn rename(self, target: &Path) -> io::Result<()> {
        std::fs::rename(&self.path, target)?;
        // The name itself is on the disk only when its folder is.
        match target.parent() {
            Some(folder) => File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    }
}

impl Drop for Temporary {
    #[expect(clippy::disallowed_methods, reason = "door: the storage's folder")]
    fn drop(&mut self) {
        // After the rename there is nothing of this name any more.
        let _ = std::fs::remove_file(&self.path);
    }
}
