//! The privileges that the work needs, and whether a token has them. Does no I/O.

pub(crate) mod clones;
mod commands;
mod migration;
#[cfg(test)]
mod nested_tests;
mod networks;

pub(crate) use networks::{OUR_VNET, of_transaction, vnet_path, with_networks};

pub(crate) use commands::{BRIDGE_PLACEHOLDER, Scope, command_for, commands};

use crate::action::{Step, VmPlan};
use crate::cli::WaitFor;
use crate::requested::{RequestedVm, names_a_disk};
use machine::token::{ON_DISKS, ON_IMAGES, ON_POOLS, ON_VMS, on_agent};
use machine::{ConfigKey, On, Parts, Version};
use pve_client::{Permissions, Vmid};
use std::collections::{BTreeMap, BTreeSet};

/// The oldest PVE and any later one: without a known version, we ask for what both need.
pub(crate) const ANY_VERSION: [Version; 2] = [Version::OLDEST, Version(u8::MAX, u8::MAX)];

/// The path of bridges and VNets, each in its zone.
const ZONES: &str = "/sdn/zones";

/// The placeholder for the zone of a VNet, which no document names.
pub(crate) const ZONE_PLACEHOLDER: &str = "ZONE";

/// Returns the path of a bridge or VNet. Only PVE knows which of the two a name like `lan` is, and
/// which zone a VNet has: its path then has [`ZONE_PLACEHOLDER`].
// PVE: reference 2; pve-guest-common, GuestHelpers.pm, check_vnet_access.
pub(crate) fn bridge_path(name: &str) -> String {
    let zone = if may_be_vnet(name) { ZONE_PLACEHOLDER } else { "localnetwork" };
    format!("{ZONES}/{zone}/{name}")
}

/// Returns whether a token may use a bridge or VNet, or one of its VLANs, in any of the zones that
/// it may be in, as far as the permissions name them.
pub(crate) fn may_use_bridge(permissions: &Permissions, name: &str) -> bool {
    let zone = |path: &str| path.strip_prefix(ZONES)?.split('/').nth(1).map(str::to_owned);
    let mut zones: BTreeSet<String> = ["localnetwork".to_owned()].into();
    if may_be_vnet(name) {
        zones.extend(permissions.keys().filter_map(|path| zone(path)));
    }
    zones.into_iter().any(|zone| {
        let need = Need { path: format!("{ZONES}/{zone}/{name}"), privilege: "SDN.Use" };
        let below = format!("{}/", need.path);
        let vlan = |(path, list): (&String, &BTreeMap<String, bool>)| {
            path.starts_with(&below) && list.contains_key(need.privilege)
        };
        has(permissions, &need) || permissions.iter().any(vlan)
    })
}

/// Returns whether a name may be that of a VNet. `vmbrN` is what PVE itself calls bridges.
// PVE: pve-network, SDN/VnetPlugin.pm, parse_sdn_vnet_id: 2 to 8 letters and digits, a letter first.
fn may_be_vnet(name: &str) -> bool {
    let number = name.strip_prefix("vmbr").unwrap_or_default();
    let is_vmbr = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    (2..=8).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric())
        && !is_vmbr
        && name != BRIDGE_PLACEHOLDER
}

/// A privilege needed on a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Need {
    /// Such as `/storage/local`.
    pub path: String,
    /// Such as `Datastore.AllocateSpace`.
    pub privilege: &'static str,
}

impl Need {
    /// Returns whether it is to use a bridge: PVE leaves out of the list of bridges what a token may
    /// not use, and a vnet has another path.
    pub(crate) fn is_of_bridge(&self) -> bool {
        self.path.starts_with(ZONES) && self.privilege == "SDN.Use"
    }
}

/// Returns what creating and keeping these VMs needs, with these storages for images.
pub(crate) fn needs(images: &[&str], vms: &[&RequestedVm], pve: &[Version]) -> BTreeSet<Need> {
    let mut all = BTreeSet::new();
    for storage in images {
        extend(&mut all, &format!("/storage/{storage}"), &ON_IMAGES);
    }
    for vm in vms {
        let path = vm_path(vm.vmid);
        extend(&mut all, &path, &ON_VMS);
        if !vm.storage.is_empty() {
            extend(&mut all, &format!("/storage/{}", vm.storage), &ON_DISKS);
        }
        if let Some(pool) = &vm.pool {
            extend(&mut all, &format!("/pool/{pool}"), &ON_POOLS);
        }
        for (key, parts) in vm.new_config() {
            all.extend(of_key(&path, key, &parts, pve));
        }
    }
    without_covered(all)
}

