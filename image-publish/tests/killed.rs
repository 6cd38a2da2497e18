//! A run that is ended anywhere leaves nothing that is never cleaned up: by a signal that can be caught
//! nothing at all, by `kill -9` only what the next run sweeps, whatever it publishes.
//!
//! The moments are drawn from a fixed seed; whatever a run was at, the same must hold.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may unwrap, start the tool and read files, also in what its tests share"
)]

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use test_support::parallel;
use test_support::pve_sim::{Options, Pace, PveSim, World};

/// How many scenes, and how many runs are ended in each.
const SCENES: usize = 12;
const ENDED: usize = 10;
/// The number of scenes at a time.
const WORKERS: usize = 3;
/// Stands for qemu-img: takes its time, and makes a copy.
const QEMU_IMG: &str = "#!/bin/sh
for last; do before=$from; from=$to; to=$last; done
dd if=\"$from\" of=\"$to\" bs=64k count=2 status=none conv=notrunc
sleep 0.05
cp \"$from\" \"$to\"
";

/// A node, a web server, and a folder that is the home of all runs.
struct Scene {
    number: usize,
    sim: PveSim,
    home: tempfile::TempDir,
    url: String,
}

/// A raw disk of `kib` KiB with a boot sector.
fn disk(seed: u32, kib: u32) -> Vec<u8> {
    let byte = |at: u32| (at.wrapping_mul(2_654_435_761).wrapping_add(seed) >> 24) as u8;
    let mut bytes: Vec<u8> = (0..kib << 10).map(byte).collect();
    bytes[440..510].fill(0);
    bytes[510..512].copy_from_slice(&[0x55, 0xaa]);
    bytes
}

fn sha256(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(bytes))
}

/// A web server with one file, which it sends in pieces.
fn web(bytes: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let bytes = bytes.clone();
            std::thread::spawn(move || answer(stream, &bytes));
        }
    });
    format!("http://127.0.0.1:{port}/b.raw")
}

fn answer(mut stream: TcpStream, bytes: &[u8]) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
    lines.find(String::is_empty);
    let length = bytes.len();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    let mut sent = stream.write_all(head.as_bytes());
    for piece in bytes.chunks(64 << 10) {
        if sent.is_err() {
            return;
        }
        sent = stream.write_all(piece);
        std::thread::sleep(Duration::from_millis(2));
    }
}

impl Scene {
    fn new(number: usize) -> Self {
        let options =
            Options { pace: Pace::MillisBetween(1, 80), seed: number as u64, ..Options::default() };
        let sim = PveSim::start(World::from_json("{}").unwrap(), options).unwrap();
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(home.path().join("vz/import")).unwrap();
        std::fs::create_dir_all(home.path().join("bin")).unwrap();
        std::fs::write(home.path().join("a.raw"), disk(1, 1024)).unwrap();
        let program = home.path().join("bin/qemu-img");
        std::fs::write(&program, QEMU_IMG).unwrap();
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
        Self { number, sim, home, url: web(disk(2, 1024)) }
    }

    fn is_folder(&self) -> bool {
        self.number % 3 == 1
    }

    fn compresses(&self) -> bool {
        self.number % 3 == 2
    }

    /// Starts the filter on a document with these of the two images.
    fn start(&self, names: &[&str]) -> Child {
        let path = self.home.path();
        let sum = format!("sha256:{}", sha256(&disk(2, 1024)));
        let vm = |name: &&str| json!({"name": name, "image": name, "cores": 1, "memory": 512, "disk": 10});
        let document = json!({
            "node": "pve1", "api_endpoint": self.sim.endpoint(), "api_token": self.sim.token(),
            "image_sources": {
                "a": {"file": path.join("a.raw")},
                "b": {"url": self.url, "checksum": sum, "mode": "upload"},
            },
            "vms": names.iter().map(vm).collect::<Vec<_>>(),
        });
        let folder: &[&str] = if self.is_folder() { &["--local-dir", "vz"] } else { &[] };
        let search = format!("{}:{}", path.join("bin").display(), std::env::var("PATH").unwrap());
        let mut child = Command::new(env!("CARGO_BIN_EXE_image-publish"))
            .args(folder)
            .args(self.compresses().then_some("--compress"))
            .current_dir(path)
            .env("HOME", path)
            .env("PATH", search)
            .env_remove("XDG_CACHE_HOME")
            .env("PVE_FINGERPRINT", self.sim.fingerprint())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(document.to_string().as_bytes()).unwrap();
        child
    }

