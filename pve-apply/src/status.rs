//! The list of VMs as a table and as JSON. Does no I/O.

use crate::action::{Action, Plan};
use crate::json;
use crate::network::rows::{HEADINGS, NetworkRow};
use crate::notice::NoticeKind;
use crate::plan::is_mark_only;
use serde::Serialize;
use stage::printable;
use std::fmt::Write;
use std::net::IpAddr;

/// The list as it is printed with `-o json`.
#[derive(Serialize)]
struct ListJson<'a> {
    /// Version of this format.
    version: u32,
    /// The site; absent when it has no name.
    #[serde(skip_serializing_if = "str::is_empty")]
    site: &'a str,
    /// The document's deployment.
    deployment: &'a str,
    /// The document's networks; absent when it has none.
    #[serde(skip_serializing_if = "<[NetworkRow]>::is_empty")]
    networks: &'a [NetworkRow],
    /// The VMs.
    vms: &'a [Row],
}

/// One VM: of the document, of this deployment, or of another one where those were asked for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Row {
    /// The deployment that it belongs to.
    pub(crate) deployment: String,
    /// Its name.
    pub(crate) name: String,
    /// Its vmid; null for a VM that does not exist and has no fixed one.
    pub(crate) vmid: Option<u32>,
    /// The node that has it; of a VM that does not exist, the document's.
    pub(crate) node: String,
    /// `running`, `stopped`, `missing`, or `unknown` if it cannot be read.
    pub(crate) status: String,
    /// QEMU's state, such as `paused`, when the VM is on but its guest is halted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) qmpstatus: Option<String>,
    /// HA's state of the VM, if it is an HA resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ha: Option<String>,
    /// How it compares with the document.
    pub(crate) drift: Drift,
    /// How it differs from a new VM in what nobody sets, if that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(rename = "unsaid")]
    pub(crate) unset: Option<Vec<String>>,
    /// The MAC of net0.
    pub(crate) mac: Option<String>,
    /// Its tags in PVE, without ours.
    pub(crate) tags: Vec<String>,
    /// Its addresses: those that the document fixes, or those that the guest's agent reports.
    pub(crate) addresses: Vec<IpAddr>,
}

/// How a VM compares with the document.
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
    /// It will be as the document asks after a reboot.
    WaitsForReboot {
        /// The fields that take effect then.
        fields: Vec<String>,
    },
    /// The document has it, and it does not exist, or only as an unfinished clone.
    NotCreated,
    /// It belongs to this deployment and left the document.
    NotInDocument,
    /// It belongs to this deployment, and another document has it.
    OtherDocument,
    /// It belongs to another deployment, its state is unknown, or the document is not rendered.
    NotCompared,
    /// It carries a mark that names another VM, site or build; or something else has the vmid of a VM of the
    /// document.
    NotOurs {
        /// What it is.
        is: String,
    },
}

/// Returns how a VM differs from a new one in what nobody sets.
pub(crate) fn unset(plan: &Plan, name: &str) -> Vec<String> {
    let of_vm = plan.notices.iter().filter(|notice| notice.name == name);
    let fields = of_vm.filter_map(|notice| match &notice.kind {
        NoticeKind::Differs { fields } => Some(fields.clone()),
        NoticeKind::Unmanaged { keys } => {
            Some(keys.iter().map(|key| format!("{key}: a new one has none")).collect())
        }
        _ => None,
    });
    fields.flatten().collect()
}

impl Drift {
    /// Returns the drift that a plan has found.
    pub(crate) fn of(plan: &Plan, name: &str) -> Self {
        let blocked = plan.blocked.iter().filter(|b| b.name == name).flat_map(|b| &b.changes);
        let changed = plan.vms.iter().filter(|vm| vm.name == name && vm.action == Action::Change);
        let changes = changed.flat_map(|vm| &vm.changes).chain(blocked);
        let of_vm = plan.notices.iter().filter(|notice| notice.name == name);
        let unmended = of_vm.filter_map(|notice| match &notice.kind {
            NoticeKind::SeedChanged { parts, .. } if parts.is_empty() => Some("seed".to_owned()),
            NoticeKind::SeedChanged { parts, .. } => Some(format!("seed ({})", parts.join(", "))),
            NoticeKind::Halted { is_asked: true, .. } => Some("power".to_owned()),
            _ => None,
        });
        let changed = changes.map(|change| change.field.clone()).chain(unmended);
        let mut fields: Vec<String> = changed.filter(|field| !is_mark_only(field)).collect();
        let of_vm = plan.notices.iter().filter(|notice| notice.name == name);
        let waiting = of_vm.filter_map(|notice| match &notice.kind {
            NoticeKind::WaitsForReboot { changes } => Some(changes),
            _ => None,
        });
        let waiting: Vec<String> = waiting.flatten().map(|change| change.field.clone()).collect();
        match (fields.is_empty(), waiting.is_empty()) {
            (true, true) => Self::None,
            (true, false) => Self::WaitsForReboot { fields: waiting },
            (false, _) => {
                // What waits differs too; with `--pending` it is among the changes when it is not written yet.
                let more = waiting.into_iter().filter(|field| !fields.contains(field));
                fields.extend(more.collect::<Vec<_>>());
                Self::Fields { fields }
            }
        }
    }

