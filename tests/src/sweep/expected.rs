//! A verb's run without any fault: what it comes to, and what it asks.

use super::Verb;
use super::asked::{self, Asked};
use crate::pve_sim::World;
use crate::stand::{Scene, Stand, difference, read};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// The vmid of a VM that nothing here is about.
const STRANGER: u32 = 7_700_001;
/// In user-data and other secrets of the document.
const CANARY: &str = "ca9a4ec0ffee";
/// The secret of the simulator's token.
const TOKEN: &str = "00000000-0000-4000-8000-000000000001";
/// What nothing may show.
pub(super) const SECRETS: [&str; 2] = [CANARY, TOKEN];
/// Fields of a VM in the document that are secret.
const SECRET_FIELDS: [&str; 3] = ["user_data", "vendor_data", "meta_data"];

/// What comes of an undisturbed run.
pub(super) struct Expected {
    /// The world before it, as a run sees it.
    pub(super) start: String,
    /// The world after it.
    pub(super) world: String,
    /// Its exit code.
    pub(super) code: i32,
    /// What it printed.
    pub(super) stdout: String,
    /// What it asked.
    pub(super) asked: Vec<Asked>,
    /// The VMs that are not ours and that it leaves alone.
    others: Vec<u32>,
    /// They, with their disks.
    theirs: String,
}

impl Expected {
    /// Runs a verb.
    pub(super) fn of(verb: &Verb) -> Result<Self, String> {
        let mut expected = Self::of_well(verb)?;
        if verb.is_troubled {
            let stand = stand(verb, &[]);
            stand.spawn().wait().map_err(|error| error.to_string())?;
            expected.asked = asked::all(&stand.sim.requests());
        }
        Ok(expected)
    }

    /// Runs a verb without the faults of its case.
    fn of_well(verb: &Verb) -> Result<Self, String> {
        let stand = stand(&Verb { is_troubled: false, ..*verb }, &[]);
        let before = stand.sim.world();
        let start = stand.world();
        let ended = stand.spawn().wait().map_err(|error| error.to_string())?;
        let code = ended.code().ok_or_else(|| format!("{}: {ended}", verb.name))?;
        let refused = stand.sim.refused();
        if code > 1 || !refused.is_empty() {
            return Err(format!("{}: {ended}, {refused:?}\n{}", verb.name, stand.output()));
        }
        let asked = asked::all(&stand.sim.requests());
        let stdout = printed(&stand);
        let world = stand.world();
        let others = others(&before, &stand.sim.world());
        let theirs = possessions(&before, &others);
        Ok(Self { start, world, code, stdout, asked, others, theirs })
    }

    /// Returns whether the verb changes nothing.
    pub(super) fn only_reads(&self) -> bool {
        !self.asked.iter().any(Asked::is_write)
    }

    /// Returns whether it prints the document that it has read.
    fn passes_on_a_document(&self) -> bool {
        self.stdout.contains("\"api_token\"")
    }

    /// Runs again, at most this many times, and checks that the work is done.
    pub(super) fn reached(&self, verb: &Verb, stand: &Stand, runs: usize) -> Result<(), String> {
        self.ends_well(verb, stand, runs)?;
        self.is_reached(stand)
    }

    /// Runs again, at most this many times, until a run ends as the undisturbed one.
    pub(super) fn ends_well(&self, verb: &Verb, stand: &Stand, runs: usize) -> Result<(), String> {
        let code = |_| stand.spawn().wait().ok().and_then(|ended| ended.code());
        let ends_well = (0..runs).map(code).any(|code| code == Some(self.code));
        if !ends_well && !verb.fails_when_done {
            return Err("the runs after it do not end as the undisturbed one".to_owned());
        }
        Ok(())
    }

