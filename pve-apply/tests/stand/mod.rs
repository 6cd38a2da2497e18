//! Runs of case folders, each on a cluster of its own: what cuts and faults leave of them.

#![allow(dead_code, reason = "not every test needs all of it")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use test_support::parallel;
use test_support::pve_sim::{Options, PveSim, World, faults};

/// The number of parallel runs: they wait more than they work.
const WORKERS: usize = 16;

/// One cluster of its own with one document.
pub(crate) struct Stand {
    pub(crate) sim: PveSim,
    pub(crate) folder: tempfile::TempDir,
    case: PathBuf,
}

impl Stand {
    pub(crate) fn new(case: &str, faults: &str) -> Self {
        let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(case);
        let folder = tempfile::tempdir().unwrap();
        let faults = faults::from_json(faults).unwrap();
        let world = World::from_json(&read(&case, "world.json")).unwrap();
        let sim = PveSim::start(world, Options { faults, ..Options::default() }).unwrap();
        Self { sim, folder, case }
    }

    /// The line of the case's `cmd` that calls the tool.
    pub(crate) fn command(&self) -> String {
        let cmd = read(&self.case, "cmd");
        let line = cmd.lines().find(|line| line.starts_with("pve-apply ")).unwrap();
        // The words for the tool end where those for the shell begin.
        let is_shells =
            |word: &&str| word.trim_start_matches('2').starts_with(['<', '>', '|', '&']);
        let words: Vec<&str> = line.split(' ').take_while(|word| !is_shells(word)).collect();
        words.join(" ")
    }

    pub(crate) fn spawn(&self) -> Child {
        self.spawn_with(&[], self.folder.path())
    }

    /// A run on another machine, which does not know of the others' locks.
    pub(crate) fn spawn_elsewhere(&self) -> Child {
        let home = self.folder.path().join("elsewhere");
        std::fs::create_dir_all(&home).unwrap();
        self.spawn_with(&[], &home)
    }

    /// A run whose waits are short: what it waits for does not come.
    pub(crate) fn spawn_hasty(&self) -> Child {
        self.spawn_with(&["--task-timeout", "1"], self.folder.path())
    }

    fn spawn_with(&self, more: &[&str], home: &Path) -> Child {
        let document = read(&self.case, "stdin")
            .replace("$PVE_SIM_ENDPOINT", &self.sim.endpoint())
            .replace("$PVE_SIM_TOKEN", &self.sim.token());
        let log = std::fs::File::create(home.join("stderr")).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_pve-apply"))
            .args(self.command().split_whitespace().skip(1))
            .args(more)
            .current_dir(self.folder.path())
            .env("PVE_FINGERPRINT", self.sim.fingerprint())
            .env("HOME", home)
            .env_remove("XDG_STATE_HOME")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(document.as_bytes()).unwrap();
        child
    }

    /// Runs until a run succeeds, at most this many times; the error has the output of the last run.
    pub(crate) fn finish(&self, runs: usize) -> Result<(), String> {
        let ends_well = |_| self.spawn().wait().unwrap().success();
        if (0..runs).any(ends_well) { Ok(()) } else { Err(self.output()) }
    }

    /// What the last run said.
    pub(crate) fn output(&self) -> String {
        read(self.folder.path(), "stderr")
    }

    /// The world without what tells one run from another: nonces, uuids, and the tasks that were needed.
    pub(crate) fn world(&self) -> String {
        self.sim.settle();
        let mut world: serde_json::Value =
            serde_json::from_str(&self.sim.world().to_json()).unwrap();
        world.as_object_mut().unwrap().remove("tasks");
        let text = serde_json::to_string_pretty(&world).unwrap();
        without(&without(&text, "run="), "uuid=")
    }

    /// The VMs that a killed clone has left locked.
    pub(crate) fn locked(&self) -> Vec<u32> {
        let mut locked = Vec::new();
        self.sim.edit(|world| {
            let is_locked = |lock: &String| lock == "clone";
            let found =
                world.vms.iter().filter(|(_, vm)| vm.config.get("lock").is_some_and(is_locked));
            locked = found.map(|(vmid, _)| *vmid).collect();
        });
        locked
    }

    /// What root does: `qm unlock` and `qm destroy --destroy-unreferenced-disks 1`.
    pub(crate) fn clear(&self, vmids: &[u32]) {
        self.sim.edit(|world| {
            world.vms.retain(|vmid, _| !vmids.contains(vmid));
            let is_of = |volid: &str, vmid: &u32| volid.contains(&format!("vm-{vmid}-"));
            world.volumes.retain(|volume| !vmids.iter().any(|vmid| is_of(&volume.volid, vmid)));
        });
    }

    /// Whether a run has left the token of SDN's lock.
    pub(crate) fn remembers_a_lock(&self) -> bool {
        let folder = self.folder.path().join(".local/state/pve-pipeline");
        let Ok(files) = folder.read_dir() else { return false };
        files
            .filter_map(Result::ok)
            .any(|file| file.path().extension().is_some_and(|e| e == "token"))
    }

    /// Kills the tool as soon as PVE has got this many requests; `false` if it had already ended.
    pub(crate) fn kill_after(&self, requests: usize) -> bool {
        let mut child = self.spawn();
        loop {
            if self.sim.requests().len() >= requests {
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

/// The text without the hexadecimal word behind each `mark`.
pub(crate) fn without(text: &str, mark: &str) -> String {
    let mut parts = text.split(mark);
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |all, part| {
        all + mark + part.trim_start_matches(|c: char| c.is_ascii_hexdigit() || c == '-')
    })
}

pub(crate) fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap()
}

/// Tries each number from 0 on, several at a time, and says all that failed.
pub(crate) fn each(count: usize, attempt: impl Fn(usize) -> Result<(), String> + Sync) {
    let failed = parallel::each(WORKERS, count, attempt);
    println!("{count} cuts, {} not survived", failed.len());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// What the case comes to when nothing happens, and the requests of that.
pub(crate) fn undisturbed(case: &str) -> (String, Vec<String>) {
    let stand = Stand::new(case, "[]");
    stand.finish(1).unwrap();
    let requests = stand.sim.requests();
    (stand.world(), requests.iter().map(|r| format!("{} {}", r.method, r.path)).collect())
}

/// Runs again until the work is done, and compares what has come of it.
pub(crate) fn compare(
    what: &str,
    stand: &Stand,
    runs: usize,
    expected: &str,
) -> Result<(), String> {
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

pub(crate) fn difference(one: &str, other: &str) -> String {
    let only = |a: &str, b: &str, sign: &str| {
        let lines = a.lines().filter(|line| !b.lines().any(|other| other == *line));
        lines.map(|line| format!("{sign} {line}\n")).collect::<String>()
    };
    only(one, other, "-") + &only(other, one, "+")
}
