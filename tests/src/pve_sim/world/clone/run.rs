//! The task of a clone: the new config, its volumes one after the other, and what remains of a
//! clone that ends early.
//! A pure module: does no I/O. The texts are PVE's.
// PVE: qemu-server 9.2.6, API2/Qemu.pm, clone_vm, $clonefn; facts-4 3, 20 to 23 and 31 to 36.

use std::collections::BTreeMap;

use super::super::World;
use super::super::access::Who;
use super::super::create::{fresh_uuid, read_net};
use super::super::normal;
use super::super::task::TaskFault;
use super::super::vm::Vm;
use super::super::work::{Ended, KILLED, Work};
use super::volumes::Made;
use super::{CloneWish, Plan, is_nic};
use crate::pve_sim::property::Properties;

/// How many seconds a clone waits for each of its two lock files.
const LOCK_TIMEOUT: u64 = 1;

/// A clone whose task has begun.
#[derive(Debug, Clone, Default)]
pub(crate) struct Begun {
    pub(super) wish: CloneWish,
    /// The new config without its drives.
    config: BTreeMap<String, String>,
    pub(super) made: Vec<Made>,
    lines: Vec<String>,
    /// Why the task has given up; only its end is missing.
    refused: Option<String>,
}

impl Begun {
    /// Returns the new VM's ID, unless the task has given up.
    pub(crate) fn newid(&self) -> Option<u32> {
        self.refused.is_none().then_some(self.wish.newid)
    }

    /// Returns the lines that the task writes while it is running.
    pub(crate) fn script(&self) -> Vec<String> {
        self.lines.clone()
    }

    /// Returns the config with the first drives, still locked.
    fn config_with(&self, drives: usize) -> BTreeMap<String, String> {
        let mut config = self.config.clone();
        let made = self.made.iter().take(drives);
        config.extend(made.map(|made| (made.key.clone(), made.text.clone())));
        config.insert("lock".to_owned(), "clone".to_owned());
        config
    }

    /// Returns the exit status of a task that is stopped.
    // PVE: facts-4 32.
    pub(crate) fn interrupted(&self) -> String {
        let copied = self.made.iter().find(|made| made.full && !made.is_empty);
        let inner = copied.map_or_else(String::new, |made| {
            let (from, to) = (&made.source, &made.volid);
            format!("copy failed: command '/usr/bin/qemu-img convert -p -n {from} {to}' failed: ")
        });
        format!("clone failed: {inner}interrupted by signal")
    }
}

impl World {
    /// Starts the task of a clone. From here on the new VM has its temporary config, unless the
    /// task has given up.
    pub(crate) fn start_clone(
        &mut self,
        node: &str,
        who: &Who,
        vmid: u32,
        wish: CloneWish,
    ) -> String {
        let mut begun = Begun { wish, ..Begun::default() };
        if let Err(cause) = self.begin_clone(node, who, vmid, &mut begun) {
            begun.refused = Some(cause);
        }
        let work = Work::Clone { vmid, begun: Box::new(begun) };
        self.fork(node, "qmclone", &vmid.to_string(), who, work)
    }

