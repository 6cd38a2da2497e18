//! Which storages of a nested node VMs and images use, and what it lacks. Does no I/O.

use pve_client::{Bridge, Storage, StorageId};

/// The bridge that VMs use by default; the reference's, too.
const BRIDGE: &str = "vmbr0";

/// The storages that a node file names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NodeStorages {
    /// For the disks of VMs.
    pub disks: StorageId,
    /// For images and seeds.
    pub images: StorageId,
}

/// Chooses the storages of a node that can take VMs.
///
/// # Errors
/// What it lacks, in words.
pub(crate) fn choose(storages: &[Storage], bridges: &[Bridge]) -> Result<NodeStorages, String> {
    let usable = |content: &'static str| {
        let can = move |storage: &&Storage| {
            storage.enabled && storage.active && storage.has_content(content)
        };
        storages.iter().filter(can)
    };
    let disks = usable("images").min_by_key(|storage| (rank(&storage.kind), &storage.storage));
    let images = usable("import")
        .min_by_key(|storage| (storage.storage.as_str() != "local", &storage.storage));
    let mut lacks = Vec::new();
    if disks.is_none() {
        lacks.push("active storage with content images".to_owned());
    }
    if images.is_none() {
        lacks.push("active storage with content import".to_owned());
    }
    if !bridges.iter().any(|bridge| bridge.name == BRIDGE) {
        lacks.push(format!("bridge {BRIDGE}"));
    }
    match (disks, images) {
        (Some(disks), Some(images)) if lacks.is_empty() => {
            Ok(NodeStorages { disks: disks.storage.clone(), images: images.storage.clone() })
        }
        _ => Err(format!("the token sees no {}", lacks.join(", and no "))),
    }
}

/// The order of types for disks: thin block devices, other block devices, then files.
fn rank(kind: &str) -> u8 {
    match kind {
        "lvmthin" | "zfspool" | "rbd" => 0,
        "dir" | "nfs" | "cifs" | "glusterfs" | "cephfs" => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn storage(text: &str) -> Storage {
        let [name, kind, content, state] = text.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{text}")
        };
        Storage {
            storage: name.parse().unwrap(),
            kind: kind.to_owned(),
            content: content.split(',').map(str::to_owned).collect(),
            enabled: state != "disabled",
            active: state != "inactive",
            shared: false,
            total: 0,
            used: 0,
            avail: 0,
        }
    }

    fn check(storages: &[&str], bridges: &[&str], expected: Result<[&str; 2], &str>) {
        let storages: Vec<_> = storages.iter().map(|text| storage(text)).collect();
        let bridge = |name: &&str| Bridge { name: (*name).to_owned(), is_vnet: false };
        let bridges: Vec<_> = bridges.iter().map(bridge).collect();
        let found = choose(&storages, &bridges);
        let found = found.as_ref().map(|found| [found.disks.as_str(), found.images.as_str()]);
        assert_eq!(found.map_err(String::as_str), expected);
    }

    #[test]
    fn storages_of_new_nodes() {
        let local = "local dir images,import on";
        let vmbr0 = ["vmbr1", "vmbr0"];
        check(&[local], &vmbr0, Ok(["local", "local"]));
        check(&[local, "zdata zfspool images on"], &vmbr0, Ok(["zdata", "local"]));
        check(
            &[local, "old lvm images on", "thin lvmthin images on"],
            &vmbr0,
            Ok(["thin", "local"]),
        );
        check(&[local, "old lvm images on"], &vmbr0, Ok(["old", "local"]));
        check(&["aa lvm images on", local, "zz rbd images on"], &vmbr0, Ok(["zz", "local"]));
        check(
            &[local, "zz lvmthin images on", "aa zfspool images on"],
            &vmbr0,
            Ok(["aa", "local"]),
        );
        check(
            &["aa dir import on", local, "thin lvmthin images inactive"],
            &vmbr0,
            Ok(["local", "local"]),
        );
        check(
            &["bb dir import on", "aa nfs import disabled", "thin lvmthin images on"],
            &vmbr0,
            Ok(["thin", "bb"]),
        );
        check(&[local], &["vmbr1"], Err("the token sees no bridge vmbr0"));
        check(
            &["local dir iso on"],
            &[],
            Err(
                "the token sees no active storage with content images, and no active storage with content import, and no bridge vmbr0",
            ),
        );
    }
}
