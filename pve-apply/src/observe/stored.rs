//! DOOR (reads only): reads what the nodes' storages have for the document's VMs: seed files that earlier
//! runs left, and images.

use super::nodes::failed;
use super::{Look, Scope, kept};
use crate::desired::{Desired, DesiredVm, is_seed_file};
use crate::foresee;
use crate::mark::{Owner, Stage};
use crate::observed::{Observed, VmState};
use crate::read::read_api;
use machine::ConfigKey;
use pve_client::{Client, Error, NodeName, StorageId, Volid};
use stage::{Failure, Gather as _};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

impl Look<'_> {
    /// Returns the seed files of ours, where some can be.
    ///
    /// A run that works lists them on every node. One that only looks at several nodes does so when a
    /// run can have ended before it deleted what it had uploaded: each uploads a seed only for a VM that
    /// does not exist yet, whose mark says that it is not finished, or whose seed changes, and records
    /// the end of that in the mark afterwards.
    pub(super) fn seed_files(
        &self,
        observed: &Observed,
        missing: &[&DesiredVm],
    ) -> Result<BTreeSet<(NodeName, Volid)>, Failure> {
        let is_asked = match self.scope {
            Scope::Remove => true,
            Scope::Apply => {
                self.works
                    || !self.desired.has_several_nodes()
                    || !missing.is_empty()
                    || unfinished(self.desired, observed).next().is_some()
            }
            Scope::Find | Scope::All => false,
        };
        let mut seeds = BTreeSet::new();
        if !is_asked {
            return Ok(seeds);
        }
        for (node, storage) in self.image_storages(observed)? {
            let list = read_api(|| self.client.storage_content(node, storage, Some("import")));
            let volumes = match list {
                Ok(volumes) => volumes,
                // Nothing can be there. Whether a VM needs it is checked before the first write.
                Err(error) if error.is_storage_missing() && self.may_lack_storages(node) => {
                    continue;
                }
                Err(error) => return Err(failed(node, &error)),
            };
            let volids = volumes.into_iter().map(|volume| volume.volid);
            let files = volids.filter(|volid| is_seed_file(volid.file()));
            seeds.extend(files.map(|volid| (node.clone(), volid)));
        }
        Ok(seeds)
    }

    /// Returns whether what a node lacks concerns only some VMs of the document.
    fn may_lack_storages(&self, node: &NodeName) -> bool {
        self.desired.nodes_in_use() != BTreeSet::from([node])
    }

    /// Returns the image storage of each node that answers; one that is shared only once.
    fn image_storages<'o>(
        &'o self,
        observed: &'o Observed,
    ) -> Result<Vec<(&'o NodeName, &'o StorageId)>, Failure> {
        let mut nodes = self.desired.nodes_in_use();
        // A run may have ended while it gave a VM that has moved new seed data.
        nodes.extend(unfinished(self.desired, observed).map(|seen| &seen.node));
        let there = nodes.into_iter().filter(|node| !observed.nodes_away.contains(*node));
        let mut of_nodes: BTreeMap<&StorageId, Vec<&NodeName>> = BTreeMap::new();
        for node in there {
            of_nodes.entry(&self.desired.defaults(node).image_storage).or_default().push(node);
        }
        if of_nodes.values().any(|nodes| nodes.len() > 1) {
            let configs = read_api(|| self.client.storage_configs())
                .map_err(|error| failed(&self.desired.node, &error))?;
            // One that the token cannot see is listed on each node: at worst a file is known twice.
            for shared in configs.iter().filter(|config| config.shared) {
                if let Some(nodes) = of_nodes.get_mut(&shared.storage) {
                    nodes.retain(|node| shared.is_on(node));
                    nodes.truncate(1);
                }
            }
        }
        let pair =
            |(storage, nodes): (_, Vec<_>)| nodes.into_iter().map(move |node| (node, storage));
        Ok(of_nodes.into_iter().flat_map(pair).collect())
    }

    /// Returns the virtual size of each image for a new disk.
    pub(super) fn images(
        &self,
        observed: &Observed,
    ) -> Result<BTreeMap<(NodeName, Volid), Option<u64>>, Failure> {
        let mut sizes = BTreeMap::new();
        if self.scope != Scope::Apply {
            return Ok(sizes);
        }
        let there: BTreeMap<String, &VmState> =
            kept(self.desired, observed).map(|(seen, name)| (name, seen)).gather();
        for vm in &self.desired.vms {
            let seen = there.get(&vm.name).copied();
            let node =
                seen.map_or(&vm.node, |seen| foresee::node_afterwards(self.desired, vm, seen));
            // A node that has answered since, for the VM itself, answers again.
            if seen.is_none() && observed.nodes_away.contains(node) {
                continue;
            }
            for volid in missing_images(&vm.on(node, self.desired), seen) {
                if let Entry::Vacant(unread) = sizes.entry((node.clone(), volid)) {
                    let (node, volid) = unread.key();
                    let size = image_size(self.client, node, volid);
                    let size = size.map_err(|error| failed(node, &error))?;
                    unread.insert(size);
                }
            }
        }
        Ok(sizes)
    }
}

/// Returns the VMs of the document that are not finished, or have another seed than they should.
fn unfinished<'o>(
    desired: &'o Desired,
    observed: &'o Observed,
) -> impl Iterator<Item = &'o VmState> {
    let by_name = desired.by_name();
    observed.seen().filter(move |seen| {
        let Owner::Ours(mark) = seen.owner(&desired.site, &desired.deployment) else {
            return false;
        };
        let Some(vm) = by_name.get(desired.name_now(&mark.vm)) else { return false };
        let seed = vm.definition.as_ref().map(|definition| &definition.seed);
        let seed = seed.filter(|seed| seed.is_rendered()).map(|seed| &seed.fingerprint);
        mark.stage != Stage::Done || seed.is_some_and(|seed| *seed != mark.seed.fingerprint)
    })
}

/// Returns the published images of the disks that a VM does not have.
fn missing_images(vm: &DesiredVm, seen: Option<&VmState>) -> Vec<Volid> {
    let Some(definition) = &vm.definition else { return Vec::new() };
    let is_missing =
        |key: &ConfigKey| seen.is_none_or(|seen| seen.config.next(&key.to_string()).is_none());
    let boot = definition.image.iter().filter(|_| seen.is_none());
    let data = definition.images.iter().filter(|(key, _)| is_missing(key)).map(|(_, image)| image);
    let published = boot.chain(data).filter(|image| image.pending.is_none());
    published.filter_map(|image| image.volid.clone()).collect()
}

fn image_size(client: &Client, node: &NodeName, volid: &Volid) -> Result<Option<u64>, Error> {
    // PVE: reference 8: the list has the size of the file, only this call the size of the disk in it.
    match read_api(|| client.volume_info(node, volid)) {
        Ok(info) => Ok(Some(info.size)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}
