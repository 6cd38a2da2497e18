//! What clones need, and the templates that they come from. Does no I/O.

use super::{Need, bridge_path, extend, vm_path};
use crate::action::{Step, VmPlan};
use crate::requested::{CloneSource, RequestedVm};
use machine::token::{CLONE, ON_DISKS, ON_TEMPLATES};
use std::collections::BTreeSet;

/// Returns what the clones among these VMs need besides what VMs need that are created from images, as far
/// as a document shows it: the storages and devices of other people's templates are unknown.
pub(crate) fn of_vms(vms: &[&RequestedVm]) -> BTreeSet<Need> {
    let mut all = BTreeSet::new();
    for vm in vms {
        let Some(source) = &vm.clones else { continue };
        let (template, path) = (vm_path(source.template()), vm_path(vm.vmid));
        extend(&mut all, &template, &[CLONE, "VM.Audit"]);
        extend(&mut all, &path, &[WITH_UUID]);
        if matches!(source, CloneSource::Theirs(_)) {
            extend(&mut all, &path, &[WITHOUT_CLOUD_INIT, WITHOUT_CD]);
        }
    }
    all
}

/// Returns what any clone may need on VMs and templates, as far as that is known without its template.
pub(crate) fn of_any() -> BTreeSet<&'static str> {
    let own = [CLONE, "VM.Audit", WITH_UUID, WITHOUT_CLOUD_INIT, WITHOUT_CD];
    own.into_iter().chain(ON_TEMPLATES).collect()
}

/// Returns what the clones among new VMs need: by their plans, if there are any.
pub(crate) fn of_new(vms: &[&RequestedVm], plans: &[&VmPlan]) -> BTreeSet<Need> {
    match plans.is_empty() {
        true => of_vms(vms),
        false => plans.iter().flat_map(|plan| of_plan(plan)).collect(),
    }
}

/// Returns what image-publish needs to make, list and prune the templates of these VMs' images.
pub(crate) fn of_templates(vms: &[&RequestedVm]) -> BTreeSet<Need> {
    let mut all = BTreeSet::new();
    let is_of_image = |vm: &&&RequestedVm| matches!(vm.clones, Some(CloneSource::OfImage));
    if vms.iter().any(|vm| is_of_image(&vm)) {
        // Their vmids are chosen when they are made.
        extend(&mut all, &vm_path(None), &ON_TEMPLATES);
    }
    all
}

/// PVE: facts-4, 57: what sets the uuid.
const WITH_UUID: &str = "VM.Config.HWType";
/// PVE: facts-4, 5: what takes a cloud-init drive away.
const WITHOUT_CLOUD_INIT: &str = "VM.Config.Cloudinit";
/// PVE: facts-4, 5: what takes a CD drive away.
const WITHOUT_CD: &str = "VM.Config.CDROM";

/// Returns what the clone in a plan needs, if it has one. The config that it gets is that of every new VM.
// PVE: qemu-server, API2/Qemu.pm, clone_vm and check_storage_access_clone; facts-4, 40.
fn of_plan(vm: &VmPlan) -> BTreeSet<Need> {
    let mut all = BTreeSet::new();
    let path = vm_path(vm.vmid);
    for step in &vm.steps {
        let Step::Clone { template, volumes, storage, bridges, .. } = step else { continue };
        extend(&mut all, &vm_path(Some(*template)), &[CLONE]);
        extend(&mut all, &path, &[WITH_UUID]);
        for volume in volumes.values().filter(|volume| is_allocated(volume)) {
            let own = volume.split(':').next().unwrap_or_default();
            let storage = storage.as_ref().map_or(own, |storage| storage.as_str());
            extend(&mut all, &format!("/storage/{storage}"), &ON_DISKS);
        }
        for bridge in bridges {
            extend(&mut all, &bridge_path(bridge), &["SDN.Use"]);
        }
        for gone in deleted(vm) {
            let Some(volume) = volumes.get(gone) else { continue };
            let privilege = if is_cloud_init(volume) {
                WITHOUT_CLOUD_INIT
            } else if is_allocated(volume) {
                "VM.Config.Disk"
            } else {
                WITHOUT_CD
            };
            extend(&mut all, &path, &[privilege]);
        }
    }
    all
}

