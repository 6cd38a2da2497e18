//! What somebody else does to SDN during a run, and a cluster without quorum.

use super::super::check;
use super::{committed, with};

fn fault(when: &str, then: &str) -> String {
    format!(r#"[{{"when": "{when}", "then": {{"sdn": {{{then}}}}}}}]"#)
}

#[test]
fn a_change_appears_between_look_and_apply() {
    let set = r#""set": {"vnets": {"s1": {"zone": "zsimp", "alias": "theirs"}}, "zones": {"other": {"type": "simple"}}},
        "delete": {"subnets": ["zvx-10.50.0.0-24"]}"#;
    check(
        &committed(""),
        &fault("PUT /cluster/sdn", set),
        &[
            ("GET /cluster/sdn/zones pending=1", r#""digest":null,"zone":"zvx"}]}"#),
            ("PUT /cluster/sdn", "200 OK"),
            ("GET /cluster/sdn/zones running=1", r#""zone":"other""#),
            ("GET /cluster/sdn/vnets running=1", r#""alias":"theirs""#),
            ("GET /cluster/sdn/vnets/v1/subnets", r#"{"data":[]}"#),
        ],
    );
}

#[test]
fn a_lock_appears_and_goes() {
    let zones = "POST /cluster/sdn/zones";
    check(
        &committed(""),
        &fault(zones, r#""lock": "theirs""#),
        &[
            ("POST /cluster/sdn/zones zone=zz type=simple", "invalid lock token provided!"),
            ("POST /cluster/sdn/zones zone=zz type=simple lock-token=theirs", "200 OK"),
        ],
    );
    check(
        &committed(r#", "lock": "theirs""#),
        &fault(zones, r#""unlock": true"#),
        &[
            ("PUT /cluster/sdn", "invalid lock token provided!"),
            ("POST /cluster/sdn/zones zone=zz type=simple lock-token=mine", "200 OK"),
        ],
    );
}

#[test]
fn others_commit_and_roll_back() {
    let edit = r#", "edited": {"zones": {"mine": {"type": "simple"}}}"#;
    check(
        &committed(edit),
        &fault("GET /cluster/sdn/zones", r#""commit": true"#),
        &[
            ("GET /cluster/sdn/zones running=1", r#""zone":"mine""#),
            ("GET /nodes/pve1/sdn/zones", r#"{"zone":"mine","status":"available"}"#),
        ],
    );
    check(
        &committed(edit),
        &fault("GET /cluster/sdn/zones", r#""rollback": true"#),
        &[("GET /cluster/sdn/zones type=simple", r#""zone":"zsimp"}]}"#)],
    );
}

#[test]
fn a_reload_starts_to_fail_and_is_mended() {
    let faults = r#"[
        {"when": "PUT /cluster/sdn", "then": {"sdn": {
            "fails": [{"node": "pve1", "zone": "zvx", "statusmsg": "error vxlan_v1"}]}}},
        {"when": "PUT /cluster/sdn", "nth": 2, "then": {"sdn": {"mends": true}}}]"#;
    let content = "GET /nodes/pve1/sdn/zones/zvx/content";
    check(
        &committed(""),
        faults,
        &[
            (content, r#""status":"available""#),
            ("PUT /cluster/sdn", "200 OK"),
            ("task", r#""exitstatus":"OK""#),
            (content, r#"{"vnet":"v1","status":"error","statusmsg":"error vxlan_v1"}"#),
            ("PUT /cluster/sdn", "200 OK"),
            ("task", r#""exitstatus":"OK""#),
            (content, r#""status":"available""#),
        ],
    );
}

/// A cluster of two nodes loses its quorum with one of them.
#[test]
fn nothing_is_written_without_quorum() {
    let world = with(r#""nodes": {"pve1": {}, "pve2": {}}"#);
    let faults = r#"[{"when": "* /cluster/sdn/**", "nth": 2, "then": {"offline": "pve2"}}]"#;
    check(
        &world,
        faults,
        &[
            ("POST /cluster/sdn/zones zone=z1 type=simple", "200 OK"),
            ("POST /cluster/sdn/zones zone=z2 type=simple", "500 cluster not ready - no quorum?"),
            (
                "DELETE /cluster/sdn/zones/z1",
                "500 delete sdn zone object failed: cfs-lock 'domain-sdn' error: no quorum!",
            ),
            (
                "PUT /cluster/sdn",
                "500 could not commit SDN config: cfs-lock 'domain-sdn' error: no quorum!",
            ),
            ("GET /cluster/sdn/zones", r#""zone":"z1""#),
        ],
    );
    // Lost after the commit, it is the only thing that fails the task.
    check(
        &world,
        r#"[{"when": "GET /version", "then": {"offline": "pve2"}}]"#,
        &[
            ("POST /cluster/sdn/zones zone=z1 type=simple", "200 OK"),
            ("PUT /cluster/sdn", "200 OK"),
            ("GET /version", "200 OK"),
            ("task", r#""exitstatus":"cluster not ready - no quorum?""#),
            ("GET /nodes/pve1/sdn/zones", r#"{"zone":"z1","status":"pending"}"#),
        ],
    );
}
