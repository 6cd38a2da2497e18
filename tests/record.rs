//! The recorder against the simulator: what it records there, the simulator answers again; nothing of others
//! is touched, and nothing is left. And the recordings of nodes, which are committed, against the simulator.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use test_support::pve_sim::{Options, PveSim, World};
use test_support::recording::line::{self, Recorded};
use test_support::recording::replay::replay;

const WORLD: &str = r#"{
  "version": "9.2.11",
  "nodes": {"alpha": {}},
  "storages": {
    "local": {"type": "dir", "content": ["import", "images"]},
    "record-disks": {"type": "dir", "content": ["images", "rootdir"]},
    "record-files": {"type": "dir", "content": ["backup", "import", "iso", "snippets", "vztmpl"]}
  },
  "vms": {"4711": {"node": "alpha", "config": {"name": "theirs", "virtio0": "local:4711/vm-4711-disk-0.raw,size=1G"}}},
  "pools": {"theirs": {"vms": [4711]}},
  "access": {
    "users": {"pipeline@pve": {}},
    "tokens": {"pipeline@pve!apply": {"privsep": false, "secret": "00000000-0000-4000-8000-000000000001"}},
    "roles": {},
    "acl": [{"path": "/", "who": "pipeline@pve", "role": "Administrator"}]
  }
}"#;

fn start(world: &str) -> PveSim {
    PveSim::start(World::from_json(world).unwrap(), Options::default()).unwrap()
}

/// Runs the recorder; `out` is the file that it would write.
fn record(sim: &PveSim, out: &Path, options: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_record"))
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .env_remove("PVE_CA_FILE")
        .env("PVE_ENDPOINT", sim.endpoint())
        .env("PVE_FINGERPRINT", sim.fingerprint())
        .env("PVE_API_TOKEN", sim.token())
        .env("PVE_NODE", "alpha")
        .args(["--out".as_ref(), out.as_os_str()])
        .args(options)
        .output()
        .unwrap()
}

