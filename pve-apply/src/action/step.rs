//! `Step`: one call that changes something; and `Verb`: the facts about each kind of step. A new
//! kind is a variant, its row, and its call in `execute`. Does no I/O.

use crate::json;
use crate::mark::Mark;
use pve_client::{NodeName, StorageId, Vmid, Volid};
use serde::{Deserialize, Serialize};
use stage::Secret;
use std::collections::{BTreeMap, BTreeSet};

/// One call that changes something, with every parameter.
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
    /// Removes what a run has left that ended while it cloned the VM: a stopped VM that nobody has started.
    Remove {
        /// Its vmid.
        #[serde(with = "json::vmid")]
        vmid: Vmid,
        /// The node that has it.
        #[serde(with = "json::name")]
        node: NodeName,
        /// Its mark, which must still be this one.
        mark: Box<Mark>,
        /// The digest of its config.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        digest: Option<String>,
    },
    /// Creates the VM.
    Create {
        /// All parameters but the vmid, the uuid and the description, which has the mark with both.
        params: BTreeMap<String, String>,
    },
    /// Creates the VM as a clone of a template. Its config is that of the template, and its description has a
    /// mark that says so.
    Clone {
        /// The template's vmid, on the VM's node.
        #[serde(with = "json::vmid")]
        template: Vmid,
        /// The template's volumes by their slots: it must still have them.
        volumes: BTreeMap<String, String>,
        /// Whether all disks are copied.
        full: bool,
        /// The storage of copies.
        #[serde(with = "json::name_or_null", default, skip_serializing_if = "Option::is_none")]
        storage: Option<StorageId>,
        /// The pool of the VM.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pool: Option<String>,
        /// What people write into the description.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<String>,
        /// The slots of disks in the end, and those that the template has them in.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        moved: BTreeMap<String, String>,
        /// The bridges of the template's NICs: whoever clones them must be allowed to use them.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        bridges: BTreeSet<String>,
    },
    /// Makes sure that no other run of this deployment has created the same VM.
    Fence,
    /// Deletes a seed file from the image storage.
    DeleteVolume {
        /// The node of its storage, which need not be the VM's.
        #[serde(with = "json::name")]
        node: NodeName,
        /// The file.
        #[serde(with = "json::name")]
        volid: Volid,
    },
    /// Changes the config, guarded by the digest.
    Configure {
        /// What is set; `description` is what people wrote, without our mark.
        params: BTreeMap<String, String>,
        /// The mark that is written into the description in the same call.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mark: Option<Box<Mark>>,
    },
    /// Creates a disk, guarded by the digest; an existing one is not created again.
    AddDisk {
        /// The drive's key in the config.
        disk: String,
        /// What PVE creates it from.
        value: String,
    },
    /// Creates several disks in one call, guarded by the digest; existing ones are not created again.
    AddDisks {
        /// What PVE creates each of them from, by their keys in the config.
        disks: BTreeMap<String, String>,
    },
    /// Moves a disk to another storage, guarded by the digest.
    MoveDisk {
        /// The drive's key in the config.
        disk: String,
        /// The storage.
        #[serde(with = "json::name")]
        storage: StorageId,
    },
    /// Migrates the VM to another node; the steps after it are for the VM there.
    Migrate {
        /// The node.
        #[serde(with = "json::name")]
        target: NodeName,
        /// Whether the VM keeps running.
        online: bool,
        /// Whether the disks of the running VM that only its node has are copied.
        with_local_disks: bool,
        /// Where disks go whose storage the target does not have: `from:to` pairs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target_storage: Option<String>,
        /// The disks that are copied, for people and for the check of the target's space.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        disks: Vec<CopiedDisk>,
        /// The HA resources that come along, for people.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        along: Vec<String>,
    },
    /// Adds the VM to a pool, or removes it from one.
    SetPool {
        /// The pool that it is in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<String>,
        /// Its new pool; null for none.
        pool: Option<String>,
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
        /// Whether to cut its power after that.
        force: bool,
    },
    /// Shuts the guest down and starts it, which makes pending values take effect.
    Reboot {
        /// How long the guest has to shut down.
        seconds: u64,
    },
    /// Deletes the VM with the disks in its config.
    Destroy {
        /// Remove it from backup jobs, replication and HA too.
        purge: bool,
    },
}

