//! New volumes: their names, and what is written to a storage.
//! A pure module: does no I/O.
// PVE: pve-storage, Storage.pm, vdisk_alloc; Storage/Plugin.pm, get_next_vm_diskname.

use std::collections::BTreeMap;

use super::World;
use super::disk;
use super::features::file_name;
use super::storage::Volume;
use super::work::Work;

impl World {
    /// Creates an empty volume under the first free name.
    pub(crate) fn allocate(
        &mut self,
        node: &str,
        vmid: u32,
        storage: &str,
        size: u64,
        format: &str,
    ) -> Result<Volume, String> {
        self.activate(storage, node).map_err(|refusal| refusal.in_task())?;
        let config = self.storage(storage, node).map_err(|refusal| refusal.in_task())?;
        let with_path = config.has_path();
        let name = self.free_name(node, vmid, storage);
        let volid = match with_path {
            true => format!("{storage}:{vmid}/{name}.{format}"),
            false => format!("{storage}:{name}"),
        };
        let volume = Volume {
            volid,
            size,
            format: if with_path { format } else { "raw" }.to_owned(),
            used: Some(0),
            ..Volume::default()
        };
        self.put_volume(node, volume.clone());
        Ok(volume)
    }

    /// Returns the first free name for a disk of a VM, without a format.
    // PVE: pve-storage, Storage/Plugin.pm, get_next_vm_diskname: a number is in use whatever the
    // format of the image that has it, and by a base image too.
    pub(super) fn free_name(&self, node: &str, vmid: u32, storage: &str) -> String {
        let taken = |number: u32| {
            let names = [format!("vm-{vmid}-disk-{number}"), format!("base-{vmid}-disk-{number}")];
            self.volumes_on(node, storage).any(|volume| {
                let file = file_name(&volume.volid);
                let mut rests = names.iter().filter_map(|name| file.strip_prefix(name.as_str()));
                rests.any(|rest| rest.is_empty() || rest.starts_with('.'))
            })
        };
        let number = (0..).find(|number| !taken(*number)).unwrap_or_default();
        format!("vm-{vmid}-disk-{number}")
    }

    /// Creates the drive for cloud-init's data.
    pub(super) fn allocate_cloud_init(
        &mut self,
        node: &str,
        storage: &str,
        vmid: u32,
    ) -> Result<String, String> {
        let config = self
            .storages
            .get(storage)
            .ok_or_else(|| format!("storage '{storage}' does not exist"))?;
        let (volid, format) = if config.has_path() {
            (format!("{storage}:{vmid}/vm-{vmid}-cloudinit.qcow2"), "qcow2")
        } else {
            (format!("{storage}:vm-{vmid}-cloudinit"), "raw")
        };
        let size = 4 << 20;
        let format = format.to_owned();
        self.put_volume(node, Volume { volid: volid.clone(), size, format, ..Volume::default() });
        Ok(volid)
    }

    /// Returns what a task copies: storage and bytes.
    pub(super) fn copies_of(&self, node: &str, work: &Work) -> Vec<(String, u64)> {
        let data = |volid: &str| Some(self.data_of(node, self.volume(node, volid)?));
        let drives = match work {
            Work::Create { params, .. } => params,
            Work::Change { change, .. } => &change.set,
            Work::Clone { begun, .. } => return self.copies_of_clone(node, begun),
            Work::Store { storage, volume, refused: None, .. } => {
                return vec![(storage.clone(), volume.used())];
            }
            Work::Move { vmid, wish } => {
                let text = self.vms.get(vmid).and_then(|vm| vm.config.get(&wish.disk));
                let drive = text.map(|text| disk::read(&wish.disk, text));
                let bytes = drive.and_then(|drive| data(drive.get("file")?));
                return bytes.map(|bytes| (wish.storage.clone(), bytes)).into_iter().collect();
            }
            _ => return Vec::new(),
        };
        let drives = drives.iter().filter(|(key, _)| disk::is_drive(key));
        let copy = |(key, text): (&String, &String)| {
            let drive = disk::read(key, text);
            let storage = drive.get("file")?.split(':').next()?.to_owned();
            Some((storage, data(drive.get("import-from")?)?))
        };
        drives.filter_map(copy).collect()
    }

    /// Returns how many bytes were written to each storage.
    pub fn written(&self) -> &BTreeMap<String, u64> {
        &self.clockwork.written
    }

    /// Counts bytes written to a storage.
    pub(crate) fn count_written(&mut self, storage: &str, bytes: u64) {
        *self.clockwork.written.entry(storage.to_owned()).or_default() += bytes;
    }
}
