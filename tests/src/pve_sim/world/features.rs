//! What a storage can do with a volume, and how volumes depend on base images.
//! A pure module: does no I/O. The texts are PVE's.
// PVE: pve-storage 9.1.7, volume_has_feature and parse_volname of each plugin; facts-3 1.1.

use super::World;
use super::disk;
use super::storage::{Volume, canonical};
use super::vm::Vm;

/// What PVE may want to do with a volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Feature {
    /// A snapshot of it.
    Snapshot,
    /// A linked clone of it.
    Clone,
    /// A full copy of it.
    Copy,
    /// Turning it into a base image.
    Template,
}

/// The state of a volume in PVE's tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Base,
    Current,
    Snapshot,
}

/// Returns the name of a volume's own file or device, without folders and base image.
pub(crate) fn file_name(volid: &str) -> &str {
    let name = volid.split_once(':').map_or(volid, |(_, name)| name);
    name.rsplit('/').next().unwrap_or(name)
}

/// Returns whether a volume is a base image.
pub(crate) fn is_base(volid: &str) -> bool {
    file_name(volid).starts_with("base-")
}

/// Returns the volume that a linked clone depends on, as its name tells; LVM-thin and raw images
/// on BTRFS do not tell, and do not depend on it (facts-4 20).
pub(crate) fn base_of(volid: &str) -> Option<String> {
    let own = canonical(volid);
    let (storage, own) = own.split_once(':')?;
    let rest = volid.split_once(':')?.1.strip_suffix(own)?.strip_suffix('/')?;
    Some(canonical(&format!("{storage}:{rest}")))
}

