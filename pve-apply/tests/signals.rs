//! Which signals end a run in order: what runs is waited for, nothing more begins, and the exit code is 3.

#![expect(clippy::disallowed_methods, reason = "door: a test starts the tool and reads its case")]
#![expect(clippy::unwrap_used, reason = "a test may")]

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use test_support::pve_sim::{Options, Pace, PveSim, World};

/// A cluster whose tasks take a while, and the tool at work on it.
struct Run {
    sim: PveSim,
    folder: tempfile::TempDir,
    child: Child,
}

impl Run {
    /// Starts `pve-apply apply` as `shell` does it: the tool's path stands for `"$0"`.
    fn start(shell: &str) -> Self {
        let case: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/cases/ctrl-c-finishes-the-running-step-and-starts-no-other");
        let read = |name: &str| std::fs::read_to_string(case.join(name)).unwrap();
        let world = World::from_json(&read("world.json")).unwrap();
        let options = Options { pace: Pace::Millis(700), ..Options::default() };
        let sim = PveSim::start(world, options).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let document = read("stdin")
            .replace("$PVE_SIM_ENDPOINT", &sim.endpoint())
            .replace("$PVE_SIM_TOKEN", &sim.token());
        let mut child = Command::new("sh")
            .args(["-c", shell, env!("CARGO_BIN_EXE_pve-apply")])
            .current_dir(folder.path())
            .env("PVE_FINGERPRINT", sim.fingerprint())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(File::create(folder.path().join("stderr")).unwrap())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(document.as_bytes()).unwrap();
        Self { sim, folder, child }
    }

    /// Sends a signal as soon as PVE creates the VM.
    fn signal(&self, name: &str) {
        let begun = Instant::now();
        while !self.sim.requests().iter().any(|r| r.method == "POST" && r.path.ends_with("/qemu")) {
            assert!(begun.elapsed() < Duration::from_secs(60), "{}", self.stderr());
            std::thread::sleep(Duration::from_millis(5));
        }
        self.send(name);
    }

    fn send(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    fn stderr(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("stderr")).unwrap()
    }

    /// Waits for the end; returns the exit code (none: a signal killed it), how many tasks run then,
    /// whether each VM runs, and stderr.
    fn end(mut self) -> (Option<i32>, usize, Vec<bool>, String) {
        let status = self.child.wait().unwrap().code();
        let stderr = self.stderr();
        let world = self.sim.world();
        let running = world.tasks.iter().filter(|task| task.exitstatus.is_none()).count();
        (status, running, world.vms.values().map(|vm| vm.running).collect(), stderr)
    }
}

#[test]
fn each_of_four_signals_ends_a_run_in_order() {
    std::thread::scope(|scope| {
        for name in ["INT", "TERM", "HUP", "QUIT"] {
            scope.spawn(move || {
                let run = Run::start(r#"exec "$0" apply"#);
                run.signal(name);
                let (status, running, vms, stderr) = run.end();
                assert_eq!((status, running), (Some(3), 0), "{name}: {stderr}");
                assert_eq!(vms, [false], "{name}: created, and not started");
            });
        }
    });
}

#[test]
fn what_was_ignored_at_the_start_stays_ignored() {
    std::thread::scope(|scope| {
        for name in ["HUP", "QUIT"] {
            scope.spawn(move || {
                let run = Run::start(&format!(r#"trap '' {name}; exec "$0" apply"#));
                run.signal(name);
                let (status, _, vms, stderr) = run.end();
                assert_eq!(status, Some(0), "{name}: {stderr}");
                assert_eq!(vms, [true], "{name}: started");
            });
        }
    });
}

#[test]
fn a_second_signal_of_another_kind_ends_it_at_once() {
    let run = Run::start(r#"exec "$0" apply"#);
    run.signal("TERM");
    let begun = Instant::now();
    while !run.stderr().contains("again") {
        assert!(begun.elapsed() < Duration::from_secs(60), "{}", run.stderr());
        std::thread::sleep(Duration::from_millis(5));
    }
    run.send("HUP");
    let (status, running, _, stderr) = run.end();
    assert_eq!((status, running), (Some(3), 1), "{stderr}");
}
