//! SDN: objects, pending state, order, lock (facts 45 to 49, facts-2).

mod guests;
mod lock;
mod nodes;
mod others;
mod recorded;
mod rights;
mod rules;

use super::check;

/// The default token has no SDN privileges: these tests grant it all.
pub(super) const ALL: &str = r#"{"access": {"users": {"pipeline@pve": {}},
    "tokens": {"pipeline@pve!apply": {"secret": "00000000-0000-4000-8000-000000000001", "privsep": false}},
    "roles": {}, "acl": [{"path": "/", "who": "pipeline@pve", "role": "Administrator"}]}}"#;

/// Returns a world whose token may do anything, with more keys.
fn with(more: &str) -> String {
    ALL.replacen('{', &format!("{{{more}, "), 1)
}

/// An unchanged network in each type of zone.
const COMMITTED: &str = r#"{
    "zones": {"zvx": {"type": "vxlan", "peers": "10.0.12.2,10.0.12.3", "mtu": "1450"},
              "zsimp": {"type": "simple"}, "zvlan": {"type": "vlan", "bridge": "vmbr0"}},
    "vnets": {"v1": {"zone": "zvx", "tag": "100"}, "s1": {"zone": "zsimp"},
              "l1": {"zone": "zvlan", "tag": "7"}},
    "subnets": {"zvx-10.50.0.0-24": {"vnet": "v1", "gateway": "10.50.0.1"}}}"#;

fn committed(more: &str) -> String {
    with(&format!(r#""sdn": {{"committed": {COMMITTED}{more}}}"#))
}

#[test]
fn objects_wait_for_apply() {
    check(
        ALL,
        "[]",
        &[
            ("POST /cluster/sdn/zones zone=z1 type=vxlan peers=10.0.0.1", r#"{"data":null}"#),
            (
                "POST /cluster/sdn/zones zone=z1 type=simple",
                "500 create sdn zone object failed: sdn zone object ID 'z1' already defined",
            ),
            (
                "POST /cluster/sdn/zones zone=z2 type=vlan",
                "500 missing value for required option 'bridge'",
            ),
            (
                "POST /cluster/sdn/vnets vnet=v1 zone=z1",
                r"create sdn vnet object failed: 400 Parameter verification failed.\ntag: missing vxlan tag",
            ),
            ("POST /cluster/sdn/vnets vnet=v1 zone=z1 tag=7", "200 OK"),
            ("POST /cluster/sdn/vnets/v1/subnets type=subnet subnet=10.50.0.0/24", "200 OK"),
            ("GET /cluster/sdn/vnets/v1/subnets", r#""subnet":"z1-10.50.0.0-24""#),
            ("GET /cluster/sdn/zones pending=1", r#""state":"new""#),
            (
                "GET /cluster/sdn/vnets/v1/subnets pending=1",
                r#"{"type":"subnet","vnet":"v1","state":"new","pending":{}"#,
            ),
            ("GET /nodes/pve1/sdn/zones", r#"{"data":[]}"#),
            ("PUT /cluster/sdn", "UPID:pve1:"),
            ("task", r#""exitstatus":"OK""#),
            ("GET /nodes/pve1/sdn/zones", r#"{"zone":"z1","status":"available"}"#),
            ("DELETE /cluster/sdn/zones/z1", "zone z1 is used by vnet v1"),
            ("DELETE /cluster/sdn/vnets/v1", "Can't delete vnet if subnets exists"),
            ("DELETE /cluster/sdn/vnets/v1/subnets/z1-10.50.0.0-24", "200 OK"),
            ("DELETE /cluster/sdn/vnets/v1", "200 OK"),
            ("GET /cluster/sdn/vnets pending=1", r#""state":"deleted""#),
            ("DELETE /cluster/sdn/zones/z1", "200 OK"),
            ("DELETE /cluster/sdn/zones/z1", "500 delete sdn zone object failed"),
        ],
    );
}

#[test]
fn the_lock_exists_since_pve_9_and_excludes_others() {
    let eight = ALL.replacen('{', r#"{"version": "8.4.1", "#, 1);
    check(&eight, "[]", &[("POST /cluster/sdn/lock", "501")]);
    check(
        ALL,
        "[]",
        &[
            ("POST /cluster/sdn/lock", "200 OK"),
            (
                "POST /cluster/sdn/zones zone=z1 type=simple",
                "500 create sdn zone object failed: invalid lock token provided! at",
            ),
            ("DELETE /cluster/sdn/lock force=1", "200 OK"),
            ("POST /cluster/sdn/zones zone=z1 type=simple", "200 OK"),
            (
                "POST /cluster/sdn/lock",
                "500 could not acquire lock for SDN config: configuration has pending changes at",
            ),
            ("POST /cluster/sdn/rollback", "200 OK"),
            ("GET /cluster/sdn/zones pending=1", r#"{"data":[]}"#),
        ],
    );
}

#[test]
fn a_task_may_end_ok_although_a_node_failed() {
    let broken = ALL.replacen('{', r#"{"sdn": {"broken_on": ["pve1"]}, "#, 1);
    check(
        &broken,
        "[]",
        &[
            ("POST /cluster/sdn/zones zone=z1 type=simple", "200 OK"),
            ("PUT /cluster/sdn", "200 OK"),
            ("task", "command 'pvesh set /nodes/pve1/network"),
            ("GET /nodes/pve1/sdn/zones", r#"{"zone":"z1","status":"error"}"#),
        ],
    );
}

/// A zone that only pve1 has, and the state of its VNet on each node.
#[test]
fn a_node_reports_the_state_of_its_vnets() {
    let world = |state: &str, role: &str| {
        format!(
            r#"{{"nodes": {{"pve1": {{}}, "pve2": {{}}}},
                "access": {{"users": {{"pipeline@pve": {{}}}},
                    "tokens": {{"pipeline@pve!apply": {{"privsep": false,
                        "secret": "00000000-0000-4000-8000-000000000001"}}}},
                    "roles": {{"R": [{role}]}},
                    "acl": [{{"path": "/", "who": "pipeline@pve", "role": "R"}}]}},
                "sdn": {{{state}"running": {{
                    "zones": {{"z1": {{"type": "simple", "nodes": "pve1"}}}},
                    "vnets": {{"v1": {{"zone": "z1"}}}}}}}}}}"#
        )
    };
    let content = |node: &str| format!("GET /nodes/{node}/sdn/zones/z1/content");
    let networks = |node: &str| format!("GET /nodes/{node}/network type=any_bridge");
    let audit = r#""SDN.Audit""#;
    for (state, role, step, expected) in [
        ("", audit, content("pve1"), r#"{"vnet":"v1","status":"available","statusmsg":null}"#),
        ("", audit, content("pve2"), r#"{"data":[]}"#),
        ("", audit, networks("pve1"), r#""iface":"v1""#),
        (
            "",
            r#""SDN.Use""#,
            content("pve1"),
            "403 Permission check failed (/sdn/zones/z1, SDN.Audit)",
        ),
        ("", r#""SDN.Use""#, "GET /nodes/pve1/sdn/zones".to_owned(), r#""zone":"z1""#),
        (
            r#""stale_on": ["pve1"], "#,
            audit,
            content("pve1"),
            "local sdn network configuration is not yet generated, please reload",
        ),
        (r#""broken_on": ["pve1"], "#, audit, content("pve1"), "vnet is not generated."),
        // PVE does not check the node for this list.
        (r#""broken_on": ["pve1"], "#, audit, networks("pve1"), r#""iface":"v1""#),
    ] {
        check(&world(state, role), "[]", &[(&step, expected)]);
    }
}
