//! Turning a VM into a template: the flag first, then its disks one by one.
//! A pure module: does no I/O. The texts are PVE's.
// PVE: qemu-server, API2/Qemu.pm, template; QemuServer.pm, template_create; facts-4 11 to 16.

use super::World;
use super::access::Who;
use super::disk;
use super::features::Feature;
use super::task::TaskFault;
use super::work::{Ended, Work};
use crate::pve_sim::answer::Refusal;

impl World {
    /// Checks that a VM can become a template, or that a disk of a template can become a base.
    pub(crate) fn templatable(
        &self,
        node: &str,
        vmid: u32,
        disk: Option<&str>,
    ) -> Result<(), Refusal> {
        let vm = self.vm(node, vmid)?;
        vm.check_lock()?;
        let refused = if !vm.snapshots.is_empty() {
            "unable to create template, because VM contains snapshots"
        } else if vm.is_set("template") && disk.is_none() {
            "you can't convert a template to a template"
        } else if vm.running {
            "you can't convert a VM to template if VM is running"
        } else {
            return Ok(());
        };
        Err(Refusal::die(refused))
    }

    /// Starts the task. From here on the VM is a template, whatever becomes of its disks.
    pub(crate) fn start_template(
        &mut self,
        node: &str,
        who: &Who,
        vmid: u32,
        disk: Option<String>,
    ) -> String {
        let refused = self.flag_template(node, vmid, disk.as_deref()).err();
        let work = Work::Template { vmid, disk, refused };
        self.fork(node, "qmtemplate", &vmid.to_string(), who, work)
    }

    fn flag_template(&mut self, node: &str, vmid: u32, disk: Option<&str>) -> Result<(), String> {
        self.lock_file(vmid).map_err(|refusal| refusal.in_task())?;
        self.templatable(node, vmid, disk).map_err(|refusal| refusal.in_task())?;
        self.check_writable(node, vmid)?;
        let vm = self.vm_mut(node, vmid).map_err(|refusal| refusal.in_task())?;
        vm.config.insert("template".to_owned(), "1".to_owned());
        Ok(())
    }

    /// Makes base images of a VM's disks, or of one; a disk that cannot become one is passed over
    /// without a word.
    pub(super) fn make_bases(
        &mut self,
        node: &str,
        vmid: u32,
        only: Option<&[String]>,
    ) -> Result<(), String> {
        let vm = self.vm(node, vmid).map_err(|refusal| refusal.in_task())?;
        let wanted = |key: &str| only.is_none_or(|only| only.iter().any(|one| one == key));
        let drives: Vec<(String, String)> = vm
            .config
            .iter()
            .filter(|(key, _)| disk::is_drive(key) && wanted(key))
            .map(|(key, text)| (key.clone(), text.clone()))
            .collect();
        for (key, text) in drives {
            let mut drive = disk::read(&key, &text);
            let volid = drive.get("file").unwrap_or_default().to_owned();
            if disk::is_cdrom(&drive) || !self.has_feature(Feature::Template, &volid, false) {
                continue;
            }
            drive.set("file", self.make_base(node, &volid)?);
            let vm = self.vm_mut(node, vmid).map_err(|refusal| refusal.in_task())?;
            vm.config.insert(key, disk::print(drive));
        }
        Ok(())
    }

    pub(super) fn template(
        &mut self,
        node: &str,
        vmid: u32,
        disk: Option<String>,
        refused: Option<String>,
    ) -> Ended {
        if let Some(cause) = refused {
            return Err(cause).into();
        }
        let only = disk.map(|disk| [disk]);
        self.make_bases(node, vmid, only.as_ref().map(|only| &only[..])).into()
    }

    /// Leaves a half-made template: the flag, and the bases of the disks in `keeps`.
    // PVE: QemuServer.pm, template_create: the config is written after each disk.
    pub(super) fn half_template(&mut self, node: &str, vmid: u32, fault: &TaskFault) -> Ended {
        self.make_bases(node, vmid, Some(&fault.keeps)).into()
    }
}
