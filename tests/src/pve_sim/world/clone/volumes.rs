//! The volumes of a clone: links, and copies that are filled at the end.
//! A pure module: does no I/O. The texts are PVE's.
// PVE: qemu-server, QemuServer.pm, clone_disk; pve-storage, clone_image of each plugin.

use super::super::World;
use super::super::disk;
use super::super::features::{base_of, file_name, is_base};
use super::super::firmware;
use super::super::storage::{Volume, canonical};
use super::run::Begun;
use super::{CloneWish, Source};
use crate::pve_sim::keys::cases;

/// A drive of the new VM.
#[derive(Debug, Clone)]
pub(super) struct Made {
    pub(super) key: String,
    pub(super) source: String,
    pub(super) volid: String,
    pub(super) full: bool,
    /// Whether nothing is copied to it: a drive for cloud-init.
    pub(super) is_empty: bool,
    /// The value in the new config.
    pub(super) text: String,
}

impl World {
    /// Creates the volume of a drive of the new VM; a full copy is filled at the end.
    pub(super) fn make_clone(
        &mut self,
        node: &str,
        source: &Source,
        wish: &CloneWish,
    ) -> Result<Made, String> {
        let mut drive = source.drive.clone();
        let old = drive.get("file").unwrap_or_default().to_owned();
        let is_empty = cases::is_cloud_init(&old);
        let volid = match (source.full, is_empty) {
            (false, _) => self.link(node, &old, wish)?,
            (true, true) => {
                let storage = old.split(':').next().unwrap_or_default();
                let storage = wish.storage.as_deref().unwrap_or(storage);
                self.allocate_cloud_init(node, storage, wish.newid)?
            }
            (true, false) => self.make_room(node, &source.key, &old, wish)?,
        };
        let size = self.volume(node, &volid).map_or(0, Volume::virtual_size);
        drive.set("file", volid.clone());
        drive.set("size", disk::print_size(size));
        let (key, text) = (source.key.clone(), disk::print(drive));
        Ok(Made { key, source: old, volid, full: source.full, is_empty, text })
    }

    /// Makes a linked clone of a volume.
    // PVE: pve-storage, clone_image of each plugin; facts-4 20.
    fn link(&mut self, node: &str, old: &str, wish: &CloneWish) -> Result<String, String> {
        let id = old.split(':').next().unwrap_or_default();
        self.activate(id, node).map_err(|refusal| refusal.in_task())?;
        let base = self.volume(node, old).cloned();
        let base = base.ok_or_else(|| format!("volume '{old}' does not exist"))?;
        let kind = self.storages.get(id).map_or("dir", |storage| storage.r#type.as_str());
        let newid = wish.newid;
        let name = self.free_name(node, newid, id);
        let own = canonical(old);
        let depends = wish.snapname.is_none() && is_base(old);
        let volid = match (kind, file_name(old).ends_with(".raw")) {
            ("btrfs", true) => format!("{id}:{newid}/{name}.raw"),
            ("lvmthin", _) => format!("{id}:{name}"),
            ("zfspool" | "zfs" | "rbd", _) if depends => format!("{own}/{name}"),
            ("zfspool" | "zfs" | "rbd", _) => format!("{id}:{name}"),
            _ => format!("{own}/{newid}/{name}.qcow2"),
        };
        let format = if volid.ends_with(".qcow2") { "qcow2" } else { "raw" }.to_owned();
        let used = first_bytes(kind, &volid);
        let id = id.to_owned();
        let size = base.virtual_size();
        let volume =
            Volume { volid: volid.clone(), size, format, used: Some(used), node: None, ..base };
        self.put_volume(node, Volume { virtual_size: None, ctime: None, ..volume });
        self.count_written(&id, used);
        Ok(volid)
    }

    /// Creates the empty target of a full copy.
    fn make_room(
        &mut self,
        node: &str,
        key: &str,
        old: &str,
        wish: &CloneWish,
    ) -> Result<String, String> {
        let source = self.volume(node, old).cloned();
        let source = source.ok_or_else(|| format!("volume '{old}' does not exist"))?;
        let storage = wish.storage.as_deref().unwrap_or(source.storage()).to_owned();
        let format = wish.format.clone().unwrap_or_else(|| source.format.clone());
        let size = match key {
            "tpmstate0" => firmware::TPM_SIZE,
            _ => source.virtual_size(),
        };
        Ok(self.allocate(node, wish.newid, &storage, size, &format)?.volid)
    }

    /// Copies a volume to its clone.
    pub(super) fn fill(&mut self, node: &str, made: &Made) -> Result<(), String> {
        if !made.full || made.is_empty {
            return Ok(());
        }
        let source = self.volume(node, &made.source).cloned();
        let source = source.ok_or_else(|| format!("volume '{}' does not exist", made.source))?;
        let data = self.data_of(node, &source);
        let storage = made.volid.split(':').next().unwrap_or_default();
        if data > self.available(node, storage) {
            return Err("copy failed: No space left on device".to_owned());
        }
        if let Some(copy) = self.volume(node, &made.volid).cloned() {
            let (sha256, bytes) = (source.sha256, source.bytes);
            self.put_volume(node, Volume { used: Some(data), sha256, bytes, ..copy });
            self.count_written(storage, data);
        }
        Ok(())
    }

    /// Returns the bytes of data that a full copy of a volume moves: its own, and those of its base.
    pub(in crate::pve_sim::world) fn data_of(&self, node: &str, volume: &Volume) -> u64 {
        let base = base_of(&volume.volid).and_then(|base| self.volume(node, &base));
        volume.used() + base.map_or(0, |base| self.data_of(node, base))
    }

    /// Returns the copies that a clone's task makes: storage and bytes.
    pub(in crate::pve_sim::world) fn copies_of_clone(
        &self,
        node: &str,
        begun: &Begun,
    ) -> Vec<(String, u64)> {
        let copied = begun.made.iter().filter(|made| made.full && !made.is_empty);
        let copy = |made: &Made| {
            let data = self.data_of(node, self.volume(node, &made.source)?);
            Some((made.volid.split(':').next()?.to_owned(), data))
        };
        copied.filter_map(copy).collect()
    }
}

/// Returns the bytes that a new linked clone has written.
// PVE: facts-4 20 and 24: an overlay of 2 GiB, a snapshot on BTRFS; the others were not measured.
fn first_bytes(kind: &str, volid: &str) -> u64 {
    match kind {
        _ if volid.ends_with(".qcow2") => 659_456,
        "btrfs" => 32 << 10,
        _ => 64 << 10,
    }
}
