//! The privileges that the work needs: as commands for `pveum`, and checked against what a token has.
//! Does no I/O.

use crate::action::{Step, VmPlan};
use crate::desired::{Desired, DesiredVm};
use pve_client::{Permissions, StorageId};
use std::collections::BTreeSet;
use std::fmt::Write;

/// What VMs need. PVE: reference 2, docs/pve.md.
const ON_VMS: [&str; 9] = [
    "VM.Allocate",
    "VM.Audit",
    "VM.Config.CPU",
    "VM.Config.Disk",
    "VM.Config.HWType",
    "VM.Config.Memory",
    "VM.Config.Network",
    "VM.Config.Options",
    "VM.PowerMgmt",
];
/// What the storage of the VMs' disks needs.
const ON_DISKS: [&str; 1] = ["Datastore.AllocateSpace"];
/// What the image storage needs: list and import, upload, delete.
const ON_IMAGES: [&str; 3] =
    ["Datastore.Allocate", "Datastore.AllocateSpace", "Datastore.AllocateTemplate"];
/// What a bridge needs.
const ON_BRIDGES: [&str; 1] = ["SDN.Use"];

/// What `startup` needs on `/`. PVE: reference 3.
const ON_ALL: [&str; 1] = ["Sys.Modify"];

/// A privilege that is needed on a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Need {
    /// As `/storage/local`.
    pub path: String,
    /// As `Datastore.AllocateSpace`.
    pub privilege: &'static str,
}

/// What making these VMs needs, but for the bridges: PVE's list of them is filtered by what may be used.
pub(crate) fn needs(desired: &Desired, vms: &[&DesiredVm]) -> BTreeSet<Need> {
    let on = |path: String, privileges: &'static [&'static str]| {
        privileges.iter().map(move |privilege| Need { path: path.clone(), privilege })
    };
    let mut all: BTreeSet<Need> =
        on(format!("/storage/{}", desired.image_storage), &ON_IMAGES).collect();
    for vm in vms {
        // Where PVE chooses the vmid, the right must hold for all.
        let path = vm.vmid.map_or("/vms".to_owned(), |vmid| format!("/vms/{vmid}"));
        all.extend(on(path, &ON_VMS));
        if let Some(machine) = &vm.machine {
            all.extend(on(format!("/storage/{}", machine.storage), &ON_DISKS));
            if machine.said_keys().any(|key| key.key.part.name == "startup") {
                all.extend(on("/".to_owned(), &ON_ALL));
            }
        }
    }
    all
}

/// What the steps of a change need; `disks` is the storage of the VM's disks.
pub(crate) fn of_change(vm: &VmPlan, disks: &StorageId) -> BTreeSet<Need> {
    let mut all = BTreeSet::new();
    let path = vm.vmid.map_or("/vms".to_owned(), |vmid| format!("/vms/{vmid}"));
    let mut need = |path: &str, list: &[&'static str]| {
        all.extend(list.iter().map(|privilege| Need { path: path.to_owned(), privilege }));
    };
    for step in &vm.steps {
        match step {
            Step::UploadSeed { storage, .. } => need(&format!("/storage/{storage}"), &ON_IMAGES),
            Step::DeleteVolume { volid, .. } => {
                need(&format!("/storage/{}", volid.storage()), &["Datastore.Allocate"]);
            }
            Step::Configure { params, mark } => {
                if mark.is_some() {
                    need(&path, &["VM.Config.Options"]);
                }
                params.iter().for_each(|(key, value)| need(&path, of_key(key, value)));
                if params.contains_key("startup") {
                    need("/", &ON_ALL);
                }
            }
            Step::MoveDisk { storage, .. } => {
                need(&path, &["VM.Config.Disk"]);
                need(&format!("/storage/{storage}"), &ON_DISKS);
            }
            Step::SetPool { from, pool } => {
                need(&path, &["VM.Allocate"]);
                for pool in from.iter().chain(pool) {
                    need(&format!("/pool/{pool}"), &["Pool.Allocate"]);
                }
            }
            Step::AddDisk { value, .. } => {
                let storage = value.split(':').next().unwrap_or_default();
                need(&path, &["VM.Config.Disk"]);
                need(&format!("/storage/{storage}"), &ON_DISKS);
            }
            Step::Resize { .. } => {
                need(&path, &["VM.Config.Disk"]);
                need(&format!("/storage/{disks}"), &ON_DISKS);
            }
            Step::Start | Step::Shutdown { .. } | Step::Reboot { .. } => {
                need(&path, &["VM.PowerMgmt"]);
            }
            Step::Create { .. } | Step::Fence | Step::Destroy { .. } => {}
        }
    }
    all
}

