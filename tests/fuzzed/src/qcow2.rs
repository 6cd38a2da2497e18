//! qcow2 images, compared with a reading of QEMU's docs/interop/qcow2 that shares no code with the product.

use crate::image::Image;

/// The input is an image: two bytes with the number of its sectors at the end that have only zeros, then the rest.
///
/// What is accepted is complete in this one file: no backing file, no data file, no encryption, every table and
/// every cluster that a table names is in the file, and its first table covers the whole disk. Cut before the last
/// byte that is named, it is refused.
pub fn qcow2(bytes: &[u8]) {
    let Some(image) = Image::read(bytes) else { return };
    let Some(judged) = image.judge().filter(|judged| judged.format == "qcow2") else { return };
    assert_eq!(image.bytes(0), *b"QFI\xfb");
    let version = image.u32_be(4);
    assert!((2..=3).contains(&version), "version {version}");
    // A place without a length names nothing.
    assert!(image.u64_be(8) == 0 || image.u32_be(16) == 0, "it has a backing file");
    assert_eq!(image.u32_be(32), 0, "it is encrypted");
    let features = if version == 3 { image.u64_be(72) } else { 0 };
    // Dirty, corrupt, a data file, or of a later QEMU.
    assert_eq!(features & !0b11000, 0, "features {features:#x}");

    let cluster = 1 << image.u32_be(20);
    assert!((512..=2 << 20).contains(&cluster), "clusters of {cluster} bytes");
    let entry = if features & 16 == 0 { 8 } else { 16 };
    let (l1, l1_size) = (image.u64_be(40), image.u32_be(36));
    let size = image.u64_be(24);
    assert_eq!(judged.virtual_size, size - size % 512);
    let covered = u128::from(l1_size) * u128::from(cluster / entry) * u128::from(cluster);
    assert!(u128::from(size) <= covered, "the disk is larger than its tables");
    assert!(image.u64_be(48) < image.length(), "the reference counts are not in the file");

    let mut end = l1 + 8 * l1_size;
    for l2 in (0..l1_size).map(|at| offset(image.u64_be(l1 + 8 * at))).filter(|l2| *l2 != 0) {
        end = end.max(l2 + cluster);
        for at in 0..cluster / entry {
            let word = image.u64_be(l2 + entry * at);
            let is_compressed = word & 1 << 62 != 0;
            // The last cluster of a file may be short, and what a compressed one needs depends on its content.
            end = end.max(match (is_compressed, offset(word)) {
                (false, data) if data != 0 => data + 1,
                _ => 0,
            });
        }
    }
    assert!(end <= image.length(), "data at byte {end}, but the file has {}", image.length());
    let is_cut_accepted = end > 0 && image.cut(end - 1).judge().is_some();
    assert!(!is_cut_accepted, "it is accepted without its last byte");
}

/// Returns the offset in an entry of a table, without its flags.
fn offset(entry: u64) -> u64 {
    entry & 0x00ff_ffff_ffff_fe00
}