    fn begin_clone(
        &mut self,
        node: &str,
        who: &Who,
        vmid: u32,
        begun: &mut Begun,
    ) -> Result<(), String> {
        let newid = begun.wish.newid;
        self.lock_source(vmid)?;
        let plan = self.clonable(who, node, vmid, &begun.wish);
        let plan = plan.map_err(|refusal| refusal.in_task())?;
        begun.lines.extend(self.first_line(vmid, newid));
        // PVE: pve-common, Tools.pm, file_set_contents; pve-cluster, memdb.c: pmxcfs has each
        // vmid once in the cluster.
        if self.vms.contains_key(&newid) || self.containers.contains_key(&newid) {
            return Err(format!(
                "close (rename) atomic file '/etc/pve/nodes/{node}/qemu-server/{newid}.conf' \
                 failed: File exists"
            ));
        }
        let vm = Vm { node: node.to_owned(), config: temporary(), ..Vm::default() };
        self.vms.insert(newid, vm);
        let Plan { config, sources } = plan;
        begun.config = self.new_identity(vmid, config, &begun.wish);
        for source in &sources {
            match self.make_clone(node, source, &begun.wish) {
                Ok(made) => {
                    begun.lines.extend(self.lines_of(node, newid, &made));
                    begun.made.push(made);
                }
                Err(cause) => {
                    self.drop_clone(node, begun);
                    return Err(format!("clone failed: {cause}"));
                }
            }
        }
        let pending = self.vms.get(&vmid).map(|vm| vm.pending.keys().cloned().collect::<Vec<_>>());
        if let Some(pending) = pending.filter(|pending| !pending.is_empty()) {
            let pending = pending.join(",");
            begun
                .lines
                .push(format!("found pending changes for '{pending}', discarding for clone"));
        }
        Ok(())
    }

    /// Takes the source's lock file: shared, or exclusively if the VM runs.
    // PVE: facts-3 1.2.
    fn lock_source(&mut self, vmid: u32) -> Result<(), String> {
        let timeout =
            format!("can't lock file '/var/lock/qemu-server/lock-{vmid}.conf' - got timeout");
        let running = self.vms.get(&vmid).is_some_and(|vm| vm.running);
        let others = self.clones_with(vmid);
        let longest = others.iter().map(|(_, left)| *left).max().unwrap_or(0);
        if running && longest > LOCK_TIMEOUT {
            self.clockwork.waited += LOCK_TIMEOUT;
            return Err(timeout);
        }
        let Some(vm) = self.vms.get_mut(&vmid) else {
            return Ok(());
        };
        let waits = vm.lock_held.min(LOCK_TIMEOUT);
        vm.lock_held -= waits;
        self.clockwork.waited += waits;
        if vm.lock_held > 0 { Err(timeout) } else { Ok(()) }
    }

    /// Returns the running clones that hold a VM's lock file, and how many seconds they still take.
    pub(in crate::pve_sim::world) fn clones_with(&self, vmid: u32) -> Vec<(String, u64)> {
        let holds = |work: &Work| match work {
            Work::Clone { vmid: source, begun } => {
                begun.newid().is_some_and(|newid| newid == vmid || *source == vmid)
            }
            _ => false,
        };
        let running = self.tasks.iter().filter(|task| task.exitstatus.is_none());
        let held = running.filter(|task| task.run.work.as_ref().is_some_and(holds));
        held.map(|task| (task.upid.clone(), self.clockwork.seconds_left(&task.run))).collect()
    }

    /// Returns the new VM's config without drives: what is copied, and what is new.
    // PVE: facts-4 21 and 22.
    fn new_identity(
        &mut self,
        vmid: u32,
        mut config: BTreeMap<String, String>,
        wish: &CloneWish,
    ) -> BTreeMap<String, String> {
        let newid = wish.newid;
        for (key, text) in config.iter_mut().filter(|(key, _)| is_nic(key)) {
            let mut net = read_net(text);
            net.remove("macaddr");
            let model = net.remove("model").unwrap_or_default();
            net.set("", model);
            *text = self.print_net(newid, key, &net.print(""));
        }
        let before = self.clockwork.created.entry(newid).or_default();
        let smbios = config.entry("smbios1".to_owned()).or_default();
        let mut keys = Properties::read(smbios, "");
        keys.set("uuid", fresh_uuid(newid, "smbios", *before));
        *smbios = keys.print("");
        if let Some(id) = config.get_mut("vmgenid") {
            *id = fresh_uuid(newid, "vmgenid", *before);
        }
        *before += 1;
        let old = config.get("name").cloned().unwrap_or_else(|| vmid.to_string());
        let name = wish.name.clone().unwrap_or_else(|| format!("Copy-of-VM-{old}"));
        config.insert("name".to_owned(), name);
        // PVE: an empty text, and 0, count as none; one that is empty in the file replaces it.
        if let Some(text) = wish.description.as_deref().filter(|text| !matches!(*text, "" | "0")) {
            config.remove("description");
            let kept = normal::kept("description", text);
            config.extend(kept.map(|text| ("description".to_owned(), text)));
        }
        config
    }

