//! What a reload of a node's network cannot do: scripted failures, and what the node lacks.
//! A pure module: does no I/O. The texts are PVE's.

use serde::{Deserialize, Serialize};

/// What a node lacks for SDN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lack {
    /// Proxmox's build of ifupdown2: the node has Debian's (facts-2 33).
    Ifupdown2,
    /// The package dnsmasq (facts-2 29).
    Dnsmasq,
    /// A default route (facts-2 30).
    DefaultRoute,
}

/// The version of Debian's ifupdown2, which Proxmox's do not have.
pub(crate) const DEBIAN_IFUPDOWN2: &str = "3.2.0-1";

/// A failure of the next reloads of a node's network (facts-2 28).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Failure {
    /// The node.
    pub node: String,
    /// The zone whose vnets are not made [default: every zone].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// What the node says about these vnets [default: that they are not generated].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statusmsg: Option<String>,
    /// Lines in the log of the task, before its last one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<String>,
}

/// What a node says about a vnet that it has not made (facts-2 17).
pub(crate) const NOT_MADE: &str =
    "vnet is not generated. Please check the 'reload network' task log.";

impl Failure {
    /// Returns whether it affects a zone on a node.
    pub(crate) fn hits(&self, node: &str, zone: &str) -> bool {
        self.node == node && self.zone.as_deref().is_none_or(|only| only == zone)
    }
}