/// Returns the world without its past.
fn present(sim: &PveSim) -> Value {
    let mut world: Value = serde_json::from_str(&sim.world().to_json()).unwrap();
    world.as_object_mut().unwrap().remove("tasks");
    world
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn what_is_recorded_is_answered_again() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("9.2.11.jsonl");
    let sim = start(WORLD);
    let before = present(&sim);
    let done = record(&sim, &out, &["--yes", "--beside-guests", "--networks", "--every", "9"]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    assert_eq!(present(&sim), before, "something is left, or something of others has changed");
    let recording = std::fs::read_to_string(&out).unwrap();
    for name in ["alpha", "record-", "900000", "theirs", "4711", "pipeline@pve"] {
        assert!(!recording.contains(name), "the recording has the node's own {name}");
    }
    let (count, different) = replay(&recording).unwrap();
    assert!(
        different.is_empty(),
        "{} of {count} differ:\n{}",
        different.len(),
        different.join("\n")
    );
    assert!(count > 300, "only {count} requests");
    let wrong = recording.replacen("\"cores\":1,", "\"cores\":2,", 3);
    assert_eq!(replay(&wrong).unwrap().1.len(), 3, "a difference is not found");
    what_is_missing_is_asked(&recording);
}

/// Routes that no node of one's own can answer with success, and why.
const NEVER: [(&str, &str); 5] = [
    ("GET /nodes/{node}/lxc/{vmid}/config", "a container needs an OS template"),
    ("GET /nodes/{node}/lxc/{vmid}/pending", "a container needs an OS template"),
    ("POST /nodes/{node}/qemu/{vmid}/migrate", "a migration needs a second node"),
    ("GET /cluster/ha/resources/{sid}", "HA acts on the whole cluster"),
    ("PUT /cluster/ha/resources/{sid}", "HA acts on the whole cluster"),
];

/// Expects an answer and a refusal of each route that PVE's own code could not answer.
fn what_is_missing_is_asked(recording: &str) {
    let (_, rows) = line::parse::<Recorded>(recording).unwrap();
    let met: BTreeSet<(String, bool)> = rows
        .iter()
        .map(|row| {
            let path = row.request.path.replace("/pve1/", "/{node}/");
            (format!("{} {path}", row.request.method), row.answer.status < 300)
        })
        .collect();
    let readme = include_str!("answers/README.md");
    for row in readme.lines().filter(|line| line.starts_with("| every |")) {
        let columns: Vec<&str> = row.split('|').map(str::trim).collect();
        let route = columns[2].trim_matches('`');
        let pattern = route.replace("{vmid}", "10").replace("{sid}", "vm:10").replace("{zone}", "");
        let (start, end) = pattern.split_once("10").unwrap_or((&pattern, ""));
        let (start, end) = start.split_once("//").unwrap_or((start, end));
        let has = |good: bool| {
            met.iter()
                .any(|(seen, done)| *done == good && seen.starts_with(start) && seen.ends_with(end))
        };
        let never = NEVER.iter().any(|(known, _)| *known == route);
        assert_eq!(has(true), !never, "{route}: an answer");
        assert!(has(false) || route.starts_with("PUT /cluster/ha"), "{route}: a refusal");
    }
}

#[test]
fn recordings_of_nodes_are_answered_alike() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("answers/nodes");
    let Ok(files) = folder.read_dir() else { return };
    for file in files.map(|file| file.unwrap().path()) {
        let (count, different) = replay(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let place = file.display();
        assert!(
            different.is_empty(),
            "{place}: {} of {count} differ:\n{}",
            different.len(),
            different.join("\n")
        );
    }
}

/// What keeps the recorder from writing: how the world differs, options, and what stderr says.
const REFUSED: [(&str, &str, &[&str], &str); 7] = [
    ("", "", &[], "nothing was written; --yes does it"),
    ("", "", &["--yes"], "the cluster has 1 guests; --beside-guests"),
    (
        r#""4711":"#,
        r#""900000100": {"node": "alpha", "config": {}}, "4711":"#,
        &["--yes", "--beside-guests"],
        "exists already: VM 900000100",
    ),
    (
        r#""pools": {"#,
        r#""pools": {"pve-record-p1": {}, "#,
        &["--yes", "--beside-guests"],
        "exists already: pool pve-record-p1",
    ),
    (
        r#""privsep": false, "#,
        "",
        &["--yes", "--beside-guests"],
        "the token lacks VM.Allocate on /",
    ),
    (
        r#""record-disks": {"type": "dir""#,
        r#""record-disks": {"type": "lvmthin""#,
        &["--yes", "--beside-guests"],
        "record-disks is not a directory",
    ),
    (
        "",
        "",
        &["--yes", "--beside-guests", "--disks", "local"],
        "storage local: the name must contain `record`",
    ),
];

#[test]
fn nothing_is_written_without_consent() {
    let folder = tempfile::tempdir().unwrap();
    for (from, to, options, wanted) in REFUSED {
        let sim = start(&if from.is_empty() { WORLD.to_owned() } else { WORLD.replace(from, to) });
        let out = folder.path().join("out.jsonl");
        let done = record(&sim, &out, options);
        let said = text(&done.stderr);
        assert!(said.contains(wanted), "{options:?}: {said}");
        assert_eq!(done.status.success(), options.is_empty(), "{options:?}");
        assert!(!out.exists(), "{options:?}");
        let writes: Vec<String> = sim
            .requests()
            .iter()
            .map(|r| r.line())
            .filter(|line| !line.starts_with("GET "))
            .collect();
        assert_eq!(writes, Vec::<String>::new(), "{options:?}");
    }
}

#[test]
fn an_interrupted_recording_is_cleaned() {
    let folder = tempfile::tempdir().unwrap();
    let world = WORLD.replace(
        r#""4711":"#,
        r#""900000100": {"node": "alpha", "config": {"protection": "1"}}, "4711":"#,
    );
    let world =
        world.replace(r#""pools": {"#, r#""pools": {"pve-record-p1": {"vms": [900000999]}, "#);
    let sim = start(&world);
    let out = folder.path().join("out.jsonl");
    let done = record(&sim, &out, &["--yes", "--beside-guests", "--clean", "--every", "400"]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    assert_eq!(present(&sim), present(&start(WORLD)));
}
