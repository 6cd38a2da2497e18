//! The HA manager's rounds: when it acts on a VM, and how states follow requests.
//! A pure module: does no I/O.
// PVE: pve-ha-manager 5.2.0, HA/Manager.pm (manage, next_state_*); HA/Resources/PVEVM.pm.

use super::rules::Affinity;
use super::{Command, Disarmed, HaResource, StopCommand, World};
use crate::pve_sim::world::access::Who;
use crate::pve_sim::world::clockwork::Pace;
use crate::pve_sim::world::migration::Migration;
use crate::pve_sim::world::work::Work;

/// The states from which the manager follows the requested state.
const FOLLOWS: [&str; 4] = ["started", "stopped", "request_stop", "request_start"];

impl HaResource {
    /// Returns whether the manager's next round has work to do on an online node.
    fn has_work(&self, running: bool) -> bool {
        let follows = FOLLOWS.iter().any(|state| self.is_in(state));
        let differs = (self.state == "started") != running;
        let starts = self.is_in("request_start");
        // PVE: HA/LRM.pm, exec_resource_agent: it finishes a stop, whatever is requested by then.
        let stops = self.is_in("request_stop") && running;
        (follows && (differs || starts || stops || self.run.command.is_some()))
            || self.is_in("recovery")
            || (self.is_in("error") && self.state == "disabled")
    }

    /// Returns the state that the manager gives a service after a move.
    fn after_move(&self) -> String {
        if self.state == "started" { "started" } else { "request_stop" }.to_owned()
    }
}

impl World {
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
    pub(in crate::pve_sim::world) fn settle_ha(&mut self) -> bool {
        let all: Vec<u32> = self.ha.keys().copied().collect();
        let due: Vec<u32> = all.into_iter().filter(|vmid| self.ha_is_free(*vmid)).collect();
        let before: Vec<_> = due.iter().map(|vmid| self.ha.get(vmid).cloned()).collect();
        due.iter().for_each(|vmid| self.act_for_ha(*vmid));
        let after: Vec<_> = due.iter().map(|vmid| self.ha.get(vmid).cloned()).collect();
        // A recovery without an online node is tried again and again.
        before != after
    }

    /// Returns whether the manager can act on a VM; its last task must have ended.
    fn ha_is_free(&mut self, vmid: u32) -> bool {
        let Some(vm) = self.vms.get(&vmid) else {
            return false;
        };
        let (running, node) = (vm.running, vm.node.clone());
        // PVE: HA/Env/PVE2.pm: only a quorate node becomes or stays the manager.
        let acts = self.is_quorate() && self.ha_disarmed.is_none();
        let online = self.nodes.get(&node).is_some_and(|node| node.online);
        let Some(resource) = self.ha.get_mut(&vmid) else {
            return false;
        };
        if let Some(upid) = &resource.run.task {
            let task = self.tasks.iter().find(|task| task.upid == *upid);
            let Some(status) = task.and_then(|task| task.exitstatus.as_deref()) else {
                return false;
            };
            // PVE: next_state_started and next_state_request_stop.
            if status != "OK" && (resource.state == "started") != running {
                resource.service = Some("error".to_owned());
            }
            resource.run.task = None;
        }
        // PVE: next_state_migrate_relocate: also after a failed move, then on the old node.
        if resource.is_in("migrate") {
            resource.service = Some(resource.after_move());
        }
        if resource.is_in("request_stop") && !running {
            resource.service = Some("stopped".to_owned());
        }
        let managed = resource.is_managed() && !resource.idle && acts;
        let works = if online { resource.has_work(running) } else { !resource.is_in("error") };
        if !managed || !works {
            resource.run.waited = 0;
            resource.run.since = None;
            return false;
        }
        true
    }

    /// Runs a round of the manager for this VM.
    fn act_for_ha(&mut self, vmid: u32) {
        let Some(vm) = self.vms.get(&vmid) else {
            return;
        };
        let (node, running) = (vm.node.clone(), vm.running);
        let online = self.nodes.get(&node).is_some_and(|node| node.online);
        let Some(resource) = self.ha.get_mut(&vmid) else {
            return;
        };
        resource.run.waited = 0;
        resource.run.since = None;
        if resource.is_in("error") {
            resource.service = Some("stopped".to_owned());
            return;
        }
        if !online || resource.is_in("recovery") {
            self.recover(vmid);
            return;
        }
        if let Some(end) = &resource.ends {
            resource.run.command = None;
            resource.service = Some(end.clone());
            return;
        }
        if resource.is_in("request_stop") && running {
            self.stop_for_ha(vmid, &node, StopCommand::Graceful);
            return;
        }
        // PVE: next_state_started: a requested stop comes before any command.
        let stops = running && resource.state != "started";
        match resource.run.command.take_if(|_| !stops) {
            Some(Command::Migrate(target)) => self.move_for_ha(vmid, &node, &target),
            // PVE: next_state_stopped: the command is dropped.
            Some(Command::Stop(_)) if resource.is_in("stopped") => {}
            Some(Command::Stop(how)) => {
                "stopped".clone_into(&mut resource.state);
                self.stop_for_ha(vmid, &node, how);
            }
            None if resource.state == "started" => {
                resource.service = Some("started".to_owned());
                if !running {
                    self.run_for_ha(vmid, &node, "qmstart", Work::Start { vmid });
                }
            }
            None => self.stop_for_ha(vmid, &node, StopCommand::Graceful),
        }
    }

