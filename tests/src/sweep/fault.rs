//! One fault at one request: the run that meets it, and the runs after it.

use super::asked::Asked;
use super::check::{self, Met};
use super::expected::{self, Expected};
use super::trouble::{self, ALL, Trouble};
use super::{Disturbance, Verb};
use crate::pve_sim::requests::Request;
use crate::stand::{Stand, difference};
use serde_json::Value;
use std::process::{Child, Command, ExitStatus};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// When a run hangs. Everything that it waits for ends long before, also on a busy machine.
const HANGS: Duration = Duration::from_secs(240);
/// How often the end of a run is looked for.
const LOOK: Duration = Duration::from_millis(5);
/// The number of runs after which the work must be done once the fault is over.
const RUNS: usize = 2;

/// One fault at one request.
#[derive(Clone)]
pub(super) struct Faulted {
    verb: Verb,
    expected: Arc<Expected>,
    request: usize,
    /// Its place in the list of faults.
    pub(super) trouble: usize,
}

/// Returns each fault at each request of a verb.
pub(super) fn all(verb: &Verb, expected: &Arc<Expected>) -> Vec<Faulted> {
    let at = |request: usize| {
        (0..ALL.len()).map(move |trouble| Faulted {
            verb: *verb,
            expected: Arc::clone(expected),
            request,
            trouble,
        })
    };
    let all = (0..expected.asked.len()).flat_map(at);
    all.filter(|faulted| {
        let (trouble, asked) = (faulted.trouble(), faulted.asked());
        let spares = |(name, at): &(&str, &str)| {
            (name.is_empty() || *name == trouble.name) && asked.pattern.contains(at)
        };
        !verb.spared.iter().any(spares) && !trouble.faults(asked).is_empty()
    })
    .collect()
}

impl Disturbance for Faulted {
    fn place(&self) -> (&Verb, &'static str, &Asked) {
        (&self.verb, self.trouble().name, self.asked())
    }

    fn faults(&self) -> Vec<Value> {
        self.trouble().faults(self.asked())
    }

    fn outcome(&self, stand: &Stand) -> Result<(), String> {
        let ended = self.wait(stand)?;
        let met = Met {
            trouble: self.trouble(),
            expected: &self.expected,
            code: ended.code().ok_or_else(|| format!("it was ended: {ended}"))?,
            stdout: expected::printed(stand),
            stderr: stand.output(),
            is_json: !stand.log.is_empty(),
            world: stand.sim.world(),
            upids: self.upids(stand),
        };
        check::said(&met)?;
        let taken = self.trouble().creates(self.asked());
        let stranger = taken.and_then(|vmid| met.world.vms.get(&vmid));
        if taken.is_some()
            && stranger.is_none_or(|vm| vm.config.get("tags").is_none_or(|tags| tags != "prod"))
        {
            return Err("the VM that somebody else has created is not as it was".to_owned());
        }
        stand.sim.mend();
        stand.sim.edit(|world| self.trouble().end(self.asked(), world));
        stand.sim.settle();
        let world = stand.world();
        let is_elsewhere = self.verb.chooses_vmids && world != self.expected.world;
        if met.code == 0 && is_elsewhere && stand.locked().is_empty() {
            match self.stays(stand, &world) {
                // The next run does what was left out.
                Err(_) if check::leaves_out(&met) => {}
                ended => return ended,
            }
        }
        check::done(&met, &world)?;
        let goes_on = self.leave_to_root(stand)?;
        if goes_on {
            return self.stays(stand, &stand.world());
        }
        self.expected.reached(&self.verb, stand, RUNS)
    }
}

impl Faulted {
    pub(super) fn asked(&self) -> &Asked {
        &self.expected.asked[self.request]
    }

    pub(super) fn trouble(&self) -> &'static Trouble {
        &ALL[self.trouble]
    }

    /// A run that has succeeded at another vmid has done its work: the next one has nothing to do.
    fn stays(&self, stand: &Stand, world: &str) -> Result<(), String> {
        let ended = stand.spawn().wait().map_err(|error| error.to_string())?;
        let now = stand.world();
        match ended.success() && now == world {
            true => Ok(()),
            false => {
                Err(format!("the next run does something: {ended}\n{}", difference(world, &now)))
            }
        }
    }

    /// What a create has left whose node has lost the quorum stays locked: the next run says so, and root removes it.
    /// Returns whether that run has done the work at another vmid.
    fn leave_to_root(&self, stand: &Stand) -> Result<bool, String> {
        let locked = stand.locked();
        if locked.is_empty() {
            return Ok(false);
        }
        let ended = stand.spawn().wait().map_err(|error| error.to_string())?;
        let goes_on = ended.success();
        if goes_on && !self.verb.chooses_vmids || !stand.output().contains("qm unlock") {
            return Err(format!("the next run leaves locked VMs: {ended}"));
        }
        stand.clear(&locked);
        Ok(goes_on)
    }

    /// Returns the options that make its waits short.
    fn hurry(&self) -> &'static [&'static str] {
        let is_for = |name: &str| name.is_empty() || name == self.trouble().name;
        let found = self.verb.hurry.iter().find(|(name, _)| is_for(name));
        found.map_or(&[], |(_, options)| options)
    }

    /// Waits for the end of the run that meets the fault.
    fn wait(&self, stand: &Stand) -> Result<ExitStatus, String> {
        let hurry = self.hurry();
        let mut child = stand.spawn_with(hurry, stand.folder.path());
        let is_signalled = hurry.is_empty() && self.trouble().name == trouble::ENDLESS;
        let (begun, mut is_waiting) = (Instant::now(), is_signalled);
        loop {
            if let Some(ended) = child.try_wait().map_err(|error| error.to_string())? {
                return Ok(ended);
            }
            if begun.elapsed() > HANGS {
                // It may just have ended.
                let _ = child.kill();
                let _ = child.wait();
                return Err("it hangs".to_owned());
            }
            if is_waiting && self.is_watched(stand) {
                is_waiting = false;
                terminate(&child)?;
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Returns whether the task that does not end has been looked at a few times.
    fn is_watched(&self, stand: &Stand) -> bool {
        let requests = stand.sim.requests();
        let is_it = |request: &&Request| {
            format!("{} {}", request.method, request.path) == self.asked().pattern
        };
        let begins = requests.iter().filter(is_it).nth(self.asked().nth - 1);
        let looks =
            |upid: &String| requests.iter().filter(|r| r.path.contains(upid.as_str())).count();
        begins.and_then(|request| request.task.as_ref()).is_some_and(|upid| looks(upid) > 3)
    }

    /// Returns the UPIDs of the tasks that failed.
    fn upids(&self, stand: &Stand) -> Vec<String> {
        let world = stand.sim.world();
        let is_ours = |status: &str| self.trouble().says.contains(&status);
        let tasks = world.tasks.iter();
        let failed = tasks.filter(|task| task.exitstatus.as_deref().is_some_and(is_ours));
        failed.map(|task| task.upid.clone()).collect()
    }
}

/// Ends a run in order.
fn terminate(child: &Child) -> Result<(), String> {
    let pid = child.id().to_string();
    let sent =
        Command::new("kill").args(["-TERM", &pid]).status().map_err(|error| error.to_string())?;
    if sent.success() { Ok(()) } else { Err("it cannot be ended by a signal".to_owned()) }
}
