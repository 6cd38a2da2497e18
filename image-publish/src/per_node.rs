//! What the document says about one of its nodes: the node's own value, or else the document's.
//! Does no I/O.

use std::collections::BTreeSet;

use stage::{Deployment, ImageSource, Vm};

/// Returns the node that a VM is on.
pub(crate) fn of_vm<'a>(deployment: &'a Deployment, vm: &'a Vm) -> &'a str {
    vm.node.as_deref().unwrap_or(&deployment.node)
}

/// Returns the nodes of a document that has several; none for one whose VMs are all on `node`.
pub(crate) fn all(deployment: &Deployment) -> BTreeSet<String> {
    deployment.nodes.keys().cloned().collect()
}

/// Returns the image storage of a node, and its field.
pub(crate) fn storage<'a>(deployment: &'a Deployment, node: &str) -> (&'a str, String) {
    let own = deployment.nodes.get(node).map(|found| found.image_datastore.as_str());
    match own.filter(|own| !own.is_empty()) {
        Some(own) => (own, format!("nodes.{node}.image_datastore")),
        None => (&deployment.image_datastore, "image_datastore".to_owned()),
    }
}

/// Returns the volid of an image on a node, and its field.
pub(crate) fn volid<'a>(
    deployment: &'a Deployment,
    node: &str,
    image: &str,
) -> Option<(&'a str, String)> {
    let own = deployment.nodes.get(node).and_then(|found| found.images.get(image));
    match own {
        Some(own) => Some((own, format!("nodes.{node}.images.{image}"))),
        None => Some((deployment.images.get(image)?, format!("images.{image}"))),
    }
}

/// Returns the source of an image for the VMs on a node, and its field.
pub(crate) fn source<'a>(
    deployment: &'a Deployment,
    node: &str,
    image: &str,
) -> Option<(&'a ImageSource, String)> {
    let own = deployment.nodes.get(node).and_then(|found| found.image_sources.get(image));
    match own {
        Some(own) => Some((own, format!("nodes.{node}.image_sources.{image}"))),
        None => Some((deployment.image_sources.get(image)?, format!("image_sources.{image}"))),
    }
}
