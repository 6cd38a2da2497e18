//! What the document says about nodes, in PVE's terms. Does no I/O.

use super::{Desired, DesiredVm};
use pve_client::{NodeName, StorageId, Volid};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// What a VM on a node gets unless it sets its own: what the document says about the node, otherwise
/// what its head says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NodeDefaults {
    /// The storage for disks; `None` if the document names none.
    pub(crate) storage: Option<StorageId>,
    /// The file storage for images and seeds.
    pub(crate) image_storage: StorageId,
    /// The volid of each image.
    pub(crate) images: BTreeMap<String, Volid>,
}

impl Desired {
    /// Returns what VMs on a node get unless they set their own.
    pub(crate) fn defaults(&self, node: &NodeName) -> &NodeDefaults {
        self.nodes.get(node).unwrap_or(&self.head)
    }

    /// Returns the nodes of the document's VMs; without VMs, the document's node.
    pub(crate) fn nodes_in_use(&self) -> BTreeSet<&NodeName> {
        let nodes: BTreeSet<&NodeName> = self.vms.iter().map(|vm| &vm.node).collect();
        if nodes.is_empty() { BTreeSet::from([&self.node]) } else { nodes }
    }
}

impl DesiredVm {
    /// Returns what the document asks of this VM while it is on a node: that node's storages and
    /// images. Its home does not change.
    pub(crate) fn on(&self, node: &NodeName, desired: &Desired) -> Cow<'_, Self> {
        if self.node == *node {
            return Cow::Borrowed(self);
        }
        let defaults = desired.defaults(node);
        let mut vm = self.clone();
        vm.image_storage = defaults.image_storage.clone();
        if let Some(definition) = &mut vm.definition {
            if let Some(storage) =
                defaults.storage.as_ref().filter(|_| !definition.storage_is_explicit)
            {
                definition.storage = storage.clone();
            }
            for image in definition.image.iter_mut().chain(definition.images.values_mut()) {
                image.volid = defaults.images.get(&image.name).cloned();
            }
        }
        Cow::Owned(vm)
    }
}
