//! The files of the storage, listed on first use. Does no I/O itself.

use std::cell::OnceCell;

use pve_client::Volid;
use stage::Entry;

use crate::plan::StoredFile;
use crate::prepared::parse_stored_name;
use crate::source::checksum::Sum;

/// A storage that can be listed.
pub(crate) trait Storage {
    /// Lists its files.
    fn list(&self) -> Result<Vec<StoredFile>, Entry>;

    /// Returns the volid of a file.
    fn volid_of(&self, file: &str) -> Volid;

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

/// A storage's files, listed at most once.
pub(crate) struct StorageListing<'a> {
    storage: Option<&'a dyn Storage>,
    listing: OnceCell<Result<Vec<StoredFile>, Entry>>,
}

impl<'a> StorageListing<'a> {
    /// Creates one; without a storage it is empty.
    pub(crate) fn new(storage: Option<&'a dyn Storage>) -> Self {
        Self { storage, listing: OnceCell::new() }
    }

    /// Returns the files; none if they cannot be listed, which [`Self::finish`] reports.
    pub(crate) fn files(&self) -> &[StoredFile] {
        let Some(storage) = self.storage else { return &[] };
        self.listing.get_or_init(|| storage.list()).as_deref().unwrap_or_default()
    }

    /// Returns a file of this name.
    pub(crate) fn find(&self, file: &str) -> Option<&StoredFile> {
        self.files().iter().find(|present| present.file == file)
    }

    /// Returns the newest version of an image.
    pub(crate) fn newest(&self, name: &str) -> Option<&StoredFile> {
        let is_version =
            |file: &str| parse_stored_name(file).is_some_and(|(stored, _)| stored == name);
        let versions = self.files().iter().filter(|present| is_version(&present.file));
        versions.max_by_key(|present| (present.made, &present.file))
    }

    /// Returns the volid of a file.
    pub(crate) fn volid(&self, file: &str) -> Option<Volid> {
        self.storage.map(|storage| storage.volid_of(file))
    }

    /// Compares a file with a checksum.
    pub(crate) fn compare(&self, file: &str, sum: &Sum) -> Compared {
        self.storage.map_or(Compared::Unknown, |storage| storage.compare(file, sum))
    }

    /// Returns the listing, if one was needed, or why it could not be read.
    pub(crate) fn finish(self) -> Result<Option<Vec<StoredFile>>, Entry> {
        self.listing.into_inner().transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Shelf(Vec<StoredFile>);

    impl Storage for Shelf {
        fn list(&self) -> Result<Vec<StoredFile>, Entry> {
            Ok(self.0.clone())
        }

        fn volid_of(&self, file: &str) -> Volid {
            format!("local:import/{file}").parse().unwrap()
        }

        fn compare(&self, _: &str, _: &Sum) -> Compared {
            Compared::Unknown
        }
    }

    fn check(files: &[(&str, Option<u64>)], expected: Option<&str>) {
        let present = |(file, made): &(&str, Option<u64>)| StoredFile {
            file: (*file).to_owned(),
            size: 1,
            made: *made,
        };
        let shelf = Shelf(files.iter().map(present).collect());
        let stored = StorageListing::new(Some(&shelf));
        assert_eq!(stored.newest("a").map(|found| &*found.file), expected, "{files:?}");
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
    }
}
