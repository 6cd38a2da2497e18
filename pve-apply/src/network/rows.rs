//! The document's networks as rows of `status`. Does no I/O.

use super::desired::DesiredNetworks;
use super::model::{NetworkAction, NetworkStatus, Networks};
use super::observed::Sdn;
use serde::Serialize;
use std::collections::BTreeMap;

/// One network.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct NetworkRow {
    /// Its zone.
    pub(crate) name: String,
    /// Its zone's type.
    #[serde(rename = "type")]
    pub(crate) ty: String,
    /// Its vnets in the document.
    pub(crate) vnets: Vec<String>,
    /// Each node of the zone, and its state there: `available`, `pending`, `error`, `missing` or `offline`.
    pub(crate) nodes: BTreeMap<String, String>,
    /// How it compares with the document.
    pub(crate) drift: NetworkDrift,
}

/// How a network compares with the document.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub(crate) enum NetworkDrift {
    /// It is ours and as the document says.
    None,
    /// It is as the document says, and not ours.
    NotOurs,
    /// These fields differ.
    Fields {
        /// Their names.
        fields: Vec<String>,
    },
    /// It does not exist.
    NotCreated,
    /// It cannot be brought to what the document says.
    Blocked {
        /// Why.
        reasons: Vec<String>,
    },
    /// The token cannot see it.
    NotCompared,
}

/// Returns the rows, in the document's order.
pub(crate) fn of(networks: &DesiredNetworks, sdn: &Sdn, plan: &Networks) -> Vec<NetworkRow> {
    let row = |network: &machine::sdn::Network| NetworkRow {
        name: network.zone.clone(),
        ty: network.ty.name().to_owned(),
        vnets: network.vnets.iter().map(|vnet| vnet.vnet.clone()).collect(),
        nodes: super::nodes::of(sdn, &network.zone),
        drift: drift(plan, &network.zone),
    };
    networks.list.iter().map(row).collect()
}

fn drift(plan: &Networks, name: &str) -> NetworkDrift {
    let blocked = plan.blocked.iter().filter(|blocked| blocked.name == name);
    let reasons: Vec<String> = blocked
        .map(|blocked| match &blocked.object {
            Some(object) => format!("{object} {}", blocked.reason.fact()),
            None => blocked.reason.fact(),
        })
        .collect();
    if !reasons.is_empty() {
        return NetworkDrift::Blocked { reasons };
    }
    if let Some(planned) = plan.planned.iter().find(|planned| planned.name == name) {
        let fields = planned.changes.iter().map(|change| change.field.clone()).collect();
        return match planned.action {
            NetworkAction::Create => NetworkDrift::NotCreated,
            _ => NetworkDrift::Fields { fields },
        };
    }
    match plan.unchanged.iter().find(|known| known.name == name).map(|known| known.status) {
        Some(NetworkStatus::Ours) => NetworkDrift::None,
        Some(NetworkStatus::Used) => NetworkDrift::NotOurs,
        Some(NetworkStatus::Absent) => NetworkDrift::NotCreated,
        Some(NetworkStatus::Hidden) | None => NetworkDrift::NotCompared,
    }
}

impl NetworkDrift {
    fn text(&self) -> String {
        match self {
            Self::None => "none".to_owned(),
            Self::NotOurs => "none, not ours".to_owned(),
            Self::Fields { fields } => fields.join(", "),
            Self::NotCreated => "not created".to_owned(),
            Self::Blocked { reasons } => format!("blocked: {}", reasons.join("; ")),
            Self::NotCompared => "not compared".to_owned(),
        }
    }
}

/// The headings of the table.
pub(crate) const HEADINGS: [&str; 5] = ["NETWORK", "TYPE", "VNETS", "NODES", "DRIFT"];

impl NetworkRow {
    /// Returns the cells below [`HEADINGS`].
    pub(crate) fn cells(&self) -> Vec<String> {
        let list = |items: Vec<String>| match items.as_slice() {
            [] => "-".to_owned(),
            items => items.join(", "),
        };
        let nodes = self.nodes.iter().map(|(node, status)| format!("{node} {status}"));
        vec![
            self.name.clone(),
            self.ty.clone(),
            list(self.vnets.clone()),
            list(nodes.collect()),
            self.drift.text(),
        ]
    }
}
