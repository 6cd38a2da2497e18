//! Runs of case folders, each on a cluster of its own: what cuts and faults leave of them.
//!
//! The cases are those of the package under test, whose folder is the working directory of its tests.

use crate::case::tool_folder;
use crate::parallel;
use crate::pve_sim::{Options, PveSim, World, faults};
use serde_json::Value;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The number of parallel runs: they wait more than they work.
const WORKERS: usize = 16;
/// The tools whose runs these are.
const TOOLS: [&str; 2] = ["pve-apply", "image-publish"];

/// A case's world and its document, as JSON, with the variables of a case still in them.
pub struct Scene {
    /// Its `world.json`.
    pub world: Value,
    /// Its `stdin`; null if there is none.
    pub document: Value,
}

/// One cluster of its own with one document.
pub struct Stand {
    /// The cluster.
    pub sim: PveSim,
    /// The tool's working directory and home.
    pub folder: tempfile::TempDir,
    /// What the tool is called with, its own name first.
    pub words: Vec<String>,
    /// The tool's `PVE_PIPELINE_LOG`.
    pub log: &'static str,
    document: Value,
}

impl Stand {
    /// Starts the cluster of a case, with these faults.
    pub fn new(case: &str, faults: &str) -> Self {
        Self::adapted(case, faults, |_| {})
    }

    /// The same, with changes to the case's world and document.
    pub fn adapted(case: &str, faults: &str, adapt: impl FnOnce(&mut Scene)) -> Self {
        let case = Path::new("tests/cases").join(case);
        let json = |name: &str| serde_json::from_str(&read(&case, name)).unwrap();
        let document = if case.join("stdin").exists() { json("stdin") } else { Value::Null };
        let mut scene = Scene { world: json("world.json"), document };
        adapt(&mut scene);
        let folder = tempfile::tempdir().unwrap();
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
        std::os::unix::fs::symlink(examples, folder.path().join("examples")).unwrap();
        let faults = faults::from_json(faults).unwrap();
        let world = World::from_json(&scene.world.to_string()).unwrap();
        let sim = PveSim::start(world, Options { faults, ..Options::default() }).unwrap();
        Self { sim, folder, words: command(&case), log: "", document: scene.document }
    }

    /// Starts a run.
    pub fn spawn(&self) -> Child {
        self.spawn_with(&[], self.folder.path())
    }

    /// A run on another machine, which does not know of the others' locks.
    pub fn spawn_elsewhere(&self) -> Child {
        let home = self.folder.path().join("elsewhere");
        std::fs::create_dir_all(&home).unwrap();
        self.spawn_with(&[], &home)
    }

    /// A run whose waits are short: what it waits for does not come.
    pub fn spawn_hasty(&self) -> Child {
        self.spawn_with(&["--task-timeout", "1"], self.folder.path())
    }

    /// Starts a run with these options too, and this home.
    pub fn spawn_with(&self, more: &[&str], home: &Path) -> Child {
        let text = if self.document.is_null() { String::new() } else { self.document.to_string() };
        let document = text
            .replace("$PVE_SIM_ENDPOINT", &self.sim.endpoint())
            .replace("$PVE_SIM_TOKEN", &self.sim.token());
        let file = |name: &str| File::create(home.join(name)).unwrap();
        let mut child = Command::new(tool_folder().unwrap().join(&self.words[0]))
            .args(&self.words[1..])
            .args(more)
            .current_dir(self.folder.path())
            .env("PVE_FINGERPRINT", self.sim.fingerprint())
            .env("PVE_PIPELINE_LOG", self.log)
            .env("HOME", home)
            .env_remove("XDG_CACHE_HOME")
            .env_remove("XDG_STATE_HOME")
            .stdin(Stdio::piped())
            .stdout(file("stdout"))
            .stderr(file("stderr"))
            .spawn()
            .unwrap();
        // A tool that refuses its command line does not read it.
        let _ = child.stdin.take().unwrap().write_all(document.as_bytes());
        child
    }

    /// Runs until a run succeeds, at most this many times; the error has the output of the last run.
    pub fn finish(&self, runs: usize) -> Result<(), String> {
        let ends_well = |_| self.spawn().wait().unwrap().success();
        if (0..runs).any(ends_well) { Ok(()) } else { Err(self.output()) }
    }

    /// What the last run said.
    pub fn output(&self) -> String {
        read(self.folder.path(), "stderr")
    }

