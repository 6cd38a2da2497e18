//! Starting, stopping and growing a VM.
//! A pure module: does no I/O. The texts are PVE's.
// PVE: qemu-server, QemuServer.pm, vm_start and vm_stop; API2/Qemu.pm, resize_vm.

use super::World;
use super::access::Who;
use super::create::read_net;
use super::disk;
use super::ha::Request;
use super::vm::Vm;
use super::work::{Ended, Work};
use crate::pve_sim::keys::cases;
use crate::pve_sim::property::Properties;

impl World {
    pub(super) fn start(&mut self, node: &str, vmid: u32) -> Ended {
        if let Err(cause) = self.startable(node, vmid) {
            return Err(cause).into();
        }
        // Changes that cannot be applied are reported, and the VM starts without them.
        let errors = match self.apply_pending(node, vmid, None) {
            Ok(errors) => errors,
            Err(refusal) => return Err(refusal.in_task()).into(),
        };
        let lines = errors.values().filter_map(|text| text.as_str());
        let log = lines.map(|text| text.trim_end().to_owned()).collect();
        if let Err(cause) = self.devices_exist(node, vmid) {
            return Err(cause).into();
        }
        if let Ok(vm) = self.vm_mut(node, vmid) {
            vm.running = true;
            vm.agent_calls = 0;
            vm.file_reads = 0;
        }
        self.meet_cleanup(vmid);
        Ended { log, ..Ended::default() }
    }

    fn startable(&self, node: &str, vmid: u32) -> Result<(), String> {
        let text = |refusal: crate::pve_sim::answer::Refusal| refusal.in_task();
        let vm = self.vm(node, vmid).map_err(text)?;
        if vm.is_set("template") {
            return Err("you can't start a vm if it's a template".to_owned());
        }
        vm.check_lock().map_err(text)?;
        if vm.running {
            return Err(format!("VM {vmid} already running"));
        }
        Ok(())
    }

    /// Facts 13: PVE does not check before the start.
    fn devices_exist(&self, node: &str, vmid: u32) -> Result<(), String> {
        let Some(vm) = self.vms.get(&vmid) else {
            return Ok(());
        };
        for (key, text) in &vm.config {
            if disk::is_drive(key) {
                let drive = Properties::read(text, "file");
                if let disk::Wanted::Existing { volid } = disk::wanted(&drive) {
                    let id = volid.split(':').next().unwrap_or_default();
                    if self.storages.contains_key(id) {
                        self.activate(id, node).map_err(|refusal| refusal.in_task())?;
                    }
                    if self.volume(node, &volid).is_none() {
                        return Err(format!("volume '{volid}' does not exist"));
                    }
                }
            } else if key.starts_with("net") {
                self.plug(node, text)?;
            } else if key == "cpu" {
                self.model_exists(text)?;
            } else {
                self.mapped_exists(node, key, text)?;
            }
            if key == "cicustom" {
                for (_, volid) in Properties::read(text, "").iter() {
                    if self.volume(node, volid).is_none() {
                        return Err(format!("volume '{volid}' does not exist"));
                    }
                }
            }
        }
        Ok(())
    }

    /// Checks that a node has the bridge of each NIC.
    pub(super) fn plugs(&self, node: &str, vm: &Vm) -> Result<(), String> {
        let nics = vm.config.iter().filter(|(key, _)| key.starts_with("net"));
        nics.map(|(_, text)| text).try_for_each(|text| self.plug(node, text))
    }

    fn plug(&self, node: &str, text: &str) -> Result<(), String> {
        let net = read_net(text);
        let bridge = net.get("bridge").unwrap_or_default();
        if !bridge.is_empty() && !self.has_bridge(node, bridge) {
            return Err(format!("bridge '{bridge}' does not exist"));
        }
        self.takes_vlans(&net, bridge)
    }

    /// Checks that a custom CPU model still exists.
    // PVE: QemuServer/CPUConfig.pm, get_custom_model.
    fn model_exists(&self, cpu: &str) -> Result<(), String> {
        let model = cases::read("cpu", cpu);
        match model.get("cputype").and_then(|name| name.strip_prefix("custom-")) {
            Some(name) if !self.cpu_models.contains_key(name) => {
                Err(format!("Custom cputype '{name}' not found"))
            }
            _ => Ok(()),
        }
    }

