//! The cluster before anything is done: an old version of an image with its template, and what others have.

use crate::verbs::{OLD_IMAGE, OLD_TEMPLATE};
use serde_json::{Value, json};
use test_support::pve_sim::World;
use test_support::pve_sim::world::defaults::{TOKEN_ID, TOKEN_SECRET, USER};

/// What all verbs together need.
const PRIVILEGES: &[&str] = &[
    "Datastore.Allocate",
    "Datastore.AllocateSpace",
    "Datastore.AllocateTemplate",
    "Datastore.Audit",
    "SDN.Allocate",
    "SDN.Audit",
    "SDN.Use",
    "Sys.AccessNetwork",
    "Sys.Audit",
    "VM.Allocate",
    "VM.Audit",
    "VM.Clone",
    "VM.Config.CDROM",
    "VM.Config.CPU",
    "VM.Config.Cloudinit",
    "VM.Config.Disk",
    "VM.Config.HWType",
    "VM.Config.Memory",
    "VM.Config.Network",
    "VM.Config.Options",
    "VM.GuestAgent.Audit",
    "VM.GuestAgent.FileRead",
    "VM.Migrate",
    "VM.PowerMgmt",
];

pub(crate) fn world() -> World {
    let acl = |who: &str| json!({"path": "/", "who": who, "role": "All"});
    let image = |node: &str| {
        json!({"volid": OLD_IMAGE, "node": node, "size": 20480, "virtual_size": 1u64 << 31,
            "ctime": 1_600_000_000})
    };
    let theirs = json!({"name": "precious", "virtio0": "local-lvm:vm-100-disk-0,size=8G"});
    let world = json!({
        "nodes": {"pve1": {}, "pve2": {}},
        "access": {
            "users": {USER: {}},
            "tokens": {TOKEN_ID: {"secret": TOKEN_SECRET}},
            "roles": {"All": PRIVILEGES}, "acl": [acl(USER), acl(TOKEN_ID)],
        },
        "vms": {
            "100": {"config": theirs, "running": true},
            OLD_TEMPLATE.to_string(): {"config": template()},
        },
        "volumes": [image("pve1"), image("pve2"), {"volid": "local:import/theirs.qcow2", "size": 20480}],
        "sdn": {"committed": {
            "zones": {"theirs": {"type": "simple"}}, "vnets": {"other": {"zone": "theirs"}},
        }},
    });
    World::from_json(&world.to_string()).unwrap()
}

fn template() -> Value {
    let uuid = "11111111-2222-4333-8444-000000009000";
    let mark = format!(
        "<!-- pve-pipeline v=1 kind=image site=lab image=debian-12 digest=0123456789ab node=pve1 \
         storage=local-lvm vmid={OLD_TEMPLATE} uuid={uuid} -->"
    );
    json!({
        "name": "debian-12-0123456789ab", "tags": "pve-pipeline", "template": "1",
        "description": mark, "boot": "order=virtio0", "smbios1": format!("uuid={uuid}"),
        "meta": "creation-qemu=10.0.2,ctime=1600000000",
        "virtio0": format!("local-lvm:base-{OLD_TEMPLATE}-disk-0,size=2G"),
    })
}

/// Adds the VM `web` as a killed run leaves it that was cloning it.
pub(crate) fn with_killed_clone(mut world: World) -> World {
    let mark = format!(
        "<!-- pve-pipeline v=1 kind=vm site=lab deployment=dev vm=web node=pve1 vmid=101 uuid= \
         run=dead stage=clone made=clone:{OLD_TEMPLATE} seed=5eed0003@scsi30 owns= -->"
    );
    let config = json!({
        "name": "web", "tags": "pve-pipeline", "boot": "order=virtio0", "description": mark,
        "smbios1": "uuid=11111111-2222-4333-8444-000000000101",
        "virtio0": "local-lvm:vm-101-disk-0,size=2G", "unused0": "local-lvm:vm-101-disk-1",
    });
    let with = json!({"vms": {"101": {"config": config}}}).to_string();
    let with = World::from_json(&with).unwrap();
    world.vms.extend(with.vms);
    world.volumes.extend(with.volumes);
    world
}
