//! VMs and containers on vnets (facts-2 18, 31, 37; facts-3 3).

use super::super::check;
use super::{committed, with};

const CREATE: &str = "POST /nodes/pve1/qemu vmid=100 net0=virtio,bridge=";
const START: &str = "POST /nodes/pve1/qemu/100/status/start";

fn create(bridge: &str) -> String {
    format!("{CREATE}{bridge}")
}

#[test]
fn a_vm_starts_on_what_its_node_has_made() {
    let vm = r#", "fails": [{"node": "pve1", "zone": "zvx"}]"#;
    check(
        &committed(vm),
        "[]",
        &[
            // A committed vnet is listed although the node has not made it.
            ("GET /nodes/pve1/network type=any_bridge", r#""iface":"v1","type":"vnet","active":1"#),
            (&create("v1"), "200 OK"),
            ("task", r#""exitstatus":"OK""#),
            (START, "200 OK"),
            ("task", r#""exitstatus":"bridge 'v1' does not exist""#),
        ],
    );
    check(
        &committed(""),
        "[]",
        &[
            (&create("v1"), "200 OK"),
            ("task", "OK"),
            (START, "200 OK"),
            ("task", r#""exitstatus":"OK""#),
        ],
    );
}

#[test]
fn a_vlan_needs_a_vlan_aware_vnet() {
    check(
        &committed(""),
        "[]",
        &[
            (&create("s1,tag=5"), "200 OK"),
            ("task", r#""exitstatus":"OK""#),
            (START, "200 OK"),
            ("task", r#""exitstatus":"vm vlans are not allowed on vnet s1""#),
            ("PUT /cluster/sdn/vnets/s1 vlanaware=1", "200 OK"),
            ("PUT /cluster/sdn", "200 OK"),
            ("task", "OK"),
            (START, "200 OK"),
            ("task", r#""exitstatus":"OK""#),
        ],
    );
}

/// A node keeps its bridges between a commit and its reload.
#[test]
fn a_vm_starts_while_a_commit_waits_for_its_reload() {
    check(
        &committed(""),
        "[]",
        &[
            (&create("s1"), "200 OK"),
            ("task", "OK"),
            ("PUT /cluster/sdn/vnets/v1 tag=101", "200 OK"),
            ("PUT /cluster/sdn", "200 OK"),
            (START, "200 OK"),
            ("task", r#""exitstatus":"OK""#),
        ],
    );
}

/// Facts-2 37: nothing asks whether a guest uses a vnet.
#[test]
fn a_used_vnet_is_deleted_without_a_word() {
    let subnet = "DELETE /cluster/sdn/vnets/v1/subnets/zvx-10.50.0.0-24";
    check(
        &committed(""),
        "[]",
        &[
            (&create("v1"), "200 OK"),
            ("task", "OK"),
            (subnet, "200 OK"),
            ("DELETE /cluster/sdn/vnets/v1", "200 OK"),
            // The node keeps its bridge until it reloads.
            (START, "200 OK"),
            ("task", r#""exitstatus":"OK""#),
            ("POST /nodes/pve1/qemu/100/status/stop", "200 OK"),
            ("task", "OK"),
            ("PUT /cluster/sdn", "200 OK"),
            ("task", "OK"),
            (START, "200 OK"),
            ("task", r#""exitstatus":"bridge 'v1' does not exist""#),
        ],
    );
}

/// Facts-3 3: the privilege follows what is edited, the start what is committed.
#[test]
fn the_privilege_is_on_the_edited_zone() {
    let token = r#""access": {"users": {"pipeline@pve": {}},
        "tokens": {"pipeline@pve!apply": {"privsep": false, "secret": "00000000-0000-4000-8000-000000000001"}},
        "roles": {"Vm": ["VM.Allocate", "VM.Config.Network", "VM.Config.HWType", "VM.Config.Options"], "Net": ["SDN.Use"]},
        "acl": [{"path": "/vms", "who": "pipeline@pve", "role": "Vm"},
                {"path": "/sdn/zones/old/v", "who": "pipeline@pve", "role": "Net"}]}"#;
    let world = |edited: &str| {
        format!(
            r#"{{{token}, "sdn": {{"running": {{"zones": {{"old": {{"type": "simple"}}}}, "vnets": {{"v": {{"zone": "old"}}}}}},
            "edited": {{"zones": {{"old": {{"type": "simple"}}, "new": {{"type": "simple"}}}}, "vnets": {{"v": {{"zone": "{edited}"}}}}}}}}}}"#
        )
    };
    check(&world("old"), "[]", &[(&create("v"), "200 OK")]);
    let denied = "403 Permission check failed (/sdn/zones/new/v, SDN.Use)";
    check(&world("new"), "[]", &[(&create("v"), denied)]);
    // A VLAN is a path below the vnet; the privilege on the vnet propagates.
    check(&world("old"), "[]", &[(&create("v,tag=5"), "200 OK")]);
    let denied = "403 Permission check failed (/sdn/zones/new/v/5, SDN.Use)";
    check(&world("new"), "[]", &[(&create("v,tag=5"), denied)]);
}

#[test]
fn containers_show_their_bridges() {
    let world = with(
        r#""containers": {"101": {"node": "pve1", "running": true,
            "config": {"hostname": "dns", "net0": "name=eth0,bridge=v1"},
            "pending": {"hostname": null, "net1": "name=eth1,bridge=s1"}}}"#,
    );
    check(
        &world,
        "[]",
        &[
            (
                "GET /cluster/resources type=vm",
                r#"{"id":"lxc/101","vmid":101,"node":"pve1","type":"lxc","name":"dns""#,
            ),
            ("GET /nodes/pve1/lxc/101/config", r#""net0":"name=eth0,bridge=v1""#),
            ("GET /nodes/pve1/lxc/101/pending", r#"{"key":"hostname","value":"dns","delete":1}"#),
            (
                "GET /nodes/pve1/lxc/101/pending",
                r#"{"key":"net1","pending":"name=eth1,bridge=s1"}"#,
            ),
            (
                "GET /nodes/pve1/lxc/102/config",
                "500 Configuration file 'nodes/pve1/lxc/102.conf' does not exist",
            ),
            ("GET /cluster/nextid", r#""100""#),
            ("GET /cluster/nextid vmid=101", "400"),
            (
                "POST /nodes/pve1/qemu vmid=101",
                "500 unable to create VM 101 - CT 101 already exists on node 'pve1'",
            ),
        ],
    );
    let default = r#"{"containers": {"101": {"config": {}}}}"#;
    check(default, "[]", &[("GET /cluster/resources type=vm", r#""id":"lxc/101""#)]);
    check(
        default,
        r#"[{"when": "GET /cluster/resources", "then": {"withdraw": {"path": "/vms", "privilege": "VM.Audit"}}}]"#,
        &[
            ("GET /cluster/resources type=vm", r#"{"data":[]}"#),
            ("GET /nodes/pve1/lxc/101/config", "403 Permission check failed (/vms/101, VM.Audit)"),
        ],
    );
}
