//! Calls about storages and their volumes, and about a node's bridges.

use crate::client::Client;
use crate::error::Error;
use crate::ids::{NodeName, StorageId, Vmid};
use crate::params::{Params, path};
use crate::upid::Upid;
use crate::volid::Volid;

/// A storage as a node sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storage {
    /// Its name.
    pub storage: StorageId,
    /// Its type, such as `dir` or `lvmthin`.
    pub kind: String,
    /// The enabled content types, such as `import`, `images`.
    pub content: Vec<String>,
    /// Whether it is enabled.
    pub enabled: bool,
    /// Whether it is active.
    pub active: bool,
    /// Whether all nodes see the same volumes.
    pub shared: bool,
    /// Its size in bytes.
    pub total: u64,
    /// Bytes in use.
    pub used: u64,
    /// Free bytes.
    pub avail: u64,
}

impl Storage {
    /// Returns whether a content type is enabled.
    pub fn has_content(&self, content: &str) -> bool {
        self.content.iter().any(|have| have == content)
    }

    /// Returns whether a storage of this type supports a content type.
    // PVE: pve-storage, Storage/*Plugin.pm, plugindata.
    pub fn can_have_content(&self, content: &str) -> bool {
        let barred: &[&str] = match content {
            "images" => &["cephfs", "esxi", "pbs"],
            _ => &["iscsi", "iscsidirect", "lvm", "lvmthin", "pbs", "rbd", "zfs", "zfspool"],
        };
        !barred.contains(&self.kind.as_str())
    }

    /// Returns whether a storage of this type has base images and linked clones; `None` for an unknown type.
    // PVE: pve-storage, Storage/*Plugin.pm, volume_has_feature; facts-3 1.1.
    pub fn can_link(&self) -> Option<bool> {
        match self.kind.as_str() {
            "dir" | "nfs" | "cifs" | "btrfs" | "lvmthin" | "zfspool" | "zfs" | "rbd" => Some(true),
            "lvm" | "iscsi" | "iscsidirect" | "esxi" => Some(false),
            _ => None,
        }
    }
}

/// A storage in the cluster's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageConfig {
    /// Its name.
    pub storage: StorageId,
    /// Whether it is disabled.
    pub disabled: bool,
    /// The nodes that can use it; empty for all.
    pub nodes: Vec<String>,
    /// Whether all nodes see the same volumes.
    pub shared: bool,
}

impl StorageConfig {
    /// Returns whether a node can use it when it is enabled.
    pub fn is_on(&self, node: &NodeName) -> bool {
        self.nodes.is_empty() || self.nodes.iter().any(|name| name == node.as_str())
    }
}

/// A volume in a storage's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// Its name.
    pub volid: Volid,
    /// Its content type.
    pub content: String,
    /// Its format.
    pub format: Option<String>,
    /// Its size in bytes: the file size of a file, the virtual size of a disk.
    pub size: u64,
    /// When it was created, in seconds since 1970.
    pub ctime: Option<u64>,
    /// The VM that owns it.
    pub vmid: Option<Vmid>,
    /// The space that a disk uses, in bytes.
    pub used: Option<u64>,
    /// The base image of a linked clone, in the storage's own words. LVM-thin and BTRFS do not tell.
    // PVE: facts-4 20.
    pub parent: Option<String>,
}

/// What the node finds by reading a volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeInfo {
    /// Its path on the node.
    pub path: String,
    /// Its virtual size in bytes.
    pub size: u64,
    /// The space it uses, in bytes.
    pub used: u64,
    /// Its format.
    pub format: String,
}

/// A download by the node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Download {
    /// The URL.
    pub url: String,
    /// The content type, such as `import`.
    pub content: String,
    /// The name in the storage.
    pub filename: String,
    /// Algorithm and checksum, such as `("sha256", "9f2c…")`.
    pub checksum: Option<(String, String)>,
    /// Whether to verify the certificate.
    pub verify_certificates: bool,
}

/// What a VM's NIC can connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bridge {
    /// Its name, such as `vmbr0`.
    pub name: String,
    /// Whether it is a VNet of SDN.
    pub is_vnet: bool,
}

/// A network interface of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// Its name, such as `vmbr0`.
    pub iface: String,
    /// Its type, such as `bridge`.
    pub kind: String,
    /// Whether it is up.
    pub active: bool,
    /// Its address in CIDR notation.
    pub cidr: Option<String>,
    /// The gateway of the node's default route, if its config sets one here.
    pub gateway: Option<String>,
}

impl Client {
    /// Returns the storages on a node that the token can see.
    pub fn storages(&self, node: &NodeName) -> Result<Vec<Storage>, Error> {
        self.get(&path(&["nodes", node.as_str(), "storage"]), &Params::new())?.list(|storage| {
            Ok(Storage {
                storage: storage.required("storage")?,
                kind: storage.text("type").unwrap_or_default(),
                content: storage.split("content", &[',']),
                // PVE leaves these out if they have their default.
                enabled: storage.text("enabled").is_none() || storage.flag("enabled"),
                active: storage.text("active").is_none() || storage.flag("active"),
                shared: storage.flag("shared"),
                total: storage.integer("total").unwrap_or(0),
                used: storage.integer("used").unwrap_or(0),
                avail: storage.integer("avail").unwrap_or(0),
            })
        })
    }

