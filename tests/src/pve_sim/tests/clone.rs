//! Templates and clones: what PVE accepts, what it copies, and what remains of a clone that ends early.

mod bases;
mod copied;
mod early;
mod recorded;
mod refusals;
mod storages;
mod written;

use super::{check, send};

/// A world with one storage of each type, whose token may do everything on them.
/// `rest` are further keys, `vms` the VMs.
fn world(vms: &str, rest: &str) -> String {
    let storage = |id: &str, kind: &str| {
        format!(r#""{id}": {{"type": "{kind}", "content": ["images", "import"]}}"#)
    };
    let storages = [
        storage("dira", "dir"),
        storage("dirb", "dir"),
        storage("thin", "lvmthin"),
        storage("tank", "zfspool"),
        storage("ceph", "rbd").replace("}", r#", "shared": true}"#),
        storage("sub", "btrfs"),
        storage("thick", "lvm"),
        storage("local", "dir").replace(r#""images""#, r#""iso""#),
    ];
    let token = r#"{"secret": "00000000-0000-4000-8000-000000000001", "privsep": false}"#;
    format!(
        r#"{{"version": "9.2.11", "storages": {{{}}}, "vms": {{{vms}}},
            "access": {{"users": {{"pipeline@pve": {{}}}}, "tokens": {{"pipeline@pve!apply": {token}}},
            "acl": [{{"path": "/", "who": "pipeline@pve", "role": "Administrator"}}]}}{rest}}}"#,
        storages.join(", ")
    )
}

/// A template of one disk, bare.
fn bare(volid: &str) -> String {
    format!(
        r#""9000": {{"config": {{"name": "img", "template": "1", "tags": "ours", "boot": "order=virtio0",
            "virtio0": "{volid},size=2G", "description": "kind=image"}}}}"#
    )
}

const CLONE: &str = "POST /nodes/pve1/qemu/9000/clone";
const CONFIG: &str = "GET /nodes/pve1/qemu/400/config";
const DONE: (&str, &str) = ("task", r#""exitstatus":"OK""#);

/// Returns the volids on the storages of a node, in order.
fn volumes(sim: &crate::pve_sim::PveSim) -> Vec<String> {
    sim.world().volumes.into_iter().map(|volume| volume.volid).collect()
}
