//! Why a template must not be removed, whatever its version. Does no I/O.

use std::fmt;

use pve_client::{GuestKind, Resource};

use super::census::CountedTemplate;
use super::clones::Hanging;
use super::found::{FoundTemplate, TemplateState};

/// Why a template is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// Somebody protected it.
    Protected,
    /// It is locked.
    Locked(String),
    /// It runs.
    Running,
    /// Its disk is a base image, but the flag of a template is gone.
    Unflagged,
    /// It has more than its disk.
    Holds(Vec<String>),
    /// Volumes depend on its disk.
    Clones {
        /// How many of them the token sees.
        count: usize,
        /// One of them.
        example: String,
        /// Whether the token sees no VM that it belongs to.
        orphan: bool,
    },
    /// PVE refused to remove it, because volumes depend on its disk.
    RefusedByPve(String),
    /// It is no longer what it was when the run began.
    Changed,
}

impl Obstacle {
    /// Returns what stands against the removal of a template, as far as its config shows.
    pub(crate) fn of(template: &FoundTemplate) -> Option<Self> {
        let has_base = template.disk.as_ref().is_some_and(|disk| disk.volid.is_base());
        match template {
            FoundTemplate { protected: true, .. } => Some(Self::Protected),
            FoundTemplate { lock: Some(lock), .. } => Some(Self::Locked(lock.clone())),
            FoundTemplate { running: true, .. } => Some(Self::Running),
            // PVE: QemuServer.pm, destroy_vm: only with the flag does PVE look for clones before it begins.
            FoundTemplate { state: TemplateState::Created, .. } if has_base => {
                Some(Self::Unflagged)
            }
            FoundTemplate { holds, .. } if !holds.is_empty() => Some(Self::Holds(holds.clone())),
            _ => None,
        }
    }

    /// Like [`Self::of`], and what depends on it. An orphan is named first: no list of VMs shows it.
    pub(crate) fn of_counted(counted: &CountedTemplate, guests: &[Resource]) -> Option<Self> {
        let is_orphan = |hanging: &&Hanging| {
            let owner =
                |row: &&Resource| row.kind == GuestKind::Qemu && Some(row.vmid) == hanging.vmid;
            guests.iter().find(owner).is_none()
        };
        let hanging = counted.clones.known();
        let orphan = hanging.iter().find(is_orphan);
        let of_clones = orphan.or(hanging.first()).map(|example| Self::Clones {
            count: hanging.len(),
            example: example.volid.to_string(),
            orphan: orphan.is_some(),
        });
        Self::of(&counted.template).or(of_clones)
    }

    /// Returns what the user can do about it; `None` if there is nothing to do, or if it is as the user wants it.
    pub(crate) fn hint(&self, template: &FoundTemplate) -> Option<String> {
        let vmid = template.vmid;
        match self {
            Self::Protected | Self::Clones { orphan: false, .. } => None,
            Self::Locked(_) => {
                Some(format!("if no task of VM {vmid} is running, run on the node: qm unlock {vmid}"))
            }
            Self::Running => Some(format!("if nobody needs it, run on the node: qm stop {vmid}")),
            Self::Unflagged => {
                Some(format!("run on the node: qm set {vmid} --template 1"))
            }
            Self::Holds(_) => {
                Some(format!("if nobody needs it, run on the node: qm destroy {vmid}"))
            }
            // PVE: facts-4 36.
            Self::Clones { example, orphan: true, .. } => Some(format!(
                "on the node, if no VM there has the volume: pvesm free {example}"
            )),
            Self::RefusedByPve(_) => Some(
                "to see the volumes, the token needs Datastore.Audit on the storage and VM.Config.Disk on /vms"
                    .to_owned(),
            ),
            Self::Changed => Some("run the command again".to_owned()),
        }
    }
}

/// The rest of a sentence about the template.
impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protected => f.write_str("protected"),
            Self::Locked(lock) => write!(f, "locked ({lock})"),
            Self::Running => f.write_str("running"),
            Self::Unflagged => f.write_str("its disk is a base image, but it is not a template"),
            Self::Holds(keys) if keys == &["parent"] => f.write_str("has snapshots"),
            Self::Holds(keys) => write!(f, "has more than its disk: {}", keys.join(", ")),
            Self::Clones { count, example, orphan } => {
                let volumes = if *count == 1 { "1 volume depends" } else { "volumes depend" };
                let count = if *count == 1 { String::new() } else { format!("{count} ") };
                write!(f, "{count}{volumes} on its disk, such as {example}")?;
                if *orphan { f.write_str(", which belongs to no visible VM") } else { Ok(()) }
            }
            Self::RefusedByPve(_) => f.write_str("PVE knows of volumes that depend on its disk"),
            Self::Changed => f.write_str("has changed since this run looked at it"),
        }
    }
}
