//! The privileges that a token needs: those that do not depend on the config of a VM, and those of a
//! token for all VMs of a nested node. Does no I/O.
//!
//! The needs of the config keys are in their rows. `pve-apply privileges` grants what a document
//! needs, path by path; a nested node's own token gets all of them on `/`.

use crate::need::On;
use crate::rows::KEYS;
use crate::sdn::Object;
use crate::version::Version;
use std::collections::BTreeSet;

/// What each VM needs, whatever its config: to be created, read, started, stopped and destroyed; name,
/// tags and mark; boot order and seed. PVE: reference 2, docs/pve.md.
pub const ON_VMS: [&str; 5] =
    ["VM.Allocate", "VM.Audit", "VM.Config.Disk", "VM.Config.Options", "VM.PowerMgmt"];
/// What a clone needs on the VM that it is made of.
pub const CLONE: &str = "VM.Clone";
/// What the templates of images need: to be created with our mark, turned into templates, read and
/// destroyed. PVE: facts-4, 11, 12 and 57.
pub const ON_TEMPLATES: [&str; 5] =
    ["VM.Allocate", "VM.Audit", "VM.Config.Disk", "VM.Config.HWType", "VM.Config.Options"];
/// What a migration needs.
pub const MIGRATE: &str = "VM.Migrate";
/// What the storage of the VMs' disks needs.
pub const ON_DISKS: [&str; 1] = ["Datastore.AllocateSpace"];
/// What the image storage needs: list and import, upload, delete.
pub const ON_IMAGES: [&str; 3] =
    ["Datastore.Allocate", "Datastore.AllocateSpace", "Datastore.AllocateTemplate"];
/// What a pool needs: to be visible, and to take in VMs. PVE: pve-manager, API2/Pool.pm.
pub const ON_POOLS: [&str; 2] = ["Pool.Allocate", "Pool.Audit"];
/// What a vnet of ours needs, for guests too.
pub const ON_VNETS: [&str; 3] = [Object::PRIVILEGE, "SDN.Audit", "SDN.Use"];
/// The first version with a privilege for each kind of call to a guest's agent.
// PVE: qemu-server, API2/Qemu/Agent.pm; facts 52.
const NINE: Version = Version(9, 0);

/// Returns what asking a guest's agent needs, and reading a file with it too. PVE 8 has one privilege
/// for all.
pub const fn on_agent(reads_files: bool, is_nine: bool) -> &'static [&'static str] {
    match (reads_files, is_nine) {
        (_, false) => &["VM.Monitor"],
        (false, true) => &["VM.GuestAgent.Audit"],
        (true, true) => &["VM.GuestAgent.Audit", "VM.GuestAgent.FileRead"],
    }
}

/// Returns the privileges of the token that a nested node makes for the VMs on it. A role with one
/// that PVE does not know is refused, so they depend on its version.
///
/// What is needed on `/` itself is left out: `Sys.Modify`, for VMs with `startup`, and `Sys.Console`,
/// for the node's own CD drive. Both allow much more than that.
pub fn of_nested_node(pve: Version) -> BTreeSet<&'static str> {
    let fixed: [&[&str]; 8] = [
        &ON_VMS,
        &[MIGRATE, CLONE],
        &ON_TEMPLATES,
        &ON_DISKS,
        &ON_IMAGES,
        &ON_POOLS,
        &ON_VNETS,
        on_agent(true, NINE <= pve),
    ];
    let of_rows = KEYS.iter().flat_map(|key| key.needs).filter(|need| need.on != On::Root);
    fixed.into_iter().flatten().copied().chain(of_rows.map(|need| need.privilege)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nested_node_has_a_role_that_its_version_knows() {
        let has = |pve, privilege| of_nested_node(pve).contains(privilege);
        for (pve, old, new) in [
            (Version(8, 4), true, false),
            (Version(9, 0), false, true),
            (Version(10, 0), false, true),
        ] {
            assert_eq!(has(pve, "VM.Monitor"), old, "{pve:?}");
            assert_eq!(has(pve, "VM.GuestAgent.FileRead"), new, "{pve:?}");
            assert!(has(pve, "VM.Config.Cloudinit") && has(pve, "Sys.Audit"), "by a row");
        }
    }

    #[test]
    fn it_has_what_every_document_may_need() {
        let lists: [&[&str]; 6] =
            [&ON_VMS, &[MIGRATE], &ON_DISKS, &ON_IMAGES, &ON_POOLS, &ON_VNETS];
        for pve in [Version(8, 4), Version(9, 2)] {
            let all = of_nested_node(pve);
            for privilege in lists.into_iter().flatten() {
                assert!(all.contains(privilege), "{privilege}");
            }
        }
    }

    #[test]
    fn it_does_not_administer_the_node() {
        for pve in [Version(8, 4), Version(9, 2)] {
            for privilege in of_nested_node(pve) {
                let is_low = !privilege.starts_with("Sys.") || privilege == "Sys.Audit";
                assert!(is_low, "{privilege}");
                assert!(
                    !["Permissions.Modify", "User.Modify", "Realm.Allocate"].contains(&privilege)
                );
            }
        }
    }
}
