//! The types of a plan's networks, and their JSON, which schemas/plan.json describes. Does no I/O.

use super::finding::{NetworkBlocked, NetworkNotice, NetworkNoticeKind};
use super::observed::{Kind, State, Values};
use crate::change::Change;
use crate::json;
use pve_client::NodeName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What should be done to the site's networks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Networks {
    /// Networks with something to do, in the order of their zones.
    pub planned: Vec<NetworkPlan>,
    /// Networks that are as they should be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unchanged: Vec<UnchangedNetwork>,
    /// What cannot be done, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocked: Vec<NetworkBlocked>,
    /// Notices, which stop nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
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

/// What happens to a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum NetworkAction {
    /// Our vnets are removed, and the zone if we made it.
    Destroy,
    /// Its vnets are made, and its zone if that does not exist.
    Create,
    /// It is changed in place.
    Change,
    /// Its vnets get our mark and nothing else.
    Adopt,
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

/// Edits, one commit of them, and what must be true afterwards.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Transaction {
    /// The edits, in order: zones, vnets, subnets; deletions the other way round.
    ///
    /// Empty if everything was staged by a run that was killed: then only the commit is left.
    pub edits: Vec<Edit>,
    /// What was pending before the first edit, and is committed too: our own leftovers, and with
    /// `--with-pending-sdn` the changes of others. Anything else that is pending stops the transaction.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pending: Vec<Pending>,
    /// Whether changes of others may be committed too: `--with-pending-sdn`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub with_others: bool,
    /// What each zone must look like on its nodes afterwards.
    pub verify: Vec<Verify>,
}

/// One call that changes the edited, not yet committed configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Edit {
    /// The network that it belongs to.
    pub network: String,
    /// The kind of object.
    pub kind: Kind,
    /// The object's ID in PVE; of a subnet `ZONE-10.50.0.0-24`.
    pub id: String,
    /// The vnet of a subnet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vnet: Option<String>,
    /// What is done to it.
    pub verb: EditVerb,
    /// Every parameter, for a create the ID too; `delete` names options to remove, joined by commas.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, Param>,
    /// What must be true right before.
    pub guard: Guard,
    /// Whether no guest of the cluster may have a NIC on it: a vnet that is deleted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unused: bool,
}

/// What an edit does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EditVerb {
    /// POST.
    Create,
    /// PUT.
    Update,
    /// DELETE.
    Delete,
}

/// The value of a parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Param {
    /// One value.
    One(String),
    /// A list: the parameter is sent once for each item.
    Many(Vec<String>),
}

/// What must be true right before an edit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "guard", rename_all = "lowercase")]
pub(crate) enum Guard {
    /// No object has this ID, not even one that the next commit deletes.
    Absent,
    /// The object is as it was when the plan was made. An undo restores these values.
    As {
        /// Its state.
        state: State,
        /// Its values after the next commit.
        edited: Values,
    },
}

/// An object that was pending when the plan was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Pending {
    /// Its kind.
    pub kind: Kind,
    /// Its ID.
    pub id: String,
    /// Its state.
    pub state: State,
    /// Its values after the commit; empty if that deletes it.
    #[serde(default, skip_serializing_if = "Values::is_empty")]
    pub edited: Values,
    /// Whether a run of this site left it.
    pub ours: bool,
}

/// What a zone must look like on its nodes after a commit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Verify {
    /// The zone.
    pub zone: String,
    /// The nodes of the zone that are online.
    #[serde(with = "json::names")]
    pub nodes: Vec<NodeName>,
    /// The vnets that must be available, each on all of these nodes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vnets: Vec<String>,
    /// The vnets that must be gone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<String>,
    /// Whether the zone must be gone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub zone_gone: bool,
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

impl Transaction {
    fn stamped(mut self, own: &str, run: &str) -> Self {
        let aliases = self.edits.iter_mut().filter_map(|edit| edit.params.get_mut("alias"));
        for alias in aliases {
            if let Param::One(text) = alias {
                *text = text.replace(&format!("run={own}"), &format!("run={run}"));
            }
        }
        self
    }
}

impl Guard {
    /// Returns whether it holds for what is there now.
    pub(crate) fn holds(&self, seen: Option<&super::observed::Object>) -> bool {
        match (self, seen) {
            (Self::Absent, seen) => seen.is_none(),
            (Self::As { .. }, None) => false,
            (Self::As { state, edited }, Some(seen)) => {
                *state == seen.state && *edited == seen.edited
            }
        }
    }
}