    /// Returns the files that are not images, nor the cache itself.
    fn left(&self) -> Vec<String> {
        let cache = files(&self.home.path().join(".cache/pve-pipeline"));
        let hidden = files(&self.home.path().join("vz/import"));
        let cache = cache.into_iter().filter(|file| file != "images.json");
        cache.chain(hidden.into_iter().filter(|file| file.starts_with('.'))).collect()
    }

    /// Returns name and sum of all that is stored.
    fn stored(&self) -> Vec<(String, String)> {
        self.sim.settle();
        let world = self.sim.world();
        let on_node = world.volumes.iter().map(|volume| {
            let file = volume.volid.rsplit('/').next().unwrap_or_default();
            (file.to_owned(), volume.sha256.clone().unwrap_or_default())
        });
        let folder = self.home.path().join("vz/import");
        let in_folder = files(&folder).into_iter().map(|file| {
            let sum = sha256(&std::fs::read(folder.join(&file)).unwrap());
            (file, sum)
        });
        let mut all: Vec<_> = on_node.chain(in_folder).collect();
        all.sort();
        all
    }
}

fn files(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder).into_iter().flatten();
    files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
}

/// Ends runs at moments of no choice, then lets one run to its end.
fn attempt(number: usize) -> Result<(), String> {
    let scene = Scene::new(number);
    let mut state = 0x0dd0_0000 + number as u64;
    let mut draw = |bound: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % bound
    };
    let signals: &[&str] =
        if number.is_multiple_of(2) { &["KILL"] } else { &["TERM", "INT", "HUP"] };
    for ended in 0..ENDED {
        let child = scene.start(&["a", "b"]);
        std::thread::sleep(Duration::from_millis(draw(350)));
        let signal = signals[ended % signals.len()];
        let pid = child.id().to_string();
        // It may have ended by itself.
        let _ = Command::new("kill").args(["-s", signal, &pid]).stderr(Stdio::null()).status();
        let output = child.wait_with_output().unwrap();
        if signal != "KILL" && !scene.left().is_empty() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(format!("{signal} leaves {:?}\n{said}", scene.left()));
        }
    }
    // The next run publishes something else, and sweeps all the same.
    let output = scene.start(&["b"]).wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() || !scene.left().is_empty() {
        return Err(format!("{} leaves {:?}\n{said}", output.status, scene.left()));
    }
    let output = scene.start(&["a", "b"]).wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let document: Value = serde_json::from_slice(&output.stdout).map_err(|_| said.clone())?;
    let expected =
        [("a", sha256(&disk(1, 1024))), ("b", sha256(&disk(2, 1024)))].map(|(name, sum)| {
            let volid = document["images"][name].as_str().unwrap_or_default();
            (volid.rsplit('/').next().unwrap_or_default().to_owned(), sum)
        });
    if scene.stored() != expected {
        return Err(format!("stored: {:?}\n{said}", scene.stored()));
    }
    Ok(())
}

#[test]
fn leftovers_of_a_killed_run_are_swept_and_the_image_is_complete() {
    let failed = parallel::each(WORKERS, SCENES, |number| {
        attempt(number).map_err(|text| format!("scene {number}: {text}"))
    });
    println!("{} runs ended, {} of {SCENES} scenes failed", SCENES * ENDED, failed.len());
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}