    /// Returns the configuration of the storages that the token can see.
    pub fn storage_configs(&self) -> Result<Vec<StorageConfig>, Error> {
        // PVE: pve-storage, API2/Storage/Config.pm, index: the same privileges as for a node's list.
        self.get("/storage", &Params::new())?.list(|storage| {
            Ok(StorageConfig {
                storage: storage.required("storage")?,
                disabled: storage.flag("disable"),
                nodes: storage.split("nodes", &[',']),
                // PVE: pve-storage, Storage/Plugin.pm, parse_config: also set for types that are always shared.
                shared: storage.flag("shared"),
            })
        })
    }

    /// Returns a storage's volumes, of one content type or all.
    pub fn storage_content(
        &self,
        node: &NodeName,
        storage: &StorageId,
        content: Option<&str>,
    ) -> Result<Vec<Volume>, Error> {
        let params = Params::new().with_some("content", content);
        self.get(&content_path(node, storage, None), &params)?.list_some(|volume| {
            let name: String = volume.required("volid")?;
            let Ok(volid) = name.parse() else {
                // An ISO's name may contain a space or comma: no VM of ours can use it.
                let is_odd = name.starts_with(&format!("{storage}:"));
                return if is_odd { Ok(None) } else { Err(volume.bad("volid")) };
            };
            Ok(Some(Volume {
                volid,
                content: volume.text("content").unwrap_or_default(),
                format: volume.text("format"),
                size: volume.integer("size").unwrap_or(0),
                ctime: volume.integer("ctime"),
                vmid: volume.parse("vmid"),
                used: volume.integer("used"),
                parent: volume.text("parent"),
            }))
        })
    }

    /// Returns what the node finds by reading a volume.
    pub fn volume_info(&self, node: &NodeName, volid: &Volid) -> Result<VolumeInfo, Error> {
        let answer = self.get(&content_path(node, volid.storage(), Some(volid)), &Params::new())?;
        let fields = answer.object()?;
        Ok(VolumeInfo {
            path: fields.text("path").unwrap_or_default(),
            size: fields.integer("size").ok_or_else(|| answer.bad("it has no `size`"))?,
            used: fields.integer("used").unwrap_or(0),
            format: fields.text("format").unwrap_or_default(),
        })
    }

    /// Deletes a volume; PVE also reports success if it does not exist (facts 43).
    pub fn delete_volume(&self, node: &NodeName, volid: &Volid) -> Result<Option<Upid>, Error> {
        self.delete(&content_path(node, volid.storage(), Some(volid)), &Params::new())?
            .parse_or_null(Upid::RULE)
    }

    /// Makes the node download a file into a storage.
    pub fn download_url(
        &self,
        node: &NodeName,
        storage: &StorageId,
        download: &Download,
    ) -> Result<Upid, Error> {
        let sum = download.checksum.as_ref();
        let params = Params::new()
            .with("url", &download.url)
            .with("content", &download.content)
            .with("filename", &download.filename)
            .with_some("checksum-algorithm", sum.map(|(algorithm, _)| algorithm))
            .with_some("checksum", sum.map(|(_, sum)| sum))
            .with_flag("verify-certificates", download.verify_certificates);
        self.post(
            &path(&["nodes", node.as_str(), "storage", storage.as_str(), "download-url"]),
            &params,
        )?
        .parse(Upid::RULE)
    }

    /// Returns what a VM's NIC can connect to: the bridges and VNets that the token can see. Does not check
    /// whether the node has created a VNet.
    pub fn bridges(&self, node: &NodeName) -> Result<Vec<Bridge>, Error> {
        // PVE: pve-manager, API2/Network.pm: this type includes vnets; the list is filtered by SDN.Use and SDN.Audit.
        let params = Params::new().with("type", "any_bridge");
        self.get(&path(&["nodes", node.as_str(), "network"]), &params)?.list(|network| {
            let is_vnet = network.text("type").as_deref() == Some("vnet");
            Ok(Bridge { name: network.required("iface")?, is_vnet })
        })
    }

    /// Returns a node's network interfaces, bridges among them.
    pub fn networks(&self, node: &NodeName) -> Result<Vec<Network>, Error> {
        self.get(&path(&["nodes", node.as_str(), "network"]), &Params::new())?.list(|network| {
            Ok(Network {
                iface: network.required("iface")?,
                kind: network.text("type").unwrap_or_default(),
                active: network.flag("active"),
                cidr: network.text("cidr"),
                gateway: network.text("gateway"),
            })
        })
    }
}

/// Returns the path of a storage's content, or of one volume in it.
fn content_path(node: &NodeName, storage: &StorageId, volid: Option<&Volid>) -> String {
    let volid = volid.map(ToString::to_string);
    let mut segments = vec!["nodes", node.as_str(), "storage", storage.as_str(), "content"];
    segments.extend(volid.as_deref());
    path(&segments)
}
