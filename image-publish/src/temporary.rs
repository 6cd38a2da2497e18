//! DOOR: files that exist as long as the run: downloaded, compressed or half-written images.
//!
//! Each is locked, so that other runs, also on other machines that share the directory, can distinguish it
//! from a leftover of a killed run (`left_over`). Blocks of zeros become holes.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use stage::whole_file;

use crate::interrupt;
use crate::source::parts::Files;

/// The suffix of the file that protects another one while it is lent.
pub(crate) const LENT: &str = ".lent";
/// Reads go through a buffer of this size, a multiple of `BLOCK`.
const BUFFER: usize = 128 * 1024;
/// The unit in which file systems leave holes.
const BLOCK: usize = 4096;

/// A private file, which is removed when this is dropped, unless it was renamed.
#[derive(Debug)]
pub(crate) struct Temporary {
    path: PathBuf,
    file: File,
    renamed: bool,
}

/// The file could not be written, as opposed to its source being unreadable.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct NotWritten(io::Error);

/// Marks an error of the file, because errors of the reader have the same type.
fn not_written(error: io::Error) -> io::Error {
    io::Error::new(error.kind(), NotWritten(error))
}

/// Returns whether [`Temporary::fill`] ended because the file could not be written.
pub(crate) fn is_not_written(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<NotWritten>())
}

