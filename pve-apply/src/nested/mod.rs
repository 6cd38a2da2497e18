//! Nested PVE nodes: what a guest reports about the PVE in it, which of its storages VMs use, and the
//! files that describe it in the site. Waiting for it is in `ready/nested.rs`.

mod files;
mod report;
mod storages;

pub(crate) use files::SiteFiles;
pub(crate) use report::{FILE, NodeReport, Reading, read};
pub(crate) use storages::{NodeStorages, choose};

use pve_client::{ApiUrl, Fingerprint, NodeName};
use stage::Secret;

/// A nested node that VMs can be created on.
#[derive(Debug)]
pub(crate) struct NestedNode {
    /// Its name in PVE.
    pub node: NodeName,
    /// The address of its API.
    pub url: ApiUrl,
    /// That of its API's certificate.
    pub fingerprint: Fingerprint,
    /// Its API token.
    pub token: Secret<String>,
    /// Where VMs and images go.
    pub storages: NodeStorages,
}
