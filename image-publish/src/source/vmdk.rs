//! The VMDK header and description, and whether the file contains everything that they refer to.
//!
//! After QEMU's block/vmdk.c. Pure, except for [`end_fits`], which reads from the given reader.

use std::io::{self, Read, Seek, SeekFrom};

use super::head::u64_at;
use super::unfit::Unfit;

/// The first four bytes.
pub(crate) const MAGIC: &[u8] = b"KDMV";

/// Where the table of grains would be if it is at the end of the file, behind a second header.
const AT_END: u64 = u64::MAX;
/// From the second header to the end of the file.
// QEMU: vmdk_open_vmdk4: the footer is a marker, this header and another marker, of a sector each.
const FOOTER: u64 = 1024;
/// How much of the description QEMU searches, whatever its size.
// QEMU: DESC_SIZE.
const DESCRIPTION: usize = 20 * SECTOR;
const SECTOR: usize = 512;

/// Judges a VMDK by its sparse header and the description after it, which count in sectors; returns its virtual size.
pub(crate) fn judge(head: &[u8], length: u64) -> Result<u64, Unfit> {
    let header = Header::read(head)?;
    if header.capacity == 0 {
        // QEMU: vmdk_open_vmdk4: without a capacity, the description names the files with the data.
        return Err(Unfit::DataFile);
    }
    let end = |place: u64| bytes(place).saturating_add(1);
    let tables = if header.tables == AT_END { 0 } else { end(header.tables) };
    for (end, what) in [
        (end(header.description), "its description"),
        (tables, "the table that its header names"),
        // An image without data ends where they would begin.
        (bytes(header.data), "its data"),
    ] {
        if end > length {
            return Err(cut(&format!("the file ends before {what}")));
        }
    }
    if let Some(name) = parent(header.description(head, length)?) {
        return Err(Unfit::BackingFile { name });
    }
    let size = header.capacity.checked_mul(SECTOR as u64);
    size.ok_or_else(|| bad(format!("a disk of {} sectors", header.capacity)))
}

/// Returns whether a file that has its table at the end has this end.
pub(crate) fn end_fits(
    file: &mut (impl Read + Seek),
    head: &[u8],
    length: u64,
) -> io::Result<Result<(), Unfit>> {
    if !Header::read(head).is_ok_and(|header| header.tables == AT_END) {
        return Ok(Ok(()));
    }
    let mut mark = Vec::new();
    file.seek(SeekFrom::Start(length.saturating_sub(FOOTER)))?;
    file.take(MAGIC.len() as u64).read_to_end(&mut mark)?;
    Ok(if mark == MAGIC { Ok(()) } else { Err(cut("the header at its end is missing")) })
}

/// The fields that matter here.
struct Header {
    capacity: u64,
    description: u64,
    tables: u64,
    data: u64,
}

impl Header {
    fn read(head: &[u8]) -> Result<Self, Unfit> {
        let word = |at| u64_at(head, at).ok_or_else(|| cut("its header is incomplete"));
        let (capacity, description) = (word(12)?, word(28)?);
        Ok(Self { capacity, description, tables: word(56)?, data: word(64)? })
    }

    /// Returns the text of the description, as far as QEMU reads it.
    fn description<'h>(&self, head: &'h [u8], length: u64) -> Result<&'h [u8], Unfit> {
        let start = usize::try_from(bytes(self.description)).unwrap_or(usize::MAX);
        let end = start.saturating_add(DESCRIPTION);
        let is_all_read = end <= head.len() || head.len() as u64 == length;
        let text = head.get(start..end.min(head.len())).filter(|_| is_all_read);
        text.ok_or_else(|| bad(format!("its description is at byte {start}")))
    }
}

/// Returns the parent's name in a description.
// QEMU: vmdk_parent_open: the first of these words, wherever it is; the name is the text in quotes behind it.
fn parent(description: &[u8]) -> Option<String> {
    let text = description.split(|byte| *byte == 0).next().unwrap_or_default();
    let text = String::from_utf8_lossy(text);
    let (_, rest) = text.split_once("parentFileNameHint")?;
    let line = rest.lines().next().unwrap_or_default();
    Some(line.trim_matches(['=', '"', ' ']).to_owned())
}

