//! Runs of case folders, each on a cluster of its own: what cuts and faults leave of them.

use crate::parallel;
use crate::pve_sim::{Options, PveSim, World, faults};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The number of parallel runs: they wait more than they work.
const WORKERS: usize = 16;

/// A tool and its case folders.
#[derive(Debug, Clone, Copy)]
pub struct Cases {
    /// The program.
    pub program: &'static str,
    /// The folder of the cases.
    pub folder: &'static str,
    /// What a run says that finds nothing left to do and calls this an error.
    pub nothing_left: Option<&'static str>,
}

/// Returns the [`Cases`] of the tool of this package.
#[macro_export]
macro_rules! cases {
    ($tool:literal) => {
        $crate::stand::Cases {
            program: env!(concat!("CARGO_BIN_EXE_", $tool)),
            folder: concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases"),
            nothing_left: None,
        }
    };
}

impl Cases {
    /// Starts the cluster of a case, with these faults in addition to its own.
    pub fn stand(&self, case: &str, faults: &str) -> Stand {
        let case = Path::new(self.folder).join(case);
        let mut all = faults::from_json(faults).unwrap();
        if case.join("faults.json").exists() {
            all.extend(faults::from_json(&read(&case, "faults.json")).unwrap());
        }
        let world = World::from_json(&read(&case, "world.json")).unwrap();
        let sim = PveSim::start(world, Options { faults: all, ..Options::default() }).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");
        std::os::unix::fs::symlink(examples, folder.path().join("examples")).unwrap();
        Stand { sim, folder, case, of: *self }
    }

    /// Returns what the case comes to when nothing else happens, and the requests of its first run, which fails
    /// where the case has faults.
    pub fn undisturbed(&self, case: &str) -> (String, Vec<String>) {
        let stand = self.stand(case, "[]");
        let is_well = stand.finish(1).is_ok();
        let requests = stand.sim.requests();
        if !is_well {
            stand.finish(1).unwrap();
        }
        assert_eq!(stand.sim.refused(), Vec::<String>::new());
        (stand.world(), requests.iter().map(|r| format!("{} {}", r.method, r.path)).collect())
    }
}

/// One cluster of its own with one document.
pub struct Stand {
    /// The cluster.
    pub sim: PveSim,
    /// Where runs start; the home of those on one machine.
    pub folder: tempfile::TempDir,
    case: PathBuf,
    of: Cases,
}

impl std::fmt::Debug for Stand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stand").field("case", &self.case).finish_non_exhaustive()
    }
}

impl Stand {
    /// Returns the line of the case's `cmd` that calls the tool.
    pub fn command(&self) -> String {
        let cmd = read(&self.case, "cmd");
        let tool = Path::new(self.of.program).file_name().unwrap().to_string_lossy();
        let is_call = |line: &&str| line.split(' ').next() == Some(&*tool);
        let line = cmd.lines().find(is_call).unwrap();
        // The words for the tool end where those for the shell begin.
        let is_shells =
            |word: &&str| word.trim_start_matches('2').starts_with(['<', '>', '|', '&']);
        let words: Vec<&str> = line.split(' ').take_while(|word| !is_shells(word)).collect();
        words.join(" ")
    }

    /// Starts a run.
    pub fn spawn(&self) -> Child {
        self.spawn_with(&[], self.folder.path())
    }

    /// Starts a run on another machine, which does not know of the others' locks.
    pub fn spawn_elsewhere(&self) -> Child {
        let home = self.folder.path().join("elsewhere");
        std::fs::create_dir_all(&home).unwrap();
        self.spawn_with(&[], &home)
    }

    /// Starts a run whose waits are short: what it waits for does not come.
    pub fn spawn_hasty(&self) -> Child {
        self.spawn_with(&["--task-timeout", "1"], self.folder.path())
    }

    fn spawn_with(&self, more: &[&str], home: &Path) -> Child {
        let document = read(&self.case, "stdin")
            .replace("$PVE_SIM_ENDPOINT", &self.sim.endpoint())
            .replace("$PVE_SIM_TOKEN", &self.sim.token());
        let log = std::fs::File::create(home.join("stderr")).unwrap();
        let mut child = Command::new(self.of.program)
            .args(self.command().split_whitespace().skip(1))
            .args(more)
            .current_dir(self.folder.path())
            .env("PVE_FINGERPRINT", self.sim.fingerprint())
            .env("HOME", home)
            .env_remove("XDG_STATE_HOME")
            .env_remove("XDG_CACHE_HOME")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(document.as_bytes()).unwrap();
        child
    }

