//! What is ended between any two requests is finished by the next run, and the world is then as if
//! nothing had happened: after kill -9 at each request, and after each write that goes unanswered.
//!
//! The runs are those of case folders: their world, their document, their options.

#![expect(clippy::disallowed_methods, reason = "door: a test starts the tool and reads its cases")]
#![expect(clippy::print_stdout, reason = "a test tells its figures")]
#![expect(clippy::unwrap_used, reason = "a test may")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use test_support::parallel;
use test_support::pve_sim::{Options, PveSim, World, faults};

/// The number of parallel runs: they wait more than they work.
const WORKERS: usize = 16;
/// The number of runs after which the work must be done: one that is cut, one that finishes it, one that finds
/// the second at its own cleaning up.
const RUNS: usize = 3;

/// One cluster of its own with one document.
struct Stand {
    sim: PveSim,
    folder: tempfile::TempDir,
    case: PathBuf,
}

impl Stand {
    fn new(case: &str, faults: &str) -> Self {
        let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(case);
        let folder = tempfile::tempdir().unwrap();
        let faults = faults::from_json(faults).unwrap();
        let world = World::from_json(&read(&case, "world.json")).unwrap();
        let sim = PveSim::start(world, Options { faults, ..Options::default() }).unwrap();
        Self { sim, folder, case }
    }

    /// The line of the case's `cmd` that calls the tool.
    fn command(&self) -> String {
        let cmd = read(&self.case, "cmd");
        let line = cmd.lines().find(|line| line.starts_with("pve-apply ")).unwrap();
        // The words for the tool end where those for the shell begin.
        let is_shells = |word: &&str| word.starts_with(['<', '>', '|', '&']);
        let words: Vec<&str> = line.split(' ').take_while(|word| !is_shells(word)).collect();
        words.join(" ")
    }

