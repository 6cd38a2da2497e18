//! Images with damage: truncated at many places, and with each word of their header changed.

use super::{Bench, MIB, disk, judged, sees};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use test_support::parallel::each;

/// Format, options of the conversion, and the size of the last piece of data, which may be short.
const TRUNCATED: [(&str, &str, usize); 7] = [
    ("qcow2", "-o compat=0.10,cluster_size=4k", 4096),
    ("qcow2", "-o cluster_size=64k", 65536),
    ("qcow2", "-c -o cluster_size=4k", 512),
    ("qcow2", "-c -o compression_type=zstd", 512),
    ("qcow2", "-o extended_l2=on,cluster_size=16k", 16384),
    ("vmdk", "-o subformat=monolithicSparse", 65536),
    ("vmdk", "-o subformat=streamOptimized", 512),
];

/// Where a file is truncated: everywhere, and near its end.
fn lengths(whole: usize) -> impl Iterator<Item = usize> {
    let near = [1, 511, 512, 1024, 1536, 2048, 4096].map(move |missing| whole - missing);
    (1..16).map(move |part| whole * part / 16).chain(near)
}

/// What a truncated file lacks, qemu-img reads as zeros: an import would succeed. So the content decides.
#[test]
fn peer_qemu_img_loses_data_where_we_refuse_truncated_images() {
    let Some(bench) = Bench::new() else { return };
    let (refused, accepted) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let failures = each(2, TRUNCATED.len(), |number| {
        let (format, options, short) = TRUNCATED[number];
        let name = format!("whole-{number}.{format}");
        bench.make(&format!("convert -f raw -O {format} {options} disk.raw {name}"));
        let whole = std::fs::read(bench.path(&name)).unwrap();
        let path = bench.path(&format!("cut-{number}.{format}"));
        for length in lengths(whole.len()) {
            std::fs::write(&path, &whole[..length]).unwrap();
            let is_complete = bench.content(&path, format).is_some_and(|content| content == disk());
            let judged = judged(&path);
            let counter = if judged.is_ok() { &accepted } else { &refused };
            counter.fetch_add(1, Ordering::SeqCst);
            let is_short = judged.is_ok() && whole.len() - length < short;
            if judged.is_ok() != is_complete && !is_short {
                return Err(format!("{options}, {length} of {} bytes: {judged:?}", whole.len()));
            }
        }
        Ok(())
    });
    assert_eq!(failures, Vec::<String>::new());
    let (refused, accepted) = (refused.into_inner(), accepted.into_inner());
    println!("{refused} truncated images are refused, {accepted} lack nothing");
    assert!(refused > 100 && accepted > 10);
}

/// Format, options of the conversion, and the length of the header.
const CHANGED: [(&str, &str, usize); 4] = [
    ("qcow2", "-o compat=0.10,cluster_size=4k", 72),
    ("qcow2", "-o cluster_size=4k", 112),
    ("vmdk", "-o subformat=monolithicSparse", 80),
    ("vmdk", "-o subformat=streamOptimized", 80),
];

/// Where a changed word leads to another judgement than qemu-img's: the format, the byte, and why.
const DIFFERENT: [(&str, usize, &str); 9] = [
    (
        "qcow2",
        36,
        "a longer table has useless entries: we read them all, qemu-img only those of the disk",
    ),
    (
        "qcow2",
        48,
        "reference counts beyond the end show us a truncated file, but reading needs none",
    ),
    ("qcow2", 52, "the same"),
    ("qcow2", 60, "we do not read snapshots"),
    (
        "qcow2",
        92,
        "a reader may ignore these features, and qemu-img only does if it does not know them",
    ),
    ("vmdk", 8, "we do not read grains: they are compressed, and this no longer says so"),
    ("vmdk", 20, "we do not read grains: they are compressed, and have another size"),
    ("vmdk", 52, "we do not read the copy of the directory"),
    ("vmdk", 60, "the directory is beyond the end, but the number wraps in qemu-img"),
];

/// Returns other values for a word in the format's byte order: extremes and neighbors.
fn others(format: &str, word: [u8; 4]) -> Vec<[u8; 4]> {
    let is_little = format == "vmdk";
    let old = if is_little { u32::from_le_bytes(word) } else { u32::from_be_bytes(word) };
    let values = [0, u32::MAX, 1 << 31, old.wrapping_add(1), old.wrapping_mul(2), old ^ 0x200];
    let bytes = |value: u32| if is_little { value.to_le_bytes() } else { value.to_be_bytes() };
    let mut values: Vec<_> = values.map(bytes).into_iter().filter(|new| *new != word).collect();
    values.sort_unstable();
    values.dedup();
    values
}

#[test]
fn peer_qemu_img_opens_the_headers_that_we_accept() {
    let Some(bench) = Bench::new() else { return };
    let (refused, accepted) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let differences = Mutex::new(BTreeMap::new());
    let faults = each(2, CHANGED.len(), |number| {
        let (format, options, header) = CHANGED[number];
        let name = format!("sound-{number}.{format}");
        bench.make(&format!("convert -f raw -O {format} {options} disk.raw {name}"));
        let sound = std::fs::read(bench.path(&name)).unwrap();
        let path = bench.path(&format!("changed-{number}.{format}"));
        for at in (4..header).step_by(4) {
            for value in others(format, sound[at..at + 4].try_into().unwrap()) {
                let mut bytes = sound.clone();
                bytes[at..at + 4].copy_from_slice(&value);
                std::fs::write(&path, bytes).unwrap();
                match disagreement(&bench, &path, format) {
                    Ok(true) => _ = accepted.fetch_add(1, Ordering::SeqCst),
                    Ok(false) => _ = refused.fetch_add(1, Ordering::SeqCst),
                    Err(fault) => {
                        let fault = format!("{options}, byte {at}: {value:02x?}: {fault}");
                        _ = differences.lock().unwrap().insert((format, at), fault);
                    }
                }
            }
        }
        Ok(())
    });
    assert_eq!(faults, Vec::<String>::new());
    let mut differences = differences.into_inner().unwrap();
    for (format, at, why) in DIFFERENT {
        assert!(differences.remove(&(format, at)).is_some(), "no difference: {format} {at}, {why}");
    }
    assert!(differences.is_empty(), "{differences:#?}");
    let (refused, accepted) = (refused.into_inner(), accepted.into_inner());
    println!("{refused} headers are refused, {accepted} are accepted");
    assert!(refused > 150 && accepted > 75);
}

/// Returns whether we accept an image, or how qemu-img disagrees.
fn disagreement(bench: &Bench, path: &Path, format: &str) -> Result<bool, String> {
    let info = bench.info(path, Some(format));
    let size = info.as_ref().and_then(|info| info["virtual-size"].as_u64());
    match judged(path) {
        Ok(facts) if size != Some(facts.virtual_size) => {
            Err(format!("we read {} bytes, qemu-img {size:?}", facts.virtual_size))
        }
        // Larger disks would take long.
        Ok(facts) if facts.virtual_size <= 16 * MIB as u64 => {
            let content = bench.content(path, format);
            content.map(|_| true).ok_or_else(|| "qemu-img cannot read it".to_owned())
        }
        Ok(_) => Ok(true),
        Err(unfit) if sees(&unfit, info.as_ref()) => Ok(false),
        Err(_) if size != Some(disk().len() as u64) => Ok(false),
        Err(_) if bench.content(path, format).is_none_or(|content| content != disk()) => Ok(false),
        Err(unfit) => Err(format!("we refuse it, {unfit:?}, but qemu-img reads it")),
    }
}
