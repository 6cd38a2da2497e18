//! The plan's own words: `Plan`, `VmPlan`, `Step`, `Change`, `Impact`; and its JSON, which
//! schemas/plan.json describes. Does no I/O.

use crate::blocked::Blocked;
use crate::json;
use crate::mark::Mark;
use crate::notice::{Notice, What};
use crate::observed::Power;
use pve_client::{Digest, NodeName, StorageId, Vmid, Volid};
use serde::{Deserialize, Serialize};
use stage::Secret;
use std::collections::BTreeMap;

/// The version of the plan's JSON; it changes when a key that a reader may know changes its meaning.
pub(crate) const VERSION: u32 = 2;

/// What is to be done. Holds the seed data: a plan is as secret as the document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// [`VERSION`].
    pub version: u32,
    /// The site whose VMs are planned; empty when it has no name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub site: String,
    /// The deployment whose VMs are planned.
    pub deployment: String,
    /// The plan's own nonce: it stands in the marks and file names that the plan writes until a run
    /// puts its own there ([`Plan::stamp`]).
    pub run: String,
    /// VMs with something to do, destroys first, then in the document's order.
    pub vms: Vec<VmPlan>,
    /// VMs that are as they shall be.
    pub unchanged: Vec<Unchanged>,
    /// What cannot be done, and why.
    pub blocked: Vec<Blocked>,
    /// What is worth a word and stops nothing.
    pub notices: Vec<Notice>,
    /// VMs that are marked as this deployment's and that the document does not know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_over: Vec<LeftOver>,
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
    /// Its vmid; null for one that is gone, as it shall be.
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

/// What is to be done to one VM.
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
    /// The node that has it, or shall.
    #[serde(with = "json::name")]
    pub node: NodeName,
    /// The VMs of this plan that must be done first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<String>,
    /// The storage that takes its disks: imports into one storage are limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<String>,
    /// The mark that the VM carries; of a VM to be made, or to be adopted, the one that it is given.
    pub mark: Mark,
    /// Whether the VM ran when it was planned for; null where that does not matter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power: Option<Power>,
    /// Config keys whose new values may wait for a reboot: `--pending` asked for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub may_wait: Vec<String>,
    /// The digest of the config that was planned against; null for a VM to be made.
    pub digest: Option<String>,
    /// The worst impact among the changes.
    pub impact: Impact,
    /// What differs, field by field.
    pub changes: Vec<Change>,
    /// What is done, in order. Nothing is left to decide.
    pub steps: Vec<Step>,
}

impl VmPlan {
    /// The digest as PVE's type.
    pub(crate) fn planned_digest(&self) -> Option<Digest> {
        self.digest.as_deref().and_then(|text| text.parse().ok())
    }
}

/// What happens to a VM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Action {
    /// It goes, with its disks.
    Destroy,
    /// It is made.
    Create,
    /// It is changed in place.
    Change,
    /// It gets our mark and nothing else.
    Adopt,
    /// Its power state changes and nothing else.
    Power,
}

/// What a change does to a running guest, from harmless to worst.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Impact {
    /// The guest notices nothing.
    #[default]
    None,
    /// The guest is rebooted.
    Reboot,
    /// The guest is shut down and started again.
    PowerOff,
    /// Data goes.
    DataLoss,
}

/// One field that differs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Change {
    /// The document's name of the field where it has one, else PVE's.
    pub field: String,
    /// What is so; null for nothing.
    pub from: Option<String>,
    /// What shall be; null for nothing.
    pub to: Option<String>,
    /// What the change does to a running guest.
    pub impact: Impact,
    /// Why, where it is not plain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// One call that changes something, with every parameter that it is sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub(crate) enum Step {
    /// Uploads the VM's seed image, made from these texts.
    UploadSeed {
        /// The storage.
        #[serde(with = "json::name")]
        storage: StorageId,
        /// The file's name there.
        file: String,
        /// user-data; secret.
        #[serde(with = "json::secret")]
        user_data: Secret<String>,
        /// meta-data.
        meta_data: String,
        /// network-config; empty for none.
        network_config: String,
        /// vendor-data; secret, empty for none.
        #[serde(with = "json::secret", default, skip_serializing_if = "json::secret::is_empty")]
        vendor_data: Secret<String>,
    },
    /// Makes the VM.
    Create {
        /// All parameters but the vmid, the uuid and the description, which holds the mark with both.
        params: BTreeMap<String, String>,
    },
    /// Makes sure that no other run of this deployment has made the same VM.
    Fence,
    /// Deletes a seed file from the image storage.
    DeleteVolume {
        /// The node whose storage it is on, which need not be the VM's.
        #[serde(with = "json::name")]
        node: NodeName,
        /// The file.
        #[serde(with = "json::name")]
        volid: Volid,
    },
    /// Changes the config, guarded by the digest.
    Configure {
        /// What is set.
        params: BTreeMap<String, String>,
        /// The change makes a disk, so PVE runs it as a task.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        makes_disk: bool,
        /// The mark that is written into the description in the same call.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mark: Option<Box<Mark>>,
    },
    /// Grows a disk, guarded by the digest.
    Resize {
        /// The drive's key in the config.
        disk: String,
        /// Its size afterwards.
        bytes: u64,
    },
    /// Starts the VM.
    Start,
    /// Shuts the guest down.
    Shutdown {
        /// How long the guest has.
        seconds: u64,
        /// Cut its power then.
        force: bool,
    },
    /// Shuts the guest down and starts it, which brings pending values into force.
    Reboot {
        /// How long the guest has to shut down.
        seconds: u64,
    },
    /// Deletes the VM with the disks in its config.
    Destroy {
        /// Leave backup jobs, replication and HA too.
        purge: bool,
    },
}

