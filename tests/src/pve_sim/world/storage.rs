//! Storages and the volumes on them.
//! A pure module: does no I/O.
// PVE: pve-storage, Storage.pm, Storage/Plugin.pm, API2/Storage/*.pm.

mod on_node;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use on_node::StorageOnNode;

use super::World;
use crate::pve_sim::answer::Refusal;
use crate::pve_sim::formats::full;

/// A storage, as in storage.cfg.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Storage {
    /// `dir`, `nfs`, `lvmthin`, `zfspool`, …
    pub r#type: String,
    /// The enabled content types.
    pub content: BTreeSet<String>,
    /// Its nodes; empty means all.
    pub nodes: BTreeSet<String>,
    /// Whether all nodes see the same volumes.
    pub shared: bool,
    /// Whether it is disabled.
    pub disable: bool,
    /// Size in bytes.
    pub total: u64,
    /// Bytes used by something outside this world.
    pub other: u64,
    /// What differs on a node, by node.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub on: BTreeMap<String, StorageOnNode>,
}

/// A volume.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Volume {
    /// `storage:content/name` or `storage:name`.
    pub volid: String,
    /// Its node; none on a shared storage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Bytes of the file; of a disk its virtual size.
    pub size: u64,
    /// The size that a guest sees [default: the file's size].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub virtual_size: Option<u64>,
    /// `raw`, `qcow2`, `vmdk`, `iso`, … [default: from the name].
    #[serde(skip_serializing_if = "String::is_empty")]
    pub format: String,
    /// SHA-256 of the file; for an imported disk, of its source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Bytes used on its storage [default: its size].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used: Option<u64>,
    /// When it was created, in seconds since 1970 [default: a constant].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ctime: Option<u64>,
    /// The first bytes, or all of them if the file is small.
    #[serde(skip)]
    pub(crate) bytes: Option<Arc<[u8]>>,
}

/// The content of a URL.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Download {
    /// HTTP status [default: 200].
    pub status: Option<u16>,
    /// Size in bytes.
    pub size: u64,
    /// The size that a guest sees [default: the size].
    pub virtual_size: Option<u64>,
    /// The format of the file [default: that of the name that it is stored under].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// SHA-256 of the file.
    pub sha256: String,
    /// Other checksums of the file by algorithm.
    pub checksums: BTreeMap<String, String>,
    /// As reported by the server.
    pub mimetype: Option<String>,
}

impl Default for Storage {
    fn default() -> Self {
        Self {
            r#type: "dir".to_owned(),
            content: BTreeSet::new(),
            nodes: BTreeSet::new(),
            shared: false,
            disable: false,
            total: 100 << 30,
            other: 0,
            on: BTreeMap::new(),
        }
    }
}

impl Storage {
    /// Returns whether it stores files in a directory.
    pub(crate) fn has_path(&self) -> bool {
        matches!(self.r#type.as_str(), "dir" | "nfs" | "cifs" | "btrfs" | "cephfs" | "glusterfs")
    }

    /// Returns the path of its files.
    pub(crate) fn path(&self, id: &str) -> String {
        if id == "local" {
            return "/var/lib/vz".to_owned();
        }
        format!("/mnt/pve/{id}")
    }

    /// Returns the path of a volume.
    // PVE: pve-storage, Storage/Plugin.pm, $vtype_subdirs.
    pub(crate) fn file(&self, volid: &str) -> String {
        let (id, name) = volid.split_once(':').unwrap_or_default();
        let name = own(name);
        if !self.has_path() {
            return format!("/dev/{id}/{name}");
        }
        let content = Name::parse(volid).map_or("", |name| name.content);
        let file = name.split_once('/').map_or(name, |(_, file)| file);
        match content {
            "images" | "rootdir" => format!("{}/images/{name}", self.path(id)),
            content => format!("{}/{file}", self.folder(id, content)),
        }
    }

    /// Returns the path for a content type.
    pub(crate) fn folder(&self, id: &str, content: &str) -> String {
        let folder = match content {
            "iso" => "template/iso",
            "vztmpl" => "template/cache",
            "backup" => "dump",
            other => other,
        };
        format!("{}/{folder}", self.path(id))
    }
}

impl Volume {
    /// Returns the storage's ID.
    pub(crate) fn storage(&self) -> &str {
        self.volid.split(':').next().unwrap_or_default()
    }

