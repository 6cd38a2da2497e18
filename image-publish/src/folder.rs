//! DOOR: writes into the directory of a storage, on the PVE host itself: under a temporary name, synced, then renamed.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use pve_client::{StorageId, Volid};
use stage::{Entry, Place};

use crate::plan::StoredFile;
use crate::room;
use crate::source::examine::{Sums, sums_of};
use crate::source::format::judge;
use crate::source::head::HEAD;
use crate::temporary::Temporary;

/// The directory of a storage, such as `/var/lib/vz`.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    /// The storage's path.
    pub(crate) path: PathBuf,
    /// The storage's name, for the volids.
    pub(crate) storage: StorageId,
}

impl Folder {
    /// Returns its canonical path.
    pub(crate) fn address(&self) -> String {
        let path = self.path.canonicalize().unwrap_or_else(|_| self.path.clone());
        path.display().to_string()
    }

    /// Returns the directory of content `import`.
    pub(crate) fn import(&self) -> PathBuf {
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

    /// Returns the files on the storage.
    #[expect(clippy::disallowed_methods, reason = "door: the storage's folder")]
    pub(crate) fn present(&self) -> Result<Vec<StoredFile>, Entry> {
        let place = || Place::file(self.path.display().to_string());
        if !self.path.is_dir() {
            return Err(Entry::error("not-a-directory", place(), "is not a directory")
                .hint("`--local-dir` takes the path of a storage, such as /var/lib/vz"));
        }
        let listing = match std::fs::read_dir(self.import()) {
            Ok(listing) => listing,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => {
                return Err(Entry::error("unreadable", place(), "cannot be read").cause(&error));
            }
        };
        // PVE skips directories and names that begin with a dot, and follows links.
        let file = |entry: io::Result<std::fs::DirEntry>| {
            let entry = entry.ok()?;
            let file =
                entry.file_name().into_string().ok().filter(|file| !file.starts_with('.'))?;
            let found = entry.path().metadata().ok().filter(|found| !found.is_dir())?;
            Some(StoredFile { file, size: found.size(), made: u64::try_from(found.mtime()).ok() })
        };
        let mut files: Vec<_> = listing.filter_map(file).collect();
        files.sort_by(|a, b| a.file.cmp(&b.file));
        Ok(files)
    }

    /// Returns an error if there is not enough free space.
    pub(crate) fn check_room(&self, images: usize, needed: u64) -> Result<(), Entry> {
        let hint = "`image-publish prune` removes old versions of images";
        room::check(&self.import(), needed, &room::need(images), hint)
    }

    /// Writes a file, which gets its name only when it is complete and synced to disk.
    pub(crate) fn write(
        &self,
        file: &str,
        reader: &mut dyn Read,
        on_progress: &mut dyn FnMut(u64),
        is_right: impl FnOnce() -> bool,
    ) -> io::Result<WriteOutcome> {
        // PVE skips names that begin with a dot.
        let temporary = Temporary::create(&self.import(), &format!(".{file}"), "", 0o644)?;
        temporary.fill(reader, on_progress)?;
        temporary.sync()?;
        if !is_right() {
            return Ok(WriteOutcome::WrongSum);
        }
        temporary.rename(&self.path_of(file))?;
        Ok(WriteOutcome::Complete)
    }

    /// Returns the virtual disk size of a stored image in bytes.
    #[expect(clippy::disallowed_methods, reason = "door: the storage's folder")]
    pub(crate) fn virtual_size(&self, file: &str) -> Result<u64, Entry> {
        let place = || Place::file(self.path_of(file).display().to_string());
        let read =
            |error: io::Error| Entry::error("unreadable", place(), "cannot be read").cause(&error);
        let file = File::open(self.path_of(file)).map_err(read)?;
        let length = file.metadata().map_err(read)?.len();
        let mut head = Vec::new();
        file.take(HEAD as u64).read_to_end(&mut head).map_err(read)?;
        let judged = judge(&head, length)
            .map_err(|unfit| Entry::error("storage-unusable", place(), unfit.to_string()))?;
        Ok(judged.virtual_size)
    }

    /// Returns the checksums of a file.
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

/// How writing a file ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WriteOutcome {
    /// The file is complete.
    Complete,
    /// The bytes differ from the examined ones; nothing is left behind.
    WrongSum,
}