    /// Shows the drives that a running clone has finished; of several volumes only.
    // PVE: facts-4 3 and 23: the config is written after each volume, and after the last one the
    // lock is gone at once.
    pub(in crate::pve_sim::world) fn show_clones(&mut self) {
        let mut seen = Vec::new();
        for task in self.tasks.iter().filter(|task| task.exitstatus.is_none()) {
            let Some(Work::Clone { begun, .. }) = &task.run.work else {
                continue;
            };
            let (Some(newid), all) = (begun.newid(), begun.made.len()) else {
                continue;
            };
            let done = self.clockwork.part_done(&task.run, all);
            if done > 0 && done < all {
                seen.push((newid, begun.config_with(done)));
            }
        }
        for (newid, config) in seen {
            self.vms.entry(newid).and_modify(|vm| vm.config = config);
        }
    }

    /// Ends a clone: the copies are full, and the lock is gone.
    pub(in crate::pve_sim::world) fn clone_vm(&mut self, node: &str, begun: &Begun) -> Ended {
        if let Some(cause) = &begun.refused {
            return Err(cause.clone()).into();
        }
        let newid = begun.wish.newid;
        let copied = begun.made.iter().try_for_each(|made| self.fill(node, made));
        let done = copied.and_then(|()| self.check_writable(node, newid));
        if let Err(cause) = done {
            self.drop_clone(node, begun);
            return Err(format!("clone failed: {cause}")).into();
        }
        let mut config = begun.config_with(begun.made.len());
        config.remove("lock");
        let target = begun.wish.target.as_deref().unwrap_or(node);
        let vm = self.vms.entry(newid).or_default();
        vm.config = config;
        target.clone_into(&mut vm.node);
        vm.clean_up();
        if let Some(pool) = begun.wish.pool.as_ref().and_then(|pool| self.pools.get_mut(pool)) {
            pool.vms.push(newid);
        }
        Ended::default()
    }

    /// Cleans up after a clone that failed or was stopped. A killed one cleans up nothing: `keeps`
    /// are the drives in its config, `leaves` the volumes that nothing refers to.
    // PVE: facts-4 32 and 33.
    pub(in crate::pve_sim::world) fn undo_clone(
        &mut self,
        node: &str,
        begun: &Begun,
        fault: &TaskFault,
    ) {
        let Some(newid) = begun.newid() else {
            return;
        };
        if fault.exitstatus.as_deref() != Some(KILLED) {
            self.drop_clone(node, begun);
            return;
        }
        let kept = begun.made.iter().take_while(|made| fault.keeps.contains(&made.key)).count();
        for (at, made) in begun.made.iter().enumerate() {
            if at >= kept && !fault.leaves.contains(&made.key) {
                self.take_volume(node, &made.volid);
            }
        }
        let config = if kept > 0 { begun.config_with(kept) } else { temporary() };
        self.vms.entry(newid).and_modify(|vm| vm.config = config);
    }

    fn drop_clone(&mut self, node: &str, begun: &Begun) {
        for made in &begun.made {
            self.take_volume(node, &made.volid);
        }
        self.vms.remove(&begun.wish.newid);
    }
}

/// Returns the new config while nothing of the source is in it.
// PVE: facts-4 2: the file is `# qmclone temporary file`, so the text begins with a blank.
pub(in crate::pve_sim::world) fn temporary() -> BTreeMap<String, String> {
    let keys = [("lock", "clone"), ("description", " qmclone temporary file")];
    keys.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}
