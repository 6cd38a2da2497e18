//! Cloning a VM: what is asked, and what PVE refuses before the task.
//! A pure module: does no I/O. The texts are PVE's.
// PVE: qemu-server 9.2.6, API2/Qemu.pm, clone_vm, $load_and_check; facts-3 1.1, facts-4 38 to 40.

mod lines;
mod run;
mod volumes;

use std::collections::BTreeMap;

pub(crate) use run::Begun;
pub(super) use run::temporary;

use super::World;
use super::access::Who;
use super::disk;
use super::features::Feature;
use super::needs::{Target, Write};
use super::vm::Vm;
use crate::pve_sim::answer::Refusal;
use crate::pve_sim::keys::{Case, cases};
use crate::pve_sim::property::Properties;
use crate::pve_sim::schema::numbered;

/// A clone that was asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct CloneWish {
    pub(crate) newid: u32,
    pub(crate) name: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) pool: Option<String>,
    pub(crate) snapname: Option<String>,
    pub(crate) storage: Option<String>,
    pub(crate) format: Option<String>,
    /// Whether to copy in full [default: unless the source is a template].
    pub(crate) full: Option<bool>,
    /// Another node for the new VM.
    pub(crate) target: Option<String>,
}

/// A drive to clone.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) key: String,
    pub(super) drive: Properties,
    pub(super) full: bool,
}

/// What the new VM takes over, and the drives to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan {
    pub(super) config: BTreeMap<String, String>,
    pub(super) sources: Vec<Source>,
}

impl World {
    /// Checks that a VM can be cloned now; called before the task and again in it.
    pub(crate) fn clonable(
        &self,
        who: &Who,
        node: &str,
        vmid: u32,
        wish: &CloneWish,
    ) -> Result<Plan, Refusal> {
        self.check_clone_targets(node, wish)?;
        self.check_quorum()?;
        let vm = self.vm(node, vmid)?;
        vm.check_lock()?;
        if let Some(snapshot) = wish.snapname.as_ref().filter(|name| !vm.snapshots.contains(name)) {
            return Err(Refusal::die(format!("snapshot '{snapshot}' does not exist")));
        }
        let full = wish.full.unwrap_or(!vm.is_set("template"));
        let given = [("storage", wish.storage.is_some()), ("format", wish.format.is_some())];
        if let Some((name, _)) = given.iter().find(|(_, given)| *given && !full) {
            let text = format!("parameter '{name}' not allowed for linked clones");
            return Err(Refusal::die(text));
        }
        let shared = self.check_clone_storages(who, vm, wish.storage.as_deref())?;
        check_devices(self, who, vm)?;
        for (_, text) in vm.config.iter().filter(|(key, _)| is_nic(key)) {
            self.check_bridge(who, text)?;
        }
        // PVE: since qemu-server 9.1.15.
        if let Some(cpu) = vm.config.get("cpu").filter(|_| self.release() >= (9, 2)) {
            let on = Target { who, vmid, pool: None, write: Write::Change };
            self.check_value(&on, "cpu", cpu, &[Case::CustomModel])?;
        }
        if let Some(target) = wish.target.as_ref().filter(|_| !shared) {
            let text = format!("can't clone VM to node '{target}' (VM uses local storage)");
            return Err(Refusal::die(text));
        }
        let newid = wish.newid;
        // PVE: only a config of this node and this kind of guest is seen here.
        if self.vms.get(&newid).is_some_and(|vm| vm.node == node) {
            let text = format!("unable to create VM {newid}: config file already exists");
            return Err(Refusal::die(text));
        }
        self.plan_clone(vm, wish, full)
    }

    /// Checks the pool, the node and the storage for the new VM.
    fn check_clone_targets(&self, node: &str, wish: &CloneWish) -> Result<(), Refusal> {
        if let Some(pool) = wish.pool.as_ref().filter(|pool| !self.pools.contains_key(*pool)) {
            return Err(Refusal::permission(&format!("pool '{pool}' does not exist")));
        }
        if let Some(target) = wish.target.as_ref().filter(|name| !self.nodes.contains_key(*name)) {
            return Err(Refusal::die(format!("no such cluster node '{target}'")));
        }
        let Some(storage) = &wish.storage else {
            return Ok(());
        };
        if !self.storage(storage, node)?.content.contains("images") {
            let text = format!("storage '{storage}' does not support vm images");
            return Err(Refusal::parameter("storage", text));
        }
        match &wish.target {
            Some(target) if !self.storage(storage, target)?.shared => {
                Err(Refusal::die(format!("can't clone to non-shared storage '{storage}'")))
            }
            _ => Ok(()),
        }
    }

