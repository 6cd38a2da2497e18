//! High availability: the requested state of a VM, and when the HA manager acts on it.
//! A pure module: does no I/O.
// PVE: pve-ha-manager, HA/Manager.pm (next_state_*), HA/Config.pm; facts-3 4.1 and 4.2.

use serde::{Deserialize, Serialize};

use super::World;
use super::access::Who;
use super::clockwork::Pace;
use super::work::{Ended, Work};

/// A VM as an HA resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HaResource {
    /// The requested state: `started`, `stopped`, `disabled` or `ignored`.
    pub state: String,
    /// The manager's own state, such as `started`, `error` or `fence` [default: matches the VM's power].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Reads, or milliseconds, from a request to the manager's next round.
    pub delay: u64,
    /// Whether the manager never acts.
    #[serde(skip_serializing_if = "is_false")]
    pub idle: bool,
    /// The state that the service gets instead of the requested one, such as `error`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends: Option<String>,
    #[serde(skip)]
    pub(crate) run: HaRun,
}

/// The current work of the manager.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct HaRun {
    /// A stop command that has not been handled yet.
    stop: Option<StopCommand>,
    /// Reads since there is work to do.
    waited: u64,
    /// When the work appeared, in milliseconds.
    since: Option<u64>,
    /// The manager's own task.
    task: Option<String>,
}

/// The kind of a stop command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StopCommand {
    Hard,
    Graceful,
}

/// What `hastart` and `hastop` request from the manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Request {
    Start,
    Stop(StopCommand),
}

fn is_false(flag: &bool) -> bool {
    !flag
}

impl Default for HaResource {
    fn default() -> Self {
        Self {
            state: "started".to_owned(),
            service: None,
            delay: 1,
            idle: false,
            ends: None,
            run: HaRun::default(),
        }
    }
}

impl HaResource {
    /// Refuses an invalid state and fills in the manager's.
    pub(super) fn fill_in(&mut self, running: bool) -> Result<(), String> {
        if !["started", "stopped", "disabled", "ignored"].contains(&self.state.as_str()) {
            return Err(format!(
                "`state` is \"{}\"; allowed: started, stopped, disabled, ignored",
                self.state
            ));
        }
        if self.service.is_none() && self.is_managed() {
            let service = if running { "started" } else { "stopped" };
            self.service = Some(service.to_owned());
        }
        Ok(())
    }

    /// Returns whether HA manages it: an ignored resource only matters for a destroy.
    fn is_managed(&self) -> bool {
        self.state != "ignored"
    }

    fn is_in(&self, service: &str) -> bool {
        self.service.as_deref() == Some(service)
    }

    /// Returns whether the manager's next round has work to do.
    fn has_work(&self, running: bool) -> bool {
        let managed = self.is_managed() && !self.idle;
        let follows = ["started", "stopped", "request_stop"].iter().any(|state| self.is_in(state));
        let differs = (self.state == "started") != running;
        managed
            && ((follows && (differs || self.run.stop.is_some()))
                || (self.is_in("error") && self.state == "disabled"))
    }
}

impl World {
    /// Returns the HA resource of a VM that HA currently manages.
    pub(crate) fn managed_by_ha(&self, vmid: u32) -> Option<&HaResource> {
        self.ha.get(&vmid).filter(|resource| resource.is_managed())
    }

    /// Returns the state in `/cluster/resources`: the manager's, otherwise the requested one.
    pub(crate) fn ha_state(&self, vmid: u32) -> Option<String> {
        let resource = self.ha.get(&vmid)?;
        Some(resource.service.clone().unwrap_or_else(|| resource.state.clone()))
    }

    /// Runs the task `hastart` or `hastop`, which only sends the request.
    pub(super) fn ask_ha(&mut self, vmid: u32, request: Request) -> Ended {
        let verb = if request == Request::Start { "start" } else { "stop" };
        let log = vec![format!("Requesting HA {verb} for VM {vmid}")];
        let command = match request {
            Request::Start => format!("set vm:{vmid} --state started"),
            Request::Stop(StopCommand::Hard) => format!("crm-command stop vm:{vmid} 0"),
            Request::Stop(StopCommand::Graceful) => format!("crm-command stop vm:{vmid} 60"),
        };
        let Some(resource) = self.ha.get_mut(&vmid) else {
            let result = Err(format!("command 'ha-manager {command}' failed: exit code 255"));
            return Ended { log, ..result.into() };
        };
        if resource.is_in("error") {
            // PVE: HA/Resources.pm, check_service_state.
            let why =
                format!("service 'vm:{vmid}' in error state, must be disabled and fixed first");
            let result = Err(format!("command 'ha-manager {command}' failed: exit code 255"));
            return Ended { log: [log, vec![why]].concat(), ..result.into() };
        }
        match request {
            Request::Start => "started".clone_into(&mut resource.state),
            Request::Stop(how) => resource.run.stop = Some(how),
        }
        Ended { log, ..Ended::default() }
    }

