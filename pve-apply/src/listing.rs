//! The rows of a list: the VMs of the document, and what else PVE has of the deployment. Does no I/O.

use crate::action::Plan;
use crate::blocked::{BlockReason, Blocked};
use crate::desired::{Desired, DesiredVm};
use crate::mark::{Mark, NotOurs, Owner, TAG, split_tags};
use crate::observed::{Observation, Observed, VmState};
use crate::plan::{self, Verb};
use crate::status::{Drift, Row, unset};
use pve_client::Vmid;
use stage::{Entry, Place, Report};
use std::collections::BTreeSet;

/// What a list includes besides the document's VMs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    /// Only the chosen VMs are listed, nothing that is not in the document.
    pub(crate) is_selection: bool,
    /// VMs of other deployments are listed too.
    pub(crate) all: bool,
    /// Each row has the differences from a new VM in what nobody sets.
    pub(crate) wide: bool,
}

/// Returns the rows by vmid, those without one at the end, and warnings about unreadable VMs.
pub(crate) fn list(
    desired: &Desired,
    observed: &Observed,
    compared: &Plan,
    extent: Extent,
) -> (Vec<Row>, Report) {
    // A power plan finds each VM, whether the document is rendered or not.
    let found = plan::plan_power(desired, observed, Verb::Start);
    let mut report = unreadable(observed);
    for blocked in &found.blocked {
        if blocked.reason.is_about_identity() || blocked.reason == BlockReason::MayNotSeeAll {
            report.push(blocked.entry().as_warning());
        }
    }
    let (mut rows, mut listed) = (Vec::new(), BTreeSet::new());
    for seen in observed.seen() {
        let Some(membership) = Membership::of(seen, desired, compared, extent) else { continue };
        listed.extend(membership.vm.map(|vm| vm.name.as_str()));
        rows.push(row(seen, membership, compared, extent));
    }
    let others = desired.vms.iter().filter(|vm| !listed.contains(vm.name.as_str()));
    rows.extend(others.map(|vm| not_found(vm, desired, &found.blocked)));
    rows.sort_by_key(|row| (row.vmid.is_none(), row.vmid));
    (rows, report)
}

/// Warns of VMs that may be ours and cannot be read.
fn unreadable(observed: &Observed) -> Report {
    let mut report = Report::new();
    for (vmid, observation) in &observed.vms {
        let (code, node, fact) = match observation {
            Observation::Seen(_) => continue,
            Observation::NodeAway(node) => {
                ("node-away", node, "the node does not answer: the VM may be ours")
            }
            Observation::Moving(node) => {
                ("moved", node, "the VM is no longer there: it may be moving")
            }
            Observation::Forbidden(node) => {
                ("permission", node, "the token cannot read the VM: it may be ours")
            }
        };
        report.push(Entry::warning(code, Place::vm(node.as_str(), vmid.get()), fact));
    }
    report
}

/// The deployment and name of a listed VM, and how it compares.
struct Membership<'d> {
    deployment: String,
    name: String,
    drift: Drift,
    /// The document's entry, if the document has the VM.
    vm: Option<&'d DesiredVm>,
}

impl<'d> Membership<'d> {
    /// Returns the membership of a VM; `None` for one that is not listed.
    fn of(seen: &VmState, desired: &'d Desired, compared: &Plan, extent: Extent) -> Option<Self> {
        let mark = match seen.owner(&desired.site, &desired.deployment) {
            Owner::Ours(mark) => mark,
            Owner::NotOurs(not_ours) => return extent.all.then(|| Self::of_not_ours(not_ours))?,
        };
        let name = desired.name_now(&mark.vm).to_owned();
        let vm = desired.vms.iter().find(|vm| vm.name == name);
        let drift = match vm {
            None if extent.is_selection => return None,
            None if is_of_another_document(desired, &mark, &name) => Drift::OtherDocument,
            None => Drift::NotInDocument,
            Some(_) if mark.is_unfinished_clone() => Drift::NotCreated,
            Some(vm) if vm.definition.is_none() => Drift::NotCompared,
            Some(_) => Drift::of(compared, &name),
        };
        Some(Self { deployment: mark.deployment, name, drift, vm })
    }