/// What it takes to write a key of a config.
fn of_key(key: &str, value: &str) -> &'static [&'static str] {
    // PVE: qemu-server, API2/Qemu.pm, check_vm_modify_config_perm.
    match key {
        "cores" | "cpu" => &["VM.Config.CPU"],
        "memory" => &["VM.Config.Memory"],
        "scsihw" | "serial0" => &["VM.Config.HWType"],
        "agent" | "description" | "name" | "onboot" | "ostype" | "startup" | "tags" => {
            &["VM.Config.Options"]
        }
        "net0" => &["VM.Config.Network"],
        "boot" => &["VM.Config.Disk"],
        "delete" => of_key(value, ""),
        _ if key.starts_with("virtio") => &["VM.Config.Disk"],
        _ => &[],
    }
}

/// Says whether a token with these permissions has a privilege on a path.
pub(crate) fn has(permissions: &Permissions, need: &Need) -> bool {
    let mut path = need.path.as_str();
    loop {
        if let Some(list) = permissions.get(path) {
            // PVE lists every path that an ACL names: the nearest one decides, and goes down only when it propagates.
            return list.get(need.privilege).is_some_and(|down| *down || path == need.path);
        }
        path = match path.rsplit_once('/') {
            Some(("", "")) | None => return false,
            Some(("", _)) => "/",
            Some((above, _)) => above,
        };
    }
}

/// Who the commands are for, and on what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    /// The user, as `iac@pve`.
    pub user: String,
    /// The token's name.
    pub token: String,
    /// Storages for disks.
    pub disks: BTreeSet<String>,
    /// The storage for images and seeds.
    pub images: String,
    /// Bridges.
    pub bridges: BTreeSet<String>,
    /// A VM has a `startup`.
    pub startup: bool,
}

impl Default for Scope {
    fn default() -> Self {
        Self {
            user: "iac@pve".to_owned(),
            token: "pipeline".to_owned(),
            disks: BTreeSet::from(["DATASTORE".to_owned()]),
            images: "IMAGE_DATASTORE".to_owned(),
            bridges: BTreeSet::from(["BRIDGE".to_owned()]),
            startup: false,
        }
    }
}

/// Returns the command, to be run by root on a node, that gives a token these privileges on a path.
pub(crate) fn command_for(path: &str, privileges: &[&str], token_id: &str) -> String {
    let user = token_id.split('!').next().unwrap_or_default();
    // On `/` without going down: nodes, storages and VMs are left out.
    let propagate = if path == "/" { " --propagate 0" } else { "" };
    let role = if path == "/" {
        "PipelineStartup"
    } else if path.starts_with("/vms") {
        "PipelineVMs"
    } else if privileges.iter().any(|privilege| !ON_DISKS.contains(privilege)) {
        "PipelineImages"
    } else {
        "PipelineDisks"
    };
    // The right on one VM is the right on all: a role of its own for each vmid helps nobody.
    let path = if role == "PipelineVMs" { "/vms" } else { path };
    format!(
        "run on a node: pveum acl modify {path} --users {user} --tokens '{token_id}' --roles {role}{propagate} \
         (`pve-apply privileges` prints the roles)"
    )
}

