//! The types of a plan's networks, and their JSON, which schemas/plan.json describes. Does no I/O.

use super::finding::{NetworkBlocked, NetworkNotice, NetworkNoticeKind};
use crate::change::Change;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub(crate) use super::transaction::{
    Edit, EditVerb, Guard, NetworkAction, Param, Pending, Transaction, Verify,
};

/// What should be done to the site's networks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Networks {
    /// Networks with something to do, in the order of their zones.
    pub planned: Vec<NetworkPlan>,
    /// Networks that are as they should be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unchanged: Vec<UnchangedNetwork>,
    /// What cannot be done, and why.
    #[serde(skip_deserializing, skip_serializing_if = "Vec::is_empty")]
    pub blocked: Vec<NetworkBlocked>,
    /// Notices, which stop nothing.
    #[serde(skip_deserializing, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<NetworkNotice>,
    /// Vnets of this site whose network left the site's files, and vnets that left theirs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_over: Vec<LeftOverVnet>,
    /// What is edited and committed before any VM is worked on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<Transaction>,
    /// What is removed once the VMs are gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removal: Option<Transaction>,
}

/// What should be done to one network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct NetworkPlan {
    /// Its zone.
    pub name: String,
    /// What happens to it.
    pub action: NetworkAction,
    /// What the change does to the guests on it.
    pub impact: NetworkImpact,
    /// Its state on the nodes that have it or should have it: `available`, `pending`, `error`, `missing` or
    /// `offline`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) nodes: BTreeMap<String, String>,
    /// What differs, field by field, such as `vnets.lan.tag`.
    pub changes: Vec<Change>,
}

/// What a change does to the guests on a network, from harmless to worst.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum NetworkImpact {
    /// They notice nothing.
    #[default]
    None,
    /// They may lose the network for a moment, or what they reached through it.
    Traffic,
    /// The network is removed; no guest uses it.
    Removed,
}

/// A network with nothing to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct UnchangedNetwork {
    /// Its zone.
    pub name: String,
    /// Whether it is ours, used although it is not, or cannot be seen.
    pub status: NetworkStatus,
}

/// How a network without changes was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum NetworkStatus {
    /// Its vnets carry our mark.
    Ours,
    /// It is equal to the document, and not ours.
    Used,
    /// It exists, and the token cannot see it.
    Hidden,
    /// It does not exist, as it should be.
    Absent,
}

impl NetworkStatus {
    /// Returns whether it is ours, or is to be.
    pub(crate) fn is_ours(self) -> bool {
        matches!(self, Self::Ours | Self::Absent)
    }
}

/// A vnet of this site that is in no file of the site.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LeftOverVnet {
    /// The network in its mark.
    pub name: String,
    /// The vnet.
    pub vnet: String,
    /// Whether its network still has a file.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub network_remains: bool,
}

impl Networks {
    /// Returns whether there is nothing about networks in the plan: its JSON then has no such key.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns whether there is something to do, or something that should be and cannot.
    pub(crate) fn has_changes(&self) -> bool {
        let is_wanted =
            |notice: &NetworkNotice| matches!(notice.kind, NetworkNoticeKind::LeftAlone { .. });
        let left_alone = self.notices.iter().any(is_wanted);
        !self.planned.is_empty() || !self.blocked.is_empty() || left_alone
    }

    /// Replaces the plan's nonce by that of a run in each alias that is written.
    pub(crate) fn stamp(&mut self, own: &str, run: &str) {
        let edits = |of: &mut Option<Transaction>| of.take().map(|of| of.stamped(own, run));
        (self.commit, self.removal) = (edits(&mut self.commit), edits(&mut self.removal));
    }
}