    /// Lets time pass for the manager: a read of one VM, or of a list of all.
    pub(crate) fn pass_ha(&mut self, vmid: Option<u32>) {
        let counts = matches!(self.clockwork.pace, Pace::Polls(_));
        let now = self.clockwork.now;
        let all: Vec<u32> = self.ha.keys().copied().collect();
        for each in all.into_iter().filter(|each| vmid.is_none_or(|vmid| vmid == *each)) {
            if !self.ha_is_free(each) {
                continue;
            }
            let Some(resource) = self.ha.get_mut(&each) else {
                continue;
            };
            let run = &mut resource.run;
            let waited = if counts {
                run.waited += 1;
                run.waited.saturating_sub(1)
            } else {
                now.saturating_sub(*run.since.get_or_insert(now))
            };
            if waited >= resource.delay {
                self.act_for_ha(each);
            }
        }
    }

    /// Lets the manager finish all its work.
    pub(super) fn settle_ha(&mut self) -> bool {
        let all: Vec<u32> = self.ha.keys().copied().collect();
        let due: Vec<u32> = all.into_iter().filter(|vmid| self.ha_is_free(*vmid)).collect();
        due.iter().for_each(|vmid| self.act_for_ha(*vmid));
        !due.is_empty()
    }

    /// Returns whether the manager can act on a VM; its last task must have ended.
    fn ha_is_free(&mut self, vmid: u32) -> bool {
        let Some(running) = self.vms.get(&vmid).map(|vm| vm.running) else {
            return false;
        };
        let Some(resource) = self.ha.get_mut(&vmid) else {
            return false;
        };
        if let Some(upid) = &resource.run.task {
            let task = self.tasks.iter().find(|task| task.upid == *upid);
            let Some(status) = task.and_then(|task| task.exitstatus.as_deref()) else {
                return false;
            };
            // PVE: HA/Manager.pm, next_state_started and next_state_request_stop.
            if status != "OK" && (resource.state == "started") != running {
                resource.service = Some("error".to_owned());
            }
            resource.run.task = None;
        }
        if resource.is_in("request_stop") && !running {
            resource.service = Some("stopped".to_owned());
        }
        if !resource.has_work(running) {
            resource.run.waited = 0;
            resource.run.since = None;
            return false;
        }
        true
    }

    /// Runs a round of the manager for this VM.
    fn act_for_ha(&mut self, vmid: u32) {
        let Some(node) = self.vms.get(&vmid).map(|vm| vm.node.clone()) else {
            return;
        };
        let Some(resource) = self.ha.get_mut(&vmid) else {
            return;
        };
        resource.run.waited = 0;
        resource.run.since = None;
        let stop = resource.run.stop.take();
        if resource.is_in("error") {
            resource.service = Some("stopped".to_owned());
            return;
        }
        if let Some(end) = &resource.ends {
            resource.service = Some(end.clone());
            return;
        }
        let (service, kind, work) = match stop {
            // PVE: HA/Manager.pm, next_state_stopped: the command is dropped.
            Some(_) if resource.is_in("stopped") => return,
            Some(StopCommand::Hard) => ("request_stop", "qmstop", Work::Stop { vmid }),
            Some(StopCommand::Graceful) => ("request_stop", "qmshutdown", forced(vmid)),
            None if resource.state == "started" => ("started", "qmstart", Work::Start { vmid }),
            None => ("request_stop", "qmshutdown", forced(vmid)),
        };
        if stop.is_some() {
            "stopped".clone_into(&mut resource.state);
        }
        resource.service = Some(service.to_owned());
        let root = Who { authid: "root@pam".to_owned() };
        let upid = self.fork(&node, kind, &vmid.to_string(), &root, work);
        if let Some(resource) = self.ha.get_mut(&vmid) {
            resource.run.task = Some(upid);
        }
    }
}

/// Powers off a guest that does not shut down.
// PVE: HA/Resources/PVEVM.pm, shutdown.
fn forced(vmid: u32) -> Work {
    Work::Shutdown { vmid, force: true }
}
