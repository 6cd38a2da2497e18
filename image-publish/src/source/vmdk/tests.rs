//! Images by their bytes, each with one fault.

use super::*;
use std::io::Cursor;

/// A VMDK of 24 sectors: header, description, directory, a table with two grains of 8 sectors, and these.
fn image() -> Vec<u8> {
    let mut bytes = vec![0; 24 * 512];
    bytes[..4].copy_from_slice(MAGIC);
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(4, &1u32.to_le_bytes());
    for (at, sectors) in [(12, 4096u64), (20, 8), (56, 2), (64, 8)] {
        put(at, &sectors.to_le_bytes());
    }
    put(44, &512u32.to_le_bytes());
    put(512, b"# Disk DescriptorFile\nCID=12\nparentCID=ffffffff\n");
    put(2 * 512, &3u32.to_le_bytes());
    put(3 * 512, &16u32.to_le_bytes());
    put(3 * 512 + 20, &8u32.to_le_bytes());
    put(3 * 512 + 24, &1u32.to_le_bytes());
    bytes
}

fn check(change: impl Fn(&mut Vec<u8>), expected: Result<u64, Unfit>) {
    let mut bytes = image();
    change(&mut bytes);
    let length = bytes.len() as u64;
    let judged = judge(&bytes, length).and_then(|size| {
        tables_fit(&mut Cursor::new(&bytes), &bytes, length).unwrap().map(|()| size)
    });
    assert_eq!(judged, expected);
}

fn cut(what: &str) -> Result<u64, Unfit> {
    Err(Unfit::CutOff { what: what.to_owned() })
}

#[test]
fn a_truncated_image_is_detected() {
    check(|_| {}, Ok(2 << 20));
    check(|b| b.truncate(16 * 512 + 1), Ok(2 << 20));
    check(
        |b| b.truncate(16 * 512),
        cut("its tables refer to data at byte 8193, but the file has 8192 bytes"),
    );
    check(|b| b.truncate(8 * 512 - 1), cut("the file ends before its data"));
    check(|b| b.truncate(1024), cut("the file ends before the table that its header names"));
    check(|b| b.truncate(60), cut("its header is incomplete"));
    let far = |b: &mut Vec<u8>| b[2 * 512] = 23;
    check(far, cut("its tables refer to data at byte 11776, but the file has 12288 bytes"));
}

#[test]
fn a_truncated_compressed_grain_is_detected() {
    // 100 bytes after a number and their size.
    let compressed = |end: usize| {
        move |b: &mut Vec<u8>| {
            b[77] = 1;
            b[16 * 512 + 8] = 100;
            b.truncate(end);
        }
    };
    check(compressed(16 * 512 + 112), Ok(2 << 20));
    check(
        compressed(16 * 512 + 111),
        cut("its tables refer to data at byte 8304, but the file has 8303 bytes"),
    );
    check(
        compressed(16 * 512 + 5),
        cut("its tables refer to data at byte 8204, but the file has 8197 bytes"),
    );
}

#[test]
fn the_header_at_the_end_of_a_stream_counts() {
    let stream = |b: &mut Vec<u8>| {
        let header = b[..512].to_vec();
        b.extend(header);
        b.extend([0; 512]);
        b[56..64].fill(0xff);
    };
    check(stream, Ok(2 << 20));
    let torn = |b: &mut Vec<u8>| {
        stream(b);
        b.truncate(25 * 512);
    };
    check(torn, cut("its footer is missing"));
    let other = |b: &mut Vec<u8>| {
        stream(b);
        b[24 * 512 + 13] = 8;
    };
    let what = "its footer has a disk of 2048 sectors".to_owned();
    check(other, Err(Unfit::BadHeader { format: "vmdk", what }));
    check(|b| b[56..64].fill(0xff), cut("its footer is missing"));
}

#[test]
fn an_image_must_be_complete_in_one_file() {
    let description = "# Disk DescriptorFile\nparentCID=12\nparentFileNameHint=\"base.vmdk\"\n";
    let child = |b: &mut Vec<u8>| {
        b[512..512 + description.len()].copy_from_slice(description.as_bytes());
    };
    let parent = || Err(Unfit::BackingFile { name: "base.vmdk".to_owned() });
    check(child, parent());
    // QEMU finds the name in a comment too, but nothing after a zero.
    let hint = b"# parentFileNameHint=\"base.vmdk\"";
    let commented = |at: usize| move |b: &mut Vec<u8>| b[at..at + hint.len()].copy_from_slice(hint);
    check(commented(558), parent());
    check(commented(600), Ok(2 << 20));
    // One of several files has no description.
    let what = "a description is missing".to_owned();
    let missing = || Err(Unfit::BadHeader { format: "vmdk", what: what.clone() });
    check(|b| b[512..1024].fill(0), missing());
    check(|b| b[520] = 0, missing());
}

#[test]
fn shared_tables_are_not_followed() {
    let repeat = |b: &mut Vec<u8>| {
        b[12..20].copy_from_slice(&(7 * 4096u64).to_le_bytes());
        for entry in 0..7 {
            b[2 * 512 + entry * 4] = 3;
        }
    };
    check(repeat, cut("its 7 tables do not fit in the file's 12288 bytes"));
}

#[test]
fn invalid_headers() {
    let bad = |place: usize, byte: u8, what: &str| {
        let fault = Unfit::BadHeader { format: "vmdk", what: what.to_owned() };
        check(|b| b[place] = byte, Err(fault));
    };
    bad(4, 4, "version 4");
    bad(13, 0, "a disk of 0 bytes");
    bad(20, 0, "grains of 0 sectors");
    bad(22, 0x21, "grains of 2162696 sectors");
    bad(45, 0, "tables of 0 entries");
    bad(45, 3, "tables of 768 entries");
    bad(18, 1, "68719476737 tables for a disk of 281474976714752 sectors");
}

#[test]
fn no_input_panics() {
    for place in 0..112 {
        for value in [0, 1, 0x7f, 0xff] {
            for end in [0, place + 1, 112, 1024, 24 * 512] {
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
