//! What the document says about nodes, in PVE's terms. Does no I/O.

use super::{Desired, DesiredVm, Placement};
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
    /// The document's field that names it.
    pub(crate) image_field: String,
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

impl Desired {
    /// Returns whether a VM with this home node can be one of the document's. The same deployment
    /// may exist on several nodes, unless the site's YAML says where each VM belongs.
    pub(crate) fn is_home(&self, node: &str) -> bool {
        let is_node = |known: &NodeName| known.as_str() == node;
        self.places_all
            || is_node(&self.node)
            || self.nodes.keys().any(is_node)
            || self.vms.iter().any(|vm| is_node(&vm.node))
    }

    /// Returns whether the document's VMs are on several nodes.
    pub(crate) fn has_several_nodes(&self) -> bool {
        self.nodes_in_use().len() > 1
    }
}

impl DesiredVm {
    /// Returns whether the site's YAML moves a VM with this home, which is at a node, to another one.
    ///
    /// One that HA or a person has moved away from its home stays where it is.
    pub(crate) fn must_migrate(&self, home: &str, at: &NodeName) -> bool {
        self.placement == Placement::Written && self.node.as_str() != home && self.node != *at
    }

    /// Returns the document's field that names its node.
    pub(crate) fn node_field(&self) -> String {
        match self.placement {
            Placement::Selected => "node".to_owned(),
            Placement::Written | Placement::Listed => format!("vms[{}].node", self.index),
        }
    }

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