/// Returns what the steps of a change need; `disks` is the storage of the VM's disks.
pub(crate) fn of_change(vm: &VmPlan, disks: &str, pve: &[Version]) -> BTreeSet<Need> {
    let mut all = BTreeSet::new();
    let path = vm_path(vm.vmid);
    let disks = format!("/storage/{disks}");
    for step in &vm.steps {
        match step {
            Step::UploadSeed { storage, .. } => {
                extend(&mut all, &format!("/storage/{storage}"), &ON_IMAGES);
            }
            Step::DeleteVolume { volid, .. } => {
                extend(&mut all, &format!("/storage/{}", volid.storage()), &["Datastore.Allocate"]);
            }
            Step::Configure { params, mark } => {
                if mark.is_some() {
                    extend(&mut all, &path, &["VM.Config.Options"]);
                }
                params.iter().for_each(|(key, text)| all.extend(of_param(&path, key, text, pve)));
            }
            Step::AddDisk { disk, value } => all.extend(of_param(&path, disk, value, pve)),
            Step::AddDisks { disks } => {
                disks.iter().for_each(|(key, text)| all.extend(of_param(&path, key, text, pve)));
            }
            Step::MoveDisk { storage, .. } => {
                extend(&mut all, &path, &["VM.Config.Disk"]);
                extend(&mut all, &format!("/storage/{storage}"), &ON_DISKS);
            }
            Step::Migrate { target_storage, .. } => {
                all.extend(migration::needs(&path, target_storage.as_deref()));
            }
            Step::SetPool { from, pool } => {
                // PVE: pve-manager, API2/Pool.pm; pve-access-control, check_perm_modify.
                extend(&mut all, &path, &["VM.Allocate"]);
                for pool in from.iter().chain(pool) {
                    extend(&mut all, &format!("/pool/{pool}"), &ON_POOLS);
                }
            }
            Step::Resize { .. } => {
                extend(&mut all, &path, &["VM.Config.Disk"]);
                extend(&mut all, &disks, &ON_DISKS);
            }
            Step::Start | Step::Shutdown { .. } | Step::Reboot { .. } => {
                extend(&mut all, &path, &["VM.PowerMgmt"]);
            }
            // Its vmid is new to this plan or fixed by the document: both are among the VMs that are created.
            Step::Remove { vmid, .. } => extend(&mut all, &vm_path(Some(*vmid)), &["VM.Allocate"]),
            // New VMs: `needs` and `clones`.
            Step::Create { .. } | Step::Clone { .. } | Step::Fence | Step::Destroy { .. } => {}
        }
    }
    without_covered(all)
}

/// Returns what waiting for a guest needs; PVE 8 has one privilege for all
/// that an agent is asked.
// PVE: qemu-server, API2/Qemu/Agent.pm; facts 52.
pub(crate) fn of_wait(what: WaitFor, vmid: Option<Vmid>, is_nine: bool) -> BTreeSet<Need> {
    let privileges: &[&'static str] = match what {
        WaitFor::None => &[],
        WaitFor::Agent | WaitFor::Ssh => on_agent(false, is_nine),
        WaitFor::CloudInit => on_agent(true, is_nine),
    };
    let mut all = BTreeSet::new();
    extend(&mut all, &vm_path(vmid), privileges);
    all
}

