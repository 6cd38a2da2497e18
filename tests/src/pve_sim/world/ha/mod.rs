//! High availability: the requested state of a VM, and what is asked of the HA manager.
//! A pure module: does no I/O. The texts are PVE's.
// PVE: pve-ha-manager 5.2.0, HA/Config.pm, API2/HA/Resources.pm; facts-3 4.1 and 4.2.

mod rounds;
pub mod rules;

use serde::{Deserialize, Serialize};

use super::World;
use super::work::Ended;

/// The states that the manager has for a service.
// PVE: HA/Manager.pm, $valid_service_states; facts-3 4.2.
pub const SERVICE_STATES: [&str; 11] = [
    "stopped",
    "request_stop",
    "request_start",
    "request_start_balance",
    "started",
    "fence",
    "recovery",
    "migrate",
    "relocate",
    "freeze",
    "error",
];

/// A VM as an HA resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HaResource {
    /// The requested state: `started`, `stopped`, `disabled` or `ignored`.
    pub state: String,
    /// The manager's own state: one of [`SERVICE_STATES`] [default: matches the VM's power].
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
    /// A command that has not been handled yet; a new one replaces it.
    command: Option<Command>,
    /// Reads since there is work to do.
    waited: u64,
    /// When the work appeared, in milliseconds.
    since: Option<u64>,
    /// The manager's own task.
    task: Option<String>,
}

/// A command to the manager.
// PVE: HA/Manager.pm, update_crm_commands: `$sd->{cmd}`.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Command {
    Stop(StopCommand),
    /// To this node.
    Migrate(String),
}

/// The kind of a stop command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StopCommand {
    Hard,
    Graceful,
}

/// What `hastart`, `hastop` and `hamigrate` request from the manager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Request {
    Start,
    Stop(StopCommand),
    /// To this node.
    Migrate(String),
}

impl Request {
    /// Returns the arguments of `ha-manager`.
    // PVE: qemu-server, API2/Qemu.pm, vm_start, vm_stop, vm_shutdown and migrate_vm.
    fn command(&self, vmid: u32) -> String {
        match self {
            Self::Start => format!("set vm:{vmid} --state started"),
            Self::Stop(StopCommand::Hard) => format!("crm-command stop vm:{vmid} 0"),
            Self::Stop(StopCommand::Graceful) => format!("crm-command stop vm:{vmid} 60"),
            Self::Migrate(node) => format!("migrate vm:{vmid} {node}"),
        }
    }

    /// Returns the first line of the task's log.
    fn line(&self, vmid: u32) -> String {
        match self {
            Self::Start => format!("Requesting HA start for VM {vmid}"),
            Self::Stop(_) => format!("Requesting HA stop for VM {vmid}"),
            Self::Migrate(node) => format!("Requesting HA migration for VM {vmid} to node {node}"),
        }
    }
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
        if let Some(service) = &self.service
            && !SERVICE_STATES.contains(&service.as_str())
        {
            let known = SERVICE_STATES.join(", ");
            return Err(format!("`service` is \"{service}\"; allowed: {known}"));
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
}

impl World {
    /// Returns the HA resource of a VM that HA currently manages.
    // PVE: HA/Config.pm, $service_check_ha_state: disarmed with `ignore`, HA manages nothing.
    pub(crate) fn managed_by_ha(&self, vmid: u32) -> Option<&HaResource> {
        let disarmed = self.ha_disarmed == Some(Disarmed::Ignore);
        self.ha.get(&vmid).filter(|resource| resource.is_managed() && !disarmed)
    }

    /// Returns the state in `/cluster/resources`: the manager's, otherwise the requested one.
    pub(crate) fn ha_state(&self, vmid: u32) -> Option<String> {
        let resource = self.ha.get(&vmid)?;
        Some(resource.service.clone().unwrap_or_else(|| resource.state.clone()))
    }

    /// Runs the task `hastart`, `hastop` or `hamigrate`, which only sends the request.
    pub(super) fn ask_ha(&mut self, vmid: u32, request: &Request) -> Ended {
        let mut log = vec![request.line(vmid)];
        let failed = |log: Vec<String>, code: u8| {
            let command = request.command(vmid);
            let text = format!("command 'ha-manager {command}' failed: exit code {code}");
            Ended { log, ..Err(text).into() }
        };
        if let Err(cause) = self.check_cluster_lock("domain-ha") {
            log.push(cause);
            return failed(log, 255);
        }
        if let Err(cause) = self.check_ha_request(vmid, None) {
            log.push(cause);
            return failed(log, 255);
        }
        // PVE: API2/HA/Resources.pm: the command is queued before the CLI judges it.
        let blocked = match request {
            Request::Migrate(node) => self.refusal_of_motion(vmid, node, &mut log),
            _ => None,
        };
        let Some(resource) = self.ha.get_mut(&vmid) else {
            return failed(log, 255);
        };
        match request {
            Request::Start => "started".clone_into(&mut resource.state),
            Request::Stop(how) => resource.run.command = Some(Command::Stop(*how)),
            Request::Migrate(node) => resource.run.command = Some(Command::Migrate(node.clone())),
        }
        if let Some(text) = blocked {
            log.extend(text);
            // PVE: CLI/ha_manager.pm; facts-3 4.4.
            return failed(log, 2);
        }
        Ended { log, ..Ended::default() }
    }
}

/// How the HA stack is disarmed, since 9.2.
// PVE: API2/HA/Status.pm, disarm-ha; HA/Manager.pm, handle_disarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Disarmed {
    /// Services are frozen: requests wait.
    Freeze,
    /// VMs are used as if HA did not manage them.
    Ignore,
}
