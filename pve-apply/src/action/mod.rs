//! The plan's types, `Plan`, `VmPlan` and `Step`, and its JSON, which
//! schemas/plan.json describes. Does no I/O.

mod step;

pub(crate) use step::{CopiedDisk, Repeat, Step};

use crate::blocked::Blocked;
use crate::change::{Change, Impact};
use crate::desired::Consent;
use crate::json;
use crate::mark::Mark;
use crate::network::model::Networks;
use crate::notice::{Notice, NoticeKind};
use crate::observed::Power;
use pve_client::{Digest, NodeName, Vmid};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The version of the plan's JSON; it changes when a key that a reader may know changes its meaning.
pub(crate) const VERSION: u32 = 3;

/// What should be done. It has the seed data: a plan is as secret as the document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// [`VERSION`].
    pub version: u32,
    /// The site whose VMs are planned; empty when it has no name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub site: String,
    /// The deployment whose VMs are planned.
    pub deployment: String,
    /// The plan's own nonce, in the marks and file names that the plan writes until a run
    /// replaces it by its own ([`Plan::stamp`]).
    pub run: String,
    /// What the user had agreed to.
    #[serde(default, skip_serializing_if = "Consent::is_default")]
    pub(crate) consent: Consent,
    /// VMs with something to do, destroys first, then in the document's order.
    pub vms: Vec<VmPlan>,
    /// VMs that are as they should be.
    pub unchanged: Vec<Unchanged>,
    /// What cannot be done, and why.
    #[serde(skip_deserializing)]
    pub blocked: Vec<Blocked>,
    /// Notices, which stop nothing.
    #[serde(skip_deserializing)]
    pub notices: Vec<Notice>,
    /// VMs of this deployment that are not in the document.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_over: Vec<LeftOver>,
    /// The site's networks, if the document has any or some are to be removed.
    #[serde(default, skip_serializing_if = "Networks::is_empty")]
    pub(crate) networks: Networks,
}

/// A VM of this deployment that is missing from the document's list of all names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LeftOver {
    /// Its name in the mark.
    pub name: String,
    /// Its vmid.
    #[serde(with = "json::vmid")]
    pub vmid: Vmid,
    /// The node that has it.
    #[serde(with = "json::name")]
    pub node: NodeName,
}

/// A VM with nothing to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Unchanged {
    /// Its name.
    pub name: String,
    /// Its vmid; null for one that no longer exists, as it should be.
    #[serde(with = "json::vmid_or_null")]
    pub vmid: Option<Vmid>,
    /// The node that has it.
    #[serde(with = "json::name")]
    pub node: NodeName,
    /// Whether it runs.
    pub status: String,
    /// Its MAC.
    pub mac: Option<String>,
}

impl Unchanged {
    /// Returns whether the VM was found. A removal lists those that were not, too.
    pub(crate) fn is_found(&self) -> bool {
        !matches!(self.status.as_str(), "absent" | "unknown")
    }
}

/// What should be done to one VM.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct VmPlan {
    /// Its name.
    pub name: String,
    /// What happens to it.
    pub action: Action,
    /// Its vmid; null where the create chooses the first free one from [`VmPlan::candidate`] on.
    #[serde(with = "json::vmid_or_null")]
    pub vmid: Option<Vmid>,
    /// The vmid that a create without a fixed one tries first: the same in every run.
    #[serde(with = "json::vmid_or_null", default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<Vmid>,
    /// Its node, now or once it is created.
    #[serde(with = "json::name")]
    pub node: NodeName,
    /// The VMs of this plan that must be finished first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<String>,
    /// The networks whose commit must succeed first: it has a NIC on a vnet of theirs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) networks: Vec<String>,
    /// The storage that takes its disks: imports into one storage are limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<String>,
    /// The mark that the VM carries; for a VM to be created or adopted, the one that it gets.
    pub mark: Mark,
    /// Whether the VM ran when it was planned; null where that does not matter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power: Option<Power>,
    /// Config keys whose new values may wait for a reboot: `--pending` asked for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub may_wait: Vec<String>,
    /// The digest of the config that was planned against; null for a VM to be created.
    pub digest: Option<String>,
    /// The worst impact among the changes.
    pub impact: Impact,
    /// What differs, field by field.
    pub changes: Vec<Change>,
    /// The steps, in order. Nothing is left to decide.
    pub steps: Vec<Step>,
}

