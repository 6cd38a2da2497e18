//! `Desired`: what the document asks of PVE, in PVE's own terms. Does no I/O.

mod read;
pub(crate) mod snippets;
mod startup;

#[cfg(test)]
mod tests;

pub(crate) use read::{Purpose, read};
pub(crate) use startup::Startup;

use crate::mark::Mark;
use pve_client::{NodeName, StorageId, Vmid, Volid};
use snippets::Snippets;
use stage::Secret;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// The VMs of one deployment, as they shall be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Desired {
    /// The deployment's name, as it stands in each mark.
    pub deployment: String,
    /// The node that the VMs live on.
    pub node: NodeName,
    /// The file storage for seeds.
    pub image_storage: StorageId,
    /// What happens once a VM has failed; `None`: the document does not say.
    pub on_error: Option<OnError>,
    /// How seed data reaches a VM that is made.
    pub(crate) seed_way: SeedWay,
    /// Where snippets lie; `None`: none are in play.
    pub(crate) snippets: Option<Snippets>,
    /// This run's nonce: it goes into each mark that the run writes.
    pub run: String,
    /// Every vmid that the document fixes: PVE's choice for another VM must not be one of them.
    pub(crate) reserved: BTreeSet<Vmid>,
    /// What the user has agreed to.
    pub(crate) consent: Consent,
    /// The VMs, in the document's order.
    pub vms: Vec<DesiredVm>,
}

/// How seed data reaches a VM.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum SeedWay {
    /// As a small disk that the VM owns
    #[default]
    Disk,
    /// As an ISO file on the image storage, in the VM's CD drive; it stays there until destroy
    Iso,
    /// As snippets, which `cicustom` names; they stay there until destroy
    Snippets,
}

/// What happens once a VM has failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum OnError {
    /// The others go on
    #[default]
    Continue,
    /// No further step is begun
    Stop,
    /// No further step is begun, and the VMs that this run has made are destroyed
    Rollback,
}

/// What the user has agreed to on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Consent {
    /// Running VMs may be rebooted.
    pub reboot: bool,
    /// Running VMs may be shut down, and their power cut when the guest does not listen.
    pub stop: bool,
    /// VMs whose seed data has changed get the new data.
    pub reseed: bool,
    /// How long a guest has to shut down, in seconds.
    pub shutdown_seconds: u64,
}

impl Default for Consent {
    fn default() -> Self {
        // PVE's own default for a shutdown at the node's halt is 180 s; a cloud guest needs a few.
        Self { reboot: false, stop: false, reseed: false, shutdown_seconds: 60 }
    }
}

/// One VM, as it shall be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DesiredVm {
    /// Its index in the document's `vms`, for messages.
    pub index: usize,
    /// Its name.
    pub name: String,
    /// Its vmid; `None`: PVE chooses.
    pub vmid: Option<Vmid>,
    /// The VM of the same deployment that must be done first.
    pub parent: Option<String>,
    /// Its address where the document fixes it.
    pub address: Option<IpAddr>,
    /// What it is made of; `None` when the purpose needs only names.
    pub machine: Option<Machine>,
}

/// What a VM is made of.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Machine {
    /// The image that the boot disk is made from; used at creation only.
    pub image: Image,
    /// The storage for the VM's disks.
    pub storage: StorageId,
    /// CPU cores.
    pub cores: u32,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// Size of the boot disk in GiB.
    pub disk_gib: u32,
    /// The first NIC.
    pub nic: Nic,
    /// Tags, in lower case, ours included.
    pub tags: BTreeSet<String>,
    /// When it starts and stops with its node; `None`: that is not ours to say.
    pub startup: Option<Startup>,
    /// The seed data.
    pub seed: Seed,
}

/// An image of the document, and where it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Image {
    /// Its name in the document.
    pub name: String,
    /// What `images` says of it.
    pub volid: Option<Volid>,
}

/// What net0 shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Nic {
    /// Bridge or vnet.
    pub bridge: String,
    /// VLAN tag.
    pub vlan: Option<u32>,
    /// MAC in upper case, as PVE prints it; `None`: PVE picks one.
    pub mac: Option<String>,
}

/// A VM's NoCloud data.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seed {
    /// user-data, whole.
    pub user_data: Secret<String>,
    /// meta-data, whole.
    pub meta_data: String,
    /// network-config, whole; empty for none.
    pub network_config: String,
    /// Tells whether the data has changed.
    pub fingerprint: String,
}

/// How the name of every seed file begins.
const SEED_FILE: &str = "pve-pipeline-seed_";

/// Says whether a file on the image storage is a seed that a run of ours has put there.
pub(crate) fn is_seed_file(file: &str) -> bool {
    file.starts_with(SEED_FILE)
}

impl Desired {
    /// Returns the mark that this run writes into a VM.
    pub(crate) fn mark(&self, vm: &DesiredVm) -> Mark {
        let seed = vm.machine.as_ref().map(|m| m.seed.fingerprint.clone()).unwrap_or_default();
        Mark {
            deployment: self.deployment.clone(),
            vm: vm.name.clone(),
            run: self.run.clone(),
            seed,
        }
    }

    /// Returns how the names of a VM's snippets with this fingerprint begin.
    pub(crate) fn snippet_base(&self, vm: &DesiredVm, fingerprint: &str) -> String {
        format!("{}{fingerprint}", self.seed_prefix(vm))
    }

    /// Returns where a VM's seed file lies while it lies on the image storage.
    pub(crate) fn seed_volid(&self, vm: &DesiredVm, way: SeedWay) -> Volid {
        let fingerprint = vm.machine.as_ref().map_or("", |m| &m.seed.fingerprint);
        let (content, ending) = match way {
            SeedWay::Disk => ("import", "raw"),
            SeedWay::Iso => ("iso", "iso"),
            SeedWay::Snippets => ("snippets", "user.yaml"),
        };
        let file = format!("{}{fingerprint}.{ending}", self.seed_prefix(vm));
        Volid::of_file(&self.image_storage, content, &file)
    }

    /// Returns how the name of each seed file of a VM begins, whatever its fingerprint.
    ///
    /// `_` cannot stand in a VM's name, so no prefix begins another VM's.
    pub(crate) fn seed_prefix(&self, vm: &DesiredVm) -> String {
        format!("{SEED_FILE}{}_{}_", self.deployment, vm.name)
    }

    /// Says whether a file on the image storage is a seed of this VM.
    pub(crate) fn owns_seed_file(&self, vm: &DesiredVm, file: &str) -> bool {
        let rest = file.strip_prefix(&self.seed_prefix(vm));
        let rest = rest
            .and_then(|r| r.strip_suffix(".raw").or_else(|| r.strip_suffix(".iso")))
            .or_else(|| snippets::strip_ending(rest?));
        rest.is_some_and(|fingerprint| !fingerprint.contains('_'))
    }
}