    // PVE: pve-network, Network/SDN/Zones/Plugin.pm, tap_plug.
    fn takes_vlans(&self, net: &Properties, bridge: &str) -> Result<(), String> {
        let has_vlans = ["tag", "trunks"].iter().any(|option| net.get(option).is_some());
        match self.sdn.running.vnets.get(bridge) {
            Some(vnet) if has_vlans && vnet.get("vlanaware").is_none_or(|aware| aware != "1") => {
                Err(format!("vm vlans are not allowed on vnet {bridge}"))
            }
            _ => Ok(()),
        }
    }

    fn has_bridge(&self, node: &str, bridge: &str) -> bool {
        self.nodes.get(node).is_some_and(|found| found.interfaces.contains_key(bridge))
            || self.has_vnet_bridge(node, bridge)
    }

    pub(super) fn stop(&mut self, node: &str, vmid: u32) -> Result<(), String> {
        let text = |refusal: crate::pve_sim::answer::Refusal| refusal.in_task();
        // PVE: facts 27 and 29; QemuServer.pm, _do_vm_stop: stopping a VM that is off succeeds,
        // even if it does not exist.
        let Some(vm) = self.vms.get_mut(&vmid).filter(|vm| vm.node == node && vm.running) else {
            return Ok(());
        };
        vm.check_lock().map_err(text)?;
        vm.running = false;
        vm.qmpstatus = None;
        vm.agent_calls = 0;
        vm.file_reads = 0;
        vm.cleanup_due = true;
        self.apply_pending(node, vmid, None).map(|_| ()).map_err(text)
    }

    pub(super) fn shutdown(&mut self, node: &str, vmid: u32, force: bool) -> Result<(), String> {
        let listens = self.vm(node, vmid).is_ok_and(|vm| vm.qmpstatus() == "running")
            && self.guest_of(vmid).shuts_down;
        let running = self.vm(node, vmid).is_ok_and(|vm| vm.running);
        if running && !force && !listens {
            return Err("VM quit/powerdown failed - got timeout".to_owned());
        }
        self.stop(node, vmid)
    }

    /// Someone else starts or stops a VM: pending changes take effect.
    pub(crate) fn switch(&mut self, vmid: u32, running: bool) {
        let Some(vm) = self.vms.get_mut(&vmid).filter(|vm| vm.running != running) else {
            return;
        };
        vm.running = running;
        vm.qmpstatus = None;
        vm.agent_calls = 0;
        vm.file_reads = 0;
        let node = vm.node.clone();
        // The VM exists; nothing else is checked.
        let _ = self.apply_pending(&node, vmid, None);
    }

    pub(super) fn reboot(&mut self, node: &str, vmid: u32) -> Ended {
        let runs = self.vm(node, vmid).is_ok_and(|vm| vm.qmpstatus() == "running");
        if !runs || !self.guest_of(vmid).shuts_down {
            return Err("VM quit/powerdown failed - got timeout".to_owned()).into();
        }
        if let Err(cause) = self.stop(node, vmid) {
            return Err(cause).into();
        }
        // The cleanup itself starts the VM.
        self.vms.entry(vmid).and_modify(|vm| vm.cleanup_due = false);
        // PVE: qemu-server, CLI/qm.pm, cleanup: the task ends when the guest is off; qmeventd
        // starts it again a moment later, in a separate task.
        let root = Who { authid: "root@pam".to_owned() };
        let (kind, work) = match self.managed_by_ha(vmid) {
            Some(_) => ("hastart", Work::AskHa { vmid, request: Request::Start }),
            None => ("qmstart", Work::Start { vmid }),
        };
        self.fork(node, kind, &vmid.to_string(), &root, work);
        Ended::default()
    }

