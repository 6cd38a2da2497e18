//! Checks that the storages have room for everything that a plan creates. Does no I/O.

use crate::action::{Action, Plan, Step, VmPlan};
use crate::observed::{Observation, Observed};
use machine::{ConfigKey, Form};
use pve_client::{NodeName, PropertyString, Storage, StorageId, Vmid, Volid};
use stage::{Entry, Place, Report};
use std::collections::{BTreeMap, BTreeSet};

/// A seed, an EFI disk and a TPM state take at most this much.
const SMALL: u64 = 4 << 20;

/// What a plan needs on one storage.
#[derive(Debug, Default, PartialEq)]
struct Need<'p> {
    bytes: u64,
    /// What it frees there, before or after it needs the rest.
    freed: u64,
    vms: BTreeSet<&'p str>,
}

/// Checks whether the storages of the nodes have room for what a plan creates, grows and moves there.
///
/// An error only if PVE itself would refuse; a thin storage can be overcommitted.
pub(crate) fn judge(plan: &Plan, observed: &Observed, nodes: &[(&NodeName, &[Storage])]) -> Report {
    let mut report = Report::new();
    // All nodes take from one shared storage, and make room on it.
    let mut shared: BTreeMap<&str, (&NodeName, &Storage)> = BTreeMap::new();
    for (node, storages) in nodes {
        // One that is not active on this node has its size on another.
        for storage in storages.iter().filter(|storage| storage.shared && storage.total > 0) {
            shared.entry(storage.storage.as_str()).or_insert((node, storage));
        }
    }
    let mut on_shared: BTreeMap<&str, Need<'_>> = BTreeMap::new();
    for node in with_work(plan) {
        for (name, need) in needs(plan, observed, node) {
            match shared.get_key_value(name.as_str()) {
                Some((name, _)) => on_shared.entry(name).or_default().add(need),
                None => report.extend(is_short(find(nodes, node, &name), &need, node)),
            }
        }
    }
    for (name, need) in on_shared {
        if let Some((node, storage)) = shared.get(name) {
            report.extend(is_short(Some(storage), &need, node));
        }
    }
    report
}

/// Returns the nodes on which a plan works.
fn with_work(plan: &Plan) -> BTreeSet<&NodeName> {
    plan.vms.iter().map(VmPlan::node_afterwards).collect()
}

fn find<'s>(
    nodes: &[(&NodeName, &'s [Storage])],
    node: &NodeName,
    name: &str,
) -> Option<&'s Storage> {
    let (_, storages) = nodes.iter().find(|(known, _)| *known == node)?;
    storages.iter().find(|storage| storage.storage.as_str() == name)
}

impl<'p> Need<'p> {
    fn add(&mut self, other: Self) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.freed = self.freed.saturating_add(other.freed);
        self.vms.extend(other.vms);
    }
}

/// Returns why a storage has no room; one that is not known, or not active, has no size.
fn is_short(storage: Option<&Storage>, need: &Need<'_>, node: &NodeName) -> Report {
    let Some(storage) = storage else { return Report::new() };
    let is_short = storage.total > 0 && storage.avail < need.bytes;
    if is_short { finding(storage, need, node).into() } else { Report::new() }
}

fn finding(storage: &Storage, need: &Need<'_>, node: &NodeName) -> Entry {
    let (free, bytes) = (shown(storage.avail, false), shown(need.bytes, true));
    let count = need.vms.len();
    let vms = if count == 1 { "1 VM".to_owned() } else { format!("{count} VMs") };
    let head = format!("storage \"{}\" has {free} free", storage.storage);
    if is_thick(storage) {
        let fact = format!("{head}, and the disks of {vms} need {bytes}");
        if storage.avail.saturating_add(need.freed) >= need.bytes {
            let fact =
                format!("{fact}; what this plan removes there frees {}", shown(need.freed, false));
            return Entry::warning("storage-full", Place::node(node.as_str()), fact)
                .hint("a VM whose turn comes before there is room fails: then run again");
        }
        return Entry::error("storage-full", Place::node(node.as_str()), fact)
            .hint("free some space, choose another storage, or make the disks smaller");
    }
    let fact = format!("{head}, and the disks of {vms} can grow to {bytes}");
    Entry::warning("storage-overcommitted", Place::node(node.as_str()), fact).hint(
        "PVE creates them anyway; a guest whose disk runs out of space stops with an I/O error",
    )
}