fn extend(all: &mut BTreeSet<Need>, path: &str, privileges: &[&'static str]) {
    let need = |privilege: &&'static str| Need { path: path.to_owned(), privilege };
    all.extend(privileges.iter().map(need));
}

/// Where PVE chooses the vmid, the privilege must hold for all.
fn vm_path(vmid: Option<Vmid>) -> String {
    vmid.map_or("/vms".to_owned(), |vmid| format!("/vms/{vmid}"))
}

/// Returns what writing a parameter of a config needs.
fn of_param(path: &str, key: &str, text: &str, pve: &[Version]) -> Vec<Need> {
    let on_vm = |privilege| Need { path: path.to_owned(), privilege };
    match (key, ConfigKey::find(key)) {
        ("delete", _) => {
            text.split(',').flat_map(|key| of_param(path, key.trim(), "", pve)).collect()
        }
        (_, Some(key)) => of_key(path, key, &Parts::read(key.key, text), pve),
        // PVE: qemu-server, API2/Qemu.pm, check_vm_modify_config_perm.
        ("name" | "tags", None) => vec![on_vm("VM.Config.Options")],
        (_, None) => Vec::new(),
    }
}

/// Returns what writing or deleting a config key needs, by its row.
fn of_key(path: &str, key: ConfigKey, parts: &Parts, pve: &[Version]) -> Vec<Need> {
    let requested = |need: &&machine::Need| pve.iter().any(|pve| need.applies(parts, *pve));
    let place = |on: On| match on {
        On::Vm => Some(path.to_owned()),
        On::Root => Some("/".to_owned()),
        On::Path(path) => Some(path.to_owned()),
        On::Bridge => parts.get("bridge").map(bridge_path),
        On::Storage if names_a_disk(parts) => None,
        On::Storage => storage(parts).map(|storage| format!("/storage/{storage}")),
        On::Mapping(kind, option) => parts.get(option).map(|id| format!("/mapping/{kind}/{id}")),
        On::CpuModel => {
            let model = parts.get("cputype").and_then(|model| model.strip_prefix("custom-"));
            model.map(|model| format!("/mapping/cpu/{model}"))
        }
        On::Pool => parts.get("").map(|pool| format!("/pool/{pool}")),
    };
    let need =
        |need: &machine::Need| Some(Need { path: place(need.on)?, privilege: need.privilege });
    key.key.needs.iter().filter(requested).filter_map(need).collect()
}

/// Returns the storage that a value names.
fn storage(parts: &Parts) -> Option<&str> {
    let volume = parts.get("file").and_then(|file| file.split_once(':')).map(|(name, _)| name);
    let named = parts.get("storage").or(volume).or_else(|| parts.get(""));
    named.filter(|storage| !storage.is_empty())
}

/// What is enough to use an existing volume. PVE: pve-storage, Storage.pm, check_volume_access.
const ON_MEDIA: [&str; 3] = ["Datastore.Audit", "Datastore.AllocateSpace", "Datastore.Allocate"];

/// Returns whether a privilege is about the guest agent.
pub(crate) fn is_of_agent(privilege: &str) -> bool {
    privilege.starts_with("VM.GuestAgent.") || privilege == "VM.Monitor"
}

impl Need {
    /// Returns the privileges of which one is enough.
    fn any_of(&self) -> Vec<&'static str> {
        if self.privilege == ON_MEDIA[0] {
            return ON_MEDIA.to_vec();
        }
        match is_of_agent(self.privilege) {
            // PVE: qemu-server, API2/Qemu/Agent.pm: whoever is allowed to do anything in the guest may also query it.
            true => vec![self.privilege, "VM.GuestAgent.Unrestricted"],
            false => vec![self.privilege],
        }
    }
}

/// Leaves out what another privilege on the same path includes.
fn without_covered(mut all: BTreeSet<Need>) -> BTreeSet<Need> {
    let spaces: BTreeSet<String> =
        all.iter().filter(|n| n.privilege == ON_DISKS[0]).map(|n| n.path.clone()).collect();
    all.retain(|need| need.privilege != ON_MEDIA[0] || !spaces.contains(&need.path));
    all
}