    fn text(&self) -> String {
        match self {
            Self::None => "none".to_owned(),
            Self::Fields { fields } => fields.join(", "),
            Self::WaitsForReboot { fields } => format!("waits for a reboot: {}", fields.join(", ")),
            Self::NotCreated => "not created".to_owned(),
            Self::NotInDocument => "not in the document".to_owned(),
            Self::OtherDocument => "in another document".to_owned(),
            Self::NotCompared => "not compared".to_owned(),
            Self::NotOurs { is } => format!("not ours: {is}"),
        }
    }
}

impl Row {
    /// Returns the cells below [`headings`]. Whoever may write a VM's description has chosen its name.
    fn cells(&self, columns: Columns) -> Vec<String> {
        let list =
            |list: Vec<String>| if list.is_empty() { "-".to_owned() } else { list.join(" ") };
        let addresses = list(self.addresses.iter().map(ToString::to_string).collect());
        let mut cells = vec![
            self.vmid.map_or_else(|| "-".to_owned(), |vmid| vmid.to_string()),
            self.name.clone(),
            self.node.clone(),
            self.qmpstatus.clone().unwrap_or_else(|| self.status.clone()),
            addresses,
        ];
        if columns.ha {
            cells.insert(4, self.ha.clone().unwrap_or_else(|| "-".to_owned()));
        }
        if columns.deployments {
            cells.insert(1, self.deployment.clone());
        }
        if columns.wide {
            cells.push(self.mac.clone().unwrap_or_else(|| "-".to_owned()));
            cells.push(list(self.tags.clone()));
        }
        cells.push(self.drift.text());
        cells.iter().map(String::as_str).map(printable).collect()
    }
}

/// Which columns a table has besides those that each has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Columns {
    /// The deployment, where the list has more than one.
    pub(crate) deployments: bool,
    /// The HA state, where a VM of the list is an HA resource.
    pub(crate) ha: bool,
    /// MAC and tags.
    pub(crate) wide: bool,
}

fn headings(columns: Columns) -> Vec<String> {
    let mut headings = vec!["VMID", "NAME", "NODE", "POWER", "ADDRESSES"];
    if columns.ha {
        headings.insert(4, "HA");
    }
    if columns.deployments {
        headings.insert(1, "DEPLOYMENT");
    }
    if columns.wide {
        headings.extend(["MAC", "TAGS"]);
    }
    headings.push("DRIFT");
    headings.into_iter().map(str::to_owned).collect()
}

/// Returns the rows as a table with a header; below each row the differences in what nobody sets.
pub(crate) fn table(rows: &[Row], columns: Columns) -> String {
    let mut lines = vec![headings(columns)];
    lines.extend(rows.iter().map(|row| row.cells(columns)));
    let below = std::iter::once(None).chain(rows.iter().map(|row| row.unset.as_ref()));
    let mut out = String::new();
    for (line, below) in aligned(&lines).into_iter().zip(below) {
        // Writing into a String cannot fail.
        let _ = writeln!(out, "{line}");
        for difference in below.into_iter().flatten() {
            let _ = writeln!(out, "      {}", printable(difference));
        }
    }
    out
}

/// Returns the networks as a table with a header; empty if there are none.
pub(crate) fn networks(rows: &[NetworkRow]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut lines = vec![HEADINGS.map(str::to_owned).to_vec()];
    let plain = |row: &NetworkRow| row.cells().iter().map(|cell| printable(cell)).collect();
    lines.extend(rows.iter().map(plain));
    aligned(&lines).into_iter().map(|line| format!("{line}\n")).collect()
}

/// Returns lines whose cells are below each other.
fn aligned(lines: &[Vec<String>]) -> Vec<String> {
    let width = |column: usize| {
        lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..).map_while(width).collect();
    let line = |line: &Vec<String>| {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    lines.iter().map(line).collect()
}

/// Returns the rows as JSON.
pub(crate) fn json(site: &str, deployment: &str, networks: &[NetworkRow], rows: &[Row]) -> Vec<u8> {
    json::pretty(&ListJson { version: 1, site, deployment, networks, vms: rows })
}
