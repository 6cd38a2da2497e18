//! Mappings: cluster-wide names for devices and directories of the nodes.
//! A pure module: does no I/O.
// PVE: guest-common, Mapping/PCI.pm, Mapping/USB.pm and Mapping/Dir.pm.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha1::{Digest, Sha1};

use super::World;
use crate::pve_sim::keys::cases;
use crate::pve_sim::property::Properties;
use crate::pve_sim::schema::numbered;

/// All mappings by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mappings {
    /// PCI devices.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub pci: BTreeMap<String, Mapping>,
    /// USB devices.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub usb: BTreeMap<String, Mapping>,
    /// Directories.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub dir: BTreeMap<String, Mapping>,
}

/// One mapping.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Mapping {
    /// Free text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The device on each node, such as `node=pve1,path=0000:01:00.0,id=10de:1eb8`.
    pub map: Vec<String>,
    /// Whether a PCI device supports mediated devices.
    pub mdev: bool,
    /// Whether a PCI device supports live migration.
    pub live_migration_capable: bool,
}

impl Mapping {
    /// Returns the number of entries for a node.
    pub(super) fn on(&self, node: &str) -> usize {
        let here = |line: &&String| Properties::read(line, "").get("node") == Some(node);
        self.map.iter().filter(here).count()
    }

    /// A row of the list.
    fn row(&self, kind: &str, id: &str, digest: &str) -> Map<String, Value> {
        let mut row = Map::new();
        row.insert("type".to_owned(), kind.into());
        row.insert("id".to_owned(), id.into());
        row.insert("digest".to_owned(), digest.into());
        row.insert("map".to_owned(), self.map.clone().into());
        if let Some(description) = &self.description {
            row.insert("description".to_owned(), description.clone().into());
        }
        for (name, set) in
            [("mdev", self.mdev), ("live-migration-capable", self.live_migration_capable)]
        {
            if set {
                row.insert(name.to_owned(), 1.into());
            }
        }
        row
    }
}

impl Mappings {
    /// Returns the mappings of a kind.
    pub(crate) fn of(&self, kind: &str) -> &BTreeMap<String, Mapping> {
        match kind {
            "pci" => &self.pci,
            "usb" => &self.usb,
            _ => &self.dir,
        }
    }

    /// Returns the rows of a list for the visible names, checked if a node is given.
    pub(crate) fn rows(
        &self,
        kind: &str,
        may_see: impl Fn(&str) -> bool,
        node: Option<&str>,
    ) -> Vec<Value> {
        let all = self.of(kind);
        let text = serde_json::to_string(all).unwrap_or_default();
        let digest: String =
            Sha1::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        let mut rows = Vec::new();
        for (id, mapping) in all.iter().filter(|(id, _)| may_see(id)) {
            let mut row = mapping.row(kind, id, &digest);
            if let Some(node) = node {
                let message = format!("No mapping for node {node}.");
                let warning = json!({ "severity": "warning", "message": message });
                let found = if mapping.on(node) == 0 { vec![warning] } else { Vec::new() };
                // The list of USB devices uses another name for it.
                let name = if kind == "usb" { "errors" } else { "checks" };
                row.insert(name.to_owned(), found.into());
            }
            rows.push(Value::Object(row));
        }
        rows
    }
}

impl World {
    /// Checks at the start that the mapped device of a key exists.
    // PVE: QemuServer/PCI.pm, parse_hostpci; QemuServer/USB.pm, parse_usb_device; guest-common,
    // Mapping/Dir.pm, find_on_current_node.
    pub(super) fn mapped_exists(&self, node: &str, key: &str, text: &str) -> Result<(), String> {
        let read = cases::read(key, text);
        let found =
            |kind: &str, id: &str| self.mappings.of(kind).get(id).map(|mapping| mapping.on(node));
        match (numbered(key), read.get("mapping"), read.get("dirid")) {
            (Some(("hostpci", _)), Some(id), _) if found("pci", id).unwrap_or(0) == 0 => {
                Err(format!("PCI device mapping not found for '{id}'"))
            }
            (Some(("usb", _)), Some(id), _) => match found("usb", id).unwrap_or(0) {
                0 => Err(format!("USB device mapping not found for '{id}'")),
                1 => Ok(()),
                _ => Err("More than one USB mapping per host not supported".to_owned()),
            },
            (Some(("virtiofs", _)), _, Some(id)) => match found("dir", id) {
                None => Err(format!("Directory ID {id} does not exist.")),
                Some(0) => Err(format!("No directory mapping for node {node}.")),
                Some(1) => Ok(()),
                Some(_) => Err(format!("More than than one directory mapping for node {node}.")),
            },
            _ => Ok(()),
        }
    }
}
