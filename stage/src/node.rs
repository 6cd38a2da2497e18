//! `Node`: what the document says about one of several nodes that its VMs are on. Does no I/O.

use crate::fields::Fields;
use crate::image_source::ImageSource;
use serde::Serialize;
use std::collections::BTreeMap;

/// A node of the VMs. What it does not set is as the document's head has it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Node {
    /// Storage for VM disks.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub datastore: String,
    /// File storage with content `import`, for images and seeds.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub image_datastore: String,
    /// Image name → volid, where it is not that of the document's `images`; filled by image-publish.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub images: BTreeMap<String, String>,
    /// Image name → where it comes from, where this node has another source than the site.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub image_sources: BTreeMap<String, ImageSource>,
}

impl Node {
    pub(crate) fn read(f: &mut Fields<'_>) -> Self {
        Self {
            datastore: f.text("datastore").unwrap_or_default(),
            image_datastore: f.text("image_datastore").unwrap_or_default(),
            images: f.text_map("images"),
            image_sources: f.each_named("image_sources", ImageSource::read),
        }
    }
}
