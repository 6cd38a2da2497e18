//! `Desired`: what the document asks of PVE, in PVE's terms. Does no I/O.

mod contradiction;
mod creation;
mod definition;
mod guest;
mod nic;
mod node;
mod read;
mod rendered;

#[cfg(test)]
mod tests;

pub(crate) use contradiction::contradictions;
pub(crate) use creation::{Creation, Source, TemplateId};
pub(crate) use definition::{Definition, Image, Seed, short_name};
pub(crate) use nic::{NicAddresses, has_only_fixed, nics};
pub(crate) use node::NodeDefaults;
pub(crate) use read::{Purpose, config_finding, read};

use crate::mark::Mark;
use crate::network::desired::DesiredNetworks;
use data_encoding::HEXLOWER;
use pve_client::{NodeName, StorageId, Vmid};
use pve_stage::vmid_walk;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use stage::Gather as _;
use stage::identity::VmidRange;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// The VMs of one deployment, as they should be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Desired {
    /// The site's name in each mark; empty when it has none.
    pub site: String,
    /// The deployment's name in each mark.
    pub deployment: String,
    /// The document's node: that of every VM without its own, and the one that answers for what is
    /// about none.
    pub node: NodeName,
    /// What VMs get on a node that is not in `nodes`.
    pub(crate) head: NodeDefaults,
    /// What VMs get on the other nodes, if there are several.
    pub(crate) nodes: BTreeMap<NodeName, NodeDefaults>,
    /// Whether the site's YAML sets the node of each VM.
    pub(crate) places_all: bool,
    /// What happens once a VM has failed; `None` when the document does not say.
    pub on_error: Option<OnError>,
    /// The vmids for VMs without one in the document.
    pub(crate) vmid_range: VmidRange,
    /// Every VM name of the deployment, also outside this document; `None` when unknown.
    pub(crate) vm_names: Option<BTreeSet<String>>,
    /// This run's nonce, part of each mark that the run writes.
    pub run: String,
    /// Former VM names, and their names now.
    pub(crate) former_names: BTreeMap<String, String>,
    /// Every vmid that the document fixes: no other VM gets one of them.
    pub(crate) reserved: BTreeSet<Vmid>,
    /// What the user has agreed to.
    pub(crate) consent: Consent,
    /// The document's images that are not published yet.
    pub(crate) unpublished: Vec<String>,
    /// The networks that the VMs use.
    pub(crate) networks: DesiredNetworks,
    /// The VMs, in the document's order.
    pub vms: Vec<DesiredVm>,
}

/// What happens once a VM has failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum OnError {
    /// Continue with the other VMs
    #[default]
    Continue,
    /// Start no further step
    Stop,
    /// Start no further step, and destroy the VMs that this run has created
    Rollback,
}

/// What the user has agreed to on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a consent of its own")]
pub(crate) struct Consent {
    /// Running VMs may be rebooted.
    pub reboot: bool,
    /// Running VMs may be shut down, and stopped hard when the guest does not respond.
    pub stop: bool,
    /// VMs whose seed data has changed get the new data.
    pub reseed: bool,
    /// Values that need a reboot are written and stay pending.
    pub pending: bool,
    /// Disks, and NICs of running VMs, may be taken off.
    pub(crate) detach: bool,
    /// Disks may move to other storages.
    pub(crate) move_disks: bool,
    /// VMs may be migrated to the node that the YAML gives them.
    pub(crate) migrate: bool,
    /// How long a guest has to shut down, in seconds.
    pub shutdown_seconds: u64,
}

impl Default for Consent {
    fn default() -> Self {
        // PVE's own default for a shutdown at the node's halt is 180 s; a cloud guest needs a few.
        Self {
            reboot: false,
            stop: false,
            reseed: false,
            pending: false,
            detach: false,
            move_disks: false,
            migrate: false,
            shutdown_seconds: 60,
        }
    }
}

impl Consent {
    /// Returns whether it is what the user agrees to by saying nothing.
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Returns it with the consent to every change of a VM where it is.
    pub(crate) fn with_changes(self) -> Self {
        Self { reboot: true, stop: true, detach: true, move_disks: true, ..self }
    }
}

/// How a VM came to its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placement {
    /// By `resolve --node`: the same env for another node is another document, with other VMs.
    Selected,
    /// The site's YAML names the node: the VM belongs there.
    Written,
    /// From a list in the site's YAML: a new VM is created there, an existing one stays where it is.
    Listed,
}

/// One VM, as it should be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DesiredVm {
    /// Its index in the document's `vms`, for messages.
    pub index: usize,
    /// Its name.
    pub name: String,
    /// Its vmid; `None` for the first free one from [`Desired::candidate`] on.
    pub vmid: Option<Vmid>,
    /// The node that it belongs on.
    pub(crate) node: NodeName,
    /// How it came to that node.
    pub(crate) placement: Placement,
    /// The file storage for its seed on that node.
    pub(crate) image_storage: StorageId,
    /// Whether the vmid is only for a new VM: an existing one keeps its own.
    pub(crate) vmid_is_counted: bool,
    /// The VM of the same deployment that must be finished first.
    pub parent: Option<String>,
    /// The addresses that its NICs should have in the guest.
    pub(crate) nics: Vec<NicAddresses>,
    /// What it consists of; `None` when the purpose needs only names.
    pub definition: Option<Definition>,
}