/// Returns whether a token with these permissions has a privilege on a path.
pub(crate) fn has(permissions: &Permissions, need: &Need) -> bool {
    let mut path = need.path.as_str();
    loop {
        if let Some(list) = permissions.get(path) {
            // PVE lists every path that an ACL names: the nearest one decides, and applies below only when it propagates.
            let given = need.any_of().into_iter().filter_map(|privilege| list.get(privilege));
            return given.into_iter().any(|down| *down || path == need.path);
        }
        path = match path.rsplit_once('/') {
            Some(("", "")) | None => return false,
            Some(("", _)) => "/",
            Some((above, _)) => above,
        };
    }
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
    fn to_use_a_volume_one_of_three_is_enough() {
        let check = |privilege: &str, expected: bool| {
            let given = [(privilege.to_owned(), true)].into_iter().collect();
            let permissions = [("/storage/local".to_owned(), given)].into_iter().collect();
            let need = Need { path: "/storage/local".to_owned(), privilege: "Datastore.Audit" };
            assert_eq!(has(&permissions, &need), expected, "{privilege}");
        };
        check("Datastore.Audit", true);
        check("Datastore.AllocateSpace", true);
        check("Datastore.Allocate", true);
        check("Datastore.AllocateTemplate", false);
    }

    fn check_needs(param: (&str, &str), expected: &[(&str, &str)]) {
        let found = of_param("/vms/100", param.0, param.1, &ANY_VERSION);
        let found: Vec<_> = found.iter().map(|need| (need.path.as_str(), need.privilege)).collect();
        assert_eq!(found, expected, "{param:?}");
    }

    #[test]
    fn the_zone_of_a_possible_vnet_is_not_guessed() {
        for (name, zone) in [
            ("vmbr0", "localnetwork"),
            ("vmbr4094", "localnetwork"),
            ("vmbr0v5", "ZONE"),
            ("vmbr", "ZONE"),
            ("promlan", "ZONE"),
            ("LAN1", "ZONE"),
            ("my_bridge", "localnetwork"),
            ("a-b", "localnetwork"),
            ("morethan8", "localnetwork"),
            ("x", "localnetwork"),
            ("1lan", "localnetwork"),
            ("BRIDGE", "localnetwork"),
        ] {
            assert_eq!(bridge_path(name), format!("/sdn/zones/{zone}/{name}"));
        }
    }

    #[test]
    fn a_bridge_may_be_used_in_a_zone_that_it_may_be_in() {
        let check = |path: &str, down: bool, name: &str, expected: bool| {
            let given = [("SDN.Use".to_owned(), down)].into_iter().collect();
            let permissions = [(path.to_owned(), given)].into_iter().collect();
            assert_eq!(may_use_bridge(&permissions, name), expected, "{path} {name}");
        };
        check("/sdn/zones/localnetwork", true, "vmbr0", true);
        check("/sdn/zones/localnetwork", false, "vmbr0", false);
        check("/sdn/zones/localnetwork/vmbr0", false, "vmbr0", true);
        check("/sdn/zones/localnetwork/vmbr0/20", false, "vmbr0", true);
        check("/sdn/zones/localnetwork/vmbr1", true, "vmbr0", false);
        check("/sdn/zones/lab", true, "vmbr0", false);
        check("/sdn/zones/lab", true, "promlan", true);
        check("/sdn/zones/lab/promlan", true, "promlan", true);
        check("/sdn/zones/lab/other", true, "promlan", false);
        check("/sdn/zones", true, "promlan", true);
        check("/", true, "promlan", true);
        check("/vms", true, "promlan", false);
    }

    #[test]
    fn a_row_says_what_a_write_takes() {
        check_needs(("cores", "4"), &[("/vms/100", "VM.Config.CPU")]);
        check_needs(("tags", "a"), &[("/vms/100", "VM.Config.Options")]);
        check_needs(
            ("net1", "virtio,bridge=lan"),
            &[("/vms/100", "VM.Config.Network"), ("/sdn/zones/ZONE/lan", "SDN.Use")],
        );
        check_needs(
            ("net1", "virtio,bridge=vmbr1,tag=5"),
            &[("/vms/100", "VM.Config.Network"), ("/sdn/zones/localnetwork/vmbr1", "SDN.Use")],
        );
        check_needs(
            ("scsi1", "tank:8"),
            &[("/vms/100", "VM.Config.Disk"), ("/storage/tank", "Datastore.AllocateSpace")],
        );
        check_needs(("scsi1", "tank:vm-100-disk-1,ssd=1"), &[("/vms/100", "VM.Config.Disk")]);
        check_needs(
            ("ide2", "local:iso/a.iso,media=cdrom"),
            &[("/vms/100", "VM.Config.CDROM"), ("/storage/local", "Datastore.Audit")],
        );
        check_needs(
            ("hostpci0", "mapping=gpu"),
            &[("/vms/100", "VM.Config.HWType"), ("/mapping/pci/gpu", "Mapping.Use")],
        );
        check_needs(
            ("delete", "startup,cpu"),
            &[
                ("/vms/100", "VM.Config.Options"),
                ("/", "Sys.Modify"),
                ("/vms/100", "VM.Config.CPU"),
            ],
        );
    }
}
