//! Images by their bytes, each with one fault.

use super::*;
use std::io::Cursor;

/// A qcow2 image of version 3 with one L2 table and one data cluster: 5 clusters of 4 KiB.
pub(crate) fn image() -> Vec<u8> {
    let mut bytes = vec![0; 5 * 4096];
    bytes[..4].copy_from_slice(MAGIC);
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(4, &3u32.to_be_bytes());
    put(20, &12u32.to_be_bytes());
    put(24, &(1u64 << 20).to_be_bytes());
    put(36, &1u32.to_be_bytes());
    put(40, &8192u64.to_be_bytes());
    put(48, &4096u64.to_be_bytes());
    put(56, &1u32.to_be_bytes());
    put(96, &4u32.to_be_bytes());
    put(100, &104u32.to_be_bytes());
    put(8192, &((1u64 << 63) | 12288).to_be_bytes());
    put(12288, &((1u64 << 63) | 16384).to_be_bytes());
    bytes
}

fn check(change: impl Fn(&mut Vec<u8>), expected: Result<u64, Unfit>) {
    let mut bytes = image();
    change(&mut bytes);
    let judged = judge(&bytes, bytes.len() as u64).and_then(|size| {
        tables_fit(&mut Cursor::new(&bytes), &bytes, bytes.len() as u64).unwrap().map(|()| size)
    });
    assert_eq!(judged, expected);
}

#[test]
fn a_valid_image_has_a_size() {
    check(|_| {}, Ok(1 << 20));
    check(|b| b.truncate(16384 + 10), Ok(1 << 20));
}

#[test]
fn a_truncated_image_is_detected() {
    let cut = |what: &str| Err(Unfit::CutOff { what: what.to_owned() });
    check(|b| b.truncate(50), cut("its header is incomplete"));
    check(|b| b.truncate(8192), cut("8192 bytes cannot hold the tables that its header names"));
    check(
        |b| b.truncate(14000),
        cut("its tables refer to data at byte 16384, but the file has 14000 bytes"),
    );
    check(
        |b| b.truncate(16384),
        cut("its tables refer to data at byte 16385, but the file has 16384 bytes"),
    );
}

#[test]
fn a_truncated_compressed_cluster_is_detected() {
    // Three sectors besides the first, from byte 16400: the data ends behind byte 16384 + 1536.
    let entry = (1u64 << 62) | (3 << (62 - 4)) | 16400;
    let compressed = |end: usize| {
        move |b: &mut Vec<u8>| {
            b[12288..12296].copy_from_slice(&entry.to_be_bytes());
            b.truncate(end);
        }
    };
    check(compressed(16384 + 1537), Ok(1 << 20));
    let what = "its tables refer to data at byte 17921, but the file has 17920 bytes".to_owned();
    check(compressed(16384 + 1536), Err(Unfit::CutOff { what }));
}

#[test]
fn the_bitmap_of_an_extended_entry_is_not_an_offset() {
    let bits = |b: &mut Vec<u8>| {
        b[79] = 16;
        b[12296..12304].copy_from_slice(&u64::from(u32::MAX).to_be_bytes());
    };
    check(bits, Ok(1 << 20));
}

#[test]
fn shared_tables_are_not_followed() {
    let repeat = |b: &mut Vec<u8>| {
        b[39] = 6;
        for entry in 0..6 {
            b[8192 + entry * 8..8200 + entry * 8].copy_from_slice(&12288u64.to_be_bytes());
        }
    };
    let what = "its 6 tables do not fit in the file's 20480 bytes".to_owned();
    check(repeat, Err(Unfit::CutOff { what }));
}

#[test]
fn an_image_must_be_complete_in_one_file() {
    check(
        |b| {
            b[15] = 0x70;
            b[19] = 8;
            b[0x70..0x78].copy_from_slice(b"base.img");
        },
        Err(Unfit::BackingFile { name: "base.img".to_owned() }),
    );
    check(|b| b[79] = 4, Err(Unfit::DataFile));
    check(|b| b[79] = 1, Err(Unfit::Damaged));
    check(|b| b[79] = 2, Err(Unfit::Damaged));
    check(|b| b[35] = 2, Err(Unfit::Encrypted));
}

#[test]
fn no_input_panics() {
    for place in 0..112 {
        for value in [0, 1, 0x7f, 0xff] {
            for end in [0, place + 1, 112, 20480] {
                let mut bytes = image();
                bytes[place] = value;
                bytes.truncate(end);
                let length = bytes.len() as u64;
                if judge(&bytes, length).is_ok() {
                    // An error of the reader is acceptable too.
                    let _ = tables_fit(&mut Cursor::new(&bytes), &bytes, length);
                }
            }
        }
    }
}

#[test]
fn invalid_headers() {
    let bad = |place: usize, byte: u8, what: &str| {
        let fault = Unfit::BadHeader { format: "qcow2", what: what.to_owned() };
        check(|b| b[place] = byte, Err(fault));
    };
    bad(7, 9, "version 9");
    bad(78, 1, "the features 0x100 are unknown");
    bad(23, 40, "clusters of 2^40 bytes");
    bad(36, 0xff, "a table of 4278190081 entries");
    bad(27, 1, "1 tables for a disk of 4296015872 bytes");
    bad(46, 0x21, "a table at byte 8448");
    bad(54, 0x11, "a table at byte 4352");
    bad(40, 0x80, "a table at byte 9223372036854784000");
    bad(71, 1, "a table at byte 1");
    bad(59, 0, "reference counts of 0 bytes");
    bad(57, 1, "reference counts of 268439552 bytes");
    bad(60, 1, "16777216 snapshots");
    bad(99, 7, "reference counts of 2^7 bits");
    bad(103, 72, "a header of 72 bytes");
    bad(102, 0x11, "a header of 4456 bytes");
    bad(14, 0x11, "the name of a backing file at byte 4352");
    let zstd_or = |byte: u8| {
        move |b: &mut Vec<u8>| {
            b[79] = 8;
            b[103] = 112;
            b[104] = byte;
        }
    };
    check(zstd_or(1), Ok(1 << 20));
    for byte in [0, 2] {
        let what = format!("compression {byte}");
        check(zstd_or(byte), Err(Unfit::BadHeader { format: "qcow2", what }));
    }
}

#[test]
fn what_qemu_accepts() {
    // A part of a sector does not count, and an offset alone names no backing file.
    check(|b| b[31] = 1, Ok(1 << 20));
    check(|b| b[14] = 1, Ok(1 << 20));
    let old = |b: &mut Vec<u8>| {
        b[7] = 2;
        b[72..112].fill(0xff);
    };
    check(old, Ok(1 << 20));
}
