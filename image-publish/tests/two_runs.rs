//! Several runs that need the same new image at once: on one machine it is sent once, and whole; between
//! machines it may be sent more than once, and is whole at the end.
//!
//! Each try has a node of its own and two to four runs that begin some time apart, drawn from a fixed seed.

#![expect(clippy::disallowed_methods, reason = "door: a test starts the tool")]
#![expect(clippy::print_stdout, reason = "a test tells its figures")]
#![expect(clippy::unwrap_used, reason = "a test may")]

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use test_support::parallel;
use test_support::pve_sim::world::access::{Access, AclEntry, Token, User};
use test_support::pve_sim::{Options, Pace, PveSim, World};

/// How many tries.
const TRIES: usize = 50;
/// The number of tries at a time: they wait more than they work.
const WORKERS: usize = 4;
/// A user whose token sees no task but its own.
const OTHER: (&str, &str, &str) =
    ("other@pve", "other@pve!ci", "00000000-0000-4000-8000-0000000000ff");

/// One try: how many runs, how far apart they begin, how long a copy takes.
#[derive(Clone, Copy, Debug)]
struct Try {
    number: usize,
    runs: usize,
    offset: Duration,
    /// The longest task, in milliseconds.
    longest: u64,
}

impl Try {
    fn new(number: usize) -> Self {
        let mut state = 0x1a6e_0000 + number as u64;
        let mut draw = |bound: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % bound
        };
        let longest = [5, 50, 300, 1000][number % 4];
        let runs = 2 + number % 3;
        Self { number, runs, offset: Duration::from_millis(draw(longest / 2 + 20)), longest }
    }

    /// A node that knows two users.
    fn node(&self) -> PveSim {
        let options = Options {
            pace: Pace::MillisBetween(1, self.longest),
            seed: self.number as u64,
            ..Options::default()
        };
        let mut world = World::from_json("{}").unwrap();
        let (user, token, secret) = OTHER;
        let access: &mut Access = &mut world.access;
        access.users.insert(user.to_owned(), User::default());
        let with = Token { secret: secret.to_owned(), ..Token::default() };
        access.tokens.insert(token.to_owned(), with);
        for who in [user, token] {
            access.acl.push(AclEntry {
                path: "/storage/local".to_owned(),
                who: who.to_owned(),
                role: "PipelineImage".to_owned(),
                propagate: true,
            });
        }
        PveSim::start(world, options).unwrap()
    }
}

/// A raw disk of half a MiB with a boot sector, and its sum.
fn image(home: &Path) -> (String, String) {
    let mut bytes: Vec<u8> =
        (0..512_u32 << 10).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    bytes[440..510].fill(0);
    bytes[510..512].copy_from_slice(&[0x55, 0xaa]);
    let path = home.join("disk.raw");
    std::fs::write(&path, &bytes).unwrap();
    (path.display().to_string(), data_encoding::HEXLOWER.encode(&Sha256::digest(&bytes)))
}

/// Starts the filter on a document with this one image.
fn start(sim: &PveSim, token: &str, file: &str, home: &Path, args: &[&str]) -> Child {
    let document = json!({
        "node": "pve1", "api_endpoint": sim.endpoint(), "api_token": token,
        "image_sources": {"a": {"file": file}},
        "vms": [{"name": "vm", "image": "a", "cores": 1, "memory": 512, "disk": 10}],
    });
    let mut child = Command::new(env!("CARGO_BIN_EXE_image-publish"))
        .args(args)
        .env("HOME", home)
        .env_remove("XDG_CACHE_HOME")
        .env("PVE_FINGERPRINT", sim.fingerprint())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(document.to_string().as_bytes()).unwrap();
    child
}