impl Temporary {
    /// Creates an empty file `PREFIX NAME.NUMBER` with this mode.
    #[expect(clippy::disallowed_methods, reason = "door: temporary files")]
    pub(crate) fn create(folder: &Path, prefix: &str, name: &str, mode: u32) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let own = std::process::id();
        // A run in another container that shares the directory may have the same process ID.
        for number in own..own.saturating_add(1000) {
            let path = folder.join(format!("{prefix}{name}.{number}"));
            match OpenOptions::new().read(true).write(true).create_new(true).mode(mode).open(&path)
            {
                Ok(file) if is_locked_by_us(&file, &path) => {
                    return Ok(Self { path, file, renamed: false });
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// Fills the file from a reader; `on_progress` gets the bytes read so far. The file is new, so a block
    /// of zeros need not be written: it stays a hole.
    pub(crate) fn fill(
        &self,
        reader: &mut dyn Read,
        on_progress: &mut dyn FnMut(u64),
    ) -> io::Result<()> {
        let mut buffer = vec![0; BUFFER];
        let mut done = 0;
        loop {
            let read = read_full(reader, &mut buffer)?;
            if read == 0 {
                // Include a hole at the end.
                return self.file.set_len(done).map_err(not_written);
            }
            write_sparse(&self.file, &buffer[..read], done).map_err(not_written)?;
            done += read as u64;
            on_progress(done);
        }
    }

    /// Waits until the bytes are on the disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    /// Renames the complete file to its final name.
    ///
    /// # Errors
    /// It is not renamed, but removed.
    pub(crate) fn rename(mut self, target: &Path) -> io::Result<()> {
        self.put(target)
    }

    fn put(&mut self, target: &Path) -> io::Result<()> {
        whole_file::rename(&self.path, target)?;
        self.renamed = true;
        Ok(())
    }

    /// Releases the lock while another program uses the file, because on network file systems that program's
    /// own lock conflicts with ours. Meanwhile a locked file beside it keeps other runs from sweeping it.
    pub(crate) fn lend<T>(&self, use_it: impl FnOnce(&Path) -> T) -> T {
        let Some(_guard) = self.guard() else { return use_it(&self.path) };
        // On a file system without locks there is nothing to release.
        let _ = self.file.unlock();
        let result = use_it(&self.path);
        // A concurrent sweep may hold the lock for a moment.
        let _ = self.file.lock();
        result
    }

    /// Creates the file that protects this one; `None` if it cannot be written.
    fn guard(&self) -> Option<Self> {
        let name = self.path.file_name()?.to_str()?;
        Self::create(self.path.parent()?, name, LENT, 0o600).ok()
    }

    /// Returns the file as a source.
    pub(crate) fn files(&self) -> Files {
        Files { path: self.path.clone(), parts: vec![self.path.clone()] }
    }
}

impl Drop for Temporary {
    #[expect(clippy::disallowed_methods, reason = "door: temporary files")]
    fn drop(&mut self) {
        // After a rename, a file of this name is another run's.
        if !self.renamed {
            // A file that cannot be removed is swept later.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Locks a new file; false if another run has taken it for a leftover in between.
fn is_locked_by_us(file: &File, path: &Path) -> bool {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => false,
        // On a file system without locks, nobody can take it either.
        Err(TryLockError::Error(_)) => true,
        Ok(()) => match (file.metadata(), path.metadata()) {
            (Ok(ours), Ok(there)) => ours.ino() == there.ino(),
            _ => false,
        },
    }
}

/// Reads until the buffer is full or the reader ends, so that blocks stay aligned.
fn read_full(reader: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        interrupt::check()?;
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Writes the blocks that are not all zeros; adjacent ones in one write.
fn write_sparse(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    let mut at = 0;
    for run in bytes.chunks(BLOCK).collect::<Vec<_>>().chunk_by(|a, b| is_zero(a) == is_zero(b)) {
        let length: usize = run.iter().map(|block| block.len()).sum();
        if !run.first().is_some_and(|block| is_zero(block)) {
            file.write_all_at(&bytes[at..at + length], offset + at as u64)?;
        }
        at += length;
    }
    Ok(())
}

fn is_zero(block: &[u8]) -> bool {
    block.iter().all(|byte| *byte == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let files = folder.read_dir().unwrap();
        let mut names: Vec<String> =
            files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test writes files")]
    fn runs_with_the_same_process_id_use_different_files() {
        let folder = tempfile::tempdir().unwrap();
        let own = std::process::id();
        let folder = folder.path();
        let one = Temporary::create(folder, "spool-", "a", 0o600).unwrap();
        let two = Temporary::create(folder, "spool-", "a", 0o600).unwrap();
        one.fill(&mut &b"one"[..], &mut |_| {}).unwrap();
        two.fill(&mut &b"two"[..], &mut |_| {}).unwrap();
        assert_eq!(std::fs::read(&one.path).unwrap(), b"one");
        assert_eq!(names(folder), [format!("spool-a.{own}"), format!("spool-a.{}", own + 1)]);
        two.rename(&folder.join("two")).unwrap();
        drop(one);
        assert_eq!(names(folder), ["two"]);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test writes files")]
    fn a_file_that_got_the_name_after_the_rename_is_not_removed() {
        let folder = tempfile::tempdir().unwrap();
        let mut one = Temporary::create(folder.path(), "x", "", 0o600).unwrap();
        let path = one.path.clone();
        one.put(&folder.path().join("one")).unwrap();
        std::fs::write(&path, "of another run").unwrap();
        drop(one);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "of another run");
    }

    /// A reader that returns few bytes at a time, like a connection.
    struct Drips<'a>(&'a [u8]);

    impl Read for Drips<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let end = buffer.len().min(1000);
            self.0.read(&mut buffer[..end])
        }
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test reads files")]
    fn zeros_become_holes_and_no_byte_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let mut bytes = vec![0; 8 << 20];
        for at in [0, 4095, 4096, 3 << 20, (5 << 20) + 17] {
            bytes[at] = 1;
        }
        for end in [0, 1, 4096, (3 << 20) + 1, 8 << 20, (8 << 20) - 5] {
            let file = Temporary::create(folder.path(), "x", "", 0o600).unwrap();
            let mut told = 0;
            file.fill(&mut Drips(&bytes[..end]), &mut |done| told = done).unwrap();
            assert!(std::fs::read(&file.path).unwrap() == bytes[..end], "{end}");
            assert_eq!(told, end as u64);
            // Four blocks of data; the file system may add metadata.
            assert!(file.file.metadata().unwrap().blocks() * 512 <= 64 << 10, "{end}");
        }
    }
}
