//! Prepared images and stored files → steps. Does no I/O.

use crate::prepared::{PreparedImage, Supply};

/// A file on the storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredFile {
    /// Its name in the content folder.
    pub(crate) file: String,
    /// Its size on disk, in bytes.
    pub(crate) size: u64,
    /// When it was created, in seconds since 1970, if the storage reports it.
    pub(crate) made: Option<u64>,
}

/// What to do about an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing: it is already there.
    Keep,
    /// This machine sends it; the storage overwrites an existing file.
    Send,
    /// The node downloads it.
    Download,
}

/// Returns the step for each image, in the same order.
///
/// The name has the start of the checksum, so a file with the same name and size is the image. A file with
/// the same name and another size is left over from a failed upload.
pub(crate) fn plan(ready: &[&PreparedImage], present: &[StoredFile]) -> Vec<Step> {
    let step = |(index, image): (usize, &&PreparedImage)| {
        // Another image of this run with the same bytes already has this step.
        if ready[..index].iter().any(|before| before.file == image.file) {
            return Step::Keep;
        }
        let there = present.iter().find(|present| present.file == image.file);
        let whole =
            there.is_some_and(|there| image.length.is_none_or(|length| length == there.size));
        match image.supply {
            _ if whole => Step::Keep,
            Supply::InStorage(_) | Supply::Stored => Step::Keep,
            Supply::Local(_) | Supply::Fetch(_) | Supply::Compress(_) => Step::Send,
            Supply::Node { .. } => Step::Download,
        }
    };
    ready.iter().enumerate().map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prepared::tests::{local, node};

    fn check(image: PreparedImage, present: &[(&str, u64)], expected: Step) {
        let present: Vec<_> = present
            .iter()
            .map(|(file, size)| StoredFile { file: (*file).to_owned(), size: *size, made: None })
            .collect();
        assert_eq!(plan(&[&image], &present), [expected]);
    }

    #[test]
    fn name_and_size_identify_a_complete_image() {
        check(local("a-1.qcow2", 10), &[], Step::Send);
        check(local("a-1.qcow2", 10), &[("a-2.qcow2", 10)], Step::Send);
        check(local("a-1.qcow2", 10), &[("a-1.qcow2", 10)], Step::Keep);
        check(local("a-1.qcow2", 10), &[("a-1.qcow2", 9)], Step::Send);
        check(node("a-1.qcow2", Some(10)), &[], Step::Download);
        check(node("a-1.qcow2", Some(10)), &[("a-1.qcow2", 9)], Step::Download);
        check(node("a-1.qcow2", None), &[("a-1.qcow2", 9)], Step::Keep);
    }

    #[test]
    fn the_same_bytes_are_sent_once() {
        let twice = [local("a-1.qcow2", 10), local("a-1.qcow2", 10)];
        assert_eq!(plan(&[&twice[0], &twice[1]], &[]), [Step::Send, Step::Keep]);
    }
}