impl Step {
    /// Says the step while it runs.
    pub(crate) fn doing(&self) -> &'static str {
        match self {
            Self::UploadSeed { .. } => "uploading the seed",
            Self::Create { .. } => "creating",
            Self::Fence => "looking for another run",
            Self::DeleteVolume { .. } => "deleting the uploaded seed",
            Self::Configure { params, .. } if params.is_empty() => "recording the state",
            Self::Configure { .. } => "changing the config",
            Self::Resize { .. } => "growing the disk",
            Self::Start => "starting",
            Self::Shutdown { .. } => "shutting down",
            Self::Reboot { .. } => "rebooting",
            Self::Destroy { .. } => "destroying",
        }
    }

    /// Returns whether the step only records, cleans up or looks.
    pub(crate) fn is_bookkeeping(&self) -> bool {
        match self {
            Self::Configure { params, .. } => params.is_empty(),
            Self::DeleteVolume { .. } | Self::Fence => true,
            _ => false,
        }
    }

    /// Says the step once it is done.
    pub(crate) fn done(&self) -> &'static str {
        match self {
            Self::UploadSeed { .. } => "seed uploaded",
            Self::Create { .. } => "created",
            Self::Fence => "no other run found",
            Self::DeleteVolume { .. } => "uploaded seed deleted",
            Self::Configure { params, .. } if params.is_empty() => "state recorded",
            Self::Configure { .. } => "config changed",
            Self::Resize { .. } => "disk grown",
            Self::Start => "started",
            Self::Shutdown { .. } => "shut down",
            Self::Reboot { .. } => "rebooted",
            Self::Destroy { .. } => "destroyed",
        }
    }
}

impl Plan {
    /// A plan with nothing in it.
    pub(crate) fn empty(deployment: &str, run: &str) -> Self {
        Self {
            version: VERSION,
            site: String::new(),
            deployment: deployment.to_owned(),
            run: run.to_owned(),
            vms: Vec::new(),
            unchanged: Vec::new(),
            blocked: Vec::new(),
            notices: Vec::new(),
            left_over: Vec::new(),
        }
    }

    /// Puts a run's nonce in the place of the plan's own, wherever a step would write it.
    ///
    /// A saved plan may be carried out twice at once: the two runs must not take each other's VMs for
    /// their own. The nonce is 64 random bits, so nothing else in a plan is spelled like it.
    pub(crate) fn stamp(&mut self, run: &str) {
        let own = std::mem::replace(&mut self.run, run.to_owned());
        let stamp = |text: &mut String| *text = text.replace(&own, run);
        for vm in &mut self.vms {
            vm.mark.stamp(&own, run);
            for step in &mut vm.steps {
                match step {
                    Step::UploadSeed { file, .. } => stamp(file),
                    Step::DeleteVolume { volid, .. } => {
                        // A volid stays one when a word of its file's name is replaced.
                        let stamped = volid.to_string().replace(&own, run).parse();
                        *volid = stamped.unwrap_or_else(|_| volid.clone());
                    }
                    Step::Create { params } => params.values_mut().for_each(stamp),
                    Step::Configure { params, mark, .. } => {
                        params.values_mut().for_each(stamp);
                        mark.iter_mut().for_each(|mark| mark.stamp(&own, run));
                    }
                    _ => {}
                }
            }
        }
    }

    /// Names whose VMs are planned.
    pub(crate) fn whose(&self) -> String {
        match self.site.as_str() {
            "" => format!("\"{}\"", self.deployment),
            site => format!("\"{}\" of site \"{site}\"", self.deployment),
        }
    }

    /// Says whether there is something to do, or something that should be and cannot.
    pub(crate) fn has_changes(&self) -> bool {
        let waits = |notice: &Notice| matches!(notice.what, What::WaitsForReboot { .. });
        !self.vms.is_empty() || !self.blocked.is_empty() || self.notices.iter().any(waits)
    }

    /// How many VMs have this action.
    pub(crate) fn count(&self, action: Action) -> usize {
        self.vms.iter().filter(|vm| vm.action == action).count()
    }
}
