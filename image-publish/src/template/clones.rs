//! Which volumes depend on a template's disk, as far as the storage tells and the token sees. Does no I/O.

use std::collections::BTreeMap;

use pve_client::{Permissions, Vmid, Volid, Volume};

/// The linked clones of a template's disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Clones {
    /// All of them.
    All(Vec<Hanging>),
    /// Those that the token sees; there may be more.
    Seen(Vec<Hanging>),
    /// The storage does not tell. On LVM-thin and BTRFS, clones do not depend on the template.
    Untold,
}

/// A volume that depends on a template's disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hanging {
    /// Its volid.
    pub(crate) volid: Volid,
    /// The VM in its name, of which nothing else need exist.
    pub(crate) vmid: Option<Vmid>,
}

impl Clones {
    /// Returns the clones of a disk among the volumes of its storage, of this type. `sees_all` is whether the token
    /// sees the volumes of all VMs.
    pub(crate) fn of(disk: &Volid, kind: &str, volumes: &[Volume], sees_all: bool) -> Self {
        if !tells(kind, disk) {
            return Self::Untold;
        }
        let hangs = volumes.iter().filter(|volume| depends(volume, disk));
        let hanging =
            hangs.map(|volume| Hanging { volid: volume.volid.clone(), vmid: volume.vmid });
        let hanging = hanging.collect();
        // Without the disk itself, the list does not show everything.
        if sees_all && volumes.iter().any(|volume| volume.volid == *disk) {
            Self::All(hanging)
        } else {
            Self::Seen(hanging)
        }
    }

    /// Returns those that are known.
    pub(crate) fn known(&self) -> &[Hanging] {
        match self {
            Self::All(hanging) | Self::Seen(hanging) => hanging,
            Self::Untold => &[],
        }
    }

    /// Returns how many there are; `None` if that is unknown.
    pub(crate) fn count(&self) -> Option<usize> {
        match self {
            Self::All(hanging) => Some(hanging.len()),
            Self::Seen(_) | Self::Untold => None,
        }
    }

    /// Returns how many there are, for a table.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::All(hanging) => hanging.len().to_string(),
            Self::Seen(hanging) if !hanging.is_empty() => format!("{}+", hanging.len()),
            Self::Seen(_) | Self::Untold => "unknown".to_owned(),
        }
    }
}

/// Returns whether the volids of a storage tell which volumes depend on a disk.
// PVE: facts-3 1.1, facts-4 20.
pub(crate) fn tells(kind: &str, disk: &Volid) -> bool {
    match kind {
        "dir" | "nfs" | "cifs" | "zfspool" | "zfs" | "rbd" => true,
        // A raw image is cloned as a subvolume, which depends on nothing.
        "btrfs" => !disk.file().ends_with(".raw"),
        _ => false,
    }
}

/// Returns whether a volume depends on a disk.
// PVE: facts-4 20: `../9000/base-9000-disk-0.qcow2` on folders, `base-9000-disk-0@__base__` on ZFS.
fn depends(volume: &Volume, disk: &Volid) -> bool {
    let parent = volume.parent.as_deref().map(|parent| {
        let parent = parent.trim_start_matches("../");
        parent.strip_suffix("@__base__").unwrap_or(parent)
    });
    volume.volid.base().as_ref() == Some(disk) || parent == Some(disk.name())
}

/// Returns whether the token sees the volumes of all VMs on a storage.
// PVE: pve-storage, Storage.pm, check_volume_access; facts-4 37.
pub(crate) fn sees_all(permissions: &Permissions, storage: &str) -> bool {
    let of_storage = format!("/storage/{storage}");
    if has(permissions, &of_storage, "Datastore.Allocate") {
        return true;
    }
    let on_vms = |path: &String| path.starts_with("/vms/");
    // A path below may revoke the privilege.
    has(permissions, &of_storage, "Datastore.Audit")
        && has(permissions, "/vms/0", "VM.Config.Disk")
        && permissions
            .keys()
            .filter(|path| on_vms(path))
            .all(|path| has(permissions, path, "VM.Config.Disk"))
}