impl World {
    /// Returns whether PVE can do something with a volume, or with a snapshot of it.
    pub(crate) fn has_feature(&self, feature: Feature, volid: &str, snapshot: bool) -> bool {
        let id = volid.split(':').next().unwrap_or_default();
        let Some(storage) = self.storages.get(id) else {
            return false;
        };
        let state = match (snapshot, is_base(volid)) {
            (true, _) => State::Snapshot,
            (false, true) => State::Base,
            (false, false) => State::Current,
        };
        let format = file_name(volid).rsplit_once('.').map_or("raw", |(_, format)| format);
        supports(&storage.r#type, feature, state, format)
    }

    /// Returns whether linked clones hang on a base image: the storage tells, not the configs.
    // PVE: pve-storage, Storage.pm, volume_is_base_and_used; facts-4 18.
    pub(crate) fn is_base_in_use(&self, node: &str, volid: &str) -> bool {
        let path = canonical(volid);
        let storage = volid.split(':').next().unwrap_or_default();
        let hangs = |other: &Volume| base_of(&other.volid).as_ref() == Some(&path);
        is_base(volid) && self.volumes_on(node, storage).any(hangs)
    }

    /// Returns the nodes that have all storages of a VM.
    // PVE: qemu-server, QemuServer.pm, shared_nodes: a list of nodes counts even if the storage is
    // not shared.
    pub(crate) fn nodes_with_storages(&self, node: &str, vm: &Vm) -> Vec<String> {
        let mut nodes: Vec<String> = self.nodes.keys().cloned().collect();
        for (key, text) in vm.config.iter().filter(|(key, _)| disk::is_drive(key)) {
            let drive = disk::read(key, text);
            let id = drive.get("file").and_then(|volid| volid.split_once(':'));
            let Some(storage) = id.and_then(|(id, _)| self.storages.get(id)) else {
                continue;
            };
            nodes.retain(|other| match () {
                () if storage.disable => false,
                () if !storage.nodes.is_empty() => storage.nodes.contains(other),
                () => storage.shared || other == node,
            });
        }
        nodes
    }

    /// Returns what the list of a storage calls the parent of a volume.
    // PVE: pve-storage, list_images of each plugin; facts-4 20.
    pub(crate) fn parent_of(&self, volid: &str) -> Option<String> {
        let base = base_of(volid)?;
        let (id, name) = base.split_once(':')?;
        match self.storages.get(id)?.has_path() {
            true => Some(format!("../{name}")),
            false => Some(format!("{name}@__base__")),
        }
    }

    /// Returns the file of a base image, which nobody can write.
    pub(super) fn read_only_file(&self, volid: &str) -> Option<String> {
        let storage = self.storages.get(volid.split(':').next()?)?;
        (is_base(volid) && storage.has_path()).then(|| storage.file(volid))
    }

    /// Removes a volume, unless it is a base image with clones.
    // PVE: pve-storage, Storage.pm, vdisk_free; facts-4 17.
    pub(crate) fn free_volume(
        &mut self,
        node: &str,
        volid: &str,
    ) -> Result<Option<Volume>, String> {
        if self.is_base_in_use(node, volid) {
            let name = volid.split_once(':').map_or(volid, |(_, name)| name);
            return Err(format!("base volume '{name}' is still in use by linked clones"));
        }
        Ok(self.take_volume(node, volid))
    }

    /// Renames a volume to a base image and returns its new name.
    // PVE: pve-storage, create_base of each plugin; facts-4 11 and 20.
    pub(super) fn make_base(&mut self, node: &str, volid: &str) -> Result<String, String> {
        let id = volid.split(':').next().unwrap_or_default();
        self.activate(id, node).map_err(|refusal| refusal.in_task())?;
        if !self.has_feature(Feature::Template, volid, false) {
            let kind = self.storages.get(id).map_or("", |storage| storage.r#type.as_str());
            return Err(format!("can't create base images in {kind} storage"));
        }
        let file = file_name(volid);
        let folder = volid.strip_suffix(file).unwrap_or_default();
        let base = format!("{folder}base-{}", file.strip_prefix("vm-").unwrap_or(file));
        if self.volume(node, &base).is_some() {
            let path = self.storages.get(id).map(|storage| storage.file(&base));
            return Err(format!("file '{}' already exists", path.unwrap_or_default()));
        }
        let volume = self.take_volume(node, volid);
        let volume = volume.ok_or_else(|| format!("volume '{volid}' does not exist"))?;
        self.put_volume(node, Volume { volid: base.clone(), ..volume });
        Ok(base)
    }
}

/// PVE's tables, type by type.
fn supports(kind: &str, feature: Feature, state: State, format: &str) -> bool {
    use Feature::{Clone, Copy, Snapshot, Template};
    use State::{Base, Current};
    let qcow2 = format == "qcow2";
    let raw = format == "raw";
    match (kind, feature) {
        ("lvm" | "iscsi" | "iscsidirect" | "esxi", Snapshot) => qcow2 && state != Base,
        ("lvm" | "iscsi" | "iscsidirect" | "esxi", Clone | Template) => false,
        ("lvm" | "iscsi" | "iscsidirect" | "esxi", Copy) => state != State::Snapshot || qcow2,
        (_, Template) => state == Current,
        ("lvmthin", Snapshot) => state == Current,
        ("zfspool" | "zfs" | "rbd", Snapshot) => state != Base,
        ("btrfs", Snapshot) => state != Base && (qcow2 || raw),
        (_, Snapshot) => state != Base && qcow2,
        ("lvmthin" | "rbd", Clone) => state != Current,
        ("btrfs", Clone) => state == Base || raw,
        (_, Clone) => state == Base,
        ("lvmthin" | "rbd", Copy) => true,
        ("zfspool" | "zfs", Copy) => state != State::Snapshot,
        ("btrfs", Copy) => state != State::Snapshot || qcow2 || raw,
        (_, Copy) => state != State::Snapshot || qcow2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_linked_clone_names_its_base() {
        for (volid, base) in [
            (
                "S:9000/base-9000-disk-0.qcow2/400/vm-400-disk-0.qcow2",
                Some("S:9000/base-9000-disk-0.qcow2"),
            ),
            (
                "S:9000/base-9000-disk-0.raw/970/base-970-disk-0.qcow2",
                Some("S:9000/base-9000-disk-0.raw"),
            ),
            ("z:base-9000-disk-0/vm-400-disk-0", Some("z:base-9000-disk-0")),
            ("S:9000/base-9000-disk-0.qcow2", None),
            ("S:400/vm-400-disk-0.raw", None),
            ("lvm:vm-400-disk-0", None),
            ("lvm:base-9000-disk-0", None),
        ] {
            assert_eq!(base_of(volid).as_deref(), base, "{volid}");
        }
    }

    /// Each letter is a state in which a type supports it: base, current, snapshot.
    fn check(kind: &str, format: &str, feature: Feature, expected: &str) {
        let states = [(State::Base, 'b'), (State::Current, 'c'), (State::Snapshot, 's')];
        let seen = states.into_iter().filter(|(state, _)| supports(kind, feature, *state, format));
        let seen: String = seen.map(|(_, letter)| letter).collect();
        assert_eq!(seen, expected, "{kind} {format} {feature:?}");
    }

    #[test]
    fn each_type_of_storage_has_its_own_features() {
        for (kind, format, [snapshot, clone, copy, template]) in [
            ("dir", "qcow2", ["cs", "b", "bcs", "c"]),
            ("dir", "raw", ["", "b", "bc", "c"]),
            ("nfs", "raw", ["", "b", "bc", "c"]),
            ("btrfs", "raw", ["cs", "bcs", "bcs", "c"]),
            ("btrfs", "qcow2", ["cs", "b", "bcs", "c"]),
            ("lvmthin", "raw", ["c", "bs", "bcs", "c"]),
            ("zfspool", "raw", ["cs", "b", "bc", "c"]),
            ("rbd", "raw", ["cs", "bs", "bcs", "c"]),
            ("lvm", "raw", ["", "", "bc", ""]),
            ("iscsi", "raw", ["", "", "bc", ""]),
        ] {
            check(kind, format, Feature::Snapshot, snapshot);
            check(kind, format, Feature::Clone, clone);
            check(kind, format, Feature::Copy, copy);
            check(kind, format, Feature::Template, template);
        }
    }
}
