//! A simulated cluster, and runs from two machines, which do not see each other's locks.

use crate::facts::Facts;
use crate::verbs::{BAD, Verb, last};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::Child;
use test_support::case::tool_folder;
use test_support::process;
use test_support::pve_sim::{Options, PveSim, World, faults};

/// The hosts by which the two machines call the cluster.
pub(crate) const HOSTS: [&str; 2] = ["127.0.0.1", "0.0.0.0"];

/// What a run has come to.
pub(crate) struct End {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl End {
    pub(crate) fn is_well(&self) -> bool {
        self.code == Some(0)
    }

    /// Returns its findings, which come after all that it shows of its work.
    pub(crate) fn findings(&self) -> &str {
        let at = ["error: ", "warning: "].iter().filter_map(|word| self.stderr.find(word)).min();
        &self.stderr[at.unwrap_or(self.stderr.len())..]
    }

    /// Returns what it has said, without what it has read.
    pub(crate) fn shown(&self) -> String {
        let lines = self.stderr.lines().filter(|line| !line.contains(": GET /"));
        let lines: String = lines.map(|line| format!("{line}\n")).collect();
        format!("--- ended with {:?}\n{lines}", self.code)
    }
}

pub(crate) struct Cluster {
    pub(crate) sim: PveSim,
    homes: [tempfile::TempDir; 2],
}

impl Cluster {
    pub(crate) fn new(world: World) -> Self {
        let fails = format!(
            r#"[{{"when": "POST /nodes/*/qemu/{BAD}/status/start", "times": 0,
                "then": {{"task": {{"exitstatus": "start failed: QEMU exited with code 1"}}}}}}]"#
        );
        let options = Options { faults: faults::from_json(&fails).unwrap(), ..Options::default() };
        let homes = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        Self { sim: PveSim::start(world, options).unwrap(), homes }
    }

    /// Starts a run on one of the machines.
    pub(crate) fn start(&self, machine: usize, command: &str, mut document: Value) -> Child {
        document["api_endpoint"] = json!(self.sim.endpoint().replace(HOSTS[0], HOSTS[machine]));
        document["api_token"] = json!(self.sim.token());
        let mut words = command.split(' ');
        let tool = tool_folder().unwrap().join(words.next().unwrap());
        // All that is shown of requests must be without secrets, too.
        let args: Vec<&str> = words.chain(["-vv"]).collect();
        let home = self.homes[machine].path();
        process::spawn(tool.to_str().unwrap(), &self.sim, home, &args, &document.to_string())
    }

    pub(crate) fn run(&self, command: &str, document: Value) -> End {
        end(self.start(0, command, document))
    }

    /// Returns whether PVE has accepted a write from a machine.
    pub(crate) fn has_written(&self, machine: usize) -> bool {
        let mut requests = self.sim.requests().into_iter();
        requests.any(|r| r.host == HOSTS[machine] && r.is_write() && r.status == 200)
    }

    /// Returns the VMs that one machine has removed and the other one had created.
    pub(crate) fn removed_of_the_other(&self, machine: usize) -> Vec<u32> {
        let mut makers: BTreeMap<u32, String> = BTreeMap::new();
        let mut removed = Vec::new();
        for request in self.sim.requests().into_iter().filter(|r| r.is_write() && r.status == 200) {
            let new = ["vmid", "newid"].iter().find_map(|key| request.params.get(*key));
            let path: Vec<&str> = request.path.split('/').skip(1).collect();
            match (request.method.as_str(), path.as_slice()) {
                ("POST", ["nodes", _, "qemu"] | ["nodes", _, "qemu", _, "clone"]) => {
                    makers.extend(new.and_then(|id| id.parse().ok()).map(|id| (id, request.host)));
                }
                ("DELETE", ["nodes", _, "qemu", id]) if request.host == HOSTS[machine] => {
                    let id: u32 = id.parse().unwrap();
                    let is_others = makers.get(&id).is_some_and(|maker| *maker != HOSTS[machine]);
                    removed.extend(is_others.then_some(id));
                }
                _ => {}
            }
        }
        removed
    }

    /// Applies what two verbs want, until nothing is left to do; returns the world.
    pub(crate) fn finish(&self, verbs: [&Verb; 2]) -> Result<Facts, String> {
        let (apply, mut document) = last(verbs);
        if verbs.iter().any(|verb| verb.is_about_images()) {
            let end = self.well("image-publish", document)?;
            document = serde_json::from_str(&end.stdout).unwrap();
        }
        // A VM that has been released is adopted first.
        self.well(&apply, document.clone()).or_else(|_| {
            self.well("pve-apply adopt", document.clone())?;
            self.well(&apply, document.clone())
        })?;
        self.well("pve-apply plan --detailed-exitcode", document)?;
        self.sim.settle();
        Ok(Facts::of(&self.sim.world()))
    }

    fn well(&self, command: &str, document: Value) -> Result<End, String> {
        let end = self.run(command, document);
        if end.is_well() { Ok(end) } else { Err(format!("{command}\n{}", end.shown())) }
    }
}

pub(crate) fn end(child: Child) -> End {
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    End { code: output.status.code(), stdout, stderr }
}
