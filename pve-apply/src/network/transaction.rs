//! `Transaction`: edits of SDN and one commit of them, with every parameter. Does no I/O.

use super::observed::{Kind, Object, State, Values};
use crate::json;
use pve_client::NodeName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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

impl Transaction {
    /// Returns it with the nonce of a run in each alias that it writes.
    pub(super) fn stamped(mut self, own: &str, run: &str) -> Self {
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
    pub(crate) fn holds(&self, seen: Option<&Object>) -> bool {
        match (self, seen) {
            (Self::Absent, seen) => seen.is_none(),
            (Self::As { .. }, None) => false,
            (Self::As { state, edited }, Some(seen)) => {
                *state == seen.state && *edited == seen.edited
            }
        }
    }
}
