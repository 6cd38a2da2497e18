//! Clusters: offline and unreachable nodes, quorum, storages that differ by node, the node that answers.

use super::wire::send_upload_to;
use super::{check, send, start, wait};
use crate::pve_sim::World;

/// Who may read the state of the cluster: the usual token may not.
const AUDITOR: &str = r#""access": {"users": {"pipeline@pve": {}}, "tokens": {"pipeline@pve!apply":
    {"secret": "00000000-0000-4000-8000-000000000001", "privsep": false}},
    "acl": [{"path": "/", "who": "pipeline@pve", "role": "Administrator"}]}"#;

/// Three nodes, the third one offline, with a VM on each.
fn world(more: &str) -> String {
    format!(
        r#"{{"resources_lag": 0, "nodes": {{"pve1": {{}}, "pve2": {{}}, "pve3": {{"online": false}}}},
        "vms": {{"101": {{"node": "pve1", "config": {{"cores": "1"}}}},
            "102": {{"node": "pve2", "config": {{"tags": "a"}}}},
            "103": {{"node": "pve3", "config": {{"name": "far", "tags": "b"}}, "running": true}}}}{more}}}"#
    )
}

#[test]
fn an_offline_node_is_listed_and_unreachable() {
    let sim = check(
        &world(&format!(", {AUDITOR}")),
        "[]",
        &[
            ("GET /cluster/status", r#""quorate":1"#),
            ("GET /nodes", r#""id":"node/pve3","type":"node","status":"offline""#),
            ("GET /nodes/pve3/qemu/103/config", "595 No route to host "),
            ("PUT /nodes/pve3/qemu/103/config cores=2", "595 No route to host "),
            ("GET /nodes/pve2/qemu/102/config", "200 OK"),
            (
                "GET /cluster/resources type=storage",
                r#""id":"storage/pve3/local","type":"storage","storage":"local","node":"pve3","status":"unknown""#,
            ),
        ],
    );
    let listed = send(&sim, "GET /cluster/resources type=vm");
    let far = listed.split("qemu/103").nth(1).unwrap();
    assert!(far.contains(r#""status":"unknown""#) && far.contains(r#""tags":"b""#), "{far}");
    assert!(!far.contains("far"), "its name comes from the node: {far}");
    let status = send(&sim, "GET /cluster/status");
    assert!(status.contains(r#""name":"pve3","nodeid":3,"ip":"127.0.0.1","online":0"#), "{status}");
    assert_eq!(sim.refused(), Vec::<String>::new());
}

#[test]
fn a_node_may_be_online_and_yet_unreachable() {
    let nodes = r#""pve2": {"unreachable": {"status": 596, "message": "Connection timed out"}}"#;
    check(
        &world("").replace(r#""pve2": {}"#, nodes),
        "[]",
        &[
            ("GET /nodes", r#""id":"node/pve2","type":"node","status":"online""#),
            ("GET /nodes/pve2/qemu", "596 Connection timed out "),
            ("GET /nodes/pve1/qemu", "200 OK"),
        ],
    );
    let local = r#", "local": "pve2""#;
    let own = world(local).replace(r#""pve2": {}"#, nodes);
    check(&own, "[]", &[("GET /nodes/pve2/qemu", "200 OK")]);
}

#[test]
fn without_quorum_reads_work_and_writes_are_refused() {
    let denied = "Permission denied";
    let more = r#", "quorate": false, "pools": {"p": {}},
        "ha": {"102": {}}, "storages": {"local": {"type": "dir", "content": ["import"]},
            "nfs": {"type": "nfs", "content": ["images", "import"], "shared": true},
            "local-lvm": {"type": "lvmthin", "content": ["images"]}},
        "volumes": [{"volid": "nfs:101/vm-101-disk-0.raw", "size": 1}], "#;
    let sim = check(
        &world(&format!("{more}{AUDITOR}")),
        "[]",
        &[
            ("GET /cluster/status", r#""quorate":0"#),
            ("GET /nodes/pve1/qemu/101/config", "200 OK"),
            ("GET /nodes/pve2/qemu/102/status/current", "200 OK"),
            ("POST /nodes/pve1/qemu vmid=200", "500 cluster not ready - no quorum?"),
            ("POST /nodes/pve1/qemu/101/status/start", "500 cluster not ready - no quorum?"),
            ("GET /nodes/pve1/qemu/101/migrate", "500 cluster not ready - no quorum?"),
            ("POST /nodes/pve1/qemu/101/migrate target=pve2", "500 cluster not ready - no quorum?"),
            (
                "PUT /nodes/pve1/qemu/101/config cores=2",
                "500 unable to open file '/etc/pve/nodes/pve1/qemu-server/101.conf.tmp.",
            ),
            ("POST /nodes/pve1/qemu/101/config cores=2", "200 OK"),
            ("task", denied),
            ("DELETE /nodes/pve1/qemu/101", "200 OK"),
            ("task", denied),
            ("POST /nodes/pve1/qemu/101/status/stop", "200 OK"),
            ("task", r#""OK""#),
            ("POST /nodes/pve2/qemu/102/status/stop", ":hastop:"),
            ("task", "cfs-lock 'domain-ha' error: no quorum!"),
            (
                "POST /pools poolid=q",
                "500 create pool failed: cfs-lock 'file-user_cfg' error: no quorum!",
            ),
            ("PUT /pools poolid=p vms=101", "500 update pools failed: cfs-lock"),
            ("DELETE /pools poolid=p", "500 delete pool failed: cfs-lock"),
            (
                "PUT /storage/local content=import",
                "500 update storage failed: cfs-lock 'file-storage_cfg' error: no quorum!",
            ),
            ("DELETE /nodes/pve1/storage/nfs/content/nfs:101/vm-101-disk-0.raw", "200 OK"),
            ("task", "cfs-lock 'storage-nfs' error: no quorum!"),
        ],
    );
    let zone = send(&sim, "POST /cluster/sdn/zones zone=zz type=simple");
    assert!(zone.starts_with("500 cluster not ready - no quorum? "), "{zone}");
    assert_eq!(sim.refused(), Vec::<String>::new());
}

#[test]
fn quorum_follows_the_nodes_and_can_be_lost() {
    let two = format!(r#"{{"nodes": {{"pve1": {{}}, "pve2": {{}}}}, {AUDITOR}}}"#);
    let faults = r#"[{"when": "GET /version", "then": {"offline": "pve2"}},
        {"when": "GET /cluster/options", "then": {"quorum": true}}]"#;
    check(
        &two,
        faults,
        &[
            ("GET /cluster/status", r#""quorate":1"#),
            ("GET /version", "200 OK"),
            ("GET /cluster/status", r#""quorate":0"#),
            ("GET /cluster/options", "200 OK"),
            ("GET /cluster/status", r#""quorate":1"#),
        ],
    );
}

#[test]
fn a_create_that_loses_its_quorum_leaves_its_claim() {
    let faults = r#"[{"when": "GET /version", "then": {"quorum": false}}]"#;
    let sim = check(
        r#"{"nodes": {"pve1": {}}}"#,
        faults,
        &[
            ("POST /nodes/pve1/qemu vmid=200", ":qmcreate:"),
            ("GET /version", "200 OK"),
            ("task", "unable to create VM 200 - unable to open file"),
        ],
    );
    assert_eq!(sim.world().vms[&200].config["lock"], "create");
}

#[test]
fn storages_differ_by_node() {
    let more = r#", "storages": {"local": {"type": "dir", "content": ["import", "snippets"], "total": 100,
            "on": {"pve2": {"total": 50, "other": 40}, "pve3": {"inactive": true}}},
        "local-lvm": {"type": "lvmthin", "content": ["images"], "nodes": ["pve2"],
            "on": {"pve2": {"inactive": true}}}},
        "volumes": [{"volid": "local:import/a.raw", "node": "pve1", "size": 5}]"#;
    let online = world(more).replace(r#"{"online": false}"#, "{}");
    check(
        &online,
        "[]",
        &[
            (
                "GET /nodes/pve1/storage/local/status",
                r#""active":1,"enabled":1,"shared":0,"total":100,"avail":95"#,
            ),
            (
                "GET /nodes/pve2/storage/local/status",
                r#""active":1,"enabled":1,"shared":0,"total":50,"avail":10"#,
            ),
            (
                "GET /nodes/pve3/storage/local/status",
                r#""active":0,"enabled":1,"shared":0,"total":0,"avail":0"#,
            ),
            ("GET /nodes/pve1/storage/local/content", "local:import/a.raw"),
            ("GET /nodes/pve2/storage/local/content", r#"{"data":[]}"#),
            (
                "GET /nodes/pve3/storage/local/content",
                "500 unable to activate storage 'local' - directory '/var/lib/vz' does not exist or is unreachable",
            ),
            (
                "GET /nodes/pve1/storage/local-lvm/content",
                "500 storage 'local-lvm' is not available on node 'pve1'",
            ),
            (
                "PUT /nodes/pve2/qemu/102/config scsi0=local-lvm:1",
                "500 no such logical volume pve/data",
            ),
        ],
    );
}

#[test]
fn a_cluster_that_contradicts_itself_is_refused() {
    for (more, expected) in [
        (r#", "local": "pve9""#, r#"local: no such node "pve9""#),
        (r#", "local": "pve3""#, r#"local: node "pve3" is offline"#),
        (r#", "storages": {"s1": {"on": {"pve9": {}}}}"#, r#"storage s1: no such node "pve9""#),
        (r#", "ha": {"101": {"service": "gone"}}"#, r#"ha 101: `service` is "gone""#),
        (
            r#", "ha_rules": {"r": {"affinity": "negative", "resources": [101]}}"#,
            "ha_rules r: cannot use unmanaged resource(s) vm:101.",
        ),
        (r#", "ha_disarmed": "ignore""#, "`ha_disarmed`: PVE 9.1.7 cannot be disarmed"),
        (
            r#", "tasks": [{"node": "pve1", "type": "qmigrate", "id": "101", "runs": {}}]"#,
            "task qmigrate 101: it needs a `target`",
        ),
    ] {
        let error = World::from_json(&world(more)).unwrap_err();
        assert!(error.starts_with(expected), "{error}");
    }
    let bad = world("")
        .replace(r#""pve2": {}"#, r#""pve2": {"unreachable": {"status": 500, "message": ""}}"#);
    let error = World::from_json(&bad).unwrap_err();
    assert_eq!(error, "node pve2: `unreachable`: 500 is not 595 to 599");
}

#[test]
fn an_upload_is_work_of_the_node_that_answers() {
    let fields = [("content", "iso")];
    for (node, expected) in
        [("pve1", "command: cp -- /var/tmp"), ("pve2", "command: /usr/bin/scp ")]
    {
        let sim = start(&world(""), "[]");
        let seen = send_upload_to(&sim, node, "local", &fields, "a.iso", b"x");
        let upid = seen.split('"').find(|text| text.starts_with("UPID:")).unwrap().to_owned();
        assert!(upid.starts_with("UPID:pve1:"), "{upid}");
        let listed = send(&sim, "GET /nodes/pve1/tasks source=all");
        assert!(listed.contains(":imgcopy:"), "{listed}");
        let ended = wait(&sim, &upid);
        assert!(ended.contains(&format!("target node: {node}")), "{ended}");
        assert!(ended.contains(expected), "{ended}");
        let content = send(&sim, &format!("GET /nodes/{node}/storage/local/content"));
        assert!(content.contains("local:iso/a.iso"), "{content}");
    }
    let sim = start(&world(""), "[]");
    let seen = send_upload_to(&sim, "pve3", "local", &fields, "a.iso", b"x");
    assert!(seen.contains("500 can't activate storage 'local' on node 'pve3'"), "{seen}");
}