impl VmPlan {
    /// Returns what happens to the VM as a verb.
    pub(crate) fn verb(&self) -> &'static str {
        match (self.action, self.steps.first(), self.steps.last()) {
            (Action::Destroy, ..) => "destroy",
            (Action::Create, ..) => "create",
            (Action::Change, ..) => "change",
            (Action::Adopt, ..) => "adopt",
            (Action::Release, ..) => "release",
            (Action::Power, Some(Step::Start), _) => "start",
            (Action::Power, _, Some(Step::Shutdown { .. })) => "stop",
            (Action::Power, ..) => "reboot",
        }
    }

    /// Returns the node that has the VM once the plan is carried out.
    pub(crate) fn node_afterwards(&self) -> &NodeName {
        self.migration_target().unwrap_or(&self.node)
    }

    /// Returns the node to which the VM is migrated.
    pub(crate) fn migration_target(&self) -> Option<&NodeName> {
        self.steps.iter().find_map(|step| match step {
            Step::Migrate { target, .. } => Some(target),
            _ => None,
        })
    }

    /// The digest as PVE's type.
    pub(crate) fn planned_digest(&self) -> Option<Digest> {
        self.digest.as_deref().and_then(|text| text.parse().ok())
    }
}

/// What happens to a VM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Action {
    /// It is destroyed, with its disks.
    Destroy,
    /// It is created.
    Create,
    /// It is changed in place.
    Change,
    /// It gets our mark and nothing else.
    Adopt,
    /// It loses our mark and nothing else.
    Release,
    /// Its power state changes and nothing else.
    Power,
}

impl Plan {
    /// Returns whether it destroys VMs or removes networks.
    pub(crate) fn removes(&self) -> bool {
        self.vms.iter().any(|vm| vm.action == Action::Destroy) || self.networks.removal.is_some()
    }

    /// An empty plan.
    pub(crate) fn empty(deployment: &str, run: &str) -> Self {
        Self {
            version: VERSION,
            site: String::new(),
            deployment: deployment.to_owned(),
            run: run.to_owned(),
            consent: Consent::default(),
            vms: Vec::new(),
            unchanged: Vec::new(),
            blocked: Vec::new(),
            notices: Vec::new(),
            left_over: Vec::new(),
            networks: Networks::default(),
        }
    }

    /// Replaces the plan's nonce by that of a run, wherever a step would write it.
    ///
    /// A saved plan may be carried out twice at once: the two runs must not take each other's VMs for
    /// their own. The nonce is 64 random bits, so nothing else in a plan is spelled like it.
    pub(crate) fn stamp(&mut self, run: &str) {
        let own = std::mem::replace(&mut self.run, run.to_owned());
        for vm in &mut self.vms {
            vm.mark.stamp(&own, run);
            vm.steps.iter_mut().for_each(|step| step.stamp(&own, run));
        }
        self.networks.stamp(&own, run);
    }

    /// Returns the owner of the planned VMs, for people.
    pub(crate) fn owner_text(&self) -> String {
        match self.site.as_str() {
            "" => format!("\"{}\"", self.deployment),
            site => format!("\"{}\" of site \"{site}\"", self.deployment),
        }
    }

    /// Returns whether there is something to do, or something that should be and cannot.
    ///
    /// A value that only waits for a reboot is written: an apply would not change anything.
    pub(crate) fn has_changes(&self) -> bool {
        let is_asked =
            |notice: &Notice| matches!(notice.kind, NoticeKind::Halted { is_asked: true, .. });
        !self.vms.is_empty()
            || !self.blocked.is_empty()
            || self.notices.iter().any(is_asked)
            || self.networks.has_changes()
    }

    /// Returns the names of the VMs with nothing to do whose values wait for a reboot.
    pub(crate) fn waiting(&self) -> BTreeSet<&str> {
        let waits = |notice: &&Notice| matches!(notice.kind, NoticeKind::WaitsForReboot { .. });
        let names: BTreeSet<&str> =
            self.notices.iter().filter(waits).map(|notice| notice.name.as_str()).collect();
        let unchanged = self.unchanged.iter().map(|vm| vm.name.as_str());
        unchanged.filter(|name| names.contains(name)).collect()
    }

    /// Returns whether something cannot be done.
    pub(crate) fn is_blocked(&self) -> bool {
        !self.blocked.is_empty() || !self.networks.blocked.is_empty()
    }

    /// Returns how many VMs have this action.
    pub(crate) fn count(&self, action: Action) -> usize {
        self.vms.iter().filter(|vm| vm.action == action).count()
    }
}