    /// Returns the VM that owns it.
    pub(crate) fn vmid(&self) -> Option<u32> {
        Name::parse(&self.volid).and_then(|name| name.vmid)
    }

    pub(crate) fn virtual_size(&self) -> u64 {
        self.virtual_size.unwrap_or(self.size)
    }

    pub(crate) fn used(&self) -> u64 {
        self.used.unwrap_or(self.size)
    }

    pub(super) fn fill_in(&mut self, storage: &Storage, first: &str) -> Result<(), String> {
        let name = Name::parse(&self.volid)
            .ok_or_else(|| format!("volume {}: no name PVE would take", self.volid))?;
        if storage.shared {
            self.node = None;
        } else if self.node.is_none() {
            self.node = Some(first.to_owned());
        }
        if self.format.is_empty() {
            self.format = name.format.to_owned();
        }
        Ok(())
    }
}

/// A parsed volume name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Name<'a> {
    pub(crate) storage: &'a str,
    pub(crate) content: &'static str,
    pub(crate) format: &'a str,
    pub(crate) vmid: Option<u32>,
}

impl<'a> Name<'a> {
    // PVE: Storage/Plugin.pm, parse_volname; LvmThinPlugin and ZFSPoolPlugin have no folder.
    pub(crate) fn parse(volid: &'a str) -> Option<Self> {
        let (storage, name) = volid.split_once(':')?;
        let name = own(name);
        let (folder, file) = name.split_once('/').unwrap_or(("", name));
        let extension = file.rsplit_once('.').map_or("raw", |(_, extension)| extension);
        let content = match folder {
            "iso" => "iso",
            "import" => "import",
            "vztmpl" => "vztmpl",
            "snippets" => "snippets",
            "backup" => "backup",
            "" if file.starts_with("subvol-") => "rootdir",
            vmid if vmid.bytes().all(|b| b.is_ascii_digit()) => "images",
            _ => return None,
        };
        let fits = match content {
            "iso" => full(r"(?i).+\.(iso|img)", file),
            "import" => full(r"[A-Za-z0-9.+=_-]+\.(ova|ovf|qcow2|raw|vmdk|img)(/.+)?", file),
            "images" => full(r"(vm|base)-\d+-\S+", file),
            "backup" => full(r"[^/]+\.(tgz|(tar|vma)(\.(gz|lzo|zst|bz2))?)", file),
            "vztmpl" => full(r"(?i)[^/]+\.tar(\.(gz|xz|zst|bz2))?", file),
            _ => !file.is_empty(),
        };
        let vmid = matches!(content, "images" | "rootdir")
            .then(|| file.split('-').nth(1)?.parse().ok())
            .flatten();
        fits.then_some(Self {
            storage,
            content,
            format: match content {
                "iso" => "iso",
                "snippets" => "snippet",
                "vztmpl" => template(extension),
                _ => extension,
            },
            vmid,
        })
    }
}

/// Returns a volume's name without that of its base image.
// PVE: pve-storage, Storage/Plugin.pm, parse_volname: `9000/base-9000-disk-0.qcow2/100/vm-100-…`;
// ZFSPoolPlugin.pm: `base-9000-disk-0/vm-100-…`; facts-4 20.
fn own(name: &str) -> &str {
    if !name.contains("base-") {
        return name;
    }
    let at = |pattern: &str| {
        let mut ends = name.rmatch_indices('/').map(|(at, _)| at);
        ends.find(|at| full(pattern, &name[..*at])).map(|at| &name[at + 1..])
    };
    at(r"(\d+/)?base-\d+-[^/]+").unwrap_or(name)
}

/// Returns the same name for all spellings of one volume (facts-4 29).
pub(crate) fn canonical(volid: &str) -> String {
    match volid.split_once(':') {
        Some((storage, name)) => format!("{storage}:{}", own(name)),
        None => volid.to_owned(),
    }
}

/// Returns PVE's names for packed templates: `tgz` for `.tar.gz`.
// PVE: pve-storage, Storage/Plugin.pm, $get_subdir_files.
pub(crate) fn template(extension: &str) -> &str {
    match extension {
        "gz" => "tgz",
        "xz" => "txz",
        "zst" => "tzst",
        "bz2" => "tbz2",
        other => other,
    }
}

