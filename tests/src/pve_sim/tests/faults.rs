//! Scripted faults: what the client sees, and the world afterwards.

use std::io;
use std::net::TcpStream;

use super::wire::Wire;
use super::{check, send, start};
use crate::pve_sim::PveSim;

const CREATE: &str = "POST /nodes/pve1/qemu vmid=100 name=web";

fn fault(when: &str, then: &str) -> String {
    format!(r#"[{{"when": "{when}", "then": {then}}}]"#)
}

#[test]
fn an_answer_may_be_replaced_or_delayed() {
    let on = "POST /nodes/*/qemu";
    let lock = "can't lock file '/var/lock/qemu-server/lock-100.conf' - got timeout";
    check(
        "{}",
        &fault(on, &format!(r#"{{"answer": {{"status": 500, "message": "{lock}"}}}}"#)),
        &[
            (CREATE, &format!("500 {lock}")),
            ("GET /nodes/pve1/qemu", r#"{"data":[]}"#),
            (CREATE, "200 OK"),
        ],
    );
    check(
        "{}",
        &fault(on, r#"{"answer_after": {"status": 596, "message": "Connection timed out"}}"#),
        &[(CREATE, "596 Connection timed out "), (CREATE, "already exists")],
    );
}

#[test]
fn a_connection_may_be_cut_before_or_after_the_work() {
    for (cut, exists) in [("before", false), ("midway", false), ("after", true)] {
        let sim = start("{}", &fault("POST /nodes/*/qemu", &format!(r#"{{"cut": "{cut}"}}"#)));
        let headers =
            format!("Authorization: PVEAPIToken={}\r\nContent-Length: 17\r\n", sim.token());
        let got =
            Wire::connect(&sim).raw("POST", "/nodes/pve1/qemu", &headers, b"vmid=100&name=web");
        assert!(got.is_none(), "{cut}");
        assert_eq!(sim.world().vms.contains_key(&100), exists, "{cut}");
        assert_eq!(sim.requests()[0].status, 0, "{cut}");
    }
}

#[test]
fn an_answer_may_be_spoiled_on_its_way() {
    let spoiled = |wire: &str| {
        let sim = start("{}", &fault("POST /nodes/*/qemu", &format!(r#"{{"wire": "{wire}"}}"#)));
        let got = send(&sim, CREATE);
        assert!(sim.world().vms.contains_key(&100), "{wire}: the work is done");
        assert_eq!(sim.faults_met(), 1);
        got
    };
    let upid = spoiled("slow");
    assert!(upid.starts_with("200 OK {\"data\":\"UPID:pve1:"), "{upid}");
    let half = spoiled("truncated");
    assert!(half.starts_with("200 OK {\"data\":\"UPID:") && !half.ends_with('}'), "{half}");
    assert!(spoiled("html").starts_with("200 OK <!DOCTYPE html>"));
    let huge = spoiled("huge");
    assert!(huge.len() > 10_000_000 && huge.ends_with("]}"), "{}", huge.len());
}

/// Sends a create over a connection of its own, and returns all bytes of the answer and how it ended.
fn create_on_the_wire(sim: &PveSim) -> (String, io::Result<usize>) {
    let mut wire = Wire::connect(sim);
    let headers = format!("Authorization: PVEAPIToken={}\r\nContent-Length: 17\r\n", sim.token());
    let mut bytes = Vec::new();
    let ended = wire.raw_to_end("/nodes/pve1/qemu", &headers, b"vmid=100&name=web", &mut bytes);
    (String::from_utf8(bytes).unwrap(), ended)
}

#[test]
fn a_connection_may_be_reset_or_end_within_the_body() {
    let on = "POST /nodes/*/qemu";
    let sim = start("{}", &fault(on, r#"{"wire": "reset"}"#));
    let (text, ended) = create_on_the_wire(&sim);
    assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::ConnectionReset, "{text}");
    assert_eq!((text.as_str(), sim.requests()[0].status), ("", 0));
    let sim = start("{}", &fault(on, r#"{"wire": "broken_off"}"#));
    let (text, ended) = create_on_the_wire(&sim);
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let length: usize =
        head.split("Length: ").nth(1).unwrap().lines().next().unwrap().parse().unwrap();
    assert_eq!((ended.unwrap(), body.len()), (0, length / 2), "{text}");
}

#[test]
fn nothing_listens_for_a_while_or_until_the_faults_end() {
    for (ms, comes_back) in [(1, true), (0, false)] {
        let sim = start("{}", &fault("GET /version", &format!(r#"{{"gone_ms": {ms}}}"#)));
        let mut idle = Wire::connect(&sim);
        assert!(Wire::connect(&sim).raw("GET", "/version", "", b"").is_none());
        assert!(idle.ends(), "every connection ends");
        let connected = || TcpStream::connect(sim.address());
        if comes_back {
            while connected().is_err() {}
        } else {
            assert_eq!(connected().unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        }
        sim.mend();
        assert!(send(&sim, "GET /version").starts_with("200 OK"));
    }
}

#[test]
fn a_task_may_fail_warn_take_long_or_vanish() {
    let on = "POST /nodes/*/qemu";
    check(
        "{}",
        &fault(on, r#"{"task": {"exitstatus": "no quorum!", "log": ["trying"]}}"#),
        &[
            (CREATE, "200 OK"),
            ("task", r#"{"n":1,"t":"trying"},{"n":2,"t":"TASK ERROR: no quorum!"}"#),
            ("GET /nodes/pve1/qemu", r#"{"data":[]}"#),
        ],
    );
    check(
        "{}",
        &fault(on, r#"{"task": {"warnings": 2}}"#),
        &[
            (CREATE, "200 OK"),
            ("task", r#""exitstatus":"WARNINGS: 2""#),
            ("GET /nodes/pve1/qemu", r#""name":"web""#),
        ],
    );
    let running = r#""status":"running""#;
    let status = "GET /nodes/pve1/tasks/$UPID/status";
    check(
        "{}",
        &fault(on, r#"{"task": {"length": 3}}"#),
        &[
            (CREATE, "200 OK"),
            (status, running),
            (status, running),
            (status, running),
            (status, r#""exitstatus":"OK""#),
        ],
    );
    check(
        "{}",
        &fault(on, r#"{"task": {"vanish": true}}"#),
        &[(CREATE, "200 OK"), (status, r#""upid":"no such task""#)],
    );
}

#[test]
fn others_can_interfere() {
    let config = "GET /nodes/pve1/qemu/100/config";
    let vm = r#"{"vms": {"100": {"config": {"cores": "1"}}}}"#;
    let digest = send(&start(vm, "[]"), config);
    let digest =
        digest.split(r#""digest":""#).nth(1).unwrap().split('"').next().unwrap().to_owned();
    let put = format!("PUT /nodes/pve1/qemu/100/config digest={digest} cores=2");
    check(vm, "[]", &[(&put, "200 OK")]);
    check(
        vm,
        &fault("PUT /nodes/*/qemu/*/config", r#"{"edit": {"vmid": 100, "set": {"cores": "8"}}}"#),
        &[(&put, "500 checksum mismatch"), (config, r#""cores":8"#)],
    );
    check(
        "{}",
        &fault("POST /nodes/*/qemu", r#"{"create": {"vmid": 100, "config": {"name": "theirs"}}}"#),
        &[(CREATE, "already exists"), (config, r#""name":"theirs""#)],
    );
    check(vm, &fault("* /**", r#"{"remove": 100}"#), &[(config, "does not exist")]);
    check(vm, &fault("* /**", r#"{"offline": "pve1"}"#), &[(config, "595 No route to host ")]);
    check(
        "{}",
        &fault("* /**", r#"{"full": "local-lvm"}"#),
        &[("GET /nodes/pve1/storage storage=local-lvm", r#""avail":0"#)],
    );
}