/// Returns whether a token has a privilege on a path: the nearest path in the list decides.
fn has(
    permissions: &BTreeMap<String, BTreeMap<String, bool>>,
    path: &str,
    privilege: &str,
) -> bool {
    let mut at = path;
    loop {
        if let Some(list) = permissions.get(at) {
            return list.get(privilege).is_some_and(|goes_down| *goes_down || at == path);
        }
        at = match at.rsplit_once('/') {
            Some(("", "")) | None => return false,
            Some(("", _)) => "/",
            Some((above, _)) => above,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn volume(volid: &str, parent: Option<&str>) -> Volume {
        Volume {
            volid: volid.parse().unwrap(),
            content: "images".to_owned(),
            format: None,
            size: 0,
            ctime: None,
            vmid: None,
            used: None,
            parent: parent.map(str::to_owned),
        }
    }

    /// How many clones a disk has among these volumes.
    fn check(
        kind: &str,
        disk: &str,
        volumes: &[(&str, Option<&str>)],
        sees_all: bool,
        expected: &str,
    ) {
        let volumes: Vec<_> =
            volumes.iter().map(|(volid, parent)| volume(volid, *parent)).collect();
        let clones = Clones::of(&disk.parse().unwrap(), kind, &volumes, sees_all);
        assert_eq!(clones.shown(), expected, "{kind} {disk}");
        let is_number = expected.parse::<usize>().is_ok();
        assert_eq!(clones.count().is_some(), is_number, "{kind} {disk}");
    }

    #[test]
    fn volumes_that_depend_on_a_disk_are_counted() {
        let base = ("dir:9/base-9-disk-0.qcow2", None);
        let clone =
            ("dir:9/base-9-disk-0.qcow2/1/vm-1-disk-0.qcow2", Some("../9/base-9-disk-0.qcow2"));
        let other = ("dir:90/base-90-disk-0.qcow2/2/vm-2-disk-0.qcow2", None);
        check("dir", base.0, &[base, clone, other], true, "1");
        check("nfs", base.0, &[base, other], true, "0");
        check("dir", base.0, &[base, clone], false, "1+");
        check("dir", base.0, &[base], false, "unknown");
        // The list does not even have the disk.
        check("dir", base.0, &[], true, "unknown");
        let of_zfs = ("zfs:base-9-disk-0", None);
        check("zfspool", of_zfs.0, &[of_zfs, ("zfs:base-9-disk-0/vm-1-disk-0", None)], true, "1");
        check(
            "rbd",
            of_zfs.0,
            &[of_zfs, ("zfs:vm-1-disk-0", Some("base-9-disk-0@__base__"))],
            true,
            "1",
        );
        check("lvmthin", of_zfs.0, &[of_zfs, ("zfs:vm-1-disk-0", None)], true, "unknown");
        check(
            "btrfs",
            "btr:9/base-9-disk-0.raw",
            &[("btr:9/base-9-disk-0.raw", None)],
            true,
            "unknown",
        );
        check("linstor", of_zfs.0, &[of_zfs], true, "unknown");
    }

    #[test]
    fn who_sees_the_volumes_of_all_vms() {
        let check = |paths: &[(&str, &str, bool)], expected: bool| {
            let mut permissions = Permissions::new();
            for (path, privilege, goes_down) in paths {
                let list = permissions.entry((*path).to_owned()).or_default();
                list.insert((*privilege).to_owned(), *goes_down);
            }
            assert_eq!(sees_all(&permissions, "d"), expected, "{paths:?}");
        };
        let (audit, disk) =
            (("/storage/d", "Datastore.Audit", true), ("/vms", "VM.Config.Disk", true));
        check(&[audit, disk], true);
        check(&[("/storage", "Datastore.Allocate", true)], true);
        check(&[audit], false);
        check(&[disk], false);
        check(&[audit, ("/vms/100", "VM.Config.Disk", true)], false);
        check(&[audit, ("/vms", "VM.Config.Disk", false)], false);
        check(&[audit, disk, ("/vms/100", "VM.Audit", true)], false);
        check(&[("/storage/e", "Datastore.Audit", true), disk], false);
    }
}