    /// Checks that the work is done after a run that ended well.
    pub(super) fn is_reached(&self, stand: &Stand) -> Result<(), String> {
        if stand.remembers_a_lock() {
            return Err("the token of SDN's lock is still kept".to_owned());
        }
        let world = stand.world();
        if world != self.world {
            let lines = difference(&self.world, &world);
            return Err(format!("after the next runs the world is another:\n{lines}"));
        }
        let printed = printed(stand);
        let is_compared = self.only_reads() || self.passes_on_a_document();
        if is_compared && printed != self.stdout {
            let lines = difference(&self.stdout, &printed);
            return Err(format!("the next run prints something else:\n{lines}"));
        }
        Ok(())
    }

    /// Returns whether VMs that are not ours, and their disks, are as they were.
    pub(super) fn spares_others(&self, world: &World) -> bool {
        possessions(world, &self.others) == self.theirs
    }
}

/// Returns what the last run has printed; the cluster's address is left out.
pub(super) fn printed(stand: &Stand) -> String {
    read(stand.folder.path(), "stdout").replace(&stand.sim.endpoint(), "$PVE_SIM_ENDPOINT")
}

/// Starts a verb's cluster, with a VM of somebody else and secrets in the document.
pub(super) fn stand(verb: &Verb, faults: &[Value]) -> Stand {
    let mut faults = faults.to_vec();
    if verb.is_troubled {
        faults.extend(of_case(verb.case));
    }
    let mut stand = Stand::adapted(verb.case, &json!(faults).to_string(), |scene| {
        add_stranger(&mut scene.world);
        add_secrets(scene);
    });
    if let Some(command) = verb.command {
        stand.words = command.split(' ').map(str::to_owned).collect();
    }
    stand
}

/// Returns the faults of a case folder.
fn of_case(case: &str) -> Vec<Value> {
    let text = read(&Path::new("tests/cases").join(case), "faults.json");
    serde_json::from_str(&text).expect("faults.json is a list")
}

fn add_stranger(world: &mut Value) {
    let mut config = json!({
        "name": "somebody-elses-too", "tags": "prod;web", "cores": "4", "memory": "4096",
        "description": "the shop; ask Ann", "net0": "virtio=02:BB:00:00:00:01,bridge=vmbr0",
    });
    if world.get("storages").is_none_or(|storages| storages.get("local-lvm").is_some()) {
        config["scsi0"] = format!("local-lvm:vm-{STRANGER}-disk-0,size=40G").into();
    }
    world["vms"][STRANGER.to_string()] = json!({"config": config, "running": true});
}

fn add_secrets(scene: &mut Scene) {
    let vms = scene.document.get_mut("vms").and_then(Value::as_array_mut);
    for vm in vms.into_iter().flatten() {
        for field in SECRET_FIELDS {
            if let Some(Value::String(text)) = vm.get_mut(field) {
                text.push_str(&format!("# {CANARY}\n"));
            }
        }
    }
}

fn others(before: &World, after: &World) -> Vec<u32> {
    let all = before.vms.iter();
    let is_ours = |text: &String| text.contains("<!-- pve-pipeline ");
    let unmarked = all.filter(|(_, vm)| !vm.config.get("description").is_some_and(is_ours));
    let vmids: Vec<u32> = unmarked.map(|(vmid, _)| *vmid).collect();
    let stays = |vmid: &u32| possessions(before, &[*vmid]) == possessions(after, &[*vmid]);
    vmids.into_iter().filter(stays).collect()
}

/// Returns these VMs and their disks as text.
fn possessions(world: &World, vmids: &[u32]) -> String {
    let vms: BTreeMap<u32, Value> =
        vmids.iter().map(|vmid| (*vmid, json!(world.vms.get(vmid)))).collect();
    let is_theirs =
        |volid: &str| vmids.iter().any(|vmid| volid.contains(&format!("-{vmid}-disk-")));
    let volumes = world.volumes.iter().filter(|volume| is_theirs(&volume.volid));
    let volumes: Vec<Value> = volumes.map(|volume| json!(volume)).collect();
    json!({"vms": vms, "volumes": volumes}).to_string()
}