    fn spawn(&self) -> Child {
        let document = read(&self.case, "stdin")
            .replace("$PVE_SIM_ENDPOINT", &self.sim.endpoint())
            .replace("$PVE_SIM_TOKEN", &self.sim.token());
        let log = std::fs::File::create(self.folder.path().join("stderr")).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_pve-apply"))
            .args(self.command().split_whitespace().skip(1))
            .current_dir(self.folder.path())
            .env("PVE_FINGERPRINT", self.sim.fingerprint())
            .env("HOME", self.folder.path())
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
    fn finish(&self, runs: usize) -> Result<(), String> {
        let ends_well = |_| self.spawn().wait().unwrap().success();
        if (0..runs).any(ends_well) { Ok(()) } else { Err(read(self.folder.path(), "stderr")) }
    }

    /// The world without what tells one run from another: nonces, uuids, and the tasks that were needed.
    fn world(&self) -> String {
        self.sim.settle();
        let mut world: serde_json::Value =
            serde_json::from_str(&self.sim.world().to_json()).unwrap();
        world.as_object_mut().unwrap().remove("tasks");
        let text = serde_json::to_string_pretty(&world).unwrap();
        without(&without(&text, "run="), "uuid=")
    }

    /// Kills the tool as soon as PVE has got this many requests; `false` if it had already ended.
    fn kill_after(&self, requests: usize) -> bool {
        let mut child = self.spawn();
        loop {
            if self.sim.requests().len() >= requests {
                child.kill().unwrap();
                child.wait().unwrap();
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
fn without(text: &str, mark: &str) -> String {
    let mut parts = text.split(mark);
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |all, part| {
        all + mark + part.trim_start_matches(|c: char| c.is_ascii_hexdigit() || c == '-')
    })
}

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap()
}

/// Tries each number from 0 on, several at a time, and says all that failed.
fn each(count: usize, attempt: impl Fn(usize) -> Result<(), String> + Sync) {
    let failed = parallel::each(WORKERS, count, attempt);
    println!("{count} cuts, {} not survived", failed.len());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// What the case comes to when nothing happens, and the requests of that.
fn undisturbed(case: &str) -> (String, Vec<String>) {
    let stand = Stand::new(case, "[]");
    stand.finish(1).unwrap();
    let requests = stand.sim.requests();
    (stand.world(), requests.iter().map(|r| format!("{} {}", r.method, r.path)).collect())
}

/// Runs again until the work is done, and compares what has come of it.
fn compare(what: &str, stand: &Stand, runs: usize, expected: &str) -> Result<(), String> {
    stand.finish(runs).map_err(|text| format!("{what}: the next runs end with\n{text}"))?;
    let world = stand.world();
    if world == expected {
        return Ok(());
    }
    Err(format!("{what}: the world is another:\n{}", difference(expected, &world)))
}

fn difference(one: &str, other: &str) -> String {
    let only = |a: &str, b: &str, sign: &str| {
        let lines = a.lines().filter(|line| !b.lines().any(|other| other == *line));
        lines.map(|line| format!("{sign} {line}\n")).collect::<String>()
    };
    only(one, other, "-") + &only(other, one, "+")
}

/// Which requests a run is killed after.
enum After {
    /// Each.
    Request,
    /// Each that may change something: what a read leaves behind is what the write before it has left.
    Write,
}

fn writes(requests: &[String]) -> Vec<usize> {
    (1..=requests.len()).filter(|n| !requests[n - 1].starts_with("GET ")).collect()
}

/// Kills runs: each once with what PVE has begun still going on, and once when that is over.
fn check_killed(case: &str, after: &After) {
    let (expected, requests) = undisturbed(case);
    let points = match after {
        After::Request => (1..=requests.len()).collect(),
        After::Write => writes(&requests),
    };
    each(2 * points.len(), |number| {
        let (point, goes_on) = (points[number / 2], number % 2 == 0);
        // The answer never comes, so that the tool cannot get further before it is killed.
        let cut = format!(r#"[{{"when": "* /**", "nth": {point}, "then": {{"cut": "after"}}}}]"#);
        let stand = Stand::new(case, &cut);
        let what = format!("{case}: killed after request {point}, {}", requests[point - 1]);
        if !stand.kill_after(point) {
            return Err(format!("{what}: it had ended by then"));
        }
        if goes_on {
            // A task may end between two looks of the second run; the third finds that it has.
            stand
                .finish(RUNS - 1)
                .map_err(|text| format!("{what}: the next runs end with\n{text}"))?;
        }
        stand.sim.settle();
        // With nothing under way one run does it, and says that all is well.
        compare(&what, &stand, 1, &expected)
    });
}

/// Loses each write on its way, and the answer to each.
fn check_unanswered(case: &str) {
    let (expected, requests) = undisturbed(case);
    let writes = writes(&requests);
    let ways = ["before", "after"];
    each(ways.len() * writes.len(), |number| {
        let (write, way) = (writes[number / 2], ways[number % 2]);
        let fault = format!(r#"[{{"when": "* /**", "nth": {write}, "then": {{"cut": "{way}"}}}}]"#);
        let stand = Stand::new(case, &fault);
        let what = format!("{case}: cut {way} {}", requests[write - 1]);
        compare(&what, &stand, RUNS, &expected)
    });
}

macro_rules! cases {
    ($($name:ident: $case:literal after $after:ident,)*) => {
        $(mod $name {
            #[test]
            fn killed() {
                super::check_killed($case, &super::After::$after);
            }

            #[test]
            fn unanswered() {
                super::check_unanswered($case);
            }
        })*
    };
}

cases! {
    create: "create-one" after Request,
    create_with_free_choice: "create-with-free-choice-of-vmid" after Write,
    change: "drift-is-corrected-in-place" after Write,
    change_by_stop: "stop-when-allowed" after Write,
    reseed: "reseed-gives-new-data" after Request,
    destroy: "destroy-two" after Write,
    prune: "apply-prunes-what-left-the-document" after Write,
    take_back: "a-value-that-is-no-longer-set-is-reset" after Write,
    add_devices: "disks-and-a-nic-are-added-at-once" after Request,
    take_off_devices: "a-disk-and-a-nic-are-detached-at-once" after Request,
    move_disk: "a-disk-moves-and-its-options-change" after Write,
    protection: "protection-is-removed-before-a-disk-is-detached" after Write,
    boot_order: "a-new-disk-exists-before-the-boot-order-names-it" after Write,
    description: "the-description-is-all-lines-but-ours" after Write,
    pool: "a-pool-is-joined-and-left" after Write,
    rename: "a-renamed-vm-gets-its-name-and-new-memory" after Request,
    release: "released-vms-lose-the-mark" after Request,
    change_of_tags: "foreign-tags-stay-and-ours-are-reset" after Write,
}
