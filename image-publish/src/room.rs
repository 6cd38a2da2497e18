//! DOOR: the free space of a directory's file system, and the space that an image needs.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use stage::{Entry, Place};

use crate::prepared::{PreparedImage, Supply};
use crate::show;
use crate::source::compression::Compression;
use crate::source::parts::Files;

/// Returns an error if a directory, which need not exist yet, has too little free space.
///
/// # Errors
/// Fewer than `needed` bytes are free. If the system does not report free space, there is no error.
pub(crate) fn check(folder: &Path, needed: u64, what: &str, hint: &str) -> Result<(), Entry> {
    match free(folder) {
        Some(free) if free < needed => {
            let (free, needed) = (show::bytes(free), show::bytes(needed));
            let fact = format!("has {free} free, but {what} {needed}");
            let place = Place::file(folder.display().to_string());
            Err(Entry::error("disk-full", place, fact).hint(hint))
        }
        _ => Ok(()),
    }
}

/// Returns the subject of the message for this many images.
pub(crate) fn need(images: usize) -> String {
    if images == 1 { "the image needs".to_owned() } else { format!("the {images} images need") }
}

/// Returns how many bytes an image occupies in a file system with holes, as far as this is known before the
/// write: an uncompressed local file has no more data than its own blocks.
pub(crate) fn needed_for(image: &PreparedImage) -> u64 {
    let length = image.length.unwrap_or(0);
    match &image.supply {
        Supply::Local(local) if local.compression == Compression::None => {
            allocated(&local.files).map_or(length, |data| data.min(length))
        }
        // How many of its bytes are zero is only known once it is unpacked.
        Supply::Local(local) => allocated(&local.files).map_or(0, |data| data.min(length)),
        _ => length,
    }
}

/// Returns the total size of the files' blocks in bytes.
fn allocated(files: &Files) -> Option<u64> {
    let data = |path: &PathBuf| Some(path.metadata().ok()?.blocks() * 512);
    files.parts.iter().map(data).sum()
}

/// Returns the bytes that are free, for users other than root, in the directory or its nearest parent.
fn free(folder: &Path) -> Option<u64> {
    let folder = std::path::absolute(folder).ok()?;
    let there = folder.ancestors().find(|folder| folder.is_dir())?;
    let room = rustix::fs::statvfs(there).ok()?;
    room.f_bavail.checked_mul(room.f_frsize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_directory_has_the_space_of_its_parent() {
        let folder = tempfile::tempdir().unwrap();
        for folder in [folder.path().to_owned(), folder.path().join("not/yet")] {
            assert!(check(&folder, 1, "the images need", "").is_ok());
            let refused = check(&folder, u64::MAX, "the images need", "remove some").unwrap_err();
            assert_eq!(refused.place, Place::file(folder.display().to_string()));
            assert!(
                refused.fact.ends_with(" free, but the images need 15.9 EiB"),
                "{}",
                refused.fact
            );
        }
    }
}
