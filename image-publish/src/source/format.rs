//! The format of an image, detected by its content and never by its name. Does no I/O.

use serde::{Deserialize, Serialize};

use super::head::{at, u64_at};
use super::unfit::Unfit;
use super::{partitions, qcow2};

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
    if head.starts_with(b"KDMV") {
        return vmdk(head, length);
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

/// Judges a VMDK by its sparse header and the description after it; both count in sectors.
fn vmdk(head: &[u8], length: u64) -> Result<DetectedImage, Unfit> {
    /// The table of grains comes at the end of the file.
    const AT_END: u64 = u64::MAX;
    let cut = |what: &str| Unfit::CutOff { what: what.to_owned() };
    let word = |offset| u64_at(head, offset).ok_or_else(|| cut("its header is incomplete"));
    let (capacity, description, sectors, grains) = (word(12)?, word(28)?, word(36)?, word(56)?);
    if grains != AT_END && grains.saturating_mul(512) >= length {
        return Err(cut("the file ends before the table that its header names"));
    }
    let place = |sector: u64| usize::try_from(sector.saturating_mul(512)).unwrap_or(usize::MAX);
    let start = place(description).min(head.len());
    let end = place(description.saturating_add(sectors)).clamp(start, head.len());
    let text = String::from_utf8_lossy(&head[start..end]);
    let parent = text.lines().find_map(|line| line.trim().strip_prefix("parentFileNameHint="));
    if let Some(parent) = parent {
        return Err(Unfit::BackingFile { name: parent.trim_matches('"').to_owned() });
    }
    Ok(DetectedImage { format: Format::Vmdk, virtual_size: capacity.saturating_mul(512) })
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
        check(&vmdk(""), 65536, Ok((Format::Vmdk, 2 << 20)));
    }

    /// A VMDK with this description in its second sector and its table in the 100th.
    fn vmdk(description: &str) -> Vec<u8> {
        let mut head = with(0, b"KDMV");
        for (offset, sectors) in [(12, 4096u64), (28, 1), (36, 1), (56, 100)] {
            head[offset..offset + 8].copy_from_slice(&sectors.to_le_bytes());
        }
        head[512..512 + description.len()].copy_from_slice(description.as_bytes());
        head
    }

    #[test]
    fn a_vmdk_must_be_complete_in_one_file() {
        let text = "# Disk DescriptorFile\nparentCID=12\nparentFileNameHint=\"base.vmdk\"\n";
        let name = "base.vmdk".to_owned();
        check(&vmdk(text), 65536, Err(Unfit::BackingFile { name }));
        let what = "the file ends before the table that its header names".to_owned();
        check(&vmdk(""), 51200, Err(Unfit::CutOff { what }));
        let mut at_end = vmdk("");
        at_end[56..64].fill(0xff);
        check(&at_end, 65536, Ok((Format::Vmdk, 2 << 20)));
        // A description outside the head is ignored.
        at_end[28..44].fill(0xff);
        check(&at_end, 65536, Ok((Format::Vmdk, 2 << 20)));
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
