//! The lock, digests, commit and rollback (facts-2 16 and 21 to 32).

use super::super::{check, send, start};
use super::{ALL, committed};

/// Returns the answer without its status line.
fn data(text: &str) -> serde_json::Value {
    let body = &text[text.find('{').unwrap()..];
    serde_json::from_str::<serde_json::Value>(body).unwrap()["data"].take()
}

#[test]
fn a_lock_without_an_owner_never_expires() {
    let sim = start(ALL, "[]");
    let token = data(&send(&sim, "POST /cluster/sdn/lock")).as_str().unwrap().to_owned();
    let zone = "POST /cluster/sdn/zones type=simple zone=";
    let refused = |text: &str| {
        let seen = send(&sim, text);
        assert!(seen.contains("invalid lock token provided! at"), "{text}: {seen}");
    };
    refused(&format!("{zone}z1"));
    refused(&format!("{zone}z1 lock-token=other"));
    refused("POST /cluster/sdn/lock allow-pending=1");
    refused("PUT /cluster/sdn");
    refused("POST /cluster/sdn/rollback");
    refused("DELETE /cluster/sdn/lock lock-token=other");
    let done = |text: String| {
        let seen = send(&sim, &text);
        assert!(seen.starts_with("200 OK"), "{text}: {seen}");
    };
    done(format!("{zone}z1 lock-token={token}"));
    done(format!("PUT /cluster/sdn lock-token={token} release-lock=0"));
    refused(&format!("{zone}z2"));
    done(format!("POST /cluster/sdn/rollback lock-token={token} release-lock=0"));
    refused(&format!("{zone}z2"));
    done("DELETE /cluster/sdn/lock force=1".to_owned());
    // Without a lock any token passes: a broken lock goes unnoticed (facts-3 3).
    done(format!("{zone}z2 lock-token={token}"));
    done("DELETE /cluster/sdn/lock".to_owned());
    for method in ["GET", "PUT"] {
        let seen = send(&sim, &format!("{method} /cluster/sdn/lock"));
        let expected = format!("501 Method '{method} /cluster/sdn/lock' not implemented");
        assert!(seen.starts_with(&expected), "{seen}");
    }
}

#[test]
fn a_commit_releases_the_lock_before_its_task_runs() {
    let sim = start(ALL, "[]");
    let token = data(&send(&sim, "POST /cluster/sdn/lock")).as_str().unwrap().to_owned();
    send(&sim, &format!("POST /cluster/sdn/zones type=simple zone=z1 lock-token={token}"));
    let upid = send(&sim, &format!("PUT /cluster/sdn lock-token={token}"));
    assert!(upid.contains("reloadnetworkall"), "{upid}");
    assert_eq!(sim.world().sdn.lock, None);
    // The commit itself is done, although no node has loaded it.
    assert!(send(&sim, "GET /cluster/sdn/zones running=1").contains(r#""zone":"z1""#));
}

/// Facts-2 22.
#[test]
fn a_lock_with_pending_changes_needs_consent() {
    let pending = r#", "edited": {"zones": {"other": {"type": "simple"}}}"#;
    check(
        &committed(pending),
        "[]",
        &[
            (
                "POST /cluster/sdn/lock",
                "500 could not acquire lock for SDN config: configuration has pending changes at",
            ),
            ("POST /cluster/sdn/lock allow-pending=1", r#"{"data":"0000"#),
        ],
    );
    // PVE: Network/SDN.pm, has_pending_changes: fabrics do not count.
    let fabric = r#", "edited": {"fabrics": {"lab": {"id": "lab", "protocol": "openfabric"}}}"#;
    check(&committed(fabric), "[]", &[("POST /cluster/sdn/lock", "200 OK")]);
}

/// Facts-2 31 and 32.
#[test]
fn commit_and_rollback_include_the_changes_of_others() {
    let others = r#", "edited": {"zones": {"other": {"type": "simple"}},
        "controllers": {"evpn1": {"type": "evpn", "asn": "65000", "peers": "10.0.0.1"}}}"#;
    check(
        &committed(others),
        "[]",
        &[
            ("POST /cluster/sdn/zones zone=mine type=simple", "200 OK"),
            ("PUT /cluster/sdn", "200 OK"),
            ("GET /cluster/sdn/zones running=1", r#""zone":"other""#),
            ("GET /cluster/sdn/controllers running=1", r#""asn":65000"#),
        ],
    );
    check(
        &committed(others),
        "[]",
        &[
            ("GET /cluster/sdn/controllers pending=1", r#""state":"new","pending":{"asn":65000"#),
            ("POST /cluster/sdn/rollback", "200 OK"),
            ("GET /cluster/sdn/controllers", r#"{"data":[]}"#),
            ("POST /cluster/sdn/rollback", "200 OK"),
        ],
    );
}

/// Facts-2 16: the digest is that of the whole file.
#[test]
fn a_digest_is_stale_after_a_change_of_another_object() {
    let sim = start(&committed(""), "[]");
    let digest = |sim: &_, path: &str| {
        let rows = data(&send(sim, &format!("GET {path}")));
        rows[0]["digest"].as_str().unwrap().to_owned()
    };
    let zones = digest(&sim, "/cluster/sdn/zones");
    let vnets = digest(&sim, "/cluster/sdn/vnets");
    assert_eq!(data(&send(&sim, "GET /cluster/sdn/vnets/v1"))["digest"], vnets.as_str());
    let change = format!("PUT /cluster/sdn/vnets/v1 tag=101 digest={vnets}");
    assert!(send(&sim, &change).starts_with("200 OK"));
    let other = format!("PUT /cluster/sdn/vnets/s1 alias=x digest={vnets}");
    let stale = "500 update sdn vnet object failed: detected modified configuration - file changed by other user? Try again.";
    assert!(send(&sim, &other).starts_with(stale));
    // The zones are another file, and a PUT without a change succeeds.
    assert!(
        send(&sim, &format!("PUT /cluster/sdn/zones/zvx digest={zones}")).starts_with("200 OK")
    );
    let subnets = digest(&sim, "/cluster/sdn/vnets/v1/subnets");
    let subnet = "PUT /cluster/sdn/vnets/v1/subnets/zvx-10.50.0.0-24 gateway=10.50.0.2 digest=";
    assert!(send(&sim, &format!("{subnet}{subnets}")).starts_with("200 OK"));
    assert!(send(&sim, &format!("{subnet}{subnets}")).contains("detected modified configuration"));
}

#[test]
fn what_is_pending_has_no_digest() {
    let edited = r#", "edited": {"zones": {"zvx": {"type": "vxlan", "peers": "10.0.12.2"}},
        "vnets": {"v2": {"zone": "zvx", "tag": "9"}}}"#;
    check(
        &committed(edited),
        "[]",
        &[
            (
                "GET /cluster/sdn/zones pending=1",
                r#"{"mtu":1450,"peers":"10.0.12.2,10.0.12.3","type":"vxlan","state":"changed","pending":{"mtu":"deleted","peers":"10.0.12.2"},"digest":null,"zone":"zvx"}"#,
            ),
            (
                "GET /cluster/sdn/vnets pending=1",
                r#"{"type":"vnet","state":"new","pending":{"tag":9,"zone":"zvx"},"digest":null,"vnet":"v2"}"#,
            ),
            ("GET /cluster/sdn/vnets running=1", r#""digest":null"#),
            ("GET /cluster/sdn/vnets/v2 running=1", "500 sdn vnet 'v2' does not exist"),
        ],
    );
}
