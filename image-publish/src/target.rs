//! DOOR: where images are published: a storage through the API, or its directory on this machine.

use pve_client::{NodeName, StorageId, Volid};
use pve_stage::finding;
use stage::{Entry, Place};

use crate::folder::Folder;
use crate::left_over;
use crate::node::{Node, Sharing};
use crate::plan::StoredFile;
use crate::prepared::{PreparedImage, Supply};
use crate::transfer::arrival::{self, Expected, Presence};
use crate::work::Work;

/// Where images are published.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    /// A storage, through the API.
    Node(Node),
    /// The directory of a storage on this machine.
    Folder(Folder),
}

impl Target {
    /// Returns the files on the storage.
    pub(crate) fn present(&self) -> Result<Vec<StoredFile>, Entry> {
        match self {
            Self::Node(node) => node.present(),
            Self::Folder(folder) => folder.present(),
        }
    }

    /// Returns the storage's name.
    pub(crate) fn storage(&self) -> &StorageId {
        match self {
            Self::Node(node) => &node.storage,
            Self::Folder(folder) => &folder.storage,
        }
    }

    /// Returns the node, if the storage is used through the API.
    pub(crate) fn node(&self) -> Option<&NodeName> {
        match self {
            Self::Node(node) => Some(&node.node),
            Self::Folder(_) => None,
        }
    }

    /// Returns the volid of a file.
    pub(crate) fn volid(&self, file: &str) -> Volid {
        match self {
            Self::Node(node) => node.volid(file),
            Self::Folder(folder) => folder.volid(file),
        }
    }

    /// Returns the volid of an image on this storage.
    pub(crate) fn volid_of(&self, image: &PreparedImage) -> Volid {
        match &image.supply {
            Supply::InStorage(volid) => volid.clone(),
            _ => self.volid(&image.file),
        }
    }

    /// Returns why a storage without images cannot hold any, if known.
    pub(crate) fn holds_no_images(&self) -> Option<Entry> {
        match self {
            Self::Node(node) => node.holds_no_images(),
            Self::Folder(_) => None,
        }
    }

    /// Removes half-written files of killed runs from the directory.
    pub(crate) fn sweep(&self) {
        if let Self::Folder(folder) = self {
            left_over::sweep_images(&folder.import());
        }
    }

    /// Returns the keys of the locks that a run takes before it writes a volume, in this order: one for each
    /// storage that it may be.
    pub(crate) fn lock_keys(&self, volid: &Volid) -> Vec<String> {
        let node = match self {
            Self::Folder(folder) => return vec![format!("{}\n{volid}", folder.address())],
            Self::Node(node) => node,
        };
        let endpoint = &node.client.endpoint().url;
        let of_all = format!("{endpoint}\n{volid}");
        let of_node = format!("{endpoint}\n{}\n{volid}", node.node);
        match node.sharing {
            Sharing::Shared => vec![of_all],
            Sharing::OfNode => vec![of_node],
            Sharing::Unknown => vec![of_all, of_node],
        }
    }

    /// Checks, right before a write, whether the image is still missing.
    pub(crate) fn look(&self, work: &Work<'_>, expected: Expected<'_>) -> Result<Presence, Entry> {
        match self {
            Self::Node(node) => arrival::look(work, node, expected).map_err(|error| {
                let fact = format!("looking for image \"{}\"", expected.name);
                finding::while_doing(node.place(), &fact, &error)
            }),
            Self::Folder(folder) => {
                let present = folder.present()?;
                let file = present.iter().find(|present| present.file == expected.file);
                Ok(expected.judge(file.map(|present| present.size)))
            }
        }
    }

    /// Returns the virtual disk size of the volume in the document's `field`, in bytes; `None` if the volume is
    /// on another storage than the directory's.
    pub(crate) fn virtual_size(&self, volid: &Volid, field: &str) -> Result<Option<u64>, Entry> {
        match self {
            Self::Node(node) => match node.client.volume_info(&node.node, volid) {
                Ok(info) => Ok(Some(info.size)),
                // PVE: facts 43 and 4: a missing volume is an error 500 with varying texts.
                Err(error) => {
                    let doing = format!("\"{volid}\" cannot be used");
                    Err(finding::while_doing(Place::input(field), &doing, &error))
                }
            },
            Self::Folder(folder) if *volid == folder.volid(volid.file()) => {
                folder.virtual_size(volid.file()).map(Some)
            }
            Self::Folder(_) => Ok(None),
        }
    }
}
