//! Every row of the table against the simulator: set, changed by hand, said no longer, and each time
//! the next plan is empty.

#![expect(clippy::disallowed_methods, reason = "door: a test starts the tool")]
#![expect(clippy::unwrap_used, reason = "a test may")]
#![expect(clippy::panic, reason = "a test may")]

#[path = "rows/mod.rs"]
mod rows;

use machine::Form;
use rows::{Row, samples};
use serde_json::{Value, json};
use std::io::Write;
use std::process::{Command, Stdio};
use test_support::parallel;
use test_support::pve_sim::{Options, PveSim, World};

const WORKERS: usize = 8;
const UUID: &str = "11111111-2222-4333-8444-000000000101";

/// The errors of rows that PVE refuses with these values, that contradict another key, or that
/// the default token may not write.
const NOT_SERVED: [&str; 3] = ["PVE says", "stdin: vms[0].config", "lacks"];

struct Stand {
    sim: PveSim,
    home: tempfile::TempDir,
}

impl Stand {
    fn new() -> Self {
        let mark = format!(
            "<!-- pve-pipeline v=1 kind=vm site=lab deployment=dev vm=edge node=pve1 vmid=101 uuid={UUID} \
             run=01d stage=done made=import seed=5eed0101@virtio1 owns= -->"
        );
        let config = json!({
            "name": "edge", "description": mark, "tags": "pve-pipeline", "cores": "2",
            "memory": "2048", "net0": "virtio=02:AA:00:00:00:65,bridge=vmbr0",
            "virtio0": "local-lvm:vm-101-disk-0,size=10G",
            "virtio1": "local-lvm:vm-101-disk-1,size=1M",
            "boot": "order=virtio0", "scsihw": "virtio-scsi-single", "smbios1": format!("uuid={UUID}"),
        });
        let world = json!({"vms": {"101": {"config": config, "running": false}}}).to_string();
        let sim = PveSim::start(World::from_json(&world).unwrap(), Options::default()).unwrap();
        Self { sim, home: tempfile::tempdir().unwrap() }
    }

    /// Runs the tool on a document that says this; its status and what it told.
    fn run(&self, config: &Value, args: &[&str]) -> (i32, String) {
        let document = json!({
            "site": "lab", "deployment": "dev", "node": "pve1", "api_endpoint": self.sim.endpoint(),
            "api_token": self.sim.token(), "datastore": "local-lvm", "image_datastore": "local",
            "vms": [{
                "name": "edge", "vmid": 101, "image": "none", "power": "any", "config": config,
                "user_data": "u", "meta_data": "m", "seed_fingerprint": "5eed0101",
            }],
        });
        let mut child = Command::new(env!("CARGO_BIN_EXE_pve-apply"))
            .args(args)
            .env("PVE_FINGERPRINT", self.sim.fingerprint())
            .env("HOME", self.home.path())
            .env_remove("XDG_STATE_HOME")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(document.to_string().as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let reported = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code().unwrap_or(-1), reported)
    }

    fn apply(&self, config: &Value, what: &str) -> Result<(), String> {
        let apply = ["apply", "--allow-detach", "--allow-stop"];
        let (status, reported) = self.run(config, &apply);
        if status != 0 {
            return Err(format!("{what}: apply ends with {status}:\n{reported}"));
        }
        let (status, reported) = self.run(config, &["plan", "--expect-no-changes"]);
        if status == 0 { Ok(()) } else { Err(format!("{what}: the next plan says\n{reported}")) }
    }

    fn text(&self, key: &str) -> Option<String> {
        self.sim.world().vms.get(&101)?.config.get(key).cloned()
    }
}

fn name(row: &Row) -> String {
    match row.key.key.is_scalar() {
        true => row.key.to_string(),
        false => format!("{}.{}", row.key, row.part.name),
    }
}

/// What came of a row.
fn check(row: &Row) -> Result<bool, String> {
    let (stand, what) = (Stand::new(), name(row));
    let key = row.key.to_string();
    let [one, other] = samples(row.part.kind);
    let before = stand.text(&key);
    let said = row.setting(Some(&one));
    if let Err(reported) = stand.apply(&said, &what) {
        let refused = NOT_SERVED.iter().any(|word| reported.contains(word));
        return if refused { Ok(false) } else { Err(reported) };
    }
    if row.key.key.part.name == "description" || one == other {
        return Ok(true);
    }
    let by_hand = row.by_hand(stand.text(&key).as_deref(), &other);
    stand.sim.edit(|world| {
        world.vms.get_mut(&101).unwrap().config.insert(key.clone(), by_hand);
    });
    let (status, reported) = stand.run(&said, &["plan", "--detailed-exitcode"]);
    if status != 4 {
        return Err(format!("{what}: a change by hand is not seen: {status}\n{reported}"));
    }
    stand.apply(&said, &format!("{what}, after a change by hand"))?;
    stand.apply(&json!({}), &format!("{what}, said no longer"))?;
    // What a new VM gets is not what this one had: but for that, all is as before.
    let at_create = row.key.key.parts().iter().any(|part| part.at_create.is_some());
    let placed = matches!(row.key.key.form, Form::Nic(_)) && row.part.name == "macaddr";
    if at_create || placed || before.is_some() || row.key.key.part.name == "boot" {
        return Ok(true);
    }
    let after = stand.text(&key);
    let meant = row.value(after.as_deref()).or(row.part.absent.map(str::to_owned));
    match meant.as_deref() == row.part.absent {
        true => Ok(true),
        false => Err(format!("{what}: {after:?} afterwards")),
    }
}

#[test]
fn each_row_is_set_held_and_taken_back() {
    let rows = rows::rows();
    let served = std::sync::atomic::AtomicUsize::new(0);
    let failed = parallel::each(WORKERS, rows.len(), |number| {
        let row = rows.get(number).unwrap_or_else(|| panic!("row {number}"));
        if check(row)? {
            served.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        } else {
            println!("not served: {}", name(row));
        }
        Ok(())
    });
    let served = served.into_inner();
    println!("{served} of {} rows", rows.len());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(served * 3 > rows.len() * 2, "only {served} of {} rows are served", rows.len());
}