/// Returns the commands, to be run by root on a node, that give a token what it needs and no more.
pub(crate) fn commands(scope: &Scope) -> String {
    let roles: [(&str, &[&str]); 4] = [
        ("PipelineVMs", &ON_VMS),
        ("PipelineDisks", &ON_DISKS),
        ("PipelineImages", &ON_IMAGES),
        ("PipelineBridges", &ON_BRIDGES),
    ];
    let mut out = String::from("# Roles: what pve-apply and image-publish need.\n");
    for (role, privileges) in roles {
        // Writing into a String cannot fail.
        let _ = writeln!(out, "pveum role add {role} --privs \"{}\"", privileges.join(","));
    }
    let Scope { user, token, disks, images, bridges, startup } = scope;
    let _ = writeln!(out, "# A user and a token that has only what both are given.");
    let _ = writeln!(out, "pveum user add {user}");
    let _ = writeln!(out, "pveum user token add {user} {token} --privsep 1");
    let _ = writeln!(out, "# Who may do what, where.");
    let mut give = |path: &str, role: &str| {
        let _ = writeln!(
            out,
            "pveum acl modify {path} --users {user} --tokens '{user}!{token}' --roles {role}"
        );
    };
    give("/vms", "PipelineVMs");
    disks.iter().for_each(|disk| give(&format!("/storage/{disk}"), "PipelineDisks"));
    give(&format!("/storage/{images}"), "PipelineImages");
    for bridge in bridges {
        give(&format!("/sdn/zones/localnetwork/{bridge}"), "PipelineBridges");
    }
    // A comment where no VM is known to need it.
    let (word, mark) = if *startup { ("For", "") } else { ("Only for", "#   ") };
    let _ = write!(
        out,
        "# {word} VMs with `startup`. Sys.Modify on / allows more than that: to change the cluster's options, for one.\n\
         {mark}pveum role add PipelineStartup --privs {}\n\
         {mark}pveum acl modify / --users {user} --tokens '{user}!{token}' --roles PipelineStartup --propagate 0\n",
        ON_ALL.join(",")
    );
    out.push_str(&format!(
        "# Only for `--wait agent`: VM.GuestAgent.Audit on PVE 9, VM.Monitor on PVE 8.\n\
         #   pveum role modify PipelineVMs --append --privs VM.GuestAgent.Audit\n\
         # Only for images that the node itself downloads:\n\
         #   pveum role add PipelineDownloads --privs Sys.AccessNetwork\n\
         #   pveum acl modify /nodes/NODE --users {user} --tokens '{user}!{token}' --roles PipelineDownloads\n"
    ));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(listed: &[(&str, &str, bool)], path: &str, expected: bool) {
        let mut permissions = Permissions::new();
        for (path, privilege, down) in listed {
            let list = permissions.entry((*path).to_owned()).or_default();
            if !privilege.is_empty() {
                list.insert((*privilege).to_owned(), *down);
            }
        }
        let need = Need { path: path.to_owned(), privilege: "VM.Audit" };
        assert_eq!(has(&permissions, &need), expected, "{listed:?} {path}");
    }

    #[test]
    fn the_nearest_listed_path_decides() {
        check(&[("/", "VM.Audit", true)], "/vms/100", true);
        check(&[("/vms", "VM.Audit", true)], "/vms/100", true);
        check(&[("/vms", "VM.Audit", false)], "/vms/100", false);
        check(&[("/vms", "VM.Audit", false)], "/vms", true);
        check(&[("/", "VM.Audit", true), ("/vms", "", true)], "/vms/100", false);
        check(&[("/vms/100", "VM.Audit", false)], "/vms/100", true);
        check(&[], "/vms/100", false);
    }

    #[test]
    fn commands_name_the_scope() {
        let text = commands(&Scope::default());
        assert!(text.contains("pveum acl modify /storage/IMAGE_DATASTORE --users iac@pve"));
        assert!(text.contains("--roles PipelineBridges"));
    }
}
