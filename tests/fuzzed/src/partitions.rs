//! Raw disks with an MBR or a GPT, compared with a reading of the UEFI specification that shares no code with the
//! product.

use crate::image::Image;

/// Where a file system is recognized whose boot sector looks like an MBR.
const FILE_SYSTEMS: [(u64, &[u8]); 3] = [(54, b"FAT"), (82, b"FAT"), (3, b"NTFS")];
/// How much of a disk the product reads.
const HEAD: u64 = 68 * 1024;

/// The input is a disk: two bytes with the number of its sectors at the end that have only zeros, then the rest.
///
/// A disk that is accepted has whole sectors and every partition that its table names; the table itself is in it;
/// without the last sector of its last partition, it is refused.
pub fn partitions(bytes: &[u8]) {
    let Some(disk) = Image::read(bytes) else { return };
    let Some(judged) = disk.judge().filter(|judged| judged.format == "raw") else { return };
    assert_eq!((judged.virtual_size, judged.virtual_size % 512), (disk.length(), 0));
    let last = if disk.bytes(512) == *b"EFI PART" { gpt(&disk) } else { mbr(&disk) };
    let Some(Last { end, named_at }) = last else { return };
    assert!(end <= u128::from(disk.length() / 512), "a partition ends with sector {end}");
    let cut = u64::try_from(end.saturating_sub(1)).unwrap() * 512;
    // What is left may be another kind of file, or have lost the entry too.
    let is_raw = disk.cut(cut).judge().is_some_and(|judged| judged.format == "raw");
    assert!(!is_raw || cut < named_at, "it is accepted without the end of a partition");
}

/// The last partition.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Last {
    /// Its end, in sectors.
    end: u128,
    /// The end of what names it, in bytes.
    named_at: u64,
}

/// Returns the last partition of those whose entry is read.
fn gpt(disk: &Image<'_>) -> Option<Last> {
    let (table, count, size) = (disk.u64_le(584), disk.u32_le(592), disk.u32_le(596));
    // UEFI 2.10, 5.3.2: an entry has 128 bytes or a multiple.
    if size < 128 {
        return None;
    }
    let table = table.checked_mul(512).filter(|table| *table < disk.length());
    let table = table.expect("the table is in the file");
    let entries = (0..count).map_while(|number| {
        let entry = table.checked_add(number.checked_mul(size)?)?;
        (entry + 128 <= HEAD.min(disk.length())).then_some(entry)
    });
    let used = entries.filter(|entry| disk.bytes::<16>(*entry) != [0; 16]);
    let last = used.map(|entry| Last {
        end: u128::from(disk.u64_le(entry + 40)) + 1,
        named_at: (entry + 128).max(1024),
    });
    last.max()
}

/// Returns the last partition.
fn mbr(disk: &Image<'_>) -> Option<Last> {
    let is_at = |(place, mark): (u64, &[u8])| disk.bytes::<8>(place).starts_with(mark);
    if disk.bytes(510) != [0x55, 0xaa] || FILE_SYSTEMS.into_iter().any(is_at) {
        return None;
    }
    let entries: Vec<u64> = (0..4).map(|number| 446 + 16 * number).collect();
    // A table has the mark of the active partition only; anything else there is the code of a boot sector.
    let is_entry = |entry: &u64| matches!(disk.bytes(*entry), [0 | 0x80]);
    if !entries.iter().all(is_entry) {
        return None;
    }
    let ends = entries.into_iter().filter_map(|entry| {
        let [kind] = disk.bytes(entry + 4);
        let (start, sectors) = (disk.u32_le(entry + 8), disk.u32_le(entry + 12));
        // 0xee stands for a GPT, and may overstate its size.
        let is_partition = start > 0 && kind != 0 && kind != 0xee;
        is_partition.then(|| Last { end: u128::from(start + sectors), named_at: 512 })
    });
    ends.max()
}