    /// Returns the membership of a marked VM that is not this deployment's.
    fn of_not_ours(not_ours: NotOurs) -> Option<Self> {
        let is = not_ours.text();
        let (deployment, name, drift) = match not_ours {
            NotOurs::OtherDeployment { deployment, vm } => (deployment, vm, Drift::NotCompared),
            NotOurs::OtherSite { deployment, vm, .. }
            | NotOurs::Earlier { deployment, vm }
            | NotOurs::Clone { deployment, vm }
            | NotOurs::Restored { deployment, vm } => (deployment, vm, Drift::NotOurs { is }),
            NotOurs::Unmarked
            | NotOurs::Untagged { .. }
            | NotOurs::Later { .. }
            | NotOurs::Broken
            | NotOurs::ImageTemplate { .. }
            | NotOurs::OtherKind { .. } => return None,
        };
        Some(Self { deployment, name, drift, vm: None })
    }
}

/// Returns whether a VM of this deployment belongs to another document: one for another node, or for
/// another part of the deployment.
fn is_of_another_document(desired: &Desired, mark: &Mark, name: &str) -> bool {
    let is_listed = desired.vm_names.as_ref().is_some_and(|names| names.contains(name));
    is_listed || !desired.is_home(&mark.node)
}

/// Returns the row of an existing VM.
fn row(seen: &VmState, membership: Membership<'_>, compared: &Plan, extent: Extent) -> Row {
    let Membership { deployment, name, drift, vm } = membership;
    let tags = split_tags(seen.config.next("tags").unwrap_or_default());
    let unset = || vm.map(|vm| unset(compared, &vm.name)).unwrap_or_default();
    Row {
        vmid: Some(seen.vmid.get()),
        node: seen.node.to_string(),
        status: seen.power.as_str().to_owned(),
        qmpstatus: seen.halted.clone(),
        ha: seen.ha.clone(),
        unset: extent.wide.then(unset),
        mac: plan::mac(&seen.config),
        tags: tags.filter(|tag| !tag.eq_ignore_ascii_case(TAG)).map(str::to_owned).collect(),
        addresses: vm.map(DesiredVm::known_addresses).unwrap_or_default(),
        deployment,
        name,
        drift,
    }
}

/// Returns the row of a VM of the document that was not found.
fn not_found(vm: &DesiredVm, desired: &Desired, blocked: &[Blocked]) -> Row {
    let blocked = blocked.iter().find(|blocked| blocked.name == vm.name);
    let is_unknown = blocked.is_some_and(|blocked| is_unknown(&blocked.reason));
    let (status, drift) = match blocked.map(|blocked| &blocked.reason) {
        _ if is_unknown => (UNKNOWN, Drift::NotCompared),
        Some(BlockReason::VmidTaken { by }) => {
            let is = by.as_ref().map_or_else(|| "a guest".to_owned(), |name| format!("\"{name}\""));
            (MISSING, Drift::NotOurs { is })
        }
        Some(BlockReason::NotOurs { is }) => (MISSING, Drift::NotOurs { is: is.text() }),
        _ => (MISSING, Drift::NotCreated),
    };
    // Without a fixed vmid, the VM that may be it could be on any node.
    let node = blocked.filter(|_| is_unknown && vm.vmid.is_some()).map(|blocked| &blocked.node);
    Row {
        deployment: desired.deployment.clone(),
        name: vm.name.clone(),
        vmid: vm.vmid.map(Vmid::get),
        node: node.unwrap_or(&vm.node).to_string(),
        status: status.to_owned(),
        qmpstatus: None,
        ha: None,
        drift,
        unset: None,
        mac: None,
        tags: Vec::new(),
        addresses: vm.known_addresses(),
    }
}

/// A VM of the document that does not exist.
pub(crate) const MISSING: &str = "missing";
/// A VM of the document that may exist.
const UNKNOWN: &str = "unknown";

/// Returns whether a VM that was not found for this reason may still exist.
fn is_unknown(reason: &BlockReason) -> bool {
    !matches!(
        reason,
        BlockReason::NotThere | BlockReason::VmidTaken { .. } | BlockReason::NotOurs { .. }
    )
}
