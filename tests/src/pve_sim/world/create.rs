//! Creating and destroying a VM.
//! A pure module: does no I/O.
// PVE: qemu-server, API2/Qemu.pm, create_vm and destroy_vm.

use std::collections::BTreeMap;

use sha1::{Digest, Sha1};

use super::World;
use super::access::Who;
use super::disk;
use super::normal;
use super::vm::Vm;
use super::work::{Ended, Work};
use crate::pve_sim::answer::Refusal;
use crate::pve_sim::property::{self, Properties};
use crate::pve_sim::schema::numbered;

impl World {
    /// Claims the vmid: from here on the config file exists, locked and empty.
    // PVE: PVE::QemuConfig->create_and_lock_config.
    pub(crate) fn claim(&mut self, node: &str, vmid: u32) -> Result<(), Refusal> {
        if let Some(vm) = self.vms.get(&vmid) {
            let on = &vm.node;
            // PVE: guest-common, AbstractConfig.pm, create_and_lock_config: the node's own lock
            // file is waited for first, for 5 s; facts-4 31. Here the answer comes at once.
            if on == node && self.worker_runs_longer_than(vmid, 5) {
                return Err(Refusal::die(format!(
                    "unable to create VM {vmid} - can't lock file \
                     '/var/lock/qemu-server/lock-{vmid}.conf' - got timeout"
                )));
            }
            return Err(Refusal::die(format!(
                "unable to create VM {vmid} - VM {vmid} already exists on node '{on}'"
            )));
        }
        if let Some(container) = self.containers.get(&vmid) {
            let on = &container.node;
            return Err(Refusal::die(format!(
                "unable to create VM {vmid} - CT {vmid} already exists on node '{on}'"
            )));
        }
        let vm = Vm {
            node: node.to_owned(),
            config: BTreeMap::from([("lock".to_owned(), "create".to_owned())]),
            ..Vm::default()
        };
        self.vms.insert(vmid, vm);
        Ok(())
    }

    pub(super) fn create(
        &mut self,
        node: &str,
        who: &Who,
        vmid: u32,
        params: BTreeMap<String, String>,
        start: bool,
    ) -> Ended {
        let mut log = Vec::new();
        let before = self.volumes.clone();
        match self.new_config(node, who, vmid, &params, &mut log) {
            Ok(config) => {
                if let Ok(vm) = self.vm_mut(node, vmid) {
                    vm.config = config;
                    vm.clean_up();
                }
            }
            Err(cause) => {
                self.volumes = before;
                self.vms.remove(&vmid);
                let result = Err(format!("unable to create VM {vmid} - {cause}"));
                return Ended { log, ..result.into() };
            }
        }
        if start {
            // PVE: reference 2, "start=1 is a trap": a second task, whose UPID is not returned.
            log.push("Execute autostart".to_owned());
            self.fork(node, "qmstart", &vmid.to_string(), who, Work::Start { vmid });
        }
        Ended { log, ..Ended::default() }
    }

    /// Creates the disks of a new VM and returns its config.
    fn new_config(
        &mut self,
        node: &str,
        who: &Who,
        vmid: u32,
        params: &BTreeMap<String, String>,
        log: &mut Vec<String>,
    ) -> Result<BTreeMap<String, String>, String> {
        let mut config = BTreeMap::new();
        for (key, value) in params {
            if !disk::is_drive(key) {
                config.extend(normal::kept(key, value).map(|value| (key.clone(), value)));
                continue;
            }
            let is_new = disk::is_made(&disk::read(key, value));
            let text = self.make_drive(node, vmid, key, value, params)?;
            if is_new {
                log.push(format!("{key}: successfully created disk '{text}'"));
            }
            config.insert(key.clone(), text);
        }
        normal::check_clipboard(config.get("vga").map_or("", String::as_str))?;
        let text = |key: &str| config.get(key).map_or("", String::as_str);
        if let Some(machine) = normal::machine(text("machine"), text("ostype"))? {
            if normal::is_pinned(text("machine"), &machine) {
                let kind = machine.split(',').next().unwrap_or_default();
                log.push(format!("pinning machine type to '{kind}' for Windows guest OS"));
            }
            config.insert("machine".to_owned(), machine);
        }
        if let Some(tags) = config.get("tags").cloned() {
            self.check_tags_of_new(who, vmid, &tags)?;
            // Before 9.2 a create stores them as sent.
            if self.release() >= (9, 2) {
                config.insert("tags".to_owned(), self.unique_tags(&tags));
            }
        }
        let made = self.clockwork.created.entry(vmid).or_default();
        complete(vmid, *made, &mut config);
        *made += 1;
        Ok(config)
    }

