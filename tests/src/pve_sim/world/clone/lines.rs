//! The log of a clone's task.
//! A pure module: does no I/O. The texts are PVE's, and those of qemu-img.
// PVE: qemu-server, QemuServer.pm, clone_disk; pve-storage, Storage/Plugin.pm, clone_image;
// facts-4 19, and the recorded answers of four releases.

use super::super::World;
use super::super::disk;
use super::super::features::{base_of, file_name};
use super::super::storage::{Volume, canonical};
use super::volumes::Made;

/// The first release whose log has the new VM's ID and the volumes.
// PVE: qemu-server 9.1.6 and 9.1.7, which came after the first node of 9.1.
const NAMES_THE_NEW_VM: (u32, u32) = (9, 2);

impl World {
    /// Returns the first line, which ties the task to the new VM.
    pub(super) fn first_line(&self, vmid: u32, newid: u32) -> Option<String> {
        let says = self.release() >= NAMES_THE_NEW_VM;
        says.then(|| format!("creating a clone of VM {vmid} with ID {newid}"))
    }

    /// Returns the lines about one drive.
    pub(super) fn lines_of(&self, node: &str, newid: u32, made: &Made) -> Vec<String> {
        let (key, old) = (&made.key, &made.source);
        let kind = if made.full { "full" } else { "linked" };
        let mut lines = vec![format!("create {kind} clone of drive {key} ({old})")];
        if !made.full {
            lines.extend(self.linked_lines(node, newid, made));
            return lines;
        }
        let size = self.volume(node, &made.volid).map_or(0, Volume::virtual_size);
        lines.extend(self.formatting(node, &made.volid, size));
        if self.release() >= NAMES_THE_NEW_VM {
            lines.push(format!("allocated target volume '{}'", made.volid));
        }
        if !made.is_empty {
            lines.extend(disk::progress(size));
        }
        lines
    }

    fn linked_lines(&self, node: &str, newid: u32, made: &Made) -> Vec<String> {
        let name = |volid: &str| volid.split_once(':').map_or("", |(_, name)| name).to_owned();
        let (old, new) = (name(&made.source), file_name(&made.volid));
        let storage = made.volid.split(':').next().and_then(|id| self.storages.get(id));
        let (Some(storage), Some(base)) = (storage, base_of(&made.volid)) else {
            return Vec::new();
        };
        if storage.r#type == "rbd" {
            return vec![format!("clone {old}: {} snapname __base__ to {new}", file_name(&base))];
        }
        if !storage.has_path() {
            return Vec::new();
        }
        let base = format!("../{}", name(&base));
        let first = format!("clone {old}: images, {new}, {newid} to {new} (base={base})");
        let size = self.volume(node, &made.volid).map_or(0, Volume::virtual_size);
        vec![first, self.overlay(&made.volid, size, &base)]
    }

    /// Returns qemu-img's line about a new image; none if it is not a file.
    fn formatting(&self, node: &str, volid: &str, size: u64) -> Option<String> {
        let storage = self.storages.get(volid.split(':').next()?).filter(|s| s.has_path())?;
        let path = storage.file(volid);
        match (self.volume(node, volid)?.format.as_str(), storage.r#type.as_str()) {
            ("raw", "btrfs") => None,
            ("raw", _) => {
                Some(format!("Formatting '{path}', fmt=raw size={size} preallocation=off"))
            }
            ("qcow2", _) => Some(format!(
                "Formatting '{path}', fmt=qcow2 cluster_size=65536 extended_l2=off \
                 preallocation=metadata compression_type=zlib size={size} lazy_refcounts=off \
                 refcount_bits=16"
            )),
            _ => None,
        }
    }

    /// Returns qemu-img's line about a new overlay.
    fn overlay(&self, volid: &str, size: u64, base: &str) -> String {
        let path = self.storages.get(volid.split(':').next().unwrap_or_default());
        let path = path.map(|storage| storage.file(&canonical(volid))).unwrap_or_default();
        let format = base.rsplit_once('.').map_or("raw", |(_, format)| format);
        let layout = match (self.release() >= (9, 0), format) {
            (false, _) => "cluster_size=65536 extended_l2=off",
            (true, "qcow2") => "cluster_size=131072 extended_l2=on preallocation=metadata",
            (true, _) => "cluster_size=131072 extended_l2=on preallocation=off",
        };
        format!(
            "Formatting '{path}', fmt=qcow2 {layout} compression_type=zlib size={size} \
             backing_file={base} backing_fmt={format} lazy_refcounts=off refcount_bits=16"
        )
    }
}
