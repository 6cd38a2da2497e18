//! Images that qemu-img makes, with every option that changes what is in the file.

use super::{Bench, judged, sees};
use crate::source::unfit::Unfit;

/// How a disk with data is converted: to a format, with options.
const CONVERTED: [(&str, &str); 31] = [
    ("qcow2", "-o compat=0.10"),
    ("qcow2", "-o compat=0.10,cluster_size=512"),
    ("qcow2", "-c -o compat=0.10,cluster_size=2M"),
    ("qcow2", "-o compat=1.1"),
    ("qcow2", "-c -o compat=1.1"),
    ("qcow2", "-o cluster_size=512"),
    ("qcow2", "-c -o cluster_size=512"),
    ("qcow2", "-o cluster_size=4k"),
    ("qcow2", "-c -o cluster_size=4k"),
    ("qcow2", "-o cluster_size=2M"),
    ("qcow2", "-c -o cluster_size=2M"),
    ("qcow2", "-o compression_type=zstd"),
    ("qcow2", "-c -o compression_type=zstd"),
    ("qcow2", "-c -o compression_type=zstd,cluster_size=4k"),
    ("qcow2", "-o extended_l2=on,cluster_size=16k"),
    ("qcow2", "-c -o extended_l2=on,cluster_size=128k"),
    ("qcow2", "-o extended_l2=on,cluster_size=2M"),
    ("qcow2", "-o lazy_refcounts=on"),
    ("qcow2", "-o preallocation=metadata"),
    ("qcow2", "-o preallocation=falloc"),
    ("qcow2", "-o preallocation=full,cluster_size=1M"),
    ("qcow2", "-o refcount_bits=1"),
    ("qcow2", "-o refcount_bits=64"),
    ("vmdk", "-o subformat=monolithicSparse"),
    ("vmdk", "-o subformat=monolithicSparse,adapter_type=lsilogic"),
    ("vmdk", "-o subformat=monolithicSparse,compat6=on"),
    ("vmdk", "-o subformat=monolithicSparse,zeroed_grain=on"),
    ("vmdk", "-o subformat=monolithicSparse,hwversion=10"),
    ("vmdk", "-o subformat=streamOptimized"),
    ("vmdk", "-o subformat=streamOptimized,adapter_type=buslogic"),
    ("raw", "-o preallocation=off"),
];

/// Images without data, of sizes at and next to the limits of a table, a cluster and a sector.
const CREATED: [&str; 17] = [
    "-f qcow2 F 0",
    "-f qcow2 F 512",
    "-f qcow2 F 513",
    "-f qcow2 F 511M",
    "-f qcow2 F 512M",
    "-f qcow2 F 536870913",
    "-f qcow2 F 64T",
    "-f qcow2 -o cluster_size=512 F 100G",
    "-f qcow2 -o cluster_size=512,compat=0.10 F 32769",
    "-f qcow2 -o cluster_size=2M F 2P",
    "-f qcow2 -o extended_l2=on F 10T",
    "-f qcow2 -o lazy_refcounts=on F 1G",
    "-f vmdk F 512",
    "-f vmdk F 513",
    "-f vmdk F 33554433",
    "-f vmdk F 2T",
    "-f vmdk -o subformat=streamOptimized F 10G",
];

/// How images are changed that have data: qemu-img's subcommand and its arguments.
const CHANGED: [&str; 5] = [
    "snapshot -c first F",
    "bitmap --add F dirty",
    "resize -q F 40G",
    "resize -q --shrink F 1M",
    "amend -o compat=0.10 F",
];