    pub(super) fn destroy(
        &mut self,
        node: &str,
        vmid: u32,
        unreferenced: bool,
        purge: bool,
    ) -> Ended {
        // PVE: QemuServer.pm, destroy_vm: only the task checks the lock.
        let checked = self.destroyable(node, vmid, purge);
        let checked = checked.and_then(|vm| vm.check_lock().map(|()| vm));
        let vm = match checked {
            Ok(vm) => vm,
            Err(refusal) => return Err(refusal.in_task()).into(),
        };
        if let Some(volid) = self.used_base(node, &vm) {
            let text = format!("base volume '{volid}' is still in use by linked cloned");
            return Err(text).into();
        }
        let mut gone: Vec<String> = vm
            .config
            .iter()
            .filter(|(key, _)| disk::is_drive(key) || key.starts_with("unused"))
            .filter_map(|(_, text)| Some(Properties::read(text, "file").get("file")?.to_owned()))
            .collect();
        if unreferenced {
            gone.extend(
                self.volumes.iter().filter(|v| v.vmid() == Some(vmid)).map(|v| v.volid.clone()),
            );
        }
        let mut ended = Ended::default();
        for volid in gone {
            let owner = self.volume(node, &volid).and_then(super::storage::Volume::vmid);
            if owner != Some(vmid) {
                continue;
            }
            // PVE: QemuServer.pm, destroy_vm: log_warn; the rest of the VM is removed.
            if let Err(cause) = self.free_volume(node, &volid) {
                let line = format!("Could not remove disk '{volid}', check manually: {cause}");
                ended.log.push(format!("WARN: {line}"));
                ended.warnings += 1;
            }
        }
        self.vms.remove(&vmid);
        for pool in self.pools.values_mut() {
            pool.vms.retain(|member| *member != vmid);
        }
        let path = format!("/vms/{vmid}");
        self.access.acl.retain(|entry| entry.path != path);
        ended
    }

    /// Returns a base image of a template that has linked clones.
    // PVE: QemuServer.pm, destroy_vm; facts-4 17.
    fn used_base(&self, node: &str, vm: &Vm) -> Option<String> {
        let disks = vm.config.iter().filter(|(key, text)| {
            disk::is_drive(key) && !disk::is_cdrom(&disk::read(key, text))
                || key.starts_with("unused")
        });
        let mut files = disks
            .filter_map(|(_, text)| Some(Properties::read(text, "file").get("file")?.to_owned()));
        files.find(|volid| vm.is_set("template") && self.is_base_in_use(node, volid))
    }

    /// Checks that a VM can be destroyed now (facts 28, facts-3 4.1).
    pub(crate) fn destroyable(&self, node: &str, vmid: u32, purge: bool) -> Result<Vm, Refusal> {
        let vm = self.vm(node, vmid)?;
        vm.check_protection(&format!("can't remove VM {vmid}"))?;
        // PVE: API2/Qemu.pm, destroy_vm: an ignored resource counts too.
        if self.ha.contains_key(&vmid) && !purge {
            return Err(Refusal::die(format!(
                "unable to remove VM {vmid} - used in HA resources and purge parameter not set."
            )));
        }
        if vm.running {
            return Err(Refusal::die(format!("VM {vmid} is running - destroy failed")));
        }
        Ok(vm.clone())
    }

    /// Prints a NIC, with a new MAC each time if none is given (facts 22).
    pub(crate) fn print_net(&mut self, vmid: u32, key: &str, text: &str) -> String {
        let mut net = read_net(text);
        let model = net.remove("model").unwrap_or_else(|| "virtio".to_owned());
        let mac = net.remove("macaddr").unwrap_or_else(|| {
            let made = self.vms.get_mut(&vmid).map_or(0, |vm| {
                vm.made += 1;
                vm.made
            });
            let bytes = pseudo_random(&format!("{vmid}/{key}/{made}"));
            format!("BC:24:11:{:02X}:{:02X}:{:02X}", bytes[0], bytes[1], bytes[2])
        });
        net.set("", format!("{model}={mac}"));
        net.print("")
    }
}

/// Parses a NIC, with separate keys for `model` and `macaddr`.
pub(crate) fn read_net(text: &str) -> Properties {
    property::of_config("net0", text).unwrap_or_else(|| Properties::read(text, "model"))
}