    pub(super) fn resize(
        &mut self,
        node: &str,
        who: &Who,
        vmid: u32,
        key: &str,
        size: &str,
        digest: Option<&str>,
    ) -> Result<Vec<String>, String> {
        let text = |refusal: crate::pve_sim::answer::Refusal| refusal.in_task();
        let vm = self.vm(node, vmid).map_err(text)?;
        vm.check_digest(digest).map_err(text)?;
        vm.check_lock().map_err(text)?;
        let drive = vm.config.get(key).ok_or_else(|| format!("disk '{key}' does not exist"))?;
        let mut drive = Properties::read(drive, "file");
        if drive.get("file") == Some("none") {
            return Err("unable to parse volume ID 'none'".to_owned());
        }
        if disk::is_cdrom(&drive) {
            return Err("you can't resize a cdrom".to_owned());
        }
        let volid = drive.get("file").unwrap_or_default().to_owned();
        let storage = volid.split(':').next().unwrap_or_default();
        self.check(who, &format!("/storage/{storage}"), &["Datastore.AllocateSpace"])
            .map_err(text)?;
        let mut volume = self
            .volume(node, &volid)
            .cloned()
            .ok_or_else(|| format!("Could not determine current size of volume '{volid}'"))?;
        let plus = size.strip_prefix('+');
        let asked = disk::parse_size(plus.unwrap_or(size)).unwrap_or_default();
        let present = volume.virtual_size();
        let wanted = if plus.is_some() { present.saturating_add(asked) } else { asked };
        if wanted < present {
            return Err("shrinking disks is not supported".to_owned());
        }
        if wanted == present {
            return Ok(Vec::new());
        }
        if volume.format == "vmdk" {
            return Err("can't resize this image format".to_owned());
        }
        // PVE: facts-4 16: the file of a base image is read-only.
        if let Some(path) = self.read_only_file(&volid) {
            let format = &volume.format;
            let all = if format == "qcow2" { "metadata" } else { "off" };
            return Err(format!(
                "command '/usr/bin/qemu-img resize --preallocation={all} -f {format} {path} \
                 {wanted}' failed: exit code 1"
            ));
        }
        // The output of `qemu-img resize`.
        let in_file = self.storages.get(storage).is_some_and(|storage| storage.has_path());
        let log = in_file.then(|| "Image resized.".to_owned()).into_iter().collect();
        volume.size = wanted;
        volume.virtual_size = None;
        self.put_volume(node, volume);
        drive.set("size", disk::print_size(wanted));
        let vm = self.vm_mut(node, vmid).map_err(text)?;
        vm.config.insert(key.to_owned(), disk::print(drive));
        Ok(log)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world(config: &[(&str, &str)]) -> World {
        let mut world = World::default();
        let config = config.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let vm = Vm { node: "pve1".to_owned(), config, ..Vm::default() };
        world.vms.insert(100, vm);
        world.make_missing_disks(100).unwrap();
        world
    }

    #[test]
    fn a_start_finds_what_was_not_checked() {
        for (key, value, expected) in [
            ("net0", "virtio=BC:24:11:00:00:01,bridge=vmbr0", Ok(())),
            (
                "net0",
                "virtio=BC:24:11:00:00:01,bridge=vmbr77",
                Err("bridge 'vmbr77' does not exist"),
            ),
            (
                "cicustom",
                "user=local:snippets/missing.yaml",
                Err("volume 'local:snippets/missing.yaml' does not exist"),
            ),
            ("lock", "backup", Err("VM is locked (backup)")),
            ("template", "1", Err("you can't start a vm if it's a template")),
        ] {
            let ended = world(&[(key, value)]).start("pve1", 100);
            assert_eq!(ended.result.as_ref().copied().map_err(String::as_str), expected);
        }
    }

    #[test]
    fn disks_can_grow_but_not_shrink() {
        let who = Who { authid: "root@pam".to_owned() };
        for (key, size, expected) in [
            ("virtio0", "20G", Ok("20G")),
            ("virtio0", "+512M", Ok("10752M")),
            ("virtio0", "10G", Ok("10G")),
            ("virtio0", "+99999999999999999999T", Ok("18446744073709551615")),
            ("virtio0", "9G", Err("shrinking disks is not supported")),
            ("scsi0", "20G", Err("disk 'scsi0' does not exist")),
        ] {
            let mut world = world(&[("virtio0", "local-lvm:vm-100-disk-0,size=10G")]);
            let done = world.resize("pve1", &who, 100, key, size, None);
            let drive = Properties::read(&world.vms[&100].config["virtio0"], "file");
            let seen = done.as_ref().map(|_| drive.get("size").unwrap()).map_err(String::as_str);
            assert_eq!(seen, expected, "{key} {size}");
        }
    }
}
