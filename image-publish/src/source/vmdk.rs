//! The header and tables of a VMDK in one file, and whether the file contains everything that they refer to.
//!
//! After VMware's "Virtual Disk Format 5.0" and QEMU's block/vmdk.c, vmdk_open_vmdk4. All places in it are
//! sectors. Pure, except for [`tables_fit`], which reads from the given reader.

use std::borrow::Cow;
use std::io::{self, Read, Seek};

use super::head::{at, bytes_at, u32_at, u64_at};
use super::unfit::Unfit;

/// The first four bytes.
pub(super) const MAGIC: &[u8] = b"KDMV";

const SECTOR: u64 = 512;
/// The directory of a stream is named by a second header, before the last sector.
const AT_END: u64 = u64::MAX;
/// QEMU's limits: of a table in entries, of a grain in sectors, and of the directory in entries.
const MOST_ENTRIES: u32 = 512;
const MOST_SECTORS: u64 = 0x20_0000;
const MOST_TABLES: u64 = 32 << 20;
/// Where QEMU looks for the description, in bytes, whatever the header says.
const DESCRIPTION: std::ops::Range<usize> = 512..512 + 20 * 512;

/// The fields that matter here.
struct Header {
    version: u32,
    /// The size of the disk.
    capacity: u64,
    /// The size of a grain.
    grain: u64,
    /// How many grains a table has.
    entries: u32,
    directory: u64,
    /// Where the first grain is.
    data: u64,
    is_compressed: bool,
}

/// Judges a VMDK by its head; returns its virtual size.
pub(super) fn judge(head: &[u8], length: u64) -> Result<u64, Unfit> {
    let header = Header::read(head)?;
    let cut = |what: &str| Err(Unfit::CutOff { what: what.to_owned() });
    if header.directory != AT_END && header.directory.saturating_mul(SECTOR) >= length {
        return cut("the file ends before the table that its header names");
    }
    if header.data > length / SECTOR {
        return cut("the file ends before its data");
    }
    let description = description(head);
    if !description.contains("parentCID=") {
        // The extents of a VMDK in several files have none.
        let what = "a description is missing".to_owned();
        return Err(Unfit::BadHeader { format: "vmdk", what });
    }
    match parent(&description) {
        Some(name) => Err(Unfit::BackingFile { name }),
        None => Ok(header.capacity.saturating_mul(SECTOR)),
    }
}

/// Returns the description as far as QEMU reads it: its text ends with the first zero.
fn description(head: &[u8]) -> Cow<'_, str> {
    let end = DESCRIPTION.end.min(head.len());
    let bytes = head.get(DESCRIPTION.start..end).unwrap_or_default();
    String::from_utf8_lossy(bytes.split(|byte| *byte == 0).next().unwrap_or_default())
}

/// Returns the file that a description names as the parent.
// QEMU: vmdk_parent_open: the first of these words, in the middle of a line too; the name is in quotes after it.
fn parent(description: &str) -> Option<String> {
    let (_, rest) = description.split_once("parentFileNameHint")?;
    let line = rest.lines().next().unwrap_or_default();
    Some(line.trim_matches(['=', '"', ' ']).to_owned())
}

/// Returns whether a plain VMDK contains everything that its tables refer to.
///
/// QEMU reads what is missing as zeros, so the import of a truncated file would succeed.
pub(super) fn tables_fit(
    file: &mut (impl Read + Seek),
    head: &[u8],
    length: u64,
) -> io::Result<Result<(), Unfit>> {
    let Ok(header) = Header::read(head) else { return Ok(Ok(())) };
    let header = match header.directory {
        // QEMU: vmdk_open_vmdk4: the footer takes the place of the header, with its size of the disk.
        AT_END => match footer(file, length)? {
            Some(footer) if footer.capacity == header.capacity => footer,
            Some(footer) => {
                let what = format!("its footer has a disk of {} sectors", footer.capacity);
                return Ok(Err(Unfit::BadHeader { format: "vmdk", what }));
            }
            None => return Ok(Err(Unfit::CutOff { what: "its footer is missing".to_owned() })),
        },
        _ => header,
    };
    let Some(directory) = table(file, header.directory, header.tables(), length)? else {
        return Ok(Err(Unfit::beyond(header.directory.saturating_mul(SECTOR), length)));
    };
    let tables: Vec<u64> = directory.into_iter().filter(|place| *place != 0).collect();
    if (tables.len() as u64).saturating_mul(u64::from(header.entries) * 4) > length {
        // Each table has its own place; otherwise one table could be read a million times.
        let what = format!("its {} tables do not fit in the file's {length} bytes", tables.len());
        return Ok(Err(Unfit::CutOff { what }));
    }
    let mut last = 0;
    for place in tables {
        let Some(grains) = table(file, place, u64::from(header.entries), length)? else {
            return Ok(Err(Unfit::beyond(place * SECTOR, length)));
        };
        last = grains.into_iter().fold(last, u64::max);
    }
    let end = end_of_grain(file, &header, last, length)?;
    Ok(if end > length { Err(Unfit::beyond(end, length)) } else { Ok(()) })
}

