//! `Migration`: what a difference says about a move to another node. Does no I/O.

use crate::action::CopiedDisk;
use pve_client::NodeName;

/// A migration that is planned.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Migration {
    /// Where the VM goes.
    pub(super) target: NodeName,
    /// Whether it runs meanwhile.
    pub(super) online: bool,
    /// `targetstorage`: where the disks go whose storage the target does not have.
    pub(super) target_storage: Option<String>,
    /// The disks that are copied.
    pub(super) disks: Vec<CopiedDisk>,
    /// HA resources that come along.
    pub(super) along: Vec<String>,
}
