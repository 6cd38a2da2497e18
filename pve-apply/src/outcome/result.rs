//! The outcome of a plan as the JSON on stdout. Does no I/O.

use super::{Outcomes, VmOutcome};
use crate::action::{Action, Plan, Unchanged};
use crate::inventory::first;
use crate::json;
use crate::network::model::NetworkStatus;
use crate::notice::Notice;
use pve_client::Vmid;
use serde::Serialize;
use serde_json::{Map, Value};
use stage::Gather as _;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

/// The result that is printed on stdout.
#[derive(Serialize)]
pub(crate) struct ResultJson {
    /// Version of this format.
    pub version: u32,
    /// The deployment.
    pub deployment: String,
    /// The reference's output: name → vmid.
    pub vm_ids: Map<String, Value>,
    /// The reference's output: name → first address, null where none is known.
    pub vm_ips: Map<String, Value>,
    /// Each VM.
    pub vms: Vec<VmResult>,
    /// Each network of the document, and each that was removed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) networks: Vec<NetworkResult>,
}

/// One network in the result.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct NetworkResult {
    /// Its zone.
    pub(crate) name: String,
    /// `create`, `change`, `unchanged`, `destroy`, `adopt`.
    pub(crate) action: &'static str,
    /// `ours`, `used` for one that is not ours, `hidden` or `absent`.
    pub(crate) status: NetworkStatus,
}

/// One VM in the result.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct VmResult {
    /// Its name.
    pub name: String,
    /// `create`, `change`, `unchanged`, `destroy`, `adopt`, `power`.
    pub action: &'static str,
    /// Its vmid.
    pub vmid: Option<u32>,
    /// The node that has it.
    pub node: String,
    /// `running`, `stopped` or `absent`.
    pub status: String,
    /// The MAC of net0.
    pub mac: Option<String>,
    /// Its addresses, as far as they are known.
    pub addresses: Vec<IpAddr>,
    /// The plan's notices about it, PVE's warnings during the work, and cloud-init's warnings
    /// during the wait.
    pub warnings: Vec<String>,
    /// The PVE in it, after a wait for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pve: Option<PveResult>,
}

/// The PVE in a VM.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct PveResult {
    /// The node's name.
    pub node: String,
    /// Where its API is.
    pub api_endpoint: String,
    /// The files that were written about it.
    pub written: Vec<PathBuf>,
}

impl ResultJson {
    /// Returns the result, with VMs in the document's order.
    pub(crate) fn new(deployment: &str, vms: Vec<VmResult>) -> Self {
        let mut result = Self {
            version: 1,
            deployment: deployment.to_owned(),
            vm_ids: Map::new(),
            vm_ips: Map::new(),
            vms,
            networks: Vec::new(),
        };
        for vm in result.vms.iter().filter(|vm| vm.status != "absent") {
            result.vm_ids.insert(vm.name.clone(), vm.vmid.into());
            // Like the reference: an IPv4 address where there is one.
            let first = first(&vm.addresses).map(ToString::to_string);
            result.vm_ips.insert(vm.name.clone(), first.into());
        }
        result
    }

    /// Adds the networks: what the plan left alone, and the outcomes of the rest, by name.
    #[must_use]
    pub(crate) fn with_networks(mut self, plan: &Plan, outcomes: &Outcomes) -> Self {
        let worked_on = |name: &str| outcomes.networks.iter().any(|other| other.name == name);
        let unchanged = plan.networks.unchanged.iter().filter(|network| !worked_on(&network.name));
        self.networks = unchanged
            .map(|network| NetworkResult {
                name: network.name.clone(),
                action: "unchanged",
                status: network.status,
            })
            .collect();
        self.networks.extend(outcomes.networks.iter().map(|outcome| NetworkResult {
            name: outcome.name.clone(),
            action: outcome.action_name(),
            status: outcome.status(),
        }));
        self.networks.sort_by(|a, b| a.name.cmp(&b.name));
        self
    }

    /// Returns the bytes for stdout.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        json::pretty(self)
    }
}

/// Returns the rows of a result: what the plan left alone, and the outcomes of the rest, by name.
pub(crate) fn rows(plan: &Plan, outcomes: &[VmOutcome], order: &[String]) -> Vec<VmResult> {
    // The last round leaves alone what an earlier one did.
    let is_untouched = |vm: &&Unchanged| outcomes.iter().all(|outcome| outcome.name != vm.name);
    let mut rows: Vec<VmResult> = plan
        .unchanged
        .iter()
        .filter(is_untouched)
        .map(|vm| VmResult {
            name: vm.name.clone(),
            action: "unchanged",
            vmid: vm.vmid.map(Vmid::get),
            node: vm.node.to_string(),
            status: vm.status.clone(),
            mac: vm.mac.clone(),
            addresses: Vec::new(),
            warnings: notices(plan, &vm.name),
            pve: None,
        })
        .collect();
    rows.extend(outcomes.iter().map(|outcome| {
        let gone = matches!(outcome.action, Action::Destroy);
        let mut warnings = notices(plan, &outcome.name);
        warnings.extend(outcome.warnings.iter().cloned());
        VmResult {
            name: outcome.name.clone(),
            action: action_name(outcome.action),
            vmid: outcome.vmid.map(Vmid::get),
            node: outcome.node.to_string(),
            status: if gone { "absent" } else { "unknown" }.to_owned(),
            mac: None,
            addresses: Vec::new(),
            warnings,
            pve: None,
        }
    }));
    let places: BTreeMap<&str, usize> =
        order.iter().enumerate().map(|(place, name)| (name.as_str(), place)).gather();
    rows.sort_by_key(|row| places.get(row.name.as_str()).copied());
    rows
}

/// Returns the plan's notices about a VM.
fn notices(plan: &Plan, name: &str) -> Vec<String> {
    let about = plan.notices.iter().filter(|notice| notice.name == name && !notice.is_detail());
    about.map(Notice::text).collect()
}

fn action_name(action: Action) -> &'static str {
    match action {
        Action::Destroy => "destroy",
        Action::Create => "create",
        Action::Change => "change",
        Action::Adopt => "adopt",
        Action::Release => "release",
        Action::Power => "power",
    }
}