/// Returns whether a storage allocates all of a disk's space at once.
// PVE: pve-storage, LVMPlugin.pm, alloc_image: `not enough free space` unless the volume group has it.
// Files are sparse, and so are volumes of lvmthin, rbd and, with `sparse`, of zfspool.
fn is_thick(storage: &Storage) -> bool {
    storage.kind == "lvm"
}

/// Returns what a plan needs of each storage of a node.
fn needs<'p>(plan: &'p Plan, observed: &Observed, node: &NodeName) -> BTreeMap<String, Need<'p>> {
    let mut needs: BTreeMap<String, Need<'p>> = BTreeMap::new();
    for vm in plan.vms.iter().filter(|vm| vm.node_afterwards() == node) {
        for (storage, bytes) in disks(vm, observed).into_values().filter(|(_, bytes)| *bytes > 0) {
            let need = needs.entry(storage).or_default();
            need.bytes = need.bytes.saturating_add(bytes);
            need.vms.insert(&vm.name);
        }
        // What it leaves behind on another node makes no room here.
        for (storage, bytes) in freed(vm, observed).into_iter().filter(|_| vm.node == *node) {
            let need = needs.entry(storage).or_default();
            need.freed = need.freed.saturating_add(bytes);
        }
    }
    needs
}

/// Returns the storage and the further bytes of each disk that a VM's steps create, grow or move.
fn disks(vm: &VmPlan, observed: &Observed) -> BTreeMap<String, (String, u64)> {
    let has = |disk: &str| existing(vm, observed, disk);
    let mut disks: BTreeMap<String, (String, u64)> = BTreeMap::new();
    for step in &vm.steps {
        match step {
            Step::Create { params } | Step::AddDisks { disks: params } => {
                let made = params.iter().filter_map(|(key, value)| {
                    Some((key.clone(), new_disk(key, value, (observed, vm.node_afterwards()))?))
                });
                disks.extend(made);
            }
            // A linked clone may grow to its full size.
            Step::Clone { template, storage, .. } => {
                disks.extend(of_template(*template, storage.as_ref(), observed));
            }
            Step::AddDisk { disk, value } => {
                disks.extend(
                    new_disk(disk, value, (observed, vm.node_afterwards()))
                        .map(|made| (disk.clone(), made)),
                );
            }
            Step::Resize { disk, bytes } => match (disks.get_mut(disk), has(disk)) {
                (Some((_, size)), _) => *size = (*size).max(*bytes),
                (None, Some((storage, size))) => {
                    disks.insert(disk.clone(), (storage, bytes.saturating_sub(size)));
                }
                (None, None) => {}
            },
            Step::MoveDisk { disk, storage } => {
                let size = has(disk).map_or(0, |(_, size)| size);
                disks.insert(disk.clone(), (storage.to_string(), size));
            }
            Step::Migrate { disks: copied, .. } => {
                let sizes = copied.iter().filter_map(|disk| Some((disk, disk.bytes?)));
                let sizes =
                    sizes.map(|(disk, size)| (disk.volid.clone(), (disk.storage.clone(), size)));
                disks.extend(sizes);
            }
            _ => {}
        }
    }
    disks
}

/// Returns the storage and the size of each disk that a clone gets, by its slot in the template.
fn of_template(
    template: Vmid,
    target: Option<&StorageId>,
    observed: &Observed,
) -> Vec<(String, (String, u64))> {
    let Some(state) = observed.template(template) else { return Vec::new() };
    let disk = |(key, text): (&String, &String)| {
        ConfigKey::find(key).filter(|key| matches!(key.key.form, Form::Drive(_)))?;
        let drive = PropertyString::parse(text, "file");
        let (own, _) = drive.get("file")?.split_once(':')?;
        let bytes = drive.size("size").filter(|_| drive.get("media") != Some("cdrom"))?;
        let storage = target.map_or(own, StorageId::as_str);
        Some((key.clone(), (storage.to_owned(), bytes)))
    };
    state.config.values.iter().filter_map(disk).collect()
}

