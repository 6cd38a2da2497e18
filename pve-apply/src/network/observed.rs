//! `Sdn`: the SDN objects of the cluster at one moment, as values. Does no I/O.

use crate::json;
use pve_client::{GuestKind, NodeName, Permissions, SdnKind, SdnObject, SdnState, Vmid};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The values of an object: PVE's name → PVE's text. The items of a list are joined by `;`.
pub(crate) type Values = BTreeMap<String, String>;

/// The kind of an SDN object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// A zone.
    Zone,
    /// A vnet.
    Vnet,
    /// A subnet of a vnet.
    Subnet,
    /// A controller, which we never change.
    Controller,
    /// A fabric, which we never change.
    Fabric,
}

/// Whether an object has changes that wait for a commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// No.
    #[default]
    Applied,
    /// It was never committed.
    New,
    /// It was committed with other values.
    Changed,
    /// It was committed, and the next commit deletes it.
    Deleted,
}

impl State {
    fn of(state: SdnState) -> Self {
        match state {
            SdnState::Applied => Self::Applied,
            SdnState::New => Self::New,
            SdnState::Changed => Self::Changed,
            SdnState::Deleted => Self::Deleted,
        }
    }
}

/// A view of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum View {
    /// What was committed last.
    Running,
    /// What the next commit makes of it.
    Edited,
}

/// An SDN object.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Object {
    /// Its kind.
    pub(crate) kind: Kind,
    /// Its ID; of a subnet `ZONE-10.50.0.0-24`.
    pub(crate) id: String,
    /// Whether a commit would change it.
    pub(crate) state: State,
    /// Its committed values; empty if it is new.
    pub(crate) running: Values,
    /// Its values after the next commit; empty if that deletes it.
    pub(crate) edited: Values,
    /// The vnet of a subnet.
    pub(crate) vnet: Option<String>,
}

impl Object {
    /// Returns an object of PVE's list with `pending=1` of this kind.
    pub(crate) fn of(listed_as: &SdnKind, listed: SdnObject) -> Self {
        let (kind, vnet) = match listed_as {
            SdnKind::Zone => (Kind::Zone, None),
            SdnKind::Vnet => (Kind::Vnet, None),
            SdnKind::Subnet(vnet) => (Kind::Subnet, Some(vnet.clone())),
            SdnKind::Controller => (Kind::Controller, None),
        };
        let without_names = |mut values: Values| {
            NOT_VALUES.iter().chain(kind.named()).for_each(|name| _ = values.remove(*name));
            values
        };
        let state = State::of(listed.state);
        let running = listed.applied().cloned().map(without_names).unwrap_or_default();
        let edited = listed.edited().map(without_names).unwrap_or_default();
        Self { kind, id: listed.id, state, running, edited, vnet }
    }

    /// Returns a fabric, or a node of one: only its state is known.
    pub(crate) fn fabric(id: &str, state: SdnState) -> Self {
        let (kind, id, vnet) = (Kind::Fabric, id.to_owned(), None);
        let (running, edited) = (Values::new(), Values::new());
        Self { kind, id, state: State::of(state), running, edited, vnet }
    }

    /// Returns whether it was never committed.
    pub(crate) fn is_new(&self) -> bool {
        self.state == State::New
    }

    /// Returns its values in a view; `None` if it does not exist there.
    pub(crate) fn values(&self, view: View) -> Option<&Values> {
        match view {
            View::Running => (!self.is_new()).then_some(&self.running),
            View::Edited => self.is_there().then_some(&self.edited),
        }
    }

    /// Returns whether a commit would change it.
    pub(crate) fn is_pending(&self) -> bool {
        self.state != State::Applied
    }

    /// Returns whether it exists after the next commit.
    pub(crate) fn is_there(&self) -> bool {
        self.state != State::Deleted
    }

    /// Returns a value after the next commit.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.edited.get(name).map(String::as_str)
    }

    /// Returns a value after the next commit, or the committed one of an object that it deletes.
    pub(crate) fn last_value(&self, name: &str) -> Option<&str> {
        let values = if self.is_there() { &self.edited } else { &self.running };
        values.get(name).map(String::as_str)
    }
}

/// What PVE lists besides the values of an object.
const NOT_VALUES: [&str; 4] = ["state", "digest", "id", "cidr"];