impl DesiredVm {
    /// Returns whether it is cloned from a template that does not exist yet.
    pub(crate) fn awaits_template(&self) -> bool {
        let creation = self.definition.as_ref().map(|definition| &definition.creation);
        creation == Some(&Creation::Clone(Source::OfImage(None)))
    }

    /// Returns whether it is created as a clone, if the document says how.
    pub(crate) fn is_cloned(&self) -> bool {
        let is_clone = |definition: &Definition| matches!(definition.creation, Creation::Clone(_));
        self.definition.as_ref().is_some_and(is_clone)
    }

    /// Returns the addresses known without the guest agent: those that the document
    /// fixes for the first NIC. The others may be in networks that we cannot reach.
    pub(crate) fn known_addresses(&self) -> Vec<IpAddr> {
        let first = self.nics.iter().find(|nic| !nic.is_unset());
        first.map(|nic| nic.fixed.clone()).unwrap_or_default()
    }

    /// A VM with only a name, which is not in the document.
    pub(crate) fn named(name: &str, desired: &Desired) -> Self {
        Self {
            index: 0,
            name: name.to_owned(),
            vmid: None,
            node: desired.node.clone(),
            placement: Placement::Selected,
            image_storage: desired.defaults(&desired.node).image_storage.clone(),
            vmid_is_counted: false,
            parent: None,
            nics: Vec::new(),
            definition: None,
        }
    }
}

/// The prefix of every seed file's name.
const SEED_FILE: &str = "pve-pipeline-seed_";

/// Returns whether a file on the image storage is a seed that one of our runs uploaded.
pub(crate) fn is_seed_file(file: &str) -> bool {
    file.starts_with(SEED_FILE)
}

impl Desired {
    /// Returns the current name of a VM whose mark has this name.
    pub(crate) fn name_now<'n>(&'n self, marked: &'n str) -> &'n str {
        self.former_names.get(marked).map_or(marked, String::as_str)
    }

    /// Returns the document's VMs by their names.
    pub(crate) fn by_name(&self) -> BTreeMap<&str, &DesiredVm> {
        self.vms.iter().map(|vm| (vm.name.as_str(), vm)).gather()
    }

    /// Returns what every mark of a VM that this run writes has in common.
    pub(crate) fn identity(&self, vm: &DesiredVm) -> Mark {
        Mark {
            site: self.site.clone(),
            deployment: self.deployment.clone(),
            vm: vm.name.clone(),
            node: vm.node.to_string(),
            run: self.run.clone(),
            ..Mark::default()
        }
    }

    /// Returns the vmid to try first for a VM without one.
    ///
    /// It is derived from site, deployment and name, so that it is the same in every run: two runs at once
    /// meet at one vmid, where PVE lets only one of them through.
    pub(crate) fn candidate(&self, name: &str) -> Option<Vmid> {
        vmid_walk::candidate(self.vmid_range, &[&self.site, &self.deployment, name])
    }

    /// Returns the vmids that a VM without one may get, in the order in which every run tries them:
    /// from its candidate upward, then from the start of the range.
    pub(crate) fn walk(&self, vm: &DesiredVm) -> impl Iterator<Item = Vmid> {
        let all = vmid_walk::walk(self.vmid_range, self.candidate(&vm.name));
        all.filter(|id| !self.reserved.contains(id))
    }

    /// Returns the name of the file that carries a VM's seed to PVE, unique to this run.
    pub(crate) fn seed_file(&self, vm: &DesiredVm) -> String {
        format!("{}{}.raw", self.seed_prefix(vm), self.run)
    }

    /// Returns the prefix of a VM's seed files, whichever run uploaded them.
    ///
    /// Site and deployment are in it as a digest: as words they could be ambiguous, or exceed the
    /// longest file name. A VM's name has no `_`, so no prefix is the start of another.
    fn seed_prefix(&self, vm: &DesiredVm) -> String {
        let digest = Sha256::digest(format!("{}\n{}", self.site, self.deployment));
        let key = HEXLOWER.encode(digest.get(..6).unwrap_or_default());
        format!("{SEED_FILE}{key}_{}_", vm.name)
    }

    /// Returns whether a file on the image storage is a seed of this VM that another run left.
    pub(crate) fn owns_seed_file(&self, vm: &DesiredVm, file: &str) -> bool {
        let rest = file.strip_prefix(&self.seed_prefix(vm)).and_then(|r| r.strip_suffix(".raw"));
        rest.is_some_and(|run| !run.contains('_'))
    }
}

/// Returns the mark's word for a tag that the document sets.
pub(crate) const OWNED_TAG: &str = "tags.";

/// The mark's word for the pool that the document sets.
pub(crate) const OWNED_POOL: &str = "pool";
