//! What stands against a migration, in PVE's words where it has some. Does no I/O.

use serde::Serialize;

/// What stands against a migration.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub(crate) enum Obstacle {
    /// The cluster does not have the node.
    TargetUnknown,
    /// The node is offline.
    TargetOffline,
    /// The token lacks VM.Migrate.
    Forbidden,
    /// PVE did not answer what it needs.
    Refused {
        /// Its text.
        text: String,
    },
    /// The target does not have these storages.
    Storages {
        /// Their names.
        storages: Vec<String>,
    },
    /// Devices have no mapping on the target.
    Unmapped {
        /// Their keys.
        keys: Vec<String>,
    },
    /// HA keeps the VM apart from what is on the target.
    HaResources {
        /// HA's names, such as `vm:101`.
        resources: Vec<String>,
    },
    /// The VM uses devices of its node.
    Devices {
        /// Their keys.
        keys: Vec<String>,
    },
    /// The VM cannot be migrated while it is running.
    StopFirst {
        /// The keys that prevent it.
        keys: Vec<String>,
    },
    /// A local disk is a linked clone.
    LinkedClone {
        /// Its volume.
        volid: String,
        /// What it is a clone of.
        base: String,
    },
    /// A CD or a device of the node.
    Medium {
        /// Its volume, or its path.
        volid: String,
    },
    /// Snapshots refer to local disks whose snapshots PVE does not copy.
    Snapshots {
        /// Their volumes.
        volids: Vec<String>,
    },
    /// PVE does not copy volumes of this type of storage.
    StorageType {
        /// The volume.
        volid: String,
        /// The type.
        kind: String,
    },
    /// The target does not have these bridges.
    Bridges {
        /// Their names.
        bridges: Vec<String>,
    },
}

impl Obstacle {
    /// Returns the fact, which completes "cannot migrate to NODE: ".
    // PVE: qemu-server 9.2.6, QemuMigrate.pm: where it refuses, the words are its own.
    pub(crate) fn fact(&self, node: &str) -> String {
        match self {
            Self::TargetUnknown => format!("no such cluster node '{node}'"),
            Self::TargetOffline => "that node is offline".to_owned(),
            Self::Forbidden => "the token lacks VM.Migrate".to_owned(),
            Self::Refused { text } => format!("PVE says: {text}"),
            Self::Storages { storages } => {
                format!("that node does not have storage {}", storages.join(", "))
            }
            Self::Unmapped { keys } => format!("missing mapped devices {}", keys.join(", ")),
            Self::HaResources { resources } => {
                format!("HA keeps it apart from {}, which is there", resources.join(", "))
            }
            Self::Devices { keys } => format!("it uses local devices: {}", keys.join(", ")),
            Self::StopFirst { keys } => {
                format!("it cannot be live migrated with {}", keys.join(", "))
            }
            Self::LinkedClone { volid, base } => {
                format!("can't migrate '{volid}' as it's a clone of '{base}'")
            }
            Self::Medium { volid } => format!("local cdrom image or device '{volid}'"),
            Self::Snapshots { volids } => {
                format!("non-migratable snapshot exists of local disk {}", volids.join(", "))
            }
            Self::StorageType { volid, kind } => {
                format!("can't migrate '{volid}' - storage type '{kind}' not supported")
            }
            Self::Bridges { bridges } => {
                format!("that node does not have bridge {}", bridges.join(", "))
            }
        }
    }

    /// Returns what to do about it.
    pub(crate) fn hint(&self, node: &str, vmid: u32) -> String {
        match self {
            Self::TargetUnknown => "correct `node` in the YAML".to_owned(),
            Self::TargetOffline => "run again when the node is online".to_owned(),
            Self::Forbidden => {
                "grant the token VM.Migrate on /vms: `pve-apply privileges` prints the command"
                    .to_owned()
            }
            Self::Refused { .. } => "run again when that is over".to_owned(),
            Self::Storages { .. } => {
                format!(
                    "make it available on {node} in Datacenter > Storage, or detach what is on it"
                )
            }
            Self::Unmapped { .. } => {
                format!("add {node} to the mappings in Datacenter > Resource Mappings")
            }
            Self::HaResources { .. } => {
                "move those first, or change the rule in Datacenter > HA".to_owned()
            }
            Self::Devices { .. } => {
                "detach them, or use mappings, with which a stopped VM can be migrated".to_owned()
            }
            Self::StopFirst { .. } => {
                "run `pve-apply stop`, then migrate it while it is stopped".to_owned()
            }
            Self::LinkedClone { .. } => {
                "move that disk to another storage first, which makes a full copy".to_owned()
            }
            Self::Medium { .. } => {
                "eject it, or use one on a storage that both nodes share".to_owned()
            }
            Self::Snapshots { .. } => {
                format!("delete its snapshots: `qm listsnapshot {vmid}` on the node lists them")
            }
            Self::StorageType { .. } => "move that disk to another storage first".to_owned(),
            Self::Bridges { .. } => format!("create it on {node}"),
        }
    }
}
