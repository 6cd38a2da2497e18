//! DOOR: reads files. An image as one file, or as parts `NAME.partaa`, `NAME.partab` … that are read as one.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::interrupt;

/// The files that make up one image, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Files {
    /// The requested path: the file, or the name of its parts without `.partaa`.
    pub(crate) path: PathBuf,
    /// The existing files.
    pub(crate) parts: Vec<PathBuf>,
}

/// Identifies a version of a file without reading it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    size: u64,
    mtime: i64,
    mtime_nsec: i64,
    /// When the inode last changed. Builders may set `mtime` to anything, but nobody can set this.
    ctime: i64,
    ctime_nsec: i64,
    inode: u64,
    device: u64,
}

/// Why there are no files.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoFiles {
    /// Neither the file nor a first part exists.
    #[error("does not exist")]
    NotFound,
    /// A part between the first and the last is missing.
    #[error("the part \"{name}\" is missing")]
    PartMissing {
        /// The missing part's name.
        name: String,
    },
    /// The path exists, but is not a regular file.
    #[error("is not a file")]
    NotAFile,
    /// The system returned an error.
    #[error("cannot be read")]
    Read {
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl Files {
    /// Finds a file, or its parts.
    pub(crate) fn find(path: &Path) -> Result<Self, NoFiles> {
        match path.metadata() {
            Ok(found) if found.is_file() => {
                Ok(Self { path: path.to_owned(), parts: vec![path.to_owned()] })
            }
            Ok(_) => Err(NoFiles::NotAFile),
            Err(error) if error.kind() == io::ErrorKind::NotFound => find_parts(path),
            Err(source) => Err(NoFiles::Read { source }),
        }
    }

    /// Returns the name of the image for messages.
    pub(crate) fn shown(&self) -> String {
        stage::shown::address(&self.path.display().to_string())
    }

    /// Returns the identities of the files.
    pub(crate) fn identity(&self) -> io::Result<Vec<Identity>> {
        let one = |path: &PathBuf| {
            let found = path.metadata()?;
            Ok(Identity {
                size: found.size(),
                mtime: found.mtime(),
                mtime_nsec: found.mtime_nsec(),
                ctime: found.ctime(),
                ctime_nsec: found.ctime_nsec(),
                inode: found.ino(),
                device: found.dev(),
            })
        };
        self.parts.iter().map(one).collect()
    }

    /// Opens the files as one stream.
    pub(crate) fn open(&self) -> Joined {
        Joined { rest: self.parts.iter().rev().cloned().collect(), open: None }
    }

    /// Opens the files as one seekable file.
    #[expect(clippy::disallowed_methods, reason = "door: image files")]
    pub(crate) fn open_anywhere(&self) -> io::Result<Anywhere> {
        let open = |path: &PathBuf| {
            let file = File::open(path)?;
            let length = file.metadata()?.len();
            Ok((file, length))
        };
        Ok(Anywhere { parts: self.parts.iter().map(open).collect::<io::Result<_>>()?, at: 0 })
    }
}

/// Several files as one seekable file.
#[derive(Debug)]
pub(crate) struct Anywhere {
    /// Each file and its length.
    parts: Vec<(File, u64)>,
    at: u64,
}

impl Read for Anywhere {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut start = 0;
        for (file, length) in &self.parts {
            if self.at < start + length {
                let left = usize::try_from(start + length - self.at).unwrap_or(usize::MAX);
                let wanted = left.min(buffer.len());
                let read = file.read_at(&mut buffer[..wanted], self.at - start)?;
                self.at += read as u64;
                return Ok(read);
            }
            start += length;
        }
        Ok(0)
    }
}

impl Seek for Anywhere {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let length = self.parts.iter().map(|(_, length)| length).sum();
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => u64::checked_add_signed(length, by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

/// Several files, read as one.
#[derive(Debug)]
pub(crate) struct Joined {
    rest: Vec<PathBuf>,
    open: Option<File>,
}

impl Read for Joined {
    #[expect(clippy::disallowed_methods, reason = "door: image files")]
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        interrupt::check()?;
        loop {
            if let Some(file) = &mut self.open {
                let read = file.read(buffer)?;
                if read > 0 || buffer.is_empty() {
                    return Ok(read);
                }
            }
            match self.rest.pop() {
                Some(next) => self.open = Some(File::open(next)?),
                None => return Ok(0),
            }
        }
    }
}

/// Finds the parts of a file, without gaps.
#[expect(clippy::disallowed_methods, reason = "door: image files")]
fn find_parts(path: &Path) -> Result<Files, NoFiles> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let folder =
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let listing = match std::fs::read_dir(folder) {
        Ok(listing) => listing,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(NoFiles::NotFound),
        Err(source) => return Err(NoFiles::Read { source }),
    };
    let prefix = format!("{name}.part");
    let mut names: Vec<String> = listing
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|entry| entry.strip_prefix(&prefix).is_some_and(is_suffix))
        .collect();
    names.sort();
    for (index, found) in names.iter().enumerate() {
        let expected = format!("{prefix}{}", suffix(index, found.len() - prefix.len()));
        if *found != expected {
            return Err(NoFiles::PartMissing { name: expected });
        }
    }
    if names.is_empty() {
        return Err(NoFiles::NotFound);
    }
    Ok(Files {
        path: path.to_owned(),
        parts: names.into_iter().map(|name| folder.join(name)).collect(),
    })
}

/// Returns whether the text is a suffix of `split`.
fn is_suffix(text: &str) -> bool {
    text.len() >= 2 && text.bytes().all(|b| b.is_ascii_lowercase())
}

/// Returns the suffix of the part with this number: aa, ab … zz.
fn suffix(mut number: usize, length: usize) -> String {
    let mut letters = vec!['a'; length];
    for letter in letters.iter_mut().rev() {
        *letter = char::from(b'a' + u8::try_from(number % 26).unwrap_or(0));
        number /= 26;
    }
    letters.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes_as_split_gives_them() {
        let check = |number, expected| assert_eq!(suffix(number, 2), expected);
        check(0, "aa");
        check(25, "az");
        check(26, "ba");
        check(675, "zz");
        assert!(is_suffix("aa") && !is_suffix("a") && !is_suffix("aA") && !is_suffix("aa.sha256"));
    }
}