    /// Runs until a run succeeds, or finds nothing left to do, at most this many times.
    ///
    /// # Errors
    /// The output of the last run.
    pub fn finish(&self, runs: usize) -> Result<(), String> {
        let is_nothing_left =
            || self.of.nothing_left.is_some_and(|text| self.output().contains(text));
        let ends_well = |_| self.spawn().wait().unwrap().success() || is_nothing_left();
        if (0..runs).any(ends_well) { Ok(()) } else { Err(self.output()) }
    }

    /// Returns what the last run said.
    pub fn output(&self) -> String {
        read(self.folder.path(), "stderr")
    }

    /// Returns the world without what tells one run from another: nonces, uuids, and the tasks that were needed.
    pub fn world(&self) -> String {
        self.sim.settle();
        let mut world: serde_json::Value =
            serde_json::from_str(&self.sim.world().to_json()).unwrap();
        world.as_object_mut().unwrap().remove("tasks");
        let text = serde_json::to_string_pretty(&world).unwrap();
        without(&without(&text, "run="), "uuid=")
    }

    /// Returns the VMs that a killed clone has left locked.
    pub fn locked(&self) -> Vec<u32> {
        let mut locked = Vec::new();
        self.sim.edit(|world| {
            let is_locked = |lock: &String| lock == "clone";
            let found =
                world.vms.iter().filter(|(_, vm)| vm.config.get("lock").is_some_and(is_locked));
            locked = found.map(|(vmid, _)| *vmid).collect();
        });
        locked
    }

    /// Does what root does: `qm unlock` and `qm destroy --destroy-unreferenced-disks 1`.
    pub fn clear(&self, vmids: &[u32]) {
        self.sim.edit(|world| {
            world.vms.retain(|vmid, _| !vmids.contains(vmid));
            let is_of = |volid: &str, vmid: &u32| volid.contains(&format!("vm-{vmid}-"));
            world.volumes.retain(|volume| !vmids.iter().any(|vmid| is_of(&volume.volid, vmid)));
        });
    }

    /// Returns whether a run has left the token of SDN's lock.
    pub fn remembers_a_lock(&self) -> bool {
        let folder = self.folder.path().join(".local/state/pve-pipeline");
        let Ok(files) = folder.read_dir() else { return false };
        files
            .filter_map(Result::ok)
            .any(|file| file.path().extension().is_some_and(|e| e == "token"))
    }

    /// Kills the tool as soon as PVE has got this many requests; returns `false` if it had already ended.
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

    /// Runs again until the work is done, and compares what has come of it.
    ///
    /// # Errors
    /// The work is not done, or the world is another.
    pub fn compare(&self, what: &str, runs: usize, expected: &str) -> Result<(), String> {
        self.finish(runs).map_err(|text| format!("{what}: the next runs end with\n{text}"))?;
        if self.remembers_a_lock() {
            return Err(format!("{what}: the token of SDN's lock is still kept"));
        }
        let world = self.world();
        if world == expected {
            return Ok(());
        }
        Err(format!("{what}: the world is another:\n{}", difference(expected, &world)))
    }
}

/// Returns the text without the hexadecimal word behind each `mark`.
fn without(text: &str, mark: &str) -> String {
    let mut parts = text.split(mark);
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |all, part| {
        all + mark + part.trim_start_matches(|c: char| c.is_ascii_hexdigit() || c == '-')
    })
}

/// Reads a file.
pub fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap()
}

/// Tries each number from 0 on, several at a time, prints how many were survived, and says all that failed.
///
/// # Panics
/// One was not survived, or there was none.
pub fn each(what: &str, count: usize, attempt: impl Fn(usize) -> Result<(), String> + Sync) {
    let failed = parallel::each(WORKERS, count, attempt);
    println!("{what}: cuts tried {count}, survived {}", count - failed.len());
    assert!(count > 0, "{what}: no cuts");
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

fn difference(one: &str, other: &str) -> String {
    let only = |a: &str, b: &str, sign: &str| {
        let lines = a.lines().filter(|line| !b.lines().any(|other| other == *line));
        lines.map(|line| format!("{sign} {line}\n")).collect::<String>()
    };
    only(one, other, "-") + &only(other, one, "+")
}
