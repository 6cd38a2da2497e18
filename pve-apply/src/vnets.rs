//! DOOR (reads only): reads whether a node has set up the VNets that NICs should use, and reports those
//! that it has not.
//!
//! PVE: facts-2, 18: a node's list of networks names every VNet that was applied, whether it works or
//! not. Only the zone's content on that node shows that (facts-2, 17); without this check the VM is
//! created and its start fails.

use crate::read::read_api;
use pve_client::{Bridge, Client, Error, NodeName, NodeVnet, SdnKind, SdnObject, SdnState};
use stage::{Entry, Place};
use std::collections::BTreeMap;

/// The state of a VNet on a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Vnet {
    /// It works.
    Ready,
    /// The node has not set it up.
    NotReady {
        /// Its zone.
        zone: String,
        /// PVE's word for its state.
        status: String,
        /// PVE's message about it.
        message: Option<String>,
    },
    /// The node is not in its zone.
    Elsewhere {
        /// Its zone.
        zone: String,
    },
    /// It was edited and the edit was not applied.
    NotApplied,
    /// The token cannot see it.
    Hidden {
        /// The path on which it needs SDN.Audit.
        path: String,
    },
}

/// Reads the state of those bridges that are or may be VNets; returns it with all VNets that the token
/// can see.
pub(crate) fn read(
    client: &Client,
    node: &NodeName,
    wanted: &[&str],
    bridges: &[Bridge],
) -> Result<(BTreeMap<String, Vnet>, Vec<SdnObject>), Error> {
    let plain = |name: &str| bridges.iter().any(|bridge| bridge.name == name && !bridge.is_vnet);
    let names: Vec<&str> = wanted.iter().copied().filter(|name| !plain(name)).collect();
    if names.is_empty() {
        return Ok((BTreeMap::new(), Vec::new()));
    }
    let objects = match read_api(|| client.sdn_list(&SdnKind::Vnet)) {
        // PVE without the package for SDN.
        Err(error) if error.is_not_implemented() => Vec::new(),
        objects => objects?,
    };
    let mut zones: BTreeMap<String, Option<Vec<NodeVnet>>> = BTreeMap::new();
    let mut found = BTreeMap::new();
    for name in names {
        let Some(object) = objects.iter().find(|object| object.id == name) else {
            // PVE: facts-2, the table of privileges: SDN.Use alone shows no VNet.
            if bridges.iter().any(|bridge| bridge.name == name) {
                found.insert(name.to_owned(), Vnet::Hidden { path: ZONES.to_owned() });
            }
            continue;
        };
        let zone = zone_of(object);
        let content = match zones.get(&zone) {
            Some(content) => content.clone(),
            None => content(client, node, &zone, object.state)?,
        };
        found.insert(name.to_owned(), judge(object, &zone, content.as_deref()));
        zones.insert(zone, content);
    }
    Ok((found, objects))
}

/// The path of the zones.
const ZONES: &str = "/sdn/zones";

/// Returns the zone of a VNet.
fn zone_of(object: &SdnObject) -> String {
    // PVE: facts-2, 13: the zone of a new VNet is among its pending values.
    let zone = object.values.get("zone").or_else(|| object.pending.get("zone"));
    zone.cloned().unwrap_or_default()
}

/// Returns what a node says about a zone; `None` when the token is not allowed to ask.
fn content(
    client: &Client,
    node: &NodeName,
    zone: &str,
    state: SdnState,
) -> Result<Option<Vec<NodeVnet>>, Error> {
    if state == SdnState::New {
        return Ok(Some(Vec::new()));
    }
    match read_api(|| client.node_vnets(node, zone)) {
        Ok(vnets) => Ok(Some(vnets)),
        Err(error) if error.is_permission() => Ok(None),
        Err(error) => Err(error),
    }
}

fn judge(object: &SdnObject, zone: &str, content: Option<&[NodeVnet]>) -> Vnet {
    let zone = zone.to_owned();
    if object.state == SdnState::New {
        return Vnet::NotApplied;
    }
    let Some(content) = content else {
        return Vnet::Hidden { path: format!("{ZONES}/{zone}") };
    };
    match content.iter().find(|vnet| vnet.vnet == object.id) {
        None => Vnet::Elsewhere { zone },
        Some(vnet) if vnet.status == "available" => Vnet::Ready,
        Some(vnet) => {
            Vnet::NotReady { zone, status: vnet.status.clone(), message: vnet.message.clone() }
        }
    }
}

/// How an edit of SDN takes effect.
const APPLY: &str = "apply the SDN configuration: Datacenter > SDN > Apply, or run on a node: pvesh set /cluster/sdn";

impl Vnet {
    /// Returns why a NIC cannot use this VNet; `field` is the document's field that asks for it.
    pub(crate) fn finding(&self, name: &str, field: &str, node: &NodeName) -> Option<Entry> {
        let error = |code, fact: String| Entry::error(code, Place::input(field), fact);
        Some(match self {
            Self::Ready => return None,
            Self::NotReady { zone, status, message } => {
                let fact = format!(
                    "VNet \"{name}\" of zone \"{zone}\" is not available on node {node}: \
                     its status is \"{status}\""
                );
                let says = message.iter().map(|text| format!("PVE says: {text}"));
                says.fold(error("vnet-not-available", fact), Entry::note).hint(APPLY)
            }
            Self::Elsewhere { zone } => {
                let fact =
                    format!("VNet \"{name}\" is in zone \"{zone}\", which node {node} is not in");
                let hint = format!("add {node} to the nodes of zone \"{zone}\", then {APPLY}");
                error("vnet-not-on-node", fact).hint(hint)
            }
            Self::NotApplied => {
                let fact = format!("VNet \"{name}\" is new and has not been applied yet");
                error("vnet-not-applied", fact).hint(APPLY)
            }
            Self::Hidden { path } => {
                let fact = format!(
                    "the token cannot see whether VNet \"{name}\" is available on node {node}"
                );
                let entry = Entry::warning("permission", Place::input(field), fact);
                entry.hint(format!("grant the token SDN.Audit on {path}"))
            }
        })
    }
}
