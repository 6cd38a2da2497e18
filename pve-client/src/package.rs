//! The packages of a node that PVE considers important.

use crate::client::Client;
use crate::error::Error;
use crate::ids::NodeName;
use crate::params::{Params, path};

/// A package of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Its name, such as `ifupdown2`.
    pub name: String,
    /// The installed version; `None` if it is not installed.
    pub installed: Option<String>,
}

impl Client {
    /// Returns the packages of a node that PVE lists, those that are not installed among them. Needs Sys.Audit
    /// on `/nodes/NODE`.
    pub fn packages(&self, node: &NodeName) -> Result<Vec<Package>, Error> {
        // PVE: pve-manager, API2/APT.pm, versions: `OldVersion` is the installed one, `Version` the newest.
        self.get(&path(&["nodes", node.as_str(), "apt", "versions"]), &Params::new())?.list(|row| {
            let is_installed = row.text("CurrentState").as_deref() == Some("Installed");
            let installed = row.text("OldVersion").filter(|_| is_installed);
            Ok(Package { name: row.required("Package")?, installed })
        })
    }
}