    /// Checks the storage of each disk; returns whether all of the VM's storages are shared, those
    /// of CDs and of cloud-init's drive too.
    // PVE: $check_storage_access_clone.
    fn check_clone_storages(
        &self,
        who: &Who,
        vm: &Vm,
        wanted: Option<&str>,
    ) -> Result<bool, Refusal> {
        let mut shared = true;
        for (key, text) in vm.config.iter().filter(|(key, _)| disk::is_drive(key)) {
            let drive = disk::read(key, text);
            let volid = drive.get("file").unwrap_or_default();
            let is_cd = disk::is_cdrom(&drive);
            if volid.is_empty() || volid == "none" {
                continue;
            }
            if is_cd && volid == "cdrom" {
                self.check(who, "/", &["Sys.Console"])?;
                continue;
            }
            let id = volid.split(':').next().unwrap_or_default();
            let missing = || Refusal::die(format!("storage '{id}' does not exist"));
            shared &= self.storages.get(id).ok_or_else(missing)?.shared;
            if !is_cd {
                let path = format!("/storage/{}", wanted.unwrap_or(id));
                self.check(who, &path, &["Datastore.AllocateSpace"])?;
            }
        }
        if let Some(storage) = vm.config.get("vmstatestorage") {
            self.check(who, &format!("/storage/{storage}"), &["Datastore.AllocateSpace"])?;
        }
        Ok(shared)
    }

    /// Sorts the source's keys into what is copied and what is cloned; in the order of the keys.
    fn plan_clone(&self, vm: &Vm, wish: &CloneWish, full: bool) -> Result<Plan, Refusal> {
        let snapshot = wish.snapname.is_some();
        let mut plan = Plan::default();
        for (key, text) in &vm.config {
            if numbered(key).is_some_and(|(stem, _)| stem == "unused") || is_of_snapshot(key) {
                continue;
            }
            if full && vm.running && !snapshot && key == "tpmstate0" {
                return Err(Refusal::die("cannot clone TPM state while VM is running"));
            }
            let drive = disk::read(key, text);
            let volid = drive.get("file").unwrap_or_default();
            let is_cloud_init = cases::is_cloud_init(volid);
            if !disk::is_drive(key) || disk::is_cdrom(&drive) && !is_cloud_init {
                plan.config.insert(key.clone(), text.clone());
                continue;
            }
            let full = full || is_cloud_init || key == "tpmstate0";
            let (feature, word) =
                if full { (Feature::Copy, "Full") } else { (Feature::Clone, "Linked") };
            if !self.has_feature(feature, volid, snapshot) {
                let of = if snapshot { " a snapshot of" } else { "" };
                return Err(Refusal::die(format!(
                    "{word} clone feature is not supported for{of} '{volid}' ({key})"
                )));
            }
            plan.sources.push(Source { key: key.clone(), drive, full });
        }
        plan.config.remove("template");
        Ok(plan)
    }
}

/// Checks the devices that the new VM would share; a serial port is not asked about.
// PVE: QemuServer.pm, check_mapping_access; facts-4 5.
fn check_devices(world: &World, who: &Who, vm: &Vm) -> Result<(), Refusal> {
    if who.authid == "root@pam" {
        return Ok(());
    }
    for (key, text) in &vm.config {
        let Some((stem, _)) = numbered(key) else {
            continue;
        };
        let device = cases::read(key, text);
        let uses = |path: String| world.check(who, &path, &["Mapping.Use"]);
        match (stem, device.get("host"), device.get("mapping")) {
            ("usb", Some(host), _) if host.eq_ignore_ascii_case("spice") => {}
            ("usb", Some(_), _) => {
                let text = format!("only root can set '{key}' config for real devices");
                return Err(Refusal::die(text));
            }
            ("hostpci", Some(_), _) => {
                let text = format!("only root can set '{key}' config for non-mapped devices");
                return Err(Refusal::die(text));
            }
            ("usb", None, Some(name)) => uses(format!("/mapping/usb/{name}"))?,
            ("hostpci", None, Some(name)) => uses(format!("/mapping/pci/{name}"))?,
            ("usb" | "hostpci", None, None) => {
                return Err(Refusal::die("either 'host' or 'mapping' must be set."));
            }
            ("rng", ..) if device.get("source") == Some("/dev/hwrng") => {
                uses("/mapping/hwrng".to_owned())?;
            }
            ("virtiofs", ..) => {
                uses(format!("/mapping/dir/{}", device.get("dirid").unwrap_or_default()))?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn is_nic(key: &str) -> bool {
    numbered(key).is_some_and(|(stem, _)| stem == "net")
}

fn is_of_snapshot(key: &str) -> bool {
    matches!(key, "parent" | "snaptime" | "vmstate" | "snapstate" | "runningcpu" | "runningmachine")
}
