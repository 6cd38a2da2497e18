//! What a plan says about networks besides what it does: what is blocked, and notices. Their JSON is in
//! schemas/plan.json; `text` has the wording. Does no I/O.

use super::observed::User;
use super::transaction::{NetworkAction, Pending};
use crate::change::Change;
use serde::Serialize;
use std::collections::BTreeMap;

/// What cannot be done to a network.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct NetworkBlocked {
    /// Its zone.
    pub name: String,
    /// The vnet or subnet that it is about; absent for the zone itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// The reason.
    #[serde(rename = "why")]
    pub reason: NetworkReason,
    /// What would be done otherwise, if that is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
}

/// Why something cannot be done to a network.
#[derive(Clone, Debug, PartialEq, Serialize, strum::IntoStaticStr)]
#[serde(tag = "reason", rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum NetworkReason {
    /// The object exists, is not ours, and differs.
    ForeignDiffers {
        /// The site in its mark, if it has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owner: Option<String>,
        /// What differs: `from` is the cluster's value, `to` the document's.
        changes: Vec<Change>,
    },
    /// The vnet belongs to another network of this site.
    OtherNetwork {
        /// That network.
        net: String,
    },
    /// The vnet's ID is in use in another zone.
    WrongZone {
        /// That zone.
        zone: String,
        /// Whether the vnet has the mark of this network: somebody has moved it.
        ours: bool,
    },
    /// The mark in the vnet's alias is damaged.
    BrokenMark,
    /// Somebody is removing the object: the next commit deletes it.
    BeingRemoved,
    /// PVE cannot change these options of an existing object.
    NotInPlace {
        /// The options.
        changes: Vec<Change>,
    },
    /// Another vnet has the tag.
    TagTaken {
        /// The tag.
        tag: String,
        /// The vnet.
        by: String,
    },
    /// Another vnet of the zone has the subnet.
    SubnetTaken {
        /// The vnet.
        by: String,
    },
    /// The zone does not exist, and is of a type that we do not create.
    ZoneMissing {
        /// Its type.
        #[serde(rename = "type")]
        ty: String,
    },
    /// The token cannot see all SDN objects: one could exist unseen, and a commit could apply more.
    MayNotSeeAll,
    /// Others have edited SDN and not committed it: a commit would apply that too.
    PendingOthers {
        /// What they have edited.
        objects: Vec<Pending>,
    },
    /// Guests use the network.
    InUse {
        /// The vnet that they use.
        vnet: String,
        /// The guests.
        by: Vec<User>,
    },
    /// Not every guest of the cluster could be read: one of them may use the network.
    GuestsHidden {
        /// Guests that are listed and could not be read, and why; empty if the list is not complete.
        unread: BTreeMap<u32, &'static str>,
    },
}

impl NetworkReason {
    /// Returns whether the owner of an object is in doubt: then the run does nothing at all.
    pub(crate) fn is_about_identity(&self) -> bool {
        matches!(
            self,
            Self::ForeignDiffers { .. }
                | Self::OtherNetwork { .. }
                | Self::WrongZone { .. }
                | Self::BrokenMark
        )
    }
}

/// Information about a network that blocks nothing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct NetworkNotice {
    /// Its zone.
    pub name: String,
    /// The information.
    #[serde(rename = "what")]
    pub kind: NetworkNoticeKind,
}

/// The kind of a notice about a network.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "notice", rename_all = "kebab-case")]
pub(crate) enum NetworkNoticeKind {
    /// It stays, since guests that stay use it.
    InUse {
        /// The vnet.
        vnet: String,
        /// The guests.
        by: Vec<User>,
    },
    /// Its zone stays, since vnets that are not ours are in it.
    ZoneStays {
        /// Those vnets.
        vnets: Vec<String>,
    },
    /// Somebody has edited an object of ours that runs as the document says, and not committed it.
    EditedByOthers {
        /// The object.
        id: String,
    },
    /// The commit also applies what others have edited: `--with-pending-sdn`.
    OthersToo {
        /// What they have edited.
        objects: Vec<String>,
    },
    /// It is neither changed nor removed, since only some VMs were asked for.
    LeftAlone {
        /// What would be done otherwise.
        action: NetworkAction,
    },
    /// Nodes are offline: they set it up when they are back.
    NodesAway {
        /// The nodes.
        nodes: Vec<String>,
    },
    /// It is not ours, and a node has not set it up.
    NotAvailable {
        /// The node.
        node: String,
        /// PVE's word for its state there.
        status: String,
    },
    /// The document sets something that has no effect.
    WithoutEffect {
        /// What.
        what: String,
    },
    /// The token cannot see its zone: it is used and not compared.
    Hidden,
}
