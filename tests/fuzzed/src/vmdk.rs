//! VMDK images, compared with a reading of QEMU's block/vmdk.c that shares no code with the product.

use crate::image::Image;

/// How many bytes of the description QEMU looks for a parent in.
const DESCRIPTION: usize = 20 * 512;

/// The input is an image: two bytes with the number of its sectors at the end that have only zeros, then the rest.
///
/// What is accepted is complete in this one file: it has a disk, QEMU would find no parent in it, and its footer, its
/// tables and every grain that a table names are in the file. Cut before the last byte that is named, it is refused.
pub fn vmdk(bytes: &[u8]) {
    let Some(image) = Image::read(bytes) else { return };
    let Some(judged) = image.judge().filter(|judged| judged.format == "vmdk") else { return };
    assert_eq!(image.bytes(0), *b"KDMV");
    // QEMU: vmdk_open_vmdk4: without a capacity, the description names other files.
    assert!(judged.virtual_size > 0, "it has no disk");
    assert_eq!(u128::from(judged.virtual_size), 512 * u128::from(image.u64_le(12)));
    assert!(image.u64_le(64) <= image.length() / 512, "its first grain is not in the file");
    is_alone(&image);

    // QEMU: vmdk_open_vmdk4: with its tables at the end, the last sector but one takes the place of the header.
    let is_at_end = image.u64_le(56) == u64::MAX;
    let header = if is_at_end { (image.length() / 512 - 2) * 512 } else { 0 };
    assert_eq!(image.bytes(header), *b"KDMV", "it has no footer");
    assert_eq!(image.u64_le(header + 12), image.u64_le(12), "its footer has another disk");
    let end = end_of_data(&image, header);
    assert!(end <= image.length(), "data at byte {end}, but the file has {}", image.length());
    // What is left of a file with a footer may have another one.
    let is_cut_accepted = !is_at_end && image.cut(end - 1).judge().is_some();
    assert!(!is_cut_accepted, "it is accepted without its last byte");
}

/// Checks that the description names no parent.
// QEMU: vmdk_parent_open: the first of these words anywhere in the text, which vmdk_open has in the second sector.
fn is_alone(image: &Image<'_>) {
    let text: [u8; DESCRIPTION] = image.bytes(512);
    let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
    let has = |word: &[u8]| text[..end].windows(word.len()).any(|part| part == word);
    assert!(has(b"parentCID="), "it has no description");
    assert!(!has(b"parentFileNameHint"), "it has a parent");
}

/// Returns the end of all that the tables name.
fn end_of_data(image: &Image<'_>, header: u64) -> u64 {
    let (capacity, grain, entries) =
        (image.u64_le(header + 12), image.u64_le(header + 20), image.u32_le(header + 44));
    let is_compressed = image.bytes(header + 77) == [1, 0];
    let (directory, tables) = (512 * image.u64_le(header + 56), capacity.div_ceil(grain * entries));
    let mut end = directory + 4 * tables;
    let mut last = 0;
    for table in (0..tables).map(|at| 512 * image.u32_le(directory + 4 * at)).filter(|at| *at > 0) {
        end = end.max(table + 4 * entries);
        last = (0..entries).map(|at| image.u32_le(table + 4 * at)).fold(last, u64::max);
    }
    // QEMU: 0 is a grain that does not exist, 1 one of zeros; compressed data has its number and size before it.
    let named = match last * 512 {
        0 | 512 => 0,
        grain if is_compressed => grain + 12 + image.u32_le(grain + 8),
        grain => grain + 1,
    };
    end.max(named)
}