/// Returns the storage and the size of each disk that a VM's steps remove or move away.
fn freed(vm: &VmPlan, observed: &Observed) -> Vec<(String, u64)> {
    let seen = vm.vmid.and_then(|vmid| observed.vms.get(&vmid));
    let all = match seen {
        Some(Observation::Seen(seen)) if vm.action == Action::Destroy => {
            seen.config.keys().collect()
        }
        _ => Vec::new(),
    };
    let moved = vm.steps.iter().filter_map(|step| match step {
        Step::MoveDisk { disk, .. } => Some(disk.as_str()),
        _ => None,
    });
    all.into_iter().chain(moved).filter_map(|disk| existing(vm, observed, disk)).collect()
}

/// Returns the storage and the size of a disk that a VM has.
fn existing(vm: &VmPlan, observed: &Observed, disk: &str) -> Option<(String, u64)> {
    let Some(Observation::Seen(seen)) = observed.vms.get(&vm.vmid?) else { return None };
    let drive = PropertyString::parse(seen.config.next(disk)?, "file");
    let (storage, _) = drive.get("file")?.split_once(':')?;
    Some((storage.to_owned(), drive.size("size")?))
}

/// Returns the storage and the size of a disk that PVE makes of `STORAGE:GIB` or of an import.
fn new_disk(
    key: &str,
    value: &str,
    (observed, node): (&Observed, &NodeName),
) -> Option<(String, u64)> {
    let drive = PropertyString::parse(value, "file");
    let (storage, gib) = drive.get("file")?.split_once(':')?;
    let is_small = key.starts_with("efidisk") || key.starts_with("tpmstate");
    let asked = pve_client::parse_size(&format!("{gib}G"))?;
    let image = drive.get("import-from").and_then(|from| from.parse::<Volid>().ok());
    let bytes = match image {
        // An image that is not in the document is a seed.
        Some(image) => observed.image_size(node, &image).unwrap_or(SMALL),
        None if is_small => SMALL,
        None => asked,
    };
    Some((storage.to_owned(), bytes))
}