impl Kind {
    /// Returns the keys that name an object of this kind, or follow from its name.
    fn named(self) -> &'static [&'static str] {
        match self {
            Self::Zone => &["zone"],
            Self::Vnet => &["vnet", "type"],
            Self::Subnet => &["subnet", "type", "vnet", "zone", "network", "mask"],
            Self::Controller => &["controller"],
            Self::Fabric => &[],
        }
    }
}

/// The SDN objects of the cluster, as far as the token can see them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sdn {
    /// The zones, by ID.
    pub(crate) zones: BTreeMap<String, Object>,
    /// The vnets, by ID.
    pub(crate) vnets: BTreeMap<String, Object>,
    /// The subnets of the vnets that were read, by ID.
    pub(crate) subnets: BTreeMap<String, Object>,
    /// Vnets whose subnets the token is not allowed to read.
    pub(crate) subnets_hidden: BTreeSet<String>,
    /// The controllers, by ID. Read only when something has to be committed.
    pub(crate) controllers: Option<BTreeMap<String, Object>>,
    /// The fabrics, by ID: only their state. Read like the controllers, and only of PVE 9 and newer.
    pub(crate) fabrics: BTreeMap<String, Object>,
    /// What each node of the cluster says about its zones.
    pub(crate) nodes: BTreeMap<NodeName, NodeSdn>,
    /// The guests that use vnets. Read only when a vnet may have to be removed.
    pub(crate) users: Option<Users>,
    /// The token's permissions. Read only when something is missing or has to be committed.
    pub(crate) permissions: Option<Permissions>,
}

/// What a node says about its zones.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct NodeSdn {
    /// Whether it answers.
    pub(crate) is_online: bool,
    /// Zone → `available`, `pending` or `error`, of every zone that the node is in.
    pub(crate) zones: BTreeMap<String, String>,
    /// Why zones that are not available are not: zone → vnet and PVE's message.
    pub(crate) messages: BTreeMap<String, Vec<(String, String)>>,
}

/// The guests of the cluster that have a NIC on a vnet.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Users {
    /// Vnet → guests, those included that use it after their next start.
    pub(crate) of: BTreeMap<String, Vec<User>>,
    /// Guests that could not be read, and why: they may use any vnet.
    pub(crate) unread: BTreeMap<Vmid, &'static str>,
    /// Whether the token can see every guest of the cluster.
    pub(crate) sees_all: bool,
}

/// A guest that has a NIC on a vnet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct User {
    /// Its vmid.
    #[serde(with = "json::vmid")]
    pub(crate) vmid: Vmid,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// Whether it is a container.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_container: bool,
}

impl User {
    /// A guest with a NIC on a vnet.
    pub(crate) fn new(vmid: Vmid, name: Option<String>, kind: GuestKind) -> Self {
        Self { vmid, name, is_container: kind == GuestKind::Lxc }
    }
}

impl Sdn {
    /// Returns an object.
    pub(crate) fn get(&self, kind: Kind, id: &str) -> Option<&Object> {
        match kind {
            Kind::Zone => self.zones.get(id),
            Kind::Vnet => self.vnets.get(id),
            Kind::Subnet => self.subnets.get(id),
            Kind::Controller => self.controllers.as_ref()?.get(id),
            Kind::Fabric => self.fabrics.get(id),
        }
    }

    /// Returns whether the token can see all SDN objects: PVE filters lists instead of refusing them.
    pub(crate) fn sees_all(&self) -> bool {
        self.permissions.as_ref().is_some_and(sees_all)
    }

    /// Returns all objects: zones, vnets, subnets, controllers, fabrics.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Object> {
        let controllers = self.controllers.iter().flat_map(BTreeMap::values);
        self.zones
            .values()
            .chain(self.vnets.values())
            .chain(self.subnets.values())
            .chain(controllers)
            .chain(self.fabrics.values())
    }
}

/// Returns whether a token with these permissions sees every SDN object, and what nodes say of them.
fn sees_all(permissions: &Permissions) -> bool {
    let audits = |path: &str| permissions.get(path).and_then(|p| p.get("SDN.Audit")).copied();
    // PVE: facts-2, 31. A path below may revoke the privilege; localnetwork is not an object of SDN.
    let is_below =
        |path: &str| path.starts_with("/sdn/") && !path.starts_with("/sdn/zones/localnetwork");
    let below = permissions.keys().filter(|path| is_below(path));
    let root = audits("/sdn").or_else(|| audits("/"));
    root == Some(true) && below.into_iter().all(|path| audits(path).is_some())
}
