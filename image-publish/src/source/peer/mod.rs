//! qemu-img judges the images that we judge: PVE runs it on each image that it stores or imports.

#![expect(clippy::disallowed_methods, reason = "door: images in a scratch directory")]

mod damaged;
mod made;

use super::examine::{Facts, Fault, examine};
use super::parts::Files;
use super::unfit::Unfit;
use serde_json::Value;
use std::path::{Path, PathBuf};
use test_support::peer::Peer;

const MIB: usize = 1 << 20;

/// qemu-img, and a directory for images.
struct Bench {
    qemu_img: Peer,
    folder: tempfile::TempDir,
}

impl Bench {
    /// `None` if qemu-img is not installed.
    fn new() -> Option<Self> {
        let qemu_img = Peer::find("qemu-img")?;
        let bench = Self { qemu_img, folder: tempfile::tempdir().unwrap() };
        std::fs::write(bench.path("disk.raw"), disk()).unwrap();
        Some(bench)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs qemu-img in the directory; returns what it prints.
    fn make(&self, line: &str) -> String {
        let mut command = self.qemu_img.command();
        let output =
            command.args(line.split(' ')).current_dir(self.folder.path()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "qemu-img {line}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Returns the description of an image by qemu-img; `None` if qemu-img refuses it.
    fn info(&self, path: &Path, format: Option<&str>) -> Option<Value> {
        let mut command = self.qemu_img.command();
        command.args(["info", "--output=json"]);
        command.args(format.map(|format| ["-f", format]).into_iter().flatten());
        let output = command.arg(path).output().unwrap();
        output.status.success().then(|| serde_json::from_slice(&output.stdout).unwrap())
    }

    /// Returns the disk in an image, as PVE imports it; `None` if qemu-img cannot read it.
    fn content(&self, path: &Path, format: &str) -> Option<Vec<u8>> {
        let raw = path.with_extension("content");
        let mut command = self.qemu_img.command();
        command.args(["convert", "-f", format, "-O", "raw"]).args([path, &raw]);
        command.output().unwrap().status.success().then(|| std::fs::read(raw).unwrap())
    }
}

/// Returns whether qemu-img sees why we refuse an image; `info` is what it says of it.
fn sees(unfit: &Unfit, info: Option<&Value>) -> bool {
    let Some(info) = info else {
        return matches!(unfit, Unfit::BadHeader { .. } | Unfit::CutOff { .. });
    };
    let data = &info["format-specific"]["data"];
    match unfit {
        Unfit::BackingFile { name } => info["backing-filename"] == **name,
        Unfit::DataFile => {
            let others = data["extents"].as_array().into_iter().flatten();
            let mut others = others.filter(|extent| extent["filename"] != info["filename"]);
            data["data-file"].is_string() || others.next().is_some()
        }
        Unfit::Encrypted => info["encrypted"] == true,
        Unfit::Damaged => info["dirty-flag"] == true || data["corrupt"] == true,
        // PVE has three formats. To qemu-img, anything else is a raw disk.
        Unfit::NoImage | Unfit::Iso | Unfit::Archive => {
            !matches!(info["format"].as_str(), Some("qcow2" | "vmdk"))
        }
        Unfit::BadHeader { .. } | Unfit::CutOff { .. } => false,
    }
}

/// A disk of 4 MiB with a boot sector, some data, and holes.
fn disk() -> Vec<u8> {
    let mut disk = vec![0; 4 * MIB];
    for at in (0..3 * MIB).step_by(600_000) {
        let bytes = (0..20_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8);
        disk[at..].iter_mut().zip(bytes).for_each(|(to, byte)| *to = byte);
    }
    disk[510..512].copy_from_slice(&[0x55, 0xAA]);
    disk
}

fn judged(path: &Path) -> Result<Facts, Unfit> {
    match examine(&Files::find(path).unwrap(), false) {
        Ok(facts) => Ok(facts),
        Err(Fault::Unfit(unfit)) => Err(unfit),
        Err(fault) => panic!("{}: {fault}", path.display()),
    }
}
