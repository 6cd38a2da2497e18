//! The files of the storages that need an image, listed on first use. Does no I/O itself.

use pve_client::Error;

use crate::plan::StoredFile;
use crate::prepared::{name_on_storage, parse_stored_name};
use crate::source::checksum::Sum;

/// A storage that can be listed.
pub(crate) trait Storage {
    /// Returns its files, which are listed on first use; none if they cannot be listed.
    fn files(&self) -> &[StoredFile];

    /// Compares a file with a checksum, by reading it to its end.
    fn compare(&self, file: &str, sum: &Sum) -> Compared;
}

/// The result of comparing a file with a checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compared {
    /// It has this checksum.
    Same,
    /// It has another one.
    Different,
    /// It could not be compared.
    Unknown,
}

/// Why a stored file is not known to have a checksum.
#[derive(Debug)]
pub(crate) enum NotSame {
    /// It has another one.
    Different(Error),
    /// The comparison did not come to an end: its worker was killed, or the storage went offline.
    Unknown(Error),
}

/// Returns whether a task has failed because a file has another checksum than the expected one.
// PVE: facts 42, and pve-storage, API2/Storage/Status.pm, upload.
pub(crate) fn is_other_sum(error: &Error) -> bool {
    matches!(error, Error::TaskFailed(failure) if failure.exitstatus.contains("checksum mismatch"))
}

/// The files that all storages have that need an image: what is missing on one of them must be published.
pub(crate) struct StorageListing<'a>(Vec<&'a dyn Storage>);

impl<'a> StorageListing<'a> {
    /// Creates one; without a storage it is empty.
    pub(crate) fn new(storages: Vec<&'a dyn Storage>) -> Self {
        Self(storages)
    }

    /// Returns the files that all storages have, with the same size.
    fn files(&self) -> impl Iterator<Item = &'a StoredFile> {
        let (first, others) = self
            .0
            .split_first()
            .map_or((&[][..], &[][..]), |(first, others)| (first.files(), others));
        let is_on = |storage: &dyn Storage, file: &StoredFile| {
            storage.files().iter().any(|other| other.file == file.file && other.size == file.size)
        };
        first.iter().filter(move |file| others.iter().all(|other| is_on(*other, file)))
    }

    /// Returns a file of this name.
    pub(crate) fn find(&self, file: &str) -> Option<&'a StoredFile> {
        self.files().find(|present| present.file == file)
    }

    /// Returns the newest version of an image.
    pub(crate) fn newest(&self, name: &str) -> Option<&'a StoredFile> {
        let name = name_on_storage(name);
        let is_version =
            |file: &str| parse_stored_name(file).is_some_and(|(stored, _)| stored == name);
        let versions = self.files().filter(|present| is_version(&present.file));
        versions.max_by_key(|present| (present.made, &present.file))
    }

    /// Compares a file with a checksum on each storage. One that differs decides.
    pub(crate) fn compare(&self, file: &str, sum: &Sum) -> Compared {
        let mut all = Compared::Same;
        for storage in &self.0 {
            match storage.compare(file, sum) {
                Compared::Same => {}
                Compared::Different => return Compared::Different,
                Compared::Unknown => all = Compared::Unknown,
            }
        }
        if self.0.is_empty() { Compared::Unknown } else { all }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Shelf(Vec<StoredFile>);

    impl Storage for Shelf {
        fn files(&self) -> &[StoredFile] {
            &self.0
        }

        fn compare(&self, _: &str, _: &Sum) -> Compared {
            Compared::Unknown
        }
    }

    fn check(files: &[(&str, Option<u64>)], expected: Option<&str>) {
        check_of("a", files, expected);
    }

    fn check_of(name: &str, files: &[(&str, Option<u64>)], expected: Option<&str>) {
        let present = |(file, made): &(&str, Option<u64>)| StoredFile {
            file: (*file).to_owned(),
            size: 1,
            made: *made,
        };
        let shelf = Shelf(files.iter().map(present).collect());
        let stored = StorageListing::new(vec![&shelf]);
        assert_eq!(stored.newest(name).map(|found| &*found.file), expected, "{files:?}");
    }

    #[test]
    fn the_newest_version_of_an_image() {
        let (old, new) = ("a-bbbbbbbbbbbb.qcow2", "a-aaaaaaaaaaaa.raw");
        check(&[(old, Some(1)), (new, Some(2))], Some(new));
        check(&[(new, Some(2)), (old, Some(1))], Some(new));
        check(&[(old, None), (new, Some(0))], Some(new));
        check(&[("b-aaaaaaaaaaaa.raw", Some(9)), (old, Some(1))], Some(old));
        check(&[("a.qcow2", Some(9)), ("b-a-aaaaaaaaaaaa.raw", Some(9))], None);
        check(&[], None);
        check_of("a+b", &[("a_b-aaaaaaaaaaaa.raw", None)], Some("a_b-aaaaaaaaaaaa.raw"));
    }
}