impl World {
    /// Returns a storage that exists, is enabled and is on this node.
    pub(crate) fn storage(&self, id: &str, node: &str) -> Result<&Storage, Refusal> {
        let found = self.storages.get(id).ok_or_else(|| {
            // PVE: facts 4; Storage.pm, storage_config.
            Refusal::die(format!("storage '{id}' does not exist"))
        })?;
        if found.disable {
            return Err(Refusal::die(format!("storage '{id}' is disabled")));
        }
        if !found.nodes.is_empty() && !found.nodes.contains(node) {
            return Err(Refusal::die(format!("storage '{id}' is not available on node '{node}'")));
        }
        Ok(found)
    }

    fn place(&self, volid: &str, node: &str) -> Option<String> {
        let storage = self.storages.get(volid.split(':').next()?)?;
        (!storage.shared).then(|| node.to_owned())
    }

    /// Returns a volume as a node sees it.
    pub(crate) fn volume(&self, node: &str, volid: &str) -> Option<&Volume> {
        let place = self.place(volid, node);
        let path = canonical(volid);
        let same = |volume: &&Volume| canonical(&volume.volid) == path && volume.node == place;
        self.volumes.iter().find(same)
    }

    /// Returns all volumes of a storage as a node sees them.
    pub(crate) fn volumes_on<'a>(
        &'a self,
        node: &'a str,
        storage: &'a str,
    ) -> impl Iterator<Item = &'a Volume> {
        let shared = self.storages.get(storage).is_some_and(|s| s.shared);
        self.volumes.iter().filter(move |volume| {
            volume.storage() == storage && (shared || volume.node.as_deref() == Some(node))
        })
    }

    /// Returns the free bytes of a storage.
    pub(crate) fn available(&self, node: &str, storage: &str) -> u64 {
        let used: u64 = self.volumes_on(node, storage).map(Volume::used).sum();
        self.storages
            .get(storage)
            .map_or(0, |s| s.total_on(node).saturating_sub(s.other_on(node)).saturating_sub(used))
    }

    /// Stores a volume, silently replacing one of the same name (facts 41).
    pub(crate) fn put_volume(&mut self, node: &str, mut volume: Volume) {
        volume.node = self.place(&volume.volid, node);
        self.take_volume(node, &volume.volid);
        self.volumes.push(volume);
        self.sort();
    }

    /// Removes a volume.
    pub(crate) fn take_volume(&mut self, node: &str, volid: &str) -> Option<Volume> {
        let place = self.place(volid, node);
        let path = canonical(volid);
        let at =
            self.volumes.iter().position(|v| canonical(&v.volid) == path && v.node == place)?;
        Some(self.volumes.remove(at))
    }
}

/// Returns the name that PVE stores a file under.
// PVE: pve-storage, Storage.pm, normalize_content_filename.
pub(crate) fn normalize(filename: &str) -> String {
    let name = filename.rsplit(['/', '\\']).next().unwrap_or_default();
    name.chars()
        .map(|c| if c.is_ascii_alphanumeric() || "_.-".contains(c) { c } else { '_' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(volid: &str, expected: Option<(&str, &str, Option<u32>)>) {
        let seen = Name::parse(volid);
        let seen = seen.as_ref().map(|name| (name.content, name.format, name.vmid));
        assert_eq!(seen, expected, "{volid}");
    }

    #[test]
    fn names_have_content_format_and_owner() {
        check("local:import/debian-12.qcow2", Some(("import", "qcow2", None)));
        check("local:iso/debian.img", Some(("iso", "iso", None)));
        check("local-lvm:vm-100-disk-0", Some(("images", "raw", Some(100))));
        check("local:100/vm-100-disk-0.qcow2", Some(("images", "qcow2", Some(100))));
        check("local:snippets/user.yaml", Some(("snippets", "snippet", None)));
        check("local:import/debian.txt", None);
        check("local-lvm:data", None);
        check("local:bad/vm-100-disk-0.raw", None);
        check("local:vztmpl/debian.tar.gz", Some(("vztmpl", "tgz", None)));
    }

    #[test]
    fn file_names_are_normalized() {
        assert_eq!(normalize("C:\\x\\a b+c.raw"), "a_b_c.raw");
        assert_eq!(normalize("dir/seed.raw"), "seed.raw");
    }
}
