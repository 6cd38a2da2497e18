//! Calls about moving a VM to another node.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::client::Client;
use crate::error::Error;
use crate::fields::{BadField, Fields, map_of};
use crate::ids::{NodeName, Vmid};
use crate::params::Params;
use crate::qemu::vm_path;
use crate::upid::Upid;

/// What PVE knows before a migration.
///
/// It does not ask everything: whether a target is online, has the VM's bridges or room for its disks, and whether a
/// local disk is a linked clone, which cannot be migrated.
// PVE: qemu-server 9.2.6, API2/Qemu.pm, migrate_vm_precondition; facts-3 4.4, facts-4 10.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MigrationPreconditions {
    /// Whether the VM is running.
    pub running: bool,
    /// The other nodes against which nothing was found, including offline ones.
    pub allowed: Vec<NodeName>,
    /// The other nodes against which something was found.
    pub not_allowed: BTreeMap<NodeName, MigrationObstacles>,
    /// Disks that only this node has, including CDs, cloud-init's and unused disks.
    pub local_disks: Vec<LocalDisk>,
    /// The keys of devices that bind the VM to its node, such as `hostpci0`, also mapped ones.
    pub local_resources: Vec<String>,
    /// Mapped devices by key.
    pub mapped_resources: BTreeMap<String, MappedResource>,
    /// The HA resources that a migration takes along, such as `vm:101`; PVE 9.1 or newer.
    pub dependent: Vec<String>,
}

/// What is against a node as the target of a migration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MigrationObstacles {
    /// Storages of the VM that are disabled or not on that node.
    pub storages: Vec<String>,
    /// The keys of devices without a mapping on that node.
    pub resources: Vec<String>,
    /// HA resources on that node that must stay apart from the VM, such as `vm:101`.
    pub ha_resources: Vec<String>,
}

impl MigrationObstacles {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A disk that only one node has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalDisk {
    /// Its volume, or a path on the node.
    pub volid: String,
    /// Its size in bytes, if the config has it.
    pub size: Option<u64>,
    /// Whether it is a CD, including cloud-init's.
    pub cdrom: bool,
    /// Whether it is unused.
    pub unused: bool,
    /// Whether a snapshot refers to it.
    pub snapshot: bool,
}

/// A mapped device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappedResource {
    /// The name of the mapping.
    pub name: String,
    /// Whether it supports live migration.
    pub live: bool,
}

/// A migration to request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// The target.
    pub target: NodeName,
    /// Whether to migrate a running VM; PVE ignores it for a VM that is off.
    pub online: bool,
    /// Whether to copy the local disks of a running VM; those of a VM that is off are always copied.
    pub with_local_disks: bool,
    /// Where local disks go: one storage, `from:to` pairs separated by commas, or `1` for the same names
    /// [default: the same names]. Any other value than `1` also needs VM.Config.Disk, and Datastore.AllocateSpace on each
    /// storage.
    pub target_storage: Option<String>,
}

impl Client {
    /// Returns what PVE knows before a migration; needs VM.Migrate.
    ///
    /// It fails if the VM is locked, or without quorum.
    pub fn migration_preconditions(
        &self,
        node: &NodeName,
        vmid: Vmid,
    ) -> Result<MigrationPreconditions, Error> {
        let answer = self.get(&vm_path(node, vmid, &["migrate"]), &Params::new())?;
        let fields = answer.object()?;
        let bad = |field: BadField| answer.bad(&format!("{field}"));
        let nodes = fields.texts_if_any("allowed_nodes").map_err(bad)?.into_iter();
        let allowed = nodes.map(|name| name.parse().map_err(|_| answer.bad("a bad node name")));
        let mut not_allowed = BTreeMap::new();
        // PVE: an allowed node is listed here too, with an empty object.
        for (name, found) in children(&fields, "not_allowed_nodes") {
            let found = obstacles(&found).map_err(bad)?;
            if !found.is_empty() {
                let name = name.parse().map_err(|_| answer.bad("a bad node name"))?;
                not_allowed.insert(name, found);
            }
        }
        let mapped = children(&fields, "mapped-resource-info").map(|(key, info)| {
            let name = info.text("name").unwrap_or_default();
            (key.clone(), MappedResource { name, live: info.flag("live-migration") })
        });
        Ok(MigrationPreconditions {
            running: fields.flag("running"),
            allowed: allowed.collect::<Result<_, _>>()?,
            not_allowed,
            local_disks: fields.rows_if_any("local_disks", local_disk).map_err(bad)?,
            local_resources: fields.texts_if_any("local_resources").map_err(bad)?,
            mapped_resources: map_of(mapped),
            dependent: fields.texts_if_any("dependent-ha-resources").map_err(bad)?,
        })
    }

    /// Migrates a VM; needs VM.Migrate.
    ///
    /// The task is one of the source. Of a VM under HA it only requests the migration and ends at once. Whether the VM has
    /// moved is certain only when its config is on the target.
    // PVE: facts-3 4.1 and 4.4.
    pub fn migrate(&self, node: &NodeName, vmid: Vmid, wish: &Migration) -> Result<Upid, Error> {
        let params = Params::new()
            .with("target", &wish.target)
            .with_flag("online", wish.online)
            .with_flag("with-local-disks", wish.with_local_disks)
            .with_some("targetstorage", wish.target_storage.as_ref());
        self.post(&vm_path(node, vmid, &["migrate"]), &params)?.parse(Upid::RULE)
    }
}

fn local_disk(disk: &Fields<'_>) -> Result<LocalDisk, BadField> {
    Ok(LocalDisk {
        volid: disk.required("volid")?,
        size: disk.integer("size"),
        cdrom: disk.flag("cdrom"),
        unused: disk.flag("is_unused"),
        // PVE: qemu-server 9.2.6, QemuServer.pm, foreach_volid: an object with the snapshots' names.
        snapshot: disk.object("referenced_in_snapshot").is_some_and(|names| !names.0.is_empty()),
    })
}

fn obstacles(found: &Fields<'_>) -> Result<MigrationObstacles, BadField> {
    Ok(MigrationObstacles {
        storages: found.texts_if_any("unavailable_storages")?,
        resources: found.texts_if_any("unavailable-resources")?,
        ha_resources: found.rows_if_any("blocking-ha-resources", |row| row.required("sid"))?,
    })
}

/// Returns the objects in an object, by name.
fn children<'a>(fields: &Fields<'a>, name: &str) -> impl Iterator<Item = (&'a String, Fields<'a>)> {
    let all = fields.0.get(name).and_then(Value::as_object).into_iter().flatten();
    all.filter_map(|(key, value)| Some((key, Fields(value.as_object()?))))
}
