//! The list of our VMs across the cluster, as text and as JSON. Does no I/O.

use crate::action::{Action, Plan};
use crate::notice::What;
use serde::Serialize;
use stage::printable;
use std::fmt::Write;

/// One VM of ours.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Row {
    /// The deployment in its mark.
    pub(crate) deployment: String,
    /// Its name in the mark.
    pub(crate) name: String,
    /// Its vmid.
    pub(crate) vmid: u32,
    /// The node that has it.
    pub(crate) node: String,
    /// `running`, `stopped`, or `unknown` where its node does not answer.
    pub(crate) status: String,
    /// QEMU's own word, as `paused`, where the VM is on and its guest does not run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) qmpstatus: Option<String>,
    /// What the document says of it.
    pub(crate) drift: Drift,
    /// How it differs from a new VM in what nobody says, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unsaid: Option<Vec<String>>,
    /// Its addresses, as far as they were asked for.
    pub(crate) addresses: Vec<std::net::IpAddr>,
}

/// How a VM stands to the document.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub(crate) enum Drift {
    /// It is as the document asks.
    None,
    /// These fields differ.
    Fields {
        /// Their names.
        fields: Vec<String>,
    },
    /// It is as the document asks once it is rebooted.
    WaitsForReboot {
        /// The fields that the guest gets then.
        fields: Vec<String>,
    },
    /// It belongs to this deployment, and the document does not know it.
    NotInDocument,
    /// It belongs to another deployment, or the document is not rendered.
    NotCompared,
    /// It carries a mark that names another VM, site or build.
    NotOurs {
        /// What it is.
        is: String,
    },
}

/// How a VM differs from a new one in what nobody says.
pub(crate) fn unsaid(plan: &Plan, name: &str) -> Vec<String> {
    let of_vm = plan.notices.iter().filter(|notice| notice.name == name);
    let fields = of_vm.filter_map(|notice| match &notice.what {
        What::Differs { fields } => Some(fields.clone()),
        What::Unmanaged { keys } => {
            Some(keys.iter().map(|key| format!("{key}: a new one has none")).collect())
        }
        _ => None,
    });
    fields.flatten().collect()
}

impl Drift {
    /// What a plan says of a VM of its deployment.
    pub(crate) fn of(plan: &Plan, name: &str) -> Self {
        let blocked = plan.blocked.iter().filter(|b| b.name == name).flat_map(|b| &b.changes);
        let changed = plan.vms.iter().filter(|vm| vm.name == name && vm.action == Action::Change);
        let changes = changed.flat_map(|vm| &vm.changes).chain(blocked);
        let of_vm = plan.notices.iter().filter(|notice| notice.name == name);
        let unmended = of_vm.filter_map(|notice| match &notice.what {
            What::SeedChanged { parts } if parts.is_empty() => Some("seed".to_owned()),
            What::SeedChanged { parts } => Some(format!("seed ({})", parts.join(", "))),
            What::Halted { is_asked: true, .. } => Some("power".to_owned()),
            _ => None,
        });
        let fields: Vec<String> =
            changes.map(|change| change.field.clone()).chain(unmended).collect();
        let waiting = plan.notices.iter().filter(|notice| notice.name == name);
        let mut waiting = waiting.filter_map(|notice| match &notice.what {
            What::WaitsForReboot { changes } => {
                Some(changes.iter().map(|change| change.field.clone()).collect())
            }
            _ => None,
        });
        match waiting.next() {
            _ if !fields.is_empty() => Self::Fields { fields },
            Some(fields) => Self::WaitsForReboot { fields },
            None => Self::None,
        }
    }

    fn text(&self) -> String {
        match self {
            Self::None => "as the document asks".to_owned(),
            Self::Fields { fields } => format!("differs: {}", fields.join(", ")),
            Self::WaitsForReboot { fields } => format!("waits for a reboot: {}", fields.join(", ")),
            Self::NotInDocument => "not in the document".to_owned(),
            Self::NotCompared => "not compared".to_owned(),
            Self::NotOurs { is } => format!("not ours: {is}"),
        }
    }
}

/// Returns the rows as a table. Whoever may write a VM's description has chosen the names in it.
pub(crate) fn table(rows: &[Row]) -> String {
    let cells: Vec<[String; 6]> = rows
        .iter()
        .map(|row| {
            let addresses: Vec<String> = row.addresses.iter().map(ToString::to_string).collect();
            let addresses = if addresses.is_empty() { "-".to_owned() } else { addresses.join(" ") };
            let (vmid, name) = (row.vmid.to_string(), format!("{}/{}", row.deployment, row.name));
            let status = row.qmpstatus.clone().unwrap_or_else(|| row.status.clone());
            [vmid, name, row.node.clone(), status, addresses, row.drift.text()]
                .map(|cell| printable(&cell))
        })
        .collect();
    let widths: [usize; 6] = std::array::from_fn(|column| {
        cells.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)
    });
    let mut out = String::new();
    for (cells, row) in cells.iter().zip(rows) {
        let line: Vec<String> =
            cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        // Writing into a String cannot fail.
        let _ = writeln!(out, "{}", line.join("  ").trim_end());
        for difference in row.unsaid.iter().flatten() {
            let _ = writeln!(out, "      {}", printable(difference));
        }
    }
    out
}
