//! `Outlook`: what is known before a VM is migrated, as values. Does no I/O: `foresee` reads it.

use pve_client::MigrationPreconditions;
use std::collections::{BTreeMap, BTreeSet};

/// What is known about moving one VM to the node that the document says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Outlook {
    /// What the cluster says about that node.
    pub(crate) target: Target,
    /// PVE's answer when it was asked about the migration.
    pub(crate) answer: Result<MigrationPreconditions, Refusal>,
    /// The type of each storage of the node that has the VM.
    pub(crate) storage_types: BTreeMap<String, String>,
    /// Bridges and VNets that the VM's NICs use, that its node has and the target does not.
    pub(crate) missing_bridges: BTreeSet<String>,
}

impl Outlook {
    /// Returns whether the VM is no longer as it was read.
    pub(crate) fn is_outdated(&self) -> bool {
        matches!(self.answer, Err(Refusal::Outdated(_)))
    }
}

/// What the cluster says about the node that a VM should move to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// It is online.
    Online,
    /// It is offline.
    Offline,
    /// The cluster has no such node.
    Unknown,
}

/// Why PVE did not say whether a VM can be migrated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The token has no VM.Migrate.
    Forbidden,
    /// PVE's own text, such as that the VM is locked.
    Said(String),
    /// The same, where it shows that the VM has moved or been locked since it was read.
    Outdated(String),
}
