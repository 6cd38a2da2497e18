//! The format of an image, detected by its content and never by its name. Does no I/O.

use std::io::{self, Read, Seek};

use serde::{Deserialize, Serialize};

use super::head::at;
use super::unfit::Unfit;
use super::{partitions, qcow2, vmdk};

/// The image formats that PVE accepts as content `import`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// QEMU's own.
    Qcow2,
    /// The disk's bytes as they are.
    Raw,
    /// VMware's, in one file.
    Vmdk,
}

impl Format {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Qcow2, Self::Raw, Self::Vmdk];

    /// Parses a name from the document.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.extension() == text)
    }

    /// Returns the extension that PVE requires for this format.
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Qcow2 => "qcow2",
            Self::Raw => "raw",
            Self::Vmdk => "vmdk",
        }
    }
}

/// What the first bytes of an image show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DetectedImage {
    /// Its format.
    pub(crate) format: Format,
    /// The size of the disk in it, in bytes.
    pub(crate) virtual_size: u64,
}

/// Judges an image by its first bytes (at least [`HEAD`](super::head::HEAD), or all there are) and its length.
pub(crate) fn judge(head: &[u8], length: u64) -> Result<DetectedImage, Unfit> {
    if head.starts_with(qcow2::MAGIC) {
        let virtual_size = qcow2::judge(head, length)?;
        return Ok(DetectedImage { format: Format::Qcow2, virtual_size });
    }
    if head.starts_with(vmdk::MAGIC) {
        let virtual_size = vmdk::judge(head, length)?;
        return Ok(DetectedImage { format: Format::Vmdk, virtual_size });
    }
    if head.starts_with(b"# Disk DescriptorFile") {
        return Err(Unfit::DataFile);
    }
    if at(head, 257, b"ustar") {
        return Err(Unfit::Archive);
    }
    // A hybrid ISO has a boot sector too, so the CD's signature is checked first.
    if at(head, 32769, b"CD001") {
        return Err(Unfit::Iso);
    }
    if !is_raw_disk(head) {
        return Err(Unfit::NoImage);
    }
    if !length.is_multiple_of(512) {
        let what = format!("{length} bytes is not a multiple of 512");
        return Err(Unfit::CutOff { what });
    }
    partitions::fit(head, length)?;
    Ok(DetectedImage { format: Format::Raw, virtual_size: length })
}

/// Returns whether a plain file contains everything that its header and tables refer to.
pub(crate) fn fit(
    format: Format,
    file: &mut (impl Read + Seek),
    head: &[u8],
    length: u64,
) -> io::Result<Result<(), Unfit>> {
    match format {
        Format::Qcow2 => qcow2::tables_fit(file, head, length),
        Format::Vmdk => vmdk::end_fits(file, head, length),
        Format::Raw => Ok(Ok(())),
    }
}

/// Returns whether there is a boot sector, a partition table or a file system.
fn is_raw_disk(head: &[u8]) -> bool {
    at(head, 510, &[0x55, 0xAA])
        || at(head, 512, b"EFI PART")
        || at(head, 1080, &[0x53, 0xEF])
        || at(head, 0, b"XFSB")
        || at(head, 65600, b"_BHRfS_M")
}

#[cfg(test)]
mod tests {
    use super::super::head::HEAD;
    use super::*;

    fn with(offset: usize, mark: &[u8]) -> Vec<u8> {
        let mut head = vec![0; HEAD];
        head[offset..offset + mark.len()].copy_from_slice(mark);
        head
    }

    fn check(head: &[u8], length: u64, expected: Result<(Format, u64), Unfit>) {
        assert_eq!(judge(head, length).map(|j| (j.format, j.virtual_size)), expected);
    }

    #[test]
    fn the_content_decides() {
        check(&with(510, &[0x55, 0xAA]), 1 << 20, Ok((Format::Raw, 1 << 20)));
        check(&with(1080, &[0x53, 0xEF]), 1 << 20, Ok((Format::Raw, 1 << 20)));
        check(&with(65600, b"_BHRfS_M"), 1 << 20, Ok((Format::Raw, 1 << 20)));
    }

    #[test]
    fn other_content_is_refused() {
        check(b"", 0, Err(Unfit::NoImage));
        check(b"<!DOCTYPE html>", 15, Err(Unfit::NoImage));
        check(&with(32769, b"CD001"), 1 << 20, Err(Unfit::Iso));
        check(&with(257, b"ustar"), 1 << 20, Err(Unfit::Archive));
        check(b"# Disk DescriptorFile\nversion=1", 31, Err(Unfit::DataFile));
        check(b"KDMV", 4, Err(Unfit::CutOff { what: "its header is incomplete".to_owned() }));
        let what = "1000 bytes is not a multiple of 512".to_owned();
        check(&with(510, &[0x55, 0xAA]), 1000, Err(Unfit::CutOff { what }));
    }
}