/// Returns the end of the bytes that a grain certainly has.
fn end_of_grain(
    file: &mut (impl Read + Seek),
    header: &Header,
    grain: u64,
    length: u64,
) -> io::Result<u64> {
    // 0 is a grain that does not exist, and 1 one of zeros: neither has a place.
    if grain <= 1 {
        return Ok(0);
    }
    let start = grain * SECTOR;
    // Its number (8 bytes) and its size come before compressed bytes.
    let marker = start + 12;
    if !header.is_compressed {
        return Ok(start + 1);
    }
    if marker > length {
        return Ok(marker);
    }
    let marker = bytes_at(file, start, 12)?;
    Ok(start + 12 + u64::from(u32_at(&marker, 8).unwrap_or_default()))
}

/// Reads a table of 32-bit entries; `None` if the file ends before it does.
fn table(
    file: &mut (impl Read + Seek),
    place: u64,
    entries: u64,
    length: u64,
) -> io::Result<Option<Vec<u64>>> {
    let start = place.saturating_mul(SECTOR);
    if start.saturating_add(entries * 4) > length {
        return Ok(None);
    }
    let bytes = bytes_at(file, start, entries * 4)?;
    Ok(Some(bytes.chunks_exact(4).filter_map(|entry| u32_at(entry, 0)).map(u64::from).collect()))
}

/// Reads the header at the end of a stream: the last sector but one.
fn footer(file: &mut (impl Read + Seek), length: u64) -> io::Result<Option<Header>> {
    let Some(sector) = (length / SECTOR).checked_sub(2) else { return Ok(None) };
    let bytes = bytes_at(file, sector * SECTOR, SECTOR)?;
    Ok(Header::read(&bytes).ok().filter(|_| bytes.starts_with(MAGIC)))
}

impl Header {
    fn read(head: &[u8]) -> Result<Self, Unfit> {
        let cut = || Unfit::CutOff { what: "its header is incomplete".to_owned() };
        let word = |offset| u64_at(head, offset).ok_or_else(cut);
        let half = |offset| u32_at(head, offset).ok_or_else(cut);
        let header = Self {
            version: half(4)?,
            capacity: word(12)?,
            grain: word(20)?,
            entries: half(44)?,
            directory: word(56)?,
            data: word(64)?,
            is_compressed: at(head, 77, &[1, 0]),
        };
        match header.fault() {
            Some(what) => Err(Unfit::BadHeader { format: "vmdk", what }),
            None => Ok(header),
        }
    }

    /// Returns what QEMU does not accept in a header.
    fn fault(&self) -> Option<String> {
        if self.version > 3 {
            return Some(format!("version {}", self.version));
        }
        if self.capacity == 0 {
            return Some("a disk of 0 bytes".to_owned());
        }
        if self.grain == 0 || self.grain > MOST_SECTORS {
            return Some(format!("grains of {} sectors", self.grain));
        }
        if self.entries == 0 || self.entries > MOST_ENTRIES {
            return Some(format!("tables of {} entries", self.entries));
        }
        let too_large = self.tables() > MOST_TABLES;
        too_large
            .then(|| format!("{} tables for a disk of {} sectors", self.tables(), self.capacity))
    }

    /// Returns how many tables the directory has.
    fn tables(&self) -> u64 {
        self.capacity.div_ceil(u64::from(self.entries) * self.grain)
    }
}

#[cfg(test)]
mod tests;