/// Returns the byte at which a sector begins.
fn bytes(sector: u64) -> u64 {
    sector.saturating_mul(SECTOR as u64)
}

fn bad(what: String) -> Unfit {
    Unfit::BadHeader { format: "vmdk", what }
}

fn cut(what: &str) -> Unfit {
    Unfit::CutOff { what: what.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    /// A VMDK of 128 sectors with this description in its second one, and its table in the 100th.
    fn image(description: &str) -> Vec<u8> {
        let mut image = vec![0; 128 * SECTOR];
        image[..4].copy_from_slice(MAGIC);
        for (offset, sectors) in [(12, 4096u64), (28, 1), (36, 1), (56, 100), (64, 110)] {
            image[offset..offset + 8].copy_from_slice(&sectors.to_le_bytes());
        }
        image[SECTOR..SECTOR + description.len()].copy_from_slice(description.as_bytes());
        image
    }

    fn check(change: impl Fn(&mut Vec<u8>), expected: Result<u64, Unfit>) {
        let mut bytes = image("# Disk DescriptorFile\nparentCID=ffffffff\n");
        change(&mut bytes);
        let length = bytes.len() as u64;
        let judged = judge(&bytes, length).and_then(|size| {
            end_fits(&mut Cursor::new(&bytes), &bytes, length).unwrap().map(|()| size)
        });
        assert_eq!(judged, expected);
    }

    fn put(bytes: &mut [u8], at: usize, text: &str) {
        bytes[at..at + text.len()].copy_from_slice(text.as_bytes());
    }

    #[test]
    fn a_complete_image_has_a_size() {
        check(|_| {}, Ok(2 << 20));
    }

    #[test]
    fn a_parent_is_found_where_qemu_finds_it() {
        let text = "parentCID=12\nparentFileNameHint=\"base.vmdk\"\n";
        let parent = || Err(Unfit::BackingFile { name: "base.vmdk".to_owned() });
        check(|b| put(b, SECTOR, text), parent());
        check(|b| put(b, SECTOR + 41, &format!("# {text}")), parent());
        // The description ends before it.
        check(|b| put(b, SECTOR + 42, text), Ok(2 << 20));
        // Behind the size that the header gives for the description.
        check(
            |b| {
                b[SECTOR..2 * SECTOR].fill(b'#');
                put(b, 2 * SECTOR, text);
            },
            parent(),
        );
    }

    #[test]
    fn an_image_must_be_complete_in_one_file() {
        check(|b| b[12..20].fill(0), Err(Unfit::DataFile));
        check(|b| b.truncate(110 * SECTOR), Ok(2 << 20));
        check(|b| b.truncate(110 * SECTOR - 1), Err(cut("the file ends before its data")));
        let tables = |b: &mut Vec<u8>| b[56] = 128;
        check(tables, Err(cut("the file ends before the table that its header names")));
        check(|b| b[28..36].fill(0xff), Err(cut("the file ends before its description")));
        check(|b| b.truncate(40), Err(cut("its header is incomplete")));
        check(|b| b[19] = 0x80, Err(bad("a disk of 9223372036854779904 sectors".to_owned())));
    }

    #[test]
    fn a_table_at_the_end_has_a_header_there() {
        let at_end = |b: &mut Vec<u8>| b[56..64].fill(0xff);
        check(at_end, Err(cut("the header at its end is missing")));
        check(
            |b| {
                at_end(b);
                put(b, 126 * SECTOR, "KDMV");
            },
            Ok(2 << 20),
        );
    }

    #[test]
    fn a_description_far_behind_the_header_is_refused() {
        let far = |image: &mut Vec<u8>| {
            image[29] = 1;
            image.resize(300 * SECTOR, 0);
        };
        let mut image = image("");
        far(&mut image);
        let length = image.len() as u64;
        let found = judge(&image[..super::super::head::HEAD], length);
        assert_eq!(found, Err(bad("its description is at byte 131584".to_owned())));
        assert_eq!(judge(&image, length), Ok(2 << 20));
    }
}
