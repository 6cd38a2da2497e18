//! What the document says about one of its nodes: the node's own value, or else the document's, each with
//! the field that has it. Does no I/O.

use crate::deployment::{Deployment, Vm};
use crate::image_source::ImageSource;
use crate::node::Node;
use std::collections::BTreeMap;

impl Deployment {
    /// Returns the node that a VM is on.
    pub fn node_of<'a>(&'a self, vm: &'a Vm) -> &'a str {
        vm.node.as_deref().unwrap_or(&self.node)
    }

    /// Returns the storage for disks on a node.
    pub fn datastore_on(&self, node: &str) -> (&str, String) {
        self.storage_on(node, "datastore", &self.datastore, |own| &own.datastore)
    }

    /// Returns the storage for the disks of a VM, the `index`-th. A disk of its own may name another.
    pub fn datastore_of<'a>(&'a self, index: usize, vm: &'a Vm) -> (&'a str, String) {
        match &vm.datastore {
            Some(own) => (own, format!("vms[{index}].datastore")),
            None => self.datastore_on(self.node_of(vm)),
        }
    }

    /// Returns the file storage for images and seeds on a node.
    pub fn image_datastore_on(&self, node: &str) -> (&str, String) {
        self.storage_on(node, "image_datastore", &self.image_datastore, |own| &own.image_datastore)
    }

    /// Returns the volid of an image on a node, if it has one.
    pub fn image_on(&self, node: &str, image: &str) -> Option<(&String, String)> {
        self.named_on(node, ("images", image), &self.images, |own| &own.images)
    }

    /// Returns the source of an image for the VMs on a node, if it has one.
    pub fn image_source_on(&self, node: &str, image: &str) -> Option<(&ImageSource, String)> {
        let key = ("image_sources", image);
        self.named_on(node, key, &self.image_sources, |own| &own.image_sources)
    }

    fn storage_on<'a>(
        &'a self,
        node: &str,
        field: &str,
        of_document: &'a str,
        own: impl Fn(&'a Node) -> &'a String,
    ) -> (&'a str, String) {
        match self.nodes.get(node).map(own).filter(|own| !own.is_empty()) {
            Some(own) => (own, format!("nodes.{node}.{field}")),
            None => (of_document, field.to_owned()),
        }
    }

    fn named_on<'a, T>(
        &'a self,
        node: &str,
        (field, name): (&str, &str),
        of_document: &'a BTreeMap<String, T>,
        own: impl Fn(&'a Node) -> &'a BTreeMap<String, T>,
    ) -> Option<(&'a T, String)> {
        match self.nodes.get(node).and_then(|found| own(found).get(name)) {
            Some(own) => Some((own, format!("nodes.{node}.{field}.{name}"))),
            None => Some((of_document.get(name)?, format!("{field}.{name}"))),
        }
    }
}