/// Returns the keys that a plan deletes.
fn deleted(vm: &VmPlan) -> impl Iterator<Item = &str> {
    let lists = vm.steps.iter().filter_map(|step| match step {
        Step::Configure { params, .. } => params.get("delete"),
        _ => None,
    });
    lists.flat_map(|list| list.split(','))
}

/// Returns whether PVE allocates a volume for a drive: not for a medium, which clones share.
// PVE: facts-3, 1.1: an ISO is shared; `none` and `cdrom` have no storage.
fn is_allocated(volume: &str) -> bool {
    volume.split_once(':').is_some_and(|(_, name)| !name.starts_with("iso/"))
}

// PVE: pve-storage: cloud-init's drive is named vm-ID-cloudinit.
fn is_cloud_init(volume: &str) -> bool {
    volume.ends_with("cloudinit") || volume.contains("-cloudinit.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::Action;
    use crate::plan::worlds::{vm_plan, vmid};
    use std::collections::BTreeMap;

    fn check(storage: Option<&str>, deleted: &str, expected: &[&str]) {
        let volumes = [
            ("ide0", "local:iso/debian.iso"),
            ("ide2", "tank:vm-9000-cloudinit"),
            ("ide3", "none"),
            ("scsi1", "slow:base-9000-disk-1"),
            ("virtio0", "fast:base-9000-disk-0"),
        ];
        let volumes = volumes.map(|(key, volume)| (key.to_owned(), volume.to_owned()));
        let clone = Step::Clone {
            template: vmid(9000),
            volumes: volumes.into(),
            full: storage.is_some(),
            storage: storage.map(|storage| storage.parse().unwrap()),
            pool: None,
            description: None,
            moved: BTreeMap::new(),
            bridges: BTreeSet::from(["vmbr7".to_owned()]),
        };
        let params = BTreeMap::from([("delete".to_owned(), deleted.to_owned())]);
        let steps = vec![clone, Step::Configure { params, mark: None }];
        let plan = VmPlan { vmid: Some(vmid(101)), steps, ..vm_plan("edge", Action::Create) };
        let found: Vec<String> =
            of_plan(&plan).iter().map(|need| format!("{} {}", need.path, need.privilege)).collect();
        assert_eq!(found, expected, "{storage:?} {deleted}");
    }

    #[test]
    fn a_clone_needs_the_template_its_storages_and_its_bridges() {
        let always = ["/sdn/zones/localnetwork/vmbr7 SDN.Use"];
        let storages = |names: &[&str]| -> Vec<String> {
            names.iter().map(|name| format!("/storage/{name} Datastore.AllocateSpace")).collect()
        };
        let all = |storage: &[&str], on_vm: &[&str]| -> Vec<String> {
            let mut list: Vec<String> = always.iter().map(ToString::to_string).collect();
            list.extend(storages(storage));
            list.extend(on_vm.iter().map(|privilege| format!("/vms/101 {privilege}")));
            list.push("/vms/9000 VM.Clone".to_owned());
            list
        };
        let check = |storage, deleted, expected: Vec<String>| {
            check(storage, deleted, &expected.iter().map(String::as_str).collect::<Vec<_>>());
        };
        let linked = ["fast", "slow", "tank"];
        check(None, "net1", all(&linked, &["VM.Config.HWType"]));
        check(Some("big"), "net1", all(&["big"], &["VM.Config.HWType"]));
        check(None, "ide2", all(&linked, &["VM.Config.Cloudinit", "VM.Config.HWType"]));
        check(None, "ide0,ide3", all(&linked, &["VM.Config.CDROM", "VM.Config.HWType"]));
        check(None, "scsi1", all(&linked, &["VM.Config.Disk", "VM.Config.HWType"]));
    }
}