/// Adds what PVE adds to every new config. Not the clock: `ctime` is fixed. The UUIDs of the first VM with a
/// vmid are the same in every run; later VMs with the same vmid get others.
fn complete(vmid: u32, before: u32, config: &mut BTreeMap<String, String>) {
    config
        .entry("meta".to_owned())
        .or_insert_with(|| format!("creation-qemu={},ctime=1760000000", normal::QEMU));
    let of = |what: &str| fresh_uuid(vmid, what, before);
    config.entry("smbios1".to_owned()).or_insert_with(|| format!("uuid={}", of("smbios")));
    let genid = config.entry("vmgenid".to_owned()).or_insert_with(|| "1".to_owned());
    if genid == "1" {
        *genid = of("vmgenid");
    }
    if !config.contains_key("boot") {
        let order = boot_devices(config).join(";");
        // PVE: QemuServer.pm, print_bootorder: an empty order is a space (facts 23).
        let boot = if order.is_empty() { " ".to_owned() } else { format!("order={order}") };
        config.insert("boot".to_owned(), boot);
    }
}

/// Returns the first disk, CD and NIC.
// PVE: qemu-server, QemuServer.pm, get_default_bootdevices.
fn boot_devices(config: &BTreeMap<String, String>) -> Vec<String> {
    let mut all: Vec<(&str, &String, bool)> = Vec::new();
    // PVE: QemuServer/Drive.pm, valid_drive_names_for_boot.
    let bootable = |key: &str| disk::is_drive(key) && !matches!(key, "efidisk0" | "tpmstate0");
    for (key, text) in config.iter().filter(|(key, _)| bootable(key)) {
        all.push((key, key, disk::is_cdrom(&Properties::read(text, "file"))));
    }
    let rank = |key: &str| {
        let (stem, number) = numbered(key).unwrap_or_default();
        let bus = ["ide", "scsi", "virtio", "sata"].iter().position(|bus| *bus == stem);
        (bus.unwrap_or(4), number)
    };
    all.sort_by_key(|(key, _, _)| rank(key));
    let first =
        |cd: bool| all.iter().find(|(_, _, is_cd)| *is_cd == cd).map(|(_, key, _)| (*key).clone());
    let net = config.keys().find(|key| key.starts_with("net")).cloned();
    [first(false), first(true), net].into_iter().flatten().collect()
}

/// Returns a new UUID: the same in every run for the first VM with a vmid, another for later ones.
pub(super) fn fresh_uuid(vmid: u32, what: &str, before: u32) -> String {
    match before {
        0 => uuid(&format!("{vmid}/{what}")),
        _ => uuid(&format!("{vmid}/{what}/{before}")),
    }
}

fn uuid(of: &str) -> String {
    let hex: String = pseudo_random(of).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..32])
}

/// Returns bytes that look random and are the same in every run.
fn pseudo_random(of: &str) -> [u8; 20] {
    Sha1::digest(of.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_create_leaves_nothing() {
        let mut world = World::default();
        world.claim("pve1", 100).unwrap();
        let params = [
            ("virtio0", "local-lvm:8"),
            ("virtio1", "local-lvm:0,import-from=local:import/no.raw"),
        ];
        let params = params.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        let who = Who { authid: "root@pam".to_owned() };
        let ended = world.create("pve1", &who, 100, params, false);
        assert_eq!(
            ended.result.unwrap_err(),
            "unable to create VM 100 - failed to stat '/var/lib/vz/import/no.raw'"
        );
        assert!(world.vms.is_empty() && world.volumes.is_empty());
    }

    #[test]
    fn a_vmid_is_claimed_once() {
        let mut world = World::default();
        world.claim("pve1", 100).unwrap();
        let refusal = world.claim("pve1", 100).unwrap_err();
        assert_eq!(
            refusal.message,
            "unable to create VM 100 - VM 100 already exists on node 'pve1'\n"
        );
    }

    #[test]
    fn nics_are_printed_mac_first() {
        let mut world = World::default();
        world.vms.insert(100, Vm::default());
        let given = world.print_net(100, "net0", "virtio=bc:24:11:00:00:01,tag=5,bridge=vmbr0");
        // PVE: QemuServer/Network.pm, print_net: keeps the spelling of a MAC.
        assert_eq!(given, "virtio=bc:24:11:00:00:01,bridge=vmbr0,tag=5");
        let one = world.print_net(100, "net0", "virtio,bridge=vmbr0");
        let two = world.print_net(100, "net0", "model=virtio,bridge=vmbr0");
        assert!(one.starts_with("virtio=BC:24:11:") && one != two, "{one} {two}");
    }
}