    /// The world without what tells one run from another: nonces, uuids, generations, and the tasks that were needed.
    pub fn world(&self) -> String {
        self.sim.settle();
        let mut world: Value = serde_json::from_str(&self.sim.world().to_json()).unwrap();
        world.as_object_mut().unwrap().remove("tasks");
        let text = serde_json::to_string_pretty(&world).unwrap();
        ["run=", "uuid=", "\"vmgenid\": \""].iter().fold(text, |text, mark| without(&text, mark))
    }

    /// The VMs that a killed create or clone has left locked.
    pub fn locked(&self) -> Vec<u32> {
        let mut locked = Vec::new();
        self.sim.edit(|world| {
            let is_locked = |lock: &String| ["clone", "create"].contains(&lock.as_str());
            let found =
                world.vms.iter().filter(|(_, vm)| vm.config.get("lock").is_some_and(is_locked));
            locked = found.map(|(vmid, _)| *vmid).collect();
        });
        locked
    }

    /// What root does: `qm unlock` and `qm destroy --destroy-unreferenced-disks 1`.
    pub fn clear(&self, vmids: &[u32]) {
        self.sim.edit(|world| {
            world.vms.retain(|vmid, _| !vmids.contains(vmid));
            let is_of = |volid: &str, vmid: &u32| volid.contains(&format!("vm-{vmid}-"));
            world.volumes.retain(|volume| !vmids.iter().any(|vmid| is_of(&volume.volid, vmid)));
        });
    }

    /// Whether a run has left the token of SDN's lock.
    pub fn remembers_a_lock(&self) -> bool {
        let folder = self.folder.path().join(".local/state/pve-pipeline");
        let Ok(files) = folder.read_dir() else { return false };
        files
            .filter_map(Result::ok)
            .any(|file| file.path().extension().is_some_and(|e| e == "token"))
    }

    /// Kills the tool as soon as PVE has got this many requests; `false` if it had already ended.
    pub fn kill_after(&self, requests: usize) -> bool {
        let mut child = self.spawn();
        loop {
            if self.sim.request_count() >= requests {
                child.kill().unwrap();
                child.wait().unwrap();
                self.sim.wait_for_clients();
                return true;
            }
            if child.try_wait().unwrap().is_some() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Returns the line of the case's `cmd` that calls a tool, as words; none if no line begins with one.
fn command(case: &Path) -> Vec<String> {
    let cmd = read(case, "cmd");
    let is_tools = |line: &&str| TOOLS.iter().any(|tool| line.split(' ').next() == Some(tool));
    // The words for the tool end where those for the shell begin.
    let is_shells = |word: &&str| word.trim_start_matches('2').starts_with(['<', '>', '|', '&']);
    let words = cmd.lines().find(is_tools).unwrap_or_default().split(' ');
    words.take_while(|word| !is_shells(word)).map(str::to_owned).collect()
}

/// The text without the hexadecimal word behind each `mark`.
pub fn without(text: &str, mark: &str) -> String {
    let mut parts = text.split(mark);
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |all, part| {
        all + mark + part.trim_start_matches(|c: char| c.is_ascii_hexdigit() || c == '-')
    })
}

/// Returns the text of a file.
pub fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap()
}

/// Tries each number from 0 on, several at a time, and says all that failed.
pub fn each(count: usize, attempt: impl Fn(usize) -> Result<(), String> + Sync) {
    let failed = parallel::each(WORKERS, count, attempt);
    println!("{count} cuts, {} not survived", failed.len());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// What the case comes to when nothing happens, and the requests of that.
pub fn undisturbed(case: &str) -> (String, Vec<String>) {
    let stand = Stand::new(case, "[]");
    stand.finish(1).unwrap();
    let requests = stand.sim.requests();
    (stand.world(), requests.iter().map(|r| format!("{} {}", r.method, r.path)).collect())
}

/// Runs again until the work is done, and compares what has come of it.
pub fn compare(what: &str, stand: &Stand, runs: usize, expected: &str) -> Result<(), String> {
    stand.finish(runs).map_err(|text| format!("{what}: the next runs end with\n{text}"))?;
    if stand.remembers_a_lock() {
        return Err(format!("{what}: the token of SDN's lock is still kept"));
    }
    let world = stand.world();
    if world == expected {
        return Ok(());
    }
    Err(format!("{what}: the world is another:\n{}", difference(expected, &world)))
}

/// Returns the lines that only one of the texts has.
pub fn difference(one: &str, other: &str) -> String {
    let only = |a: &str, b: &str, sign: &str| {
        let lines = a.lines().filter(|line| !b.lines().any(|other| other == *line));
        lines.map(|line| format!("{sign} {line}\n")).collect::<String>()
    };
    only(one, other, "-") + &only(other, one, "+")
}
