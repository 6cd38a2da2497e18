//! DOOR: removes leftovers of killed runs: downloaded files, half-written images, lock files.
//!
//! Each run starts with this, whatever it publishes. A file is a leftover if it has one of our names and nobody
//! has locked it. The process ID in the name does not count, because a later process may have the same one.

use std::fs::{OpenOptions, TryLockError};
use std::path::Path;

use pve_stage::machine_lock;

use crate::prepared::parse_stored_name;
use crate::temporary::LENT;

/// The prefix of downloaded files.
pub(crate) const SPOOL: &str = "spool-";
/// The prefix of locks.
pub(crate) const LOCK: &str = "publish-";
/// The cache, until it is complete.
const HALF_CACHE: &str = "images.json.part";

/// Sweeps the cache directory.
pub(crate) fn sweep_cache(folder: &Path) {
    sweep(folder, &|file| {
        if file.starts_with(LOCK) {
            return file.ends_with(machine_lock::SUFFIX);
        }
        file == HALF_CACHE || numbered(file).is_some_and(|(stem, _)| stem.starts_with(SPOOL))
    });
}

/// Sweeps the image directory of a storage.
pub(crate) fn sweep_images(folder: &Path) {
    sweep(folder, &|file| {
        let image = numbered(file).and_then(|(stem, _)| stem.strip_prefix('.'));
        image.is_some_and(|image| parse_stored_name(image).is_some())
    });
}

/// Splits off the number at the end of a name.
fn numbered(file: &str) -> Option<(&str, u32)> {
    let (stem, number) = file.rsplit_once('.')?;
    Some((stem, number.parse().ok()?))
}

#[expect(clippy::disallowed_methods, reason = "door: left-over files")]
fn sweep(folder: &Path, is_ours: &dyn Fn(&str) -> bool) {
    let Ok(listing) = std::fs::read_dir(folder) else { return };
    for entry in listing.flatten() {
        let is_left = entry.file_name().to_str().is_some_and(is_ours);
        if is_left && entry.file_type().is_ok_and(|kind| kind.is_file()) {
            remove_unlocked(&entry.path());
        }
    }
}

/// Locks and removes a file that nobody has locked or lent.
#[expect(clippy::disallowed_methods, reason = "door: left-over files")]
fn remove_unlocked(path: &Path) {
    // Do not even lock it: on a network file system, that would disturb the program that uses it.
    if is_lent(path) {
        return;
    }
    // Open for writing, because some network file systems require it for a lock.
    let Ok(file) = OpenOptions::new().write(true).open(path) else { return };
    // In the meantime, its owner may have removed or lent it, and another run may have created a new one.
    if file.try_lock().is_ok() && machine_lock::is_file_at(&file, path) && !is_lent(path) {
        // What cannot be removed is tried again by the next run.
        let _ = std::fs::remove_file(path);
    }
}

/// Returns whether a run has lent the file to another program: then a locked file protects it.
#[expect(clippy::disallowed_methods, reason = "door: left-over files")]
fn is_lent(path: &Path) -> bool {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return false };
    let guard = format!("{}{LENT}.", name.to_string_lossy());
    let Ok(listing) = std::fs::read_dir(folder) else { return false };
    listing.flatten().any(|entry| {
        entry.file_name().to_str().is_some_and(|file| file.starts_with(&guard))
            && OpenOptions::new()
                .write(true)
                .open(entry.path())
                .is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::temporary::Temporary;
    use std::fs::File;

    /// Above the largest number that Linux gives.
    const GONE: u32 = 4_194_305;

    #[expect(clippy::disallowed_methods, reason = "a test writes files")]
    fn check(sweep: fn(&Path), left: &[&str], others: &[&str]) {
        let folder = tempfile::tempdir().unwrap();
        for file in left.iter().chain(others) {
            std::fs::write(folder.path().join(file), "half").unwrap();
        }
        sweep(folder.path());
        let files = folder.path().read_dir().unwrap();
        let mut files: Vec<String> =
            files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        files.sort();
        let mut others = others.to_vec();
        others.sort_unstable();
        assert_eq!(files, others);
    }

    #[test]
    fn only_leftovers_of_killed_runs_are_removed() {
        let own = std::process::id();
        check(
            sweep_cache,
            &[
                &format!("spool-a.{GONE}"),
                &format!("spool-b.qcow2.{own}"),
                "spool-c.1",
                &format!("spool-d.{GONE}.lent.{GONE}"),
                HALF_CACHE,
                "publish-00ff.lock",
            ],
            &["images.json", "spool-a.note", &format!("a.{GONE}"), "other.lock"],
        );
        check(
            sweep_images,
            &[
                &format!(".a-0123456789ab.qcow2.{GONE}"),
                &format!(".b-0123456789ab.raw.{GONE}"),
                ".c-0123456789ab.raw.1",
            ],
            &[
                "a-0123456789ab.qcow2",
                ".a-0123456789ab.qcow2.note",
                &format!(".a.qcow2.{GONE}"),
                &format!("a-0123456789ab.raw.{GONE}"),
                ".hidden",
            ],
        );
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test writes files")]
    fn locked_files_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let paths =
            [format!("spool-a.{GONE}"), "publish-00ff.lock".to_owned(), HALF_CACHE.to_owned()];
        let paths = paths.map(|file| folder.path().join(file));
        let held: Vec<File> = paths.iter().map(|path| File::create(path).unwrap()).collect();
        held.iter().for_each(|file| file.try_lock().unwrap());
        sweep_cache(folder.path());
        assert!(paths.iter().all(|path| path.exists()));
        drop(held);
        sweep_cache(folder.path());
        assert!(!paths.iter().any(|path| path.exists()));
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test opens a file")]
    fn lent_files_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let (one, two) = (
            Temporary::create(folder, "spool-", "a", 0o600).unwrap(),
            Temporary::create(folder, "spool-", "b", 0o600).unwrap(),
        );
        one.lend(|one| {
            two.lend(|two| {
                // Another program may lock them.
                File::open(one).unwrap().try_lock().unwrap();
                sweep_cache(folder);
                assert!(one.exists() && two.exists());
            });
        });
        sweep_cache(folder);
        assert_eq!(
            folder.read_dir().unwrap().count(),
            2,
            "the guard is removed, and both are locked again"
        );
        drop((one, two));
        assert_eq!(folder.read_dir().unwrap().count(), 0);
    }
}
