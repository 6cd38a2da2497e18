//! `Creation`, `CloneFrom` and `Template`: how the boot disk of a new VM is made. Does no I/O.

use crate::fields::Fields;
use serde::Serialize;

/// How the boot disk of a new VM is made from its image. It says nothing about a VM that exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Creation {
    /// PVE imports the image: each VM gets a whole copy.
    #[default]
    Import,
    /// PVE clones the image's template, so that the disk has only what differs from the template's. Where
    /// that is impossible, PVE imports the image.
    Clone,
}

impl Creation {
    /// The words for it in the document and in YAML.
    pub const WORDS: [&str; 2] = ["import", "clone"];

    /// Returns what a word means; `None` for another word.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "import" => Some(Self::Import),
            "clone" => Some(Self::Clone),
            _ => None,
        }
    }

    /// Returns whether this is the default.
    pub fn is_import(&self) -> bool {
        *self == Self::Import
    }

    pub(crate) fn read(f: &mut Fields<'_>) -> Self {
        let Some(word) = f.text("create") else { return Self::Import };
        Self::parse(&word).unwrap_or_else(|| {
            let fact = format!("must be import or clone, not \"{word}\"");
            f.problem("invalid-value", "create", fact);
            Self::Import
        })
    }
}

/// Somebody's template that a new VM is cloned from, instead of an image: `vmid` or `name`, not both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CloneFrom {
    /// Its vmid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vmid: Option<u32>,
    /// Its name in PVE, which only one template on the VM's node may have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether its disks are copied. `None` for a linked clone where all of its disks can be linked, and
    /// a full one elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub full: Option<bool>,
}

impl CloneFrom {
    pub(crate) fn read(f: &mut Fields<'_>) -> Self {
        Self { vmid: f.number("vmid"), name: f.text("name"), full: f.flag("full") }
    }
}

/// What image-publish says about the template of an image, for VMs on a node with their boot disk on a
/// storage.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Template {
    /// The image's name in the document.
    pub image: String,
    /// The node.
    pub node: String,
    /// The storage of the template's disk.
    pub storage: String,
    /// The template's vmid. `None` if there is none, or none yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vmid: Option<u32>,
    /// Why there is none, such as `local-lvm-thick cannot link`: VMs import the image. `None` with no
    /// vmid either if `image-publish --dry-run` would make the template.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Template {
    pub(crate) fn read(f: &mut Fields<'_>) -> Self {
        Self {
            image: f.text("image").unwrap_or_default(),
            node: f.text("node").unwrap_or_default(),
            storage: f.text("storage").unwrap_or_default(),
            vmid: f.number("vmid"),
            reason: f.text("reason"),
        }
    }
}