/// A disk that a migration copies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct CopiedDisk {
    /// Its volume, now.
    pub(crate) volid: String,
    /// Its storage on the target.
    pub(crate) storage: String,
    /// Its size, if the config has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) bytes: Option<u64>,
}

impl CopiedDisk {
    /// Returns it with its size, and its new storage if that is another.
    pub(crate) fn text(&self) -> String {
        let Self { volid, storage, bytes } = self;
        let size = bytes.map(|bytes| format!(" ({})", machine::shown_size(bytes)));
        let to = match volid.split(':').next() == Some(storage.as_str()) {
            true => String::new(),
            false => format!(" to {storage}"),
        };
        format!("{volid}{}{to}", size.unwrap_or_default())
    }
}

/// What another try of a step would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// The same again, or nothing: a retry is safe even when the outcome is unknown.
    Harmless,
    /// Something else: it is retried only when PVE says that nothing was done.
    Harmful,
}

/// The facts about a kind of step.
#[derive(Debug)]
pub(crate) struct Verb {
    /// The text while it runs.
    pub(crate) doing: &'static str,
    /// The text once it is done.
    pub(crate) done: &'static str,
    /// The start of the sentence that it failed; the VM's name follows.
    pub(crate) of: &'static str,
    /// The task that PVE runs for it; empty for none.
    pub(crate) task: &'static str,
    /// What another try would do.
    pub(crate) repeat: Repeat,
    /// Whether it only records, cleans up or checks.
    pub(crate) is_bookkeeping: bool,
}

impl Verb {
    const fn new(doing: &'static str, done: &'static str, of: &'static str) -> Self {
        Self { doing, done, of, task: "", repeat: Repeat::Harmful, is_bookkeeping: false }
    }

    const fn task(mut self, task: &'static str) -> Self {
        self.task = task;
        self
    }

    const fn harmless(mut self) -> Self {
        self.repeat = Repeat::Harmless;
        self
    }

    const fn bookkeeping(mut self) -> Self {
        self.is_bookkeeping = true;
        self
    }
}

// PVE: facts 41: an upload overwrites; the same bytes under the same name may be sent again.
static UPLOAD: Verb = Verb::new("uploading the seed", "seed uploaded", "uploading the seed of")
    .task("imgcopy")
    .harmless();
static REMOVE: Verb = Verb::new(
    "removing an unfinished clone",
    "unfinished clone removed",
    "removing the unfinished clone of",
)
.task("qmdestroy");
static CREATE: Verb = Verb::new("creating", "created", "creating").task("qmcreate");
static CLONE: Verb = Verb::new("cloning", "cloned", "cloning").task("qmclone");
static FENCE: Verb =
    Verb::new("checking for other runs", "no other run found", "checking").bookkeeping();
// PVE: facts 43: deleting what does not exist succeeds.
static DELETE_VOLUME: Verb = Verb::new(
    "deleting the uploaded seed",
    "uploaded seed deleted",
    "deleting the uploaded seed of",
)
.task("imgdel")
.harmless()
.bookkeeping();
static CONFIGURE: Verb =
    Verb::new("changing the config", "config changed", "changing the config of").task("qmconfig");
static RECORD: Verb = Verb::new("recording the state", "state recorded", "changing the config of")
    .task("qmconfig")
    .bookkeeping();
static ADD_DISK: Verb =
    Verb::new("creating a disk", "disk created", "creating a disk of").task("qmconfig");
static ADD_DISKS: Verb =
    Verb::new("creating disks", "disks created", "creating disks of").task("qmconfig");
static MOVE_DISK: Verb =
    Verb::new("moving a disk", "disk moved", "moving a disk of").task("qmmove");
static MIGRATE: Verb = Verb::new("migrating", "migrated", "migrating").task("qmigrate");
static SET_POOL: Verb = Verb::new("changing the pool", "pool changed", "changing the pool of");
static RESIZE: Verb =
    Verb::new("resizing the disk", "disk resized", "resizing the disk of").task("resize");