    fn stop_for_ha(&mut self, vmid: u32, node: &str, how: StopCommand) {
        if let Some(resource) = self.ha.get_mut(&vmid) {
            resource.service = Some("request_stop".to_owned());
        }
        match how {
            StopCommand::Hard => self.run_for_ha(vmid, node, "qmstop", Work::Stop { vmid }),
            // PVE: HA/Resources/PVEVM.pm, shutdown: it powers off a guest that does not shut down.
            StopCommand::Graceful => {
                self.run_for_ha(vmid, node, "qmshutdown", Work::Shutdown { vmid, force: true });
            }
        }
    }

    fn run_for_ha(&mut self, vmid: u32, node: &str, kind: &str, work: Work) {
        let upid = self.fork(node, kind, &vmid.to_string(), &root(), work);
        if let Some(resource) = self.ha.get_mut(&vmid) {
            resource.run.task = Some(upid);
        }
    }

    /// Moves a VM, and asks the same for those that stay with it.
    // PVE: queue_resource_motion and next_state_started; HA/Resources/PVEVM.pm, migrate.
    fn move_for_ha(&mut self, vmid: u32, node: &str, target: &str) {
        let online = self.nodes.get(target).is_some_and(|node| node.online);
        // The command is ignored, with a line in the manager's own log.
        if node == target || !online || self.blocking_resources(vmid).contains_key(target) {
            return;
        }
        for other in self.related(vmid, Affinity::Positive) {
            let there = self.vms.get(&other).is_some_and(|vm| vm.node == target);
            if let Some(resource) = self.ha.get_mut(&other).filter(|_| !there) {
                let moving = resource.is_in("migrate");
                let command = || Command::Migrate(target.to_owned());
                resource.run.command = (!moving).then(command);
            }
        }
        if let Some(resource) = self.ha.get_mut(&vmid) {
            resource.service = Some("migrate".to_owned());
        }
        let wish = Migration {
            target: target.to_owned(),
            online: true,
            with_local_disks: true,
            force: true,
            ..Migration::default()
        };
        let upid = self.start_migration(node, &root(), vmid, wish);
        if let Some(resource) = self.ha.get_mut(&vmid) {
            resource.run.task = Some(upid);
        }
    }

    /// Takes the next step for a VM whose node is gone: fence, recovery, another node.
    // PVE: next_state_started, manage (fencing) and next_state_recovery. Local disks stay behind.
    fn recover(&mut self, vmid: u32) {
        let free = self.nodes.iter().find(|(_, node)| node.online).map(|(name, _)| name.clone());
        let Some(resource) = self.ha.get_mut(&vmid) else {
            return;
        };
        if resource.is_in("fence") {
            resource.service = Some("recovery".to_owned());
            return;
        }
        if !resource.is_in("recovery") {
            resource.service = Some("fence".to_owned());
            // Its watchdog resets the node.
            if let Some(vm) = self.vms.get_mut(&vmid) {
                vm.running = false;
            }
            return;
        }
        let Some(target) = free else {
            return;
        };
        resource.service = Some(resource.after_move());
        if let Some(vm) = self.vms.get_mut(&vmid) {
            vm.node = target;
            // PVE: $fence_recovery_cleanup.
            vm.config.remove("lock");
        }
    }

    /// Refuses a request for a service in `error`, except the one that leads out of it.
    // PVE: API2/HA/Resources.pm, check_service_state.
    pub(crate) fn check_ha_request(&self, vmid: u32, state: Option<&str>) -> Result<(), String> {
        match self.managed_by_ha(vmid) {
            Some(resource) if resource.is_in("error") && state != Some("disabled") => {
                Err(format!("service 'vm:{vmid}' in error state, must be disabled and fixed first"))
            }
            _ => Ok(()),
        }
    }

    /// Sets the requested state, as a person does with `ha-manager set`.
    // PVE: HA/Config.pm, update_single_resource_config_inplace.
    pub(crate) fn set_ha_state(&mut self, vmid: u32, state: Option<&str>) -> Result<(), String> {
        let resource =
            self.ha.get_mut(&vmid).ok_or_else(|| format!("no such resource 'vm:{vmid}'"))?;
        if let Some(state) = state {
            resource.state = if state == "enabled" { "started" } else { state }.to_owned();
        }
        // PVE: HA/Manager.pm, manage: a new service, or one that is no longer ignored.
        resource.service = match (resource.is_managed(), resource.service.take()) {
            (false, _) => None,
            (true, Some(service)) => Some(service),
            (true, None) if resource.state == "started" => Some("request_start".to_owned()),
            (true, None) => Some("request_stop".to_owned()),
        };
        Ok(())
    }

    /// Freezes every service of a world that is disarmed this way.
    // PVE: handle_disarm.
    pub(in crate::pve_sim::world) fn freeze_ha(&mut self) {
        if self.ha_disarmed != Some(Disarmed::Freeze) {
            return;
        }
        for resource in self.ha.values_mut().filter(|resource| resource.is_managed()) {
            if FOLLOWS.iter().any(|state| resource.is_in(state)) {
                resource.service = Some("freeze".to_owned());
            }
        }
    }
}

fn root() -> Who {
    Who { authid: "root@pam".to_owned() }
}
