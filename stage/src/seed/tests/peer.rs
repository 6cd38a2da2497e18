//! isoinfo, xorriso and blkid judge the image: what a guest looks for, and what it finds.

#![expect(
    clippy::disallowed_methods,
    reason = "door: the programs that judge the image read files"
)]

use super::{Files, MIB, image};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use test_support::peer::Peer;

/// An image in a file, and the files that must be in it: name → content.
struct Seed {
    folder: tempfile::TempDir,
    files: BTreeMap<&'static str, String>,
}

impl Seed {
    fn new(files: &Files<'_>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("seed.iso"), image(files).unwrap()).unwrap();
        let all = [
            ("meta-data", files.meta_data),
            ("network-config", files.network_config),
            ("user-data", files.user_data),
            ("vendor-data", files.vendor_data),
        ];
        let is_there = |(name, content): &(&str, &str)| {
            ["meta-data", "user-data"].contains(name) || !content.is_empty()
        };
        let files = all.into_iter().filter(is_there);
        let files = files.map(|(name, content)| (name, content.to_owned())).collect();
        Self { folder, files }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("seed.iso")
    }
}

/// Images with every file and with two, with texts of all lengths in sectors, and one of several MiB.
fn seeds() -> Vec<Seed> {
    let sector = "0123456789abcdef".repeat(128);
    let large = "# filler\n".repeat(2 * MIB / 9);
    let all = Files {
        user_data: "#cloud-config\n# \u{e4}\u{1f600}\r\n",
        meta_data: "instance-id: a\n",
        network_config: "version: 2\n",
        vendor_data: "#cloud-config\n",
    };
    let longer = sector.clone() + "x";
    [
        all,
        Files { user_data: "", meta_data: "", ..Files::default() },
        Files { user_data: &sector, meta_data: &longer, ..Files::default() },
        Files { user_data: &large, ..all },
    ]
    .iter()
    .map(Seed::new)
    .collect()
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[test]
fn peer_isoinfo_finds_the_files_in_both_trees() {
    let Some(isoinfo) = Peer::find("isoinfo") else { return };
    for seed in seeds() {
        let path = seed.path();
        let run = |arguments: &[&str]| {
            let path = ["-i", path.to_str().unwrap()];
            isoinfo.run(&[&path[..], arguments].concat())
        };
        let volume = text(run(&["-d"]).stdout);
        assert!(volume.contains("Volume id: cidata\n"), "{volume}");
        assert!(volume.contains("Joliet") && volume.contains("Rock Ridge"), "{volume}");
        let expected: String = seed.files.keys().map(|name| format!("/{name}\n")).collect();
        for tree in ["-R", "-J"] {
            assert_eq!(text(run(&[tree, "-f"]).stdout), expected, "{tree}");
            for (name, content) in &seed.files {
                let read = run(&[tree, "-x", &format!("/{name}")]);
                assert!(read.stdout == content.as_bytes(), "{tree} -x {name}");
            }
        }
    }
}

#[test]
fn peer_xorriso_extracts_the_files() {
    let Some(xorriso) = Peer::find("xorriso") else { return };
    for (number, seed) in seeds().iter().enumerate() {
        let to = seed.folder.path().join("extracted");
        let device = format!("stdio:{}", seed.path().display());
        let output = xorriso.run(&[
            "-osirrox",
            "on",
            "-indev",
            &device,
            "-extract",
            "/",
            to.to_str().unwrap(),
        ]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{number}: {said}");
        assert!(said.contains("'cidata'") && !said.contains("WARNING"), "{number}: {said}");
        assert_eq!(extracted(&to), seed.files.clone().into_iter().map(owned).collect());
    }
}

fn owned((name, content): (&str, String)) -> (String, String) {
    (name.to_owned(), content)
}

fn extracted(folder: &Path) -> BTreeMap<String, String> {
    let read = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, std::fs::read_to_string(path).unwrap())
    };
    folder.read_dir().unwrap().map(read).collect()
}

/// cloud-init looks for a file system with this label: `blkid -tLABEL=cidata`.
#[test]
fn peer_blkid_sees_the_label() {
    let Some(blkid) = Peer::find("blkid") else { return };
    for seed in seeds() {
        let output = blkid.run(&["-p", "-o", "export", seed.path().to_str().unwrap()]);
        let said = text(output.stdout);
        // blkid(8): 8 means that it found several file systems.
        assert_eq!(output.status.code(), Some(0), "{said}");
        for line in ["LABEL=cidata", "TYPE=iso9660", "USAGE=filesystem"] {
            assert!(said.lines().any(|one| one == line), "{line}: {said}");
        }
    }
}
