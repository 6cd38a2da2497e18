//! The image read back by a small reader that shares nothing with the writer; `peer` has other programs
//! read it.

mod peer;

use super::{Files, MAX_IMAGE, MIB, TooLarge, image};

/// Reads the root directory of one tree: name → content, by offsets of ECMA-119 alone.
fn read(image: &[u8], descriptor: usize, name: impl Fn(&[u8]) -> String) -> Vec<(String, Vec<u8>)> {
    let le = |at: usize| u32::from_le_bytes(image[at..at + 4].try_into().unwrap()) as usize;
    let be = |at: usize| u32::from_be_bytes(image[at..at + 4].try_into().unwrap()) as usize;
    let start = descriptor * 2048;
    assert_eq!(&image[start + 1..start + 7], b"CD001\x01");
    assert_eq!(le(start + 80) * 2048, image.len());
    let root = start + 156;
    let mut at = le(root + 2) * 2048;
    // Both path tables lead to the same root.
    assert_eq!(le(le(start + 140) * 2048 + 2), le(root + 2));
    assert_eq!(be(be(start + 148) * 2048 + 2), le(root + 2));
    let end = at + le(root + 10);
    let mut files = Vec::new();
    while at < end && image[at] != 0 {
        let record = &image[at..at + image[at] as usize];
        assert_eq!(le(at + 2), be(at + 6));
        assert_eq!(le(at + 10), be(at + 14));
        assert_eq!(record.len() % 2, 0);
        if record[25] & 2 == 0 {
            let from = le(at + 2) * 2048;
            files.push((name(record), image[from..from + le(at + 10)].to_vec()));
        }
        at += record.len();
    }
    files
}

fn joliet_name(record: &[u8]) -> String {
    let units = record[33..33 + record[32] as usize].chunks(2);
    String::from_utf16(&units.map(|u| u16::from_be_bytes([u[0], u[1]])).collect::<Vec<_>>())
        .unwrap()
}

fn rock_ridge_name(record: &[u8]) -> String {
    let id = record[32] as usize;
    let mut susp = &record[33 + id + (id + 1) % 2..];
    while susp.len() > 4 {
        let length = susp[2] as usize;
        if &susp[..2] == b"NM" {
            return String::from_utf8(susp[5..length].to_vec()).unwrap();
        }
        susp = &susp[length..];
    }
    panic!("no name")
}

fn check(files: &Files<'_>, mib: usize) {
    let image = image(files).unwrap();
    assert_eq!(image.len(), mib * MIB);
    assert!(image == super::image(files).unwrap(), "not the same bytes twice");
    assert_eq!(&image[16 * 2048 + 40..16 * 2048 + 47], b"cidata ");
    let mut expected = vec![("meta-data", files.meta_data), ("user-data", files.user_data)];
    if !files.network_config.is_empty() {
        expected.insert(1, ("network-config", files.network_config));
    }
    if !files.vendor_data.is_empty() {
        expected.push(("vendor-data", files.vendor_data));
    }
    let expected: Vec<_> =
        expected.iter().map(|(n, c)| ((*n).to_owned(), c.as_bytes().to_vec())).collect();
    assert!(read(&image, 16, rock_ridge_name) == expected, "Rock Ridge");
    assert!(read(&image, 17, joliet_name) == expected, "Joliet");
}

#[test]
fn what_goes_in_comes_out() {
    let long = "0123456789abcdef".repeat(128); // one sector
    let longer = long.clone() + "x";
    for (user_data, meta_data, network_config) in [
        ("#cloud-config\n", "instance-id: a\n", "version: 2\n"),
        ("", "", ""),
        ("ä\u{1f600}\r\n\0", "b", ""),
        (&long, &longer, "version: 2"),
        (&longer, &long, &longer),
    ] {
        let without = Files { user_data, meta_data, network_config, ..Files::default() };
        check(&without, 1);
        check(&Files { vendor_data: user_data, ..without }, 1);
    }
}

#[test]
fn an_image_grows_by_whole_mib_up_to_the_limit() {
    let of = |bytes: usize| "x".repeat(bytes);
    let room = (MIB / 2048 - 25) * 2048; // meta-data is empty
    let most = room + MAX_IMAGE - MIB;
    for (bytes, mib) in [(room, 1), (room + 1, 2), (most, 4)] {
        check(&Files { user_data: &of(bytes), ..Files::default() }, mib);
    }
    let files = Files { user_data: &of(most + 1), ..Files::default() };
    assert_eq!(image(&files), Err(TooLarge { bytes: 5 * MIB }));
}
