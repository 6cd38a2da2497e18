//! `image`: user-data, vendor-data, meta-data and network-config as the bytes of a NoCloud seed
//! image.
//!
//! ISO 9660 with Rock Ridge and Joliet, label `cidata`. The same texts give the same bytes, without
//! times or random numbers. Does no I/O.
//!
//! ISO 9660 rather than FAT: cloud-init finds both, but a FAT of 512-byte sectors cannot be mounted
//! from a CD drive, and NoCloud takes an ISO from a disk and from a CD alike.
//! Both extensions, because plain ISO 9660 has no `-` in a name: `user-data` would be `USER_DAT`,
//! and cloud-init would find nothing.

mod record;

#[cfg(test)]
mod tests;

use record::{both16, both32, dir_record, joliet_id, path_table, rock_ridge};

/// The unit of ISO 9660.
const SECTOR: usize = 2048;
/// The size of an image is a multiple of this: PVE shows sizes in MiB, so `size=1M` is exact.
const MIB: usize = 1 << 20;

/// The largest image, in bytes: 4 MiB, the size of PVE's own cloud-init drive.
///
/// So 4,130,000 bytes of text always fit, far more than cloud-init gets in practice. Larger texts are a
/// mistake, which is better refused here than found at boot.
pub const MAX_IMAGE: usize = 4 * MIB;

/// The texts of a NoCloud seed.
#[derive(Clone, Copy, Default)]
pub struct Files<'a> {
    /// `user-data`.
    pub user_data: &'a str,
    /// `meta-data`.
    pub meta_data: &'a str,
    /// `network-config`. If empty, the file is omitted and cloud-init falls back to DHCP.
    pub network_config: &'a str,
    /// `vendor-data`. If empty, the file is omitted.
    pub vendor_data: &'a str,
}

/// The texts do not fit into an image of [`MAX_IMAGE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge {
    /// The size of the image that they would need, in bytes.
    pub bytes: usize,
}

impl std::fmt::Display for TooLarge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { bytes } = self;
        write!(f, "the seed image would be {bytes} bytes, the limit is {MAX_IMAGE}")
    }
}

impl std::error::Error for TooLarge {}

// The layout. The directories are one sector each: four short names always fit.
const PRIMARY: u32 = 16;
const JOLIET: u32 = 17;
const TERMINATOR: u32 = 18;
const PRIMARY_TABLES: [u32; 2] = [19, 20];
const JOLIET_TABLES: [u32; 2] = [21, 22];
const PRIMARY_ROOT: u32 = 23;
const JOLIET_ROOT: u32 = 24;
const FIRST_FILE: u32 = 25;

/// A file and the position of its content.
struct Extent<'a> {
    /// The name in plain ISO 9660, which only very old readers use.
    short: &'static str,
    name: &'static str,
    content: &'a [u8],
    sector: u32,
}

/// Returns the seed image: a whole number of MiB, at least one.
///
/// # Errors
/// The texts need more than [`MAX_IMAGE`].
pub fn image(files: &Files<'_>) -> Result<Vec<u8>, TooLarge> {
    let bytes = size(files)?;
    let extents = place(files);
    let mut image = vec![0; bytes];
    for (sector, content) in [
        (PRIMARY, descriptor(Tree::Primary, bytes)),
        (JOLIET, descriptor(Tree::Joliet, bytes)),
        (TERMINATOR, header(255).to_vec()),
        (PRIMARY_TABLES[0], path_table(PRIMARY_ROOT.to_le_bytes(), 1u16.to_le_bytes())),
        (PRIMARY_TABLES[1], path_table(PRIMARY_ROOT.to_be_bytes(), 1u16.to_be_bytes())),
        (JOLIET_TABLES[0], path_table(JOLIET_ROOT.to_le_bytes(), 1u16.to_le_bytes())),
        (JOLIET_TABLES[1], path_table(JOLIET_ROOT.to_be_bytes(), 1u16.to_be_bytes())),
        (PRIMARY_ROOT, directory(Tree::Primary, &extents)),
        (JOLIET_ROOT, directory(Tree::Joliet, &extents)),
    ] {
        put(&mut image, sector, &content);
    }
    for extent in &extents {
        put(&mut image, extent.sector, extent.content);
    }
    Ok(image)
}

/// Returns the size that the image would have, in bytes.
///
/// # Errors
/// The texts need more than [`MAX_IMAGE`].
pub fn size(files: &Files<'_>) -> Result<usize, TooLarge> {
    let content: usize = contents(files).iter().map(|(_, _, c)| c.len().div_ceil(SECTOR)).sum();
    let bytes = ((FIRST_FILE as usize + content) * SECTOR).next_multiple_of(MIB);
    if bytes > MAX_IMAGE { Err(TooLarge { bytes }) } else { Ok(bytes) }
}