/// Waits for all runs: each must have succeeded and name the same volume. Returns what they said.
fn end(children: Vec<Child>) -> Result<(String, String), String> {
    let mut said = String::new();
    let mut volids = Vec::new();
    let mut is_well = true;
    for child in children {
        let output = child.wait_with_output().unwrap();
        said += &format!("--- {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
        is_well &= output.status.success();
        let document: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        volids.extend(document["images"]["a"].as_str().map(str::to_owned));
    }
    volids.dedup();
    match &volids[..] {
        [volid] if is_well => Ok((volid.clone(), said)),
        _ => Err(said),
    }
}

fn files(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<String> =
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Compares what is stored and what is left in the homes.
fn check_whole(sim: &PveSim, volid: &str, sum: &str, homes: &[&Path]) -> Result<(), String> {
    let world = sim.world();
    let stored: Vec<_> =
        world.volumes.iter().map(|v| (v.volid.as_str(), v.sha256.as_deref())).collect();
    if stored != [(volid, Some(sum))] {
        return Err(format!("stored: {stored:?}"));
    }
    let left: Vec<String> =
        homes.iter().flat_map(|home| files(&home.join(".cache/pve-pipeline"))).collect();
    if left.iter().any(|file| file != "images.json") {
        return Err(format!("left: {left:?}"));
    }
    Ok(())
}

fn uploads(sim: &PveSim) -> usize {
    sim.requests().iter().filter(|r| r.method == "POST" && r.path.ends_with("/upload")).count()
}

/// Runs on one machine: they share a home.
fn on_one_machine(one: Try) -> Result<(), String> {
    let (sim, home) = (one.node(), tempfile::tempdir().unwrap());
    let (file, sum) = image(home.path());
    let mut runs = Vec::new();
    for _ in 0..one.runs {
        runs.push(start(&sim, &sim.token(), &file, home.path(), &[]));
        std::thread::sleep(one.offset);
    }
    let (volid, said) = end(runs)?;
    let sent = uploads(&sim);
    check_whole(&sim, &volid, &sum, &[home.path()]).map_err(|text| text + &said)?;
    if sent == 1 { Ok(()) } else { Err(format!("sent {sent} times\n{said}")) }
}

/// The same, into a storage's own folder.
fn into_one_folder(one: Try) -> Result<(), String> {
    let (sim, home) = (one.node(), tempfile::tempdir().unwrap());
    let (file, sum) = image(home.path());
    let folder = home.path().join("vz");
    std::fs::create_dir(&folder).unwrap();
    let args = ["--local-dir", folder.to_str().unwrap()];
    let runs = (0..one.runs).map(|_| start(&sim, &sim.token(), &file, home.path(), &args));
    let (volid, said) = end(runs.collect())?;
    let name = volid.rsplit('/').next().unwrap();
    let there = files(&folder.join("import"));
    let written = said.matches(": writing ").count();
    let stored = std::fs::read(folder.join("import").join(name)).unwrap();
    let is = data_encoding::HEXLOWER.encode(&Sha256::digest(&stored));
    if there == [name] && written == 1 && is == sum {
        return Ok(());
    }
    Err(format!("{there:?}, written {written} times\n{said}"))
}

/// Runs on machines of their own, every other try with tokens that do not see each other's tasks.
fn on_many_machines(one: Try, more: &Mutex<usize>) -> Result<(), String> {
    let sim = one.node();
    let homes: Vec<_> = (0..one.runs).map(|_| tempfile::tempdir().unwrap()).collect();
    let other = format!("{}={}", OTHER.1, OTHER.2);
    let mut runs = Vec::new();
    let mut sum = String::new();
    for (number, home) in homes.iter().enumerate() {
        let token =
            if one.number % 2 == 1 && number % 2 == 1 { other.clone() } else { sim.token() };
        let (file, its) = image(home.path());
        sum = its;
        runs.push(start(&sim, &token, &file, home.path(), &[]));
        std::thread::sleep(one.offset);
    }
    let (volid, said) = end(runs)?;
    *more.lock().unwrap() += usize::from(uploads(&sim) > 1);
    let homes: Vec<&Path> = homes.iter().map(|home| home.path()).collect();
    check_whole(&sim, &volid, &sum, &homes).map_err(|text| text + &said)
}

fn try_all(what: &str, tries: usize, attempt: impl Fn(Try) -> Result<(), String> + Sync) {
    let failed = parallel::each(WORKERS, tries, |number| {
        let one = Try::new(number);
        attempt(one).map_err(|text| format!("{one:?}: {text}"))
    });
    println!("{what}: {} of {tries} tries are right", tries - failed.len());
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

#[test]
fn on_one_machine_an_image_is_sent_once() {
    try_all("one upload on one machine", TRIES, on_one_machine);
}

#[test]
fn an_image_is_written_once_into_a_directory() {
    try_all("one write into a folder", TRIES / 5, into_one_folder);
}

#[test]
fn between_machines_the_image_is_complete_at_the_end() {
    let more = Mutex::new(0);
    try_all("whole between machines", TRIES, |one| on_many_machines(one, &more));
    println!("sent more than once between machines: {} of {TRIES}", more.lock().unwrap());
}