static START: Verb = Verb::new("starting", "started", "starting").task("qmstart");
// PVE: facts 29: shutting down a stopped VM succeeds.
static SHUTDOWN: Verb =
    Verb::new("shutting down", "shut down", "shutting down").task("qmshutdown").harmless();
static REBOOT: Verb = Verb::new("rebooting", "rebooted", "rebooting").task("qmreboot");
static DESTROY: Verb = Verb::new("destroying", "destroyed", "destroying").task("qmdestroy");

impl Step {
    /// Returns the facts about its kind.
    pub(crate) fn verb(&self) -> &'static Verb {
        match self {
            Self::UploadSeed { .. } => &UPLOAD,
            Self::Remove { .. } => &REMOVE,
            Self::Create { .. } => &CREATE,
            Self::Clone { .. } => &CLONE,
            Self::Fence => &FENCE,
            Self::DeleteVolume { .. } => &DELETE_VOLUME,
            Self::Configure { params, .. } if params.is_empty() => &RECORD,
            Self::Configure { .. } => &CONFIGURE,
            Self::AddDisk { .. } => &ADD_DISK,
            Self::AddDisks { disks } if disks.len() == 1 => &ADD_DISK,
            Self::AddDisks { .. } => &ADD_DISKS,
            Self::MoveDisk { .. } => &MOVE_DISK,
            Self::Migrate { .. } => &MIGRATE,
            Self::SetPool { .. } => &SET_POOL,
            Self::Resize { .. } => &RESIZE,
            Self::Start => &START,
            Self::Shutdown { .. } => &SHUTDOWN,
            Self::Reboot { .. } => &REBOOT,
            Self::Destroy { .. } => &DESTROY,
        }
    }

    /// Returns the text of the step while it runs.
    pub(crate) fn doing(&self) -> &'static str {
        self.verb().doing
    }

    /// Returns the text of the step once it is done.
    pub(crate) fn done(&self) -> &'static str {
        self.verb().done
    }

    /// Returns whether it starts or stops the VM, which is HA's task where HA manages the VM.
    pub(crate) fn is_power(&self) -> bool {
        matches!(self, Self::Start | Self::Shutdown { .. } | Self::Reboot { .. })
    }

    /// Returns whether HA carries it out for a VM that it manages.
    // PVE: facts-3, 4.1 and 4.4.
    pub(crate) fn asks_ha(&self) -> bool {
        self.is_power() || matches!(self, Self::Migrate { .. })
    }

    /// Returns whether a VM that waited for its turn lets the next one through after it.
    pub(crate) fn ends_turn(&self) -> bool {
        matches!(
            self,
            Self::Create { .. }
                | Self::Clone { .. }
                | Self::Migrate { .. }
                | Self::AddDisk { .. }
                | Self::AddDisks { .. }
        )
    }

    /// Returns whether it removes the VM from its pool.
    pub(crate) fn leaves_pool(&self) -> bool {
        matches!(self, Self::SetPool { pool: None, .. })
    }

    /// Replaces the plan's nonce by that of a run.
    pub(crate) fn stamp(&mut self, own: &str, run: &str) {
        let stamp = |text: &mut String| *text = text.replace(own, run);
        match self {
            Self::UploadSeed { file, .. } => stamp(file),
            Self::DeleteVolume { volid, .. } => {
                // A volid stays valid when a word of its file name is replaced.
                let stamped = volid.to_string().replace(own, run).parse();
                *volid = stamped.unwrap_or_else(|_| volid.clone());
            }
            Self::Create { params } => params.values_mut().for_each(stamp),
            Self::Clone { description, .. } => description.iter_mut().for_each(stamp),
            Self::AddDisk { value, .. } => stamp(value),
            Self::AddDisks { disks } => disks.values_mut().for_each(stamp),
            Self::Configure { params, mark } => {
                params.values_mut().for_each(stamp);
                mark.iter_mut().for_each(|mark| mark.stamp(own, run));
            }
            _ => {}
        }
    }
}