/// The same files under two trees of names.
#[derive(Clone, Copy, PartialEq)]
enum Tree {
    Primary,
    Joliet,
}

impl Tree {
    fn root(self) -> u32 {
        if self == Self::Primary { PRIMARY_ROOT } else { JOLIET_ROOT }
    }

    fn text(self, text: &str) -> Vec<u8> {
        if self == Self::Primary { text.as_bytes().to_vec() } else { joliet_id(text) }
    }

    fn root_record(self, id: u8, susp: &[u8]) -> Vec<u8> {
        dir_record(&[id], self.root(), SECTOR as u32, record::DIRECTORY, susp)
    }
}

/// The files in the order that ISO 9660 requires in a directory, which is the same in both trees.
fn contents<'a>(files: &Files<'a>) -> Vec<(&'static str, &'static str, &'a [u8])> {
    let all = [
        ("META_DAT.;1", "meta-data", files.meta_data),
        ("NETWORK_.;1", "network-config", files.network_config),
        ("USER_DAT.;1", "user-data", files.user_data),
        ("VENDOR_D.;1", "vendor-data", files.vendor_data),
    ];
    // user-data and meta-data are required, even if empty: NoCloud ignores a seed without them.
    let must = |name| matches!(name, "user-data" | "meta-data");
    let kept = all.into_iter().filter(|(_, name, text)| must(name) || !text.is_empty());
    kept.map(|(short, name, text)| (short, name, text.as_bytes())).collect()
}

fn place<'a>(files: &Files<'a>) -> Vec<Extent<'a>> {
    let mut next = FIRST_FILE;
    let place = |(short, name, content): (_, _, &'a [u8])| {
        let sector = next;
        next += content.len().div_ceil(SECTOR) as u32;
        Extent { short, name, content, sector }
    };
    contents(files).into_iter().map(place).collect()
}

fn put(image: &mut [u8], sector: u32, content: &[u8]) {
    let start = sector as usize * SECTOR;
    image[start..start + content.len()].copy_from_slice(content);
}

/// The first seven bytes of each volume descriptor.
fn header(kind: u8) -> [u8; 7] {
    [kind, b'C', b'D', b'0', b'0', b'1', 1]
}

fn descriptor(tree: Tree, bytes: usize) -> Vec<u8> {
    let mut out = header(if tree == Tree::Primary { 1 } else { 2 }).to_vec();
    let tables = if tree == Tree::Primary { PRIMARY_TABLES } else { JOLIET_TABLES };
    out.push(0); // flags
    out.extend(padded(tree, "", 32)); // system
    out.extend(padded(tree, "cidata", 32)); // label
    out.extend([0; 8]);
    out.extend(both32((bytes / SECTOR) as u32));
    // The escape sequence of UCS-2 level 3 is what makes a supplementary descriptor Joliet.
    let escape: &[u8] = if tree == Tree::Joliet { b"%/E" } else { b"" };
    out.extend(escape);
    out.resize(120, 0);
    out.extend(both16(1)); // volumes in the set
    out.extend(both16(1)); // number of this volume
    out.extend(both16(SECTOR as u16));
    out.extend(both32(10)); // path table, in bytes
    out.extend(tables[0].to_le_bytes());
    out.extend([0; 4]);
    out.extend(tables[1].to_be_bytes());
    out.extend([0; 4]);
    out.extend(tree.root_record(0, &[]));
    for length in [128, 128, 128, 128, 37, 37, 37] {
        out.extend(padded(tree, "", length)); // set, publisher, preparer, application, three files
    }
    for _ in 0..4 {
        out.extend([b'0'; 16]); // made, changed, expires, effective: not specified
        out.push(0);
    }
    out.push(1); // version of the file structure
    out
}

/// A text padded with spaces of the tree's width.
fn padded(tree: Tree, text: &str, length: usize) -> Vec<u8> {
    let mut out = tree.text(text);
    let space = tree.text(" ");
    while out.len() + space.len() <= length {
        out.extend(&space);
    }
    out.resize(length, 0);
    out
}

fn directory(tree: Tree, extents: &[Extent<'_>]) -> Vec<u8> {
    let rock = |susp: Vec<u8>| if tree == Tree::Primary { susp } else { Vec::new() };
    let mut out = tree.root_record(0, &rock(rock_ridge::root()));
    out.extend(tree.root_record(1, &rock(rock_ridge::parent())));
    for extent in extents {
        let id = tree.text(if tree == Tree::Primary { extent.short } else { extent.name });
        let susp = rock(rock_ridge::file(extent.name));
        out.extend(dir_record(
            &id,
            extent.sector,
            extent.content.len() as u32,
            record::FILE,
            &susp,
        ));
    }
    out
}
