//! VMDK images, compared with a reading of QEMU's block/vmdk.c that shares no code with the product.

use crate::image::Image;

/// How many bytes of the description QEMU looks for a parent in.
const DESCRIPTION: usize = 20 * 512;

/// The input is an image: two bytes with the number of its sectors at the end that have only zeros, then the rest.
///
/// What is accepted is complete in this one file: it has a disk, QEMU would find no parent in it, and its tables,
/// its first grain and its footer are in the file. Without its last sector, its header cannot claim the same.
pub fn vmdk(bytes: &[u8]) {
    let Some(image) = Image::read(bytes) else { return };
    let Some(judged) = image.judge().filter(|judged| judged.format == "vmdk") else { return };
    assert_eq!(image.bytes(0), *b"KDMV");
    // QEMU: vmdk_open_vmdk4: without a capacity, the description names other files.
    assert!(judged.virtual_size > 0, "it has no disk");
    assert_eq!(u128::from(judged.virtual_size), 512 * u128::from(image.u64_le(12)));

    // QEMU: vmdk_parent_open: the first of these words anywhere in the text, which vmdk_open has in the second sector.
    let text: [u8; DESCRIPTION] = image.bytes(512);
    let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
    let has = |word: &[u8]| text[..end].windows(word.len()).any(|part| part == word);
    assert!(has(b"parentCID="), "it has no description");
    assert!(!has(b"parentFileNameHint"), "it has a parent");

    let (tables, grains) = (image.u64_le(56), image.u64_le(64));
    assert!(grains.saturating_mul(512) <= image.length(), "its first grain is not in the file");
    if tables == u64::MAX {
        assert_eq!(image.bytes(image.length() - 1024), *b"KDMV", "it has no footer");
    } else {
        assert!(tables < image.length().div_ceil(512), "its tables are not in the file");
        assert!(image.cut(tables * 512).judge().is_none(), "it is accepted without its tables");
    }
}
