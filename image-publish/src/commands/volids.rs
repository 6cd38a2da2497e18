//! The volids of the images that a run publishes. Does no I/O.

use std::collections::{BTreeMap, BTreeSet};

use pve_client::Volid;

use crate::destination::{Destination, Destinations};
use crate::prepared::Ready;
use crate::side_by_side::OnEach;
use crate::wanted::Wanted;

/// The volid of each image on each node that needs it: image → node → volid. For a document without `nodes`,
/// the node is empty.
#[derive(Debug, Default)]
pub(super) struct Volids(pub(super) BTreeMap<String, BTreeMap<String, Volid>>);

impl Volids {
    /// Returns the volids that images will have on storages. The files' names are known before they are published,
    /// except those of images that are compressed or unpacked first.
    pub(super) fn expected(storages: &[Destination], ready: &[Ready]) -> Self {
        let mut all = Self::default();
        for one in storages {
            let needed = ready.iter().filter(|ready| one.needs(&ready.wanted));
            for Ready { wanted, image } in needed {
                all.set(wanted, &one.nodes, &one.target.volid_of(image));
            }
        }
        all
    }

    /// Adds the volids of images that are published.
    pub(super) fn add(&mut self, destinations: &Destinations, on_each: &OnEach) {
        for (one, published) in destinations.online.iter().zip(on_each) {
            for image in published {
                self.set(&image.wanted, &one.nodes, &image.volid);
            }
        }
    }

    /// Returns the volid of an image on a node.
    pub(super) fn get(&self, image: &str, node: &str) -> Option<&Volid> {
        let on_nodes = self.0.get(image)?;
        on_nodes.get(node).or_else(|| on_nodes.get(""))
    }

    fn set(&mut self, wanted: &Wanted, served: &BTreeSet<String>, volid: &Volid) {
        let of_image = self.0.entry(wanted.name.clone()).or_default();
        if served.is_empty() {
            of_image.insert(String::new(), volid.clone());
        }
        for node in wanted.nodes.intersection(served) {
            of_image.insert(node.clone(), volid.clone());
        }
    }
}
