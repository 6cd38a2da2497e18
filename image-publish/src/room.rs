//! DOOR: how much room a folder's file system has, and how much an image takes.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use stage::{Entry, Place};

use crate::prepared::{PreparedImage, Supply};
use crate::show;
use crate::source::compression::Compression;
use crate::source::parts::Files;

/// Refuses what does not fit into a folder, which need not exist yet.
///
/// # Errors
/// Fewer than `needed` bytes are free. Where the system does not tell, nothing is refused.
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

/// Returns the words for what this many images need together.
pub(crate) fn need(images: usize) -> String {
    if images == 1 { "the image needs".to_owned() } else { format!("the {images} images need") }
}

/// Returns how many bytes an image takes in a file system with holes, as far as that is known before it is
/// written: a plain file here has no more data than its own blocks hold.
pub(crate) fn needed_for(image: &PreparedImage) -> u64 {
    let length = image.length.unwrap_or(0);
    match &image.supply {
        Supply::Local(local) if local.compression == Compression::None => {
            allocated(&local.files).map_or(length, |data| data.min(length))
        }
        // How much of it is zeros shows only when it is unpacked.
        Supply::Local(local) => allocated(&local.files).map_or(0, |data| data.min(length)),
        _ => length,
    }
}

/// Returns the bytes that the blocks of files hold.
fn allocated(files: &Files) -> Option<u64> {
    let data = |path: &PathBuf| Some(path.metadata().ok()?.blocks() * 512);
    files.parts.iter().map(data).sum()
}

/// Returns the bytes that are free, for others than root, in the folder or in the next one above it.
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
    fn a_folder_to_be_made_has_the_room_of_the_one_above() {
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
