//! DOOR: removes what killed runs have left behind: spooled files, half-written images, lock files.
//!
//! Each run begins with it, whatever it publishes. A file is left over when its name is one that we give,
//! nobody has locked it, and its process, should it be one of this machine, has ended.

use std::fs::OpenOptions;
use std::path::Path;

use pve_stage::machine_lock;

use crate::ready::parse_stored_name;

/// How spooled files begin.
pub(crate) const SPOOL: &str = "spool-";
/// How the locks of images begin.
pub(crate) const LOCK: &str = "publish-";

/// Sweeps the cache folder.
pub(crate) fn sweep_cache(folder: &Path) {
    sweep(folder, &|file| {
        if file.starts_with(LOCK) {
            return file.ends_with(machine_lock::SUFFIX);
        }
        let is_ours = |stem: &str| stem.starts_with(SPOOL) || stem == "images.json";
        left_by_process(file).is_some_and(is_ours)
    });
}

/// Sweeps the folder that a storage keeps its images in.
pub(crate) fn sweep_images(folder: &Path) {
    sweep(folder, &|file| {
        let image = left_by_process(file).and_then(|stem| stem.strip_prefix('.'));
        image.is_some_and(|image| parse_stored_name(image).is_some())
    });
}

/// Returns the name without the number of its process, if that is another one and has ended.
fn left_by_process(file: &str) -> Option<&str> {
    let (stem, number) = file.rsplit_once('.')?;
    let process = number.parse::<u32>().ok()?;
    // Our own number, before this run has made a file: of another container, or from before a restart.
    let is_alive = process != std::process::id() && Path::new(&format!("/proc/{process}")).exists();
    (!is_alive).then_some(stem)
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

/// Removes a file that nobody has locked, holding its lock meanwhile.
#[expect(clippy::disallowed_methods, reason = "door: left-over files")]
fn remove_unlocked(path: &Path) {
    // Open for writing: some network file systems lock nothing else.
    let Ok(file) = OpenOptions::new().write(true).open(path) else { return };
    // Whoever held it may have removed it meanwhile, and another run be at a new one.
    if file.try_lock().is_ok() && machine_lock::is_file_at(&file, path) {
        // What cannot be removed is tried again by the next run.
        let _ = std::fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
    fn only_what_a_killed_run_has_left_goes() {
        let own = std::process::id();
        check(
            sweep_cache,
            &[
                &format!("spool-a.{GONE}"),
                &format!("spool-b.qcow2.{own}"),
                &format!("images.json.{GONE}"),
                "publish-00ff.lock",
            ],
            &["images.json", "spool-a.note", &format!("a.{GONE}"), "other.lock", "spool-a.1"],
        );
        check(
            sweep_images,
            &[&format!(".a-0123456789ab.qcow2.{GONE}"), &format!(".b-0123456789ab.raw.{GONE}")],
            &[
                "a-0123456789ab.qcow2",
                ".a-0123456789ab.qcow2.1",
                &format!(".a.qcow2.{GONE}"),
                &format!("a-0123456789ab.raw.{GONE}"),
                ".hidden",
            ],
        );
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test writes files")]
    fn what_is_locked_is_in_use() {
        let folder = tempfile::tempdir().unwrap();
        let paths = [format!("spool-a.{GONE}"), "publish-00ff.lock".to_owned()];
        let paths = paths.map(|file| folder.path().join(file));
        let held: Vec<File> = paths.iter().map(|path| File::create(path).unwrap()).collect();
        held.iter().for_each(|file| file.try_lock().unwrap());
        sweep_cache(folder.path());
        assert!(paths.iter().all(|path| path.exists()));
        drop(held);
        sweep_cache(folder.path());
        assert!(!paths.iter().any(|path| path.exists()));
    }
}
