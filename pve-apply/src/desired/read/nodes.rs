//! Reads the document's nodes, and which of them a VM belongs on. Does no I/O.

use super::Reader;
use crate::desired::{NodeDefaults, Placement};
use pve_client::{NodeName, StorageId, Volid};
use stage::{Gather as _, Node, Vm};
use std::collections::BTreeMap;

impl Reader<'_> {
    /// Returns what the document's head says; `None` if its image storage is invalid.
    pub(super) fn head(&mut self) -> Option<NodeDefaults> {
        let d = self.deployment;
        let image_storage =
            self.parse("image_datastore".into(), &d.image_datastore, StorageId::RULE);
        Some(NodeDefaults {
            // It is checked with each VM that has no storage of its own.
            storage: d.datastore.parse().ok(),
            image_storage: image_storage?,
            image_field: "image_datastore".to_owned(),
            images: volids(&d.images),
        })
    }

    /// Returns the nodes of the document with what the head says where they set nothing. Checks all of them.
    pub(super) fn nodes(
        &mut self,
        head: Option<&NodeDefaults>,
    ) -> BTreeMap<NodeName, NodeDefaults> {
        let d = self.deployment;
        let nodes = d.nodes.iter().map(|(name, node)| {
            let parsed = self.parse::<NodeName>(format!("nodes.{name}"), name, NodeName::RULE);
            Some((parsed?, self.defaults(name, node, head)?))
        });
        // All are read, to find every problem.
        nodes.collect::<Vec<_>>().into_iter().flatten().gather()
    }

    fn defaults(
        &mut self,
        name: &str,
        node: &Node,
        head: Option<&NodeDefaults>,
    ) -> Option<NodeDefaults> {
        let mut storage = |field: &str, text: &str| {
            let place = format!("nodes.{name}.{field}");
            let own = (!text.is_empty()).then(|| self.parse(place, text, StorageId::RULE));
            own.flatten()
        };
        let own = storage("datastore", &node.datastore);
        let image_storage = storage("image_datastore", &node.image_datastore);
        for (image, text) in &node.images {
            self.volid(format!("nodes.{name}.images.{image}"), text);
        }
        let head = head?;
        let mut images = head.images.clone();
        images.extend(volids(&node.images));
        Some(NodeDefaults {
            storage: own.or_else(|| head.storage.clone()),
            image_field: match image_storage {
                Some(_) => format!("nodes.{name}.image_datastore"),
                None => head.image_field.clone(),
            },
            image_storage: image_storage.unwrap_or_else(|| head.image_storage.clone()),
            images,
        })
    }

    /// Returns what the document says about a VM's node.
    pub(super) fn node_of(&self, vm: &Vm) -> Option<&Node> {
        self.deployment.nodes.get(self.deployment.node_of(vm))
    }

    /// Returns a VM's node; `None` if its name is invalid. That of the document is checked with the head.
    pub(super) fn node(&mut self, index: usize, vm: &Vm) -> Option<NodeName> {
        match &vm.node {
            Some(name) => self.parse(format!("vms[{index}].node"), name, NodeName::RULE),
            None => self.deployment.node.parse().ok(),
        }
    }
}

fn volids(images: &BTreeMap<String, String>) -> BTreeMap<String, Volid> {
    images.iter().filter_map(|(name, text)| Some((name.clone(), text.parse().ok()?))).gather()
}

/// Returns how a VM came to its node.
pub(super) fn placement(vm: &Vm) -> Placement {
    match vm.node {
        None => Placement::Selected,
        Some(_) if vm.node_from_list => Placement::Listed,
        Some(_) => Placement::Written,
    }
}
