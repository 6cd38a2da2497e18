//! DOOR (reads only): asks PVE about each VM that the document moves to another node.

use crate::desired::{Desired, DesiredVm};
use crate::mark::Owner;
use crate::observed::{Observed, VmState};
use crate::outlook::{Outlook, Refusal, Target};
use crate::read::read_api;
use pve_client::{
    Client, Error, MigrationPreconditions, Node, NodeName, PropertyString, Storage, Vmid,
};
use pve_stage::finding;
use stage::{Failure, Gather as _, Place};
use std::collections::{BTreeMap, BTreeSet};

/// Reads the outlook of each VM that must be migrated; reads nothing when there is none.
///
/// # Errors
/// A read failed for another reason than that PVE refuses the migration.
pub(crate) fn read(
    client: &Client,
    desired: &Desired,
    observed: &Observed,
) -> Result<BTreeMap<Vmid, Outlook>, Failure> {
    let mut outlooks = BTreeMap::new();
    let mut reader =
        Reader { client, nodes: None, storages: BTreeMap::new(), bridges: BTreeMap::new() };
    for (vm, seen) in to_migrate(desired, observed) {
        let fail = |error: Error| {
            let place = Place::vm(seen.node.as_str(), seen.vmid.get());
            Failure::from(finding::of_error(place, &error))
        };
        outlooks.insert(seen.vmid, reader.outlook(vm, seen).map_err(fail)?);
    }
    Ok(outlooks)
}

/// Returns the VMs that the site's YAML moves to another node and that have not arrived yet.
fn to_migrate<'a>(
    desired: &'a Desired,
    observed: &'a Observed,
) -> Vec<(&'a DesiredVm, &'a VmState)> {
    let by_name = desired.by_name();
    let found = observed.seen().filter_map(|seen| {
        let Owner::Ours(mark) = seen.owner(&desired.site, &desired.deployment) else { return None };
        let vm = *by_name.get(desired.name_now(&mark.vm))?;
        let migrates = vm.must_migrate(&mark.node, &seen.node) && !mark.is_unfinished_clone();
        migrates.then_some((vm, seen))
    });
    found.collect()
}

/// Reads what several VMs need only once.
struct Reader<'a> {
    client: &'a Client,
    nodes: Option<Vec<Node>>,
    storages: BTreeMap<NodeName, Vec<Storage>>,
    bridges: BTreeMap<NodeName, BTreeSet<String>>,
}

impl Reader<'_> {
    fn outlook(&mut self, vm: &DesiredVm, seen: &VmState) -> Result<Outlook, Error> {
        let target = self.target(&vm.node)?;
        let answer = ask(self.client, seen)?;
        let copies = answer.as_ref().is_ok_and(|answer| !answer.local_disks.is_empty());
        let storage_types = if copies { self.types(&seen.node)? } else { BTreeMap::new() };
        let missing_bridges = match target {
            Target::Online => self.missing_bridges(vm, seen)?,
            Target::Offline | Target::Unknown => BTreeSet::new(),
        };
        Ok(Outlook { target, answer, storage_types, missing_bridges })
    }

    fn target(&mut self, wanted: &NodeName) -> Result<Target, Error> {
        let nodes = match self.nodes.take() {
            Some(nodes) => nodes,
            None => read_api(|| self.client.nodes())?,
        };
        let found = nodes.iter().find(|node| node.node == *wanted).map(|node| node.online);
        self.nodes = Some(nodes);
        Ok(match found {
            Some(true) => Target::Online,
            Some(false) => Target::Offline,
            None => Target::Unknown,
        })
    }

    fn types(&mut self, node: &NodeName) -> Result<BTreeMap<String, String>, Error> {
        if !self.storages.contains_key(node) {
            let storages = read_api(|| self.client.storages(node))?;
            self.storages.insert(node.clone(), storages);
        }
        let known = self.storages.get(node).into_iter().flatten();
        Ok(known.map(|storage| (storage.storage.to_string(), storage.kind.clone())).gather())
    }

    /// PVE leaves out of its lists what the token cannot see, on every node alike: only what the VM's own
    /// node lists can be missing on the other.
    fn missing_bridges(
        &mut self,
        vm: &DesiredVm,
        seen: &VmState,
    ) -> Result<BTreeSet<String>, Error> {
        let used = bridges_of(seen);
        if used.is_empty() {
            return Ok(used);
        }
        let (here, there) = (self.bridges(&seen.node)?, self.bridges(&vm.node)?);
        Ok(used.into_iter().filter(|name| here.contains(name) && !there.contains(name)).collect())
    }

    fn bridges(&mut self, node: &NodeName) -> Result<BTreeSet<String>, Error> {
        if let Some(known) = self.bridges.get(node) {
            return Ok(known.clone());
        }
        let listed = read_api(|| self.client.bridges(node))?;
        let names: BTreeSet<String> = listed.into_iter().map(|bridge| bridge.name).collect();
        self.bridges.insert(node.clone(), names.clone());
        Ok(names)
    }
}

/// Asks PVE about a migration; a refusal is an answer too.
fn ask(client: &Client, seen: &VmState) -> Result<Result<MigrationPreconditions, Refusal>, Error> {
    match read_api(|| client.migration_preconditions(&seen.node, seen.vmid)) {
        Ok(answer) => Ok(Ok(answer)),
        Err(error) if error.is_permission() => Ok(Err(Refusal::Forbidden)),
        Err(error) => match error.refusal() {
            Some(refusal) => {
                let text = refusal.message.trim().to_owned();
                let is_new_lock = error.is_lock_timeout() && seen.config.lock().is_none();
                let is_outdated = is_new_lock || error.is_not_found();
                Ok(Err(if is_outdated { Refusal::Outdated(text) } else { Refusal::Said(text) }))
            }
            None => Err(error),
        },
    }
}

fn bridges_of(seen: &VmState) -> BTreeSet<String> {
    let is_nic = |key: &&str| {
        key.strip_prefix("net").is_some_and(|number| number.bytes().all(|b| b.is_ascii_digit()))
    };
    let nics = seen.config.keys().filter(is_nic).filter_map(|key| seen.config.now(key));
    let bridge = |text: &str| PropertyString::parse(text, "model").get("bridge").map(str::to_owned);
    nics.filter_map(bridge).collect()
}

/// Returns the node that has a VM once it is where the document wants it.
pub(crate) fn node_afterwards<'a>(
    desired: &Desired,
    vm: &'a DesiredVm,
    seen: &'a VmState,
) -> &'a NodeName {
    match seen.owner(&desired.site, &desired.deployment) {
        Owner::Ours(mark) if vm.must_migrate(&mark.node, &seen.node) => &vm.node,
        _ => &seen.node,
    }
}
