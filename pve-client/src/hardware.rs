//! Calls about the hardware that a node offers: mapped devices, CPU models, machine types.

use crate::client::Client;
use crate::error::Error;
use crate::fields::Fields;
use crate::ids::NodeName;
use crate::params::{Params, path};

/// A kind of mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MappingKind {
    /// PCI devices.
    Pci,
    /// USB devices.
    Usb,
    /// Directories.
    Dir,
}

impl MappingKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Pci, Self::Usb, Self::Dir];

    /// Returns PVE's name for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pci => "pci",
            Self::Usb => "usb",
            Self::Dir => "dir",
        }
    }
}

/// A cluster-wide mapping: one name for a device or directory of each node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// Its name.
    pub id: String,
    /// The problems that PVE reports with it on the given node, verbatim.
    pub findings: Vec<String>,
}

impl Client {
    /// Returns the mappings of a kind that the token can see, checked for a node.
    pub fn mappings(&self, kind: MappingKind, node: &NodeName) -> Result<Vec<Mapping>, Error> {
        let params = Params::new().with("check-node", node);
        self.get(&path(&["cluster", "mapping", kind.as_str()]), &params)?.list(|mapping| {
            // PVE: pve-manager, API2/Cluster/Mapping/USB.pm uses another name for the same list.
            let message = |finding: &Fields<'_>| finding.required("message");
            let mut findings = mapping.rows_if_any("checks", message)?;
            findings.extend(mapping.rows_if_any("errors", message)?);
            Ok(Mapping { id: mapping.required("id")?, findings })
        })
    }

    /// Returns the CPU models available on a node; of the custom ones, those that the token can see.
    pub fn cpu_models(&self, node: &NodeName) -> Result<Vec<String>, Error> {
        self.get(&path(&["nodes", node.as_str(), "capabilities", "qemu", "cpu"]), &Params::new())?
            .list(|model| model.required("name"))
    }

    /// Returns the versioned machine types of a node's QEMU, such as `pc-q35-9.0`.
    pub fn machine_types(&self, node: &NodeName) -> Result<Vec<String>, Error> {
        let path = path(&["nodes", node.as_str(), "capabilities", "qemu", "machines"]);
        self.get(&path, &Params::new())?.list(|machine| machine.required("id"))
    }
}
