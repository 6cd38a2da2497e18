//! The small pieces of ISO 9660, Joliet and Rock Ridge that a seed image is made of. Does no I/O.

/// Flag of a directory record that is a file.
pub(super) const FILE: u8 = 0;
/// Flag of a directory record that is a directory.
pub(super) const DIRECTORY: u8 = 2;

/// A number in both byte orders, as ISO 9660 writes most of them.
pub(super) fn both16(number: u16) -> [u8; 4] {
    let [a, b] = number.to_le_bytes();
    [a, b, b, a]
}

/// A number in both byte orders.
pub(super) fn both32(number: u32) -> [u8; 8] {
    let [a, b, c, d] = number.to_le_bytes();
    [a, b, c, d, d, c, b, a]
}

/// A name in Joliet's encoding: big-endian UCS-2.
pub(super) fn joliet_id(name: &str) -> Vec<u8> {
    name.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

/// The path table: only the root.
pub(super) fn path_table(root: [u8; 4], parent: [u8; 2]) -> Vec<u8> {
    [&[1, 0][..], &root, &parent, &[0, 0]].concat()
}

/// One entry of a directory; `susp` is the Rock Ridge part, empty for Joliet.
pub(super) fn dir_record(id: &[u8], sector: u32, bytes: u32, flags: u8, susp: &[u8]) -> Vec<u8> {
    let mut out = vec![0, 0];
    out.extend(both32(sector));
    out.extend(both32(bytes));
    // 1970-01-01 00:00:00 UTC: a fixed time keeps the image the same for the same texts.
    out.extend([70, 1, 1, 0, 0, 0, 0]);
    out.extend([flags, 0, 0]);
    out.extend(both16(1));
    out.push(id.len() as u8);
    out.extend(id);
    for part in [&[][..], susp] {
        out.extend(part);
        if !out.len().is_multiple_of(2) {
            out.push(0);
        }
    }
    out[0] = out.len() as u8;
    out
}

/// Rock Ridge (RRIP 1.09, the version that genisoimage writes and Linux reads).
pub(super) mod rock_ridge {
    use super::both32;

    // For root alone: the seed holds a password hash and a token, and a guest may mount it.
    const DIRECTORY_MODE: u32 = 0o040_500;
    const FILE_MODE: u32 = 0o100_400;

    /// The part of the root's own record: that the extensions are in use, and which.
    pub(crate) fn root() -> Vec<u8> {
        let mut out = b"SP\x07\x01\xbe\xef\x00".to_vec();
        out.extend(posix(DIRECTORY_MODE, 2));
        // The two descriptive texts of ER are left empty, so that it fits here
        // and needs no continuation area.
        out.extend(b"ER\x12\x01\x0a\x00\x00\x01RRIP_1991A");
        out
    }

    /// The part of the root's `..`.
    pub(crate) fn parent() -> Vec<u8> {
        posix(DIRECTORY_MODE, 2)
    }

    /// The part of a file's record: mode and real name.
    pub(crate) fn file(name: &str) -> Vec<u8> {
        let mut out = posix(FILE_MODE, 1);
        out.extend([b'N', b'M', name.len() as u8 + 5, 1, 0]);
        out.extend(name.as_bytes());
        out
    }

    fn posix(mode: u32, links: u32) -> Vec<u8> {
        let mut out = b"PX\x24\x01".to_vec();
        for number in [mode, links, 0, 0] {
            out.extend(both32(number)); // mode, links, user, group
        }
        out
    }
}
