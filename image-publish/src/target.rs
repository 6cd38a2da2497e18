//! DOOR: where images are published: a storage by its node's API, or a storage's folder on this machine.

use pve_client::{StorageId, Volid};
use pve_stage::finding;
use stage::{Entry, Place};

use crate::folder::Folder;
use crate::left_over;
use crate::node::Node;
use crate::plan::StoredFile;
use crate::transfer::arrival::{self, Expected, Presence};
use crate::work::Work;

/// Where images are published.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    /// A storage, by its node's API.
    Node(Node),
    /// A storage's folder on this machine.
    Folder(Folder),
}

impl Target {
    /// Returns the files that are there.
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

    /// Returns the volid of a file.
    pub(crate) fn volid(&self, file: &str) -> Volid {
        match self {
            Self::Node(node) => node.volid(file),
            Self::Folder(folder) => folder.volid(file),
        }
    }

    /// Returns why a storage without an image cannot hold any, as far as that is known.
    pub(crate) fn holds_no_images(&self) -> Option<Entry> {
        match self {
            Self::Node(node) => node.holds_no_images(),
            Self::Folder(_) => None,
        }
    }

    /// Removes what killed runs have left half-written; a node's storage shows it under the image's own name.
    pub(crate) fn sweep(&self) {
        if let Self::Folder(folder) = self {
            left_over::sweep_images(&folder.import());
        }
    }

    /// Returns where it is, the same for all who mean the same place: a URL or a path.
    pub(crate) fn address(&self) -> String {
        match self {
            Self::Node(node) => node.client.endpoint().url.to_string(),
            Self::Folder(folder) => folder.address(),
        }
    }

    /// Looks right before something is written whether it is still to be done.
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

    /// Returns the size of the disk in a volume that the document names in `field`; `None` where nobody here
    /// can tell, for it is in another storage than the folder's.
    pub(crate) fn virtual_size(&self, volid: &Volid, field: &str) -> Result<Option<u64>, Entry> {
        match self {
            Self::Node(node) => match node.client.volume_info(&node.node, volid) {
                Ok(info) => Ok(Some(info.size)),
                // PVE: facts 43 and 4: a volume that is not there is an error 500 with many wordings.
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