/// Returns a size in tenths of a GiB: needed space is rounded up, free space down.
fn shown(bytes: u64, up: bool) -> String {
    let all = u128::from(bytes) * 10;
    let tenths = if up { all.div_ceil(1 << 30) } else { all >> 30 };
    format!("{}.{} GiB", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observed::Power;
    use crate::plan::worlds::{config, put, vm_plan, vmid, world};
    use stage::Severity;

    const GIB: u64 = 1 << 30;

    /// What the steps of a VM that has a disk of 10 GiB on `local-lvm` need.
    fn check(steps: Vec<Step>, expected: &[(&str, u64)]) {
        let mut world = world();
        put(&mut world, 101, "pve1", Power::Running, config("edge", 101));
        let mut plan = Plan::empty("dev", "run");
        let vmid = Some(vmid(101));
        plan.vms.push(VmPlan { vmid, steps, ..vm_plan("edge", Action::Change) });
        let needs = needs(&plan, &world, &"pve1".parse().unwrap());
        let needs = needs.iter().map(|(name, need)| (name.as_str(), need.bytes));
        let needs: Vec<_> = needs.filter(|(_, bytes)| *bytes > 0).collect();
        assert_eq!(needs, expected);
        let away = super::needs(&plan, &world, &"pve2".parse().unwrap());
        assert_eq!(away, BTreeMap::new());
    }

    #[test]
    fn grown_moved_and_new_disks_need_room() {
        let grow = |disk: &str, gib| Step::Resize { disk: disk.to_owned(), bytes: gib * GIB };
        let add = |value: &str| Step::AddDisk { disk: "scsi1".to_owned(), value: value.to_owned() };
        check(vec![grow("virtio0", 15)], &[("local-lvm", 5 * GIB)]);
        check(vec![add("tank:20,discard=on")], &[("tank", 20 * GIB)]);
        check(vec![add("tank:0,import-from=local:import/x.raw")], &[("tank", SMALL)]);
        check(vec![add("tank:2"), grow("scsi1", 8)], &[("tank", 8 * GIB)]);
        let moves = Step::MoveDisk { disk: "virtio0".to_owned(), storage: "tank".parse().unwrap() };
        check(vec![moves.clone(), grow("virtio0", 12)], &[("tank", 12 * GIB)]);
        check(vec![moves], &[("tank", 10 * GIB)]);
        check(vec![Step::Start], &[]);
    }

    /// A thick storage of a node, with this much free.
    fn thick(shared: bool, free: u64) -> [Storage; 1] {
        [Storage {
            storage: "local-lvm".parse().unwrap(),
            kind: "lvm".to_owned(),
            content: vec!["images".to_owned()],
            enabled: true,
            active: true,
            shared,
            total: 100 * GIB,
            used: (100 - free) * GIB,
            avail: free * GIB,
        }]
    }

    /// Plans a VM with a disk of this size.
    fn make(plan: &mut Plan, node: &str, gib: u64) {
        let params = [("scsi0".to_owned(), format!("local-lvm:{gib}"))].into();
        let vm = vm_plan(&format!("vm{}", plan.vms.len()), Action::Create);
        let node = node.parse().unwrap();
        plan.vms.push(VmPlan { node, steps: vec![Step::Create { params }], ..vm });
    }

    /// What is found of a thick storage with this much free, when the plan destroys a VM of 10 GiB there
    /// and creates disks of these sizes.
    fn severity(free: u64, made: &[u64]) -> Option<Severity> {
        let mut world = world();
        put(&mut world, 101, "pve1", Power::Running, config("edge", 101));
        let mut plan = Plan::empty("dev", "run");
        let gone = vm_plan("edge", Action::Destroy);
        plan.vms.push(VmPlan { vmid: Some(vmid(101)), ..gone });
        made.iter().for_each(|gib| make(&mut plan, "pve1", *gib));
        let storages = thick(false, free);
        let report = judge(&plan, &world, &[(&"pve1".parse().unwrap(), &storages)]);
        report.entries().first().map(|entry| entry.severity)
    }

    /// What is found when two nodes get a disk of 10 GiB each and a third loses one of 10 GiB. The nodes' storages
    /// of one name have this much free.
    fn on_nodes(shared: bool, free: [u64; 2]) -> Vec<(Severity, String)> {
        let mut world = world();
        put(&mut world, 101, "pve3", Power::Running, config("edge", 101));
        let mut plan = Plan::empty("dev", "run");
        make(&mut plan, "pve1", 10);
        make(&mut plan, "pve2", 10);
        let gone = vm_plan("edge", Action::Destroy);
        let (vmid, node) = (Some(vmid(101)), "pve3".parse().unwrap());
        plan.vms.push(VmPlan { vmid, node, ..gone });
        let names = ["pve1", "pve2"].map(|name| name.parse::<NodeName>().unwrap());
        let storages = free.map(|free| thick(shared, free));
        let nodes: Vec<_> =
            names.iter().zip(&storages).map(|(name, storages)| (name, &storages[..])).collect();
        let report = judge(&plan, &world, &nodes);
        report.entries().iter().map(|e| (e.severity, e.place.to_string())).collect()
    }

    #[test]
    fn each_node_has_its_own_storage_unless_it_is_shared() {
        let found = |severity, node: &str| (severity, format!("node {node}"));
        assert_eq!(on_nodes(false, [10, 10]), []);
        assert_eq!(on_nodes(false, [10, 9]), [found(Severity::Error, "pve2")]);
        let both = [found(Severity::Error, "pve1"), found(Severity::Error, "pve2")];
        assert_eq!(on_nodes(false, [9, 9]), both);
        assert_eq!(on_nodes(true, [20, 20]), []);
        // What a third node frees there may come first.
        assert_eq!(on_nodes(true, [19, 19]), [found(Severity::Warning, "pve1")]);
        assert_eq!(on_nodes(true, [9, 9]), [found(Severity::Error, "pve1")]);
    }

    #[test]
    fn only_what_cannot_fit_is_an_error() {
        assert_eq!(severity(5, &[5]), None);
        // The destroy may come first.
        assert_eq!(severity(5, &[15]), Some(Severity::Warning));
        assert_eq!(severity(5, &[16]), Some(Severity::Error));
        // Together more bytes than a number can count.
        assert_eq!(severity(5, &[(1 << 34) - 1, 1 << 33]), Some(Severity::Error));
    }

    #[test]
    fn what_is_needed_is_rounded_up() {
        assert_eq!([shown(GIB + 1, true), shown(GIB + 1, false)], ["1.1 GiB", "1.0 GiB"]);
    }
}