/// Images that PVE or an import cannot use, and why.
const REFUSED: [(&str, &str, &str); 15] = [
    ("create -q -f qcow2 -b disk.raw -F raw F", "BackingFile", "qcow2"),
    ("create -q -f qcow2 -o compat=0.10 -b disk.raw -F raw F", "BackingFile", "qcow2"),
    ("create -q -f vmdk -b parent.vmdk -F vmdk F", "BackingFile", "vmdk"),
    ("create -q -f qcow2 -o data_file=data.raw F 1M", "DataFile", "qcow2"),
    ("create -q -f qcow2 -o data_file=data.raw,data_file_raw=on F 1M", "DataFile", "qcow2"),
    ("create -q -f vmdk -o subformat=monolithicFlat F 1M", "DataFile", "vmdk"),
    ("create -q -f vmdk -o subformat=twoGbMaxExtentSparse F 3G", "DataFile", "vmdk"),
    ("create -q -f vmdk -o subformat=twoGbMaxExtentFlat F 3G", "DataFile", "vmdk"),
    (
        "create -q --object secret,id=s,data=x -f qcow2 \
         -o encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10 F 1M",
        "Encrypted",
        "qcow2",
    ),
    (
        "create -q --object secret,id=s,data=x -f qcow2 \
         -o encrypt.format=aes,encrypt.key-secret=s F 1M",
        "Encrypted",
        "qcow2",
    ),
    ("create -q -f vdi F 1M", "NoImage", "vdi"),
    ("create -q -f vhdx F 1M", "NoImage", "vhdx"),
    ("create -q -f vpc F 1M", "NoImage", "vpc"),
    ("create -q -f qed F 1M", "NoImage", "qed"),
    ("create -q -f raw F 1M", "NoImage", "raw"),
];

#[test]
fn peer_qemu_img_says_the_same_of_complete_images() {
    let Some(bench) = Bench::new() else { return };
    let mut count = 0;
    let mut compare = |line: &str, name: &str| {
        bench.make(&line.replace('F', name));
        let info = bench.info(&bench.path(name), None).unwrap();
        let facts = judged(&bench.path(name)).unwrap_or_else(|unfit| panic!("{line}: {unfit}"));
        assert_eq!(facts.format.extension(), info["format"], "{line}");
        assert_eq!(facts.virtual_size, info["virtual-size"], "{line}");
        count += 1;
    };
    for (number, (format, options)) in CONVERTED.iter().enumerate() {
        let line = format!("convert -f raw -O {format} {options} disk.raw F");
        compare(&line, &format!("{number}.{format}"));
    }
    for (number, line) in CREATED.iter().enumerate() {
        compare(&format!("create -q {line}"), &format!("empty-{number}"));
    }
    for (number, line) in CHANGED.iter().enumerate() {
        let name = format!("changed-{number}");
        bench.make(&format!("convert -f raw -O qcow2 disk.raw {name}"));
        compare(line, &name);
    }
    println!("{count} images");
}

#[test]
fn peer_qemu_img_sees_why_images_are_refused() {
    let Some(bench) = Bench::new() else { return };
    bench.make("create -q -f vmdk parent.vmdk 1M");
    for (number, (line, reason, format)) in REFUSED.iter().enumerate() {
        let name = format!("refused-{number}.{format}");
        let path = bench.path(&name);
        bench.make(&line.replace(" F", &format!(" {name}")));
        let info = bench.info(&path, None).unwrap();
        let unfit = judged(&path).expect_err(line);
        assert!(format!("{unfit:?}").starts_with(reason), "{line}: {unfit:?}");
        assert_eq!(info["format"], *format, "{line}");
        assert!(sees(&unfit, Some(&info)), "{line}: {unfit:?}, but qemu-img says {info}");
    }
    let extent = bench.path("refused-6-s001.vmdk");
    let unfit = judged(&extent).unwrap_err();
    assert!(sees(&unfit, bench.info(&extent, Some("vmdk")).as_ref()), "an extent: {unfit:?}");
}

/// What qemu-img takes for a disk, because it takes any file for one.
#[test]
fn peer_qemu_img_cannot_see_why_raw_disks_are_refused() {
    let Some(bench) = Bench::new() else { return };
    let disk = super::disk();
    let odd = |what: &str| Unfit::CutOff { what: what.to_owned() };
    let cases = [
        (disk[..super::MIB + 100].to_vec(), odd("1048676 bytes is not a multiple of 512")),
        (vec![0; super::MIB], Unfit::NoImage),
        (b"<!DOCTYPE html>".repeat(100), Unfit::NoImage),
    ];
    for (bytes, expected) in cases {
        let path = bench.path("odd.raw");
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(judged(&path).unwrap_err(), expected);
        assert_eq!(bench.info(&path, None).unwrap()["format"], "raw");
    }
}
