//! Tests of `desired`: one document, one change each, and what is said about it.

use super::{Purpose, read};
use serde_json::{Value, json};
use stage::{Deployment, Document};

fn document() -> Value {
    json!({
        "node": "pve1", "deployment": "dev", "datastore": "local-lvm",
        "images": {"debian-12": "local:import/debian-12.qcow2"},
        "vms": [
            {"name": "edge", "vmid": 101, "image": "debian-12", "cores": 1, "memory": 512, "disk": 4,
             "user_data": "#cloud-config\n", "meta_data": "m", "seed_fingerprint": "aa11"},
            {"name": "db", "vmid": 102, "image": "debian-12", "cores": 1, "memory": 512, "disk": 4,
             "parent": "edge", "user_data": "u", "meta_data": "m", "seed_fingerprint": "bb22"}
        ]
    })
}

fn check(change: impl FnOnce(&mut Value), purpose: Purpose, expected: &[&str]) {
    let mut json = document();
    change(&mut json);
    let document = Document::parse(json.to_string().as_bytes()).unwrap();
    let (deployment, types) = Deployment::read(&document);
    assert!(!types.has_errors());
    let (desired, report) = read(&deployment, "0af3", purpose);
    let said: Vec<_> =
        report.entries().iter().map(|e| format!("{}: {}", e.place, e.fact)).collect();
    assert_eq!(said, expected);
    assert_eq!(desired.is_some(), expected.is_empty());
}

#[test]
fn a_whole_document_is_read() {
    check(|_| (), Purpose::Apply, &[]);
}

#[test]
fn finding_needs_only_names() {
    let bare = |json: &mut Value| {
        json["vms"] = json!([{"name": "edge", "vmid": 101}]);
        json["datastore"] = Value::Null;
    };
    check(bare, Purpose::Find, &[]);
}

#[test]
fn every_problem_is_said() {
    let change = |json: &mut Value| {
        json["deployment"] = json!("two words");
        json["vms"][0]["name"] = json!("ed_ge");
        json["vms"][0]["vmid"] = json!(99);
        json["vms"][0]["memory"] = json!(15);
        json["vms"][0]["bridge"] = json!("vmbr0,tag=1");
        json["vms"][1]["mac"] = json!("01:00:00:00:00:01");
        json["vms"][1]["vlan"] = json!(4095);
        json["vms"][1]["tags"] = json!(["a;b"]);
        json["vms"][1]["startup"] = json!("first");
    };
    let expected = [
        "stdin: deployment: \"two words\" must be a deployment's name: letters, digits, ., _ and -, no dot first, at most 64",
        "stdin: vms[0].name: \"ed_ge\" must be a DNS name: letters, digits, `-` and `.`",
        "stdin: vms[0].vmid: 99 must be a vmid: a number from 100 to 999999999",
        "stdin: vms[0].memory: 15 must be from 16 to 4178944",
        "stdin: vms[0].bridge: \"vmbr0,tag=1\" must be the name of a bridge or vnet",
        "stdin: vms[1].vlan: 4095 must be from 1 to 4094",
        "stdin: vms[1].mac: \"01:00:00:00:00:01\" must be a unicast MAC, as 02:00:00:00:00:01",
        "stdin: vms[1].tags: tag \"a;b\" must hold letters, digits, `_`, `-`, `+` and `.`",
        "stdin: vms[1].startup: \"first\" must be a start order such as order=3,up=30,down=60, each part once",
    ];
    check(change, Purpose::Apply, &expected);
}

#[test]
fn an_iso_image_is_refused_with_the_reason() {
    let fact = "stdin: images.debian-12: \"local:iso/d.img\" is of content `iso`; \
                PVE makes disks from `import` only";
    check(
        |json| json["images"]["debian-12"] = json!("local:iso/d.img"),
        Purpose::Apply,
        &[fact, fact],
    );
}

#[test]
fn unrendered_documents_are_refused() {
    let change = |json: &mut Value| json["vms"][0]["user_data"] = Value::Null;
    check(change, Purpose::Apply, &["stdin: vms[0].user_data: is missing"]);
}

#[test]
fn names_and_vmids_are_there_once_and_parents_make_no_ring() {
    check(
        |json| json["vms"][1]["name"] = json!("Edge"),
        Purpose::Apply,
        &["stdin: vms[1].name: \"Edge\" is the name of vms[0] too"],
    );
    check(
        |json| json["vms"][1]["vmid"] = json!(101),
        Purpose::Apply,
        &["stdin: vms[1].vmid: 101 is the vmid of vms[0] too"],
    );
    check(
        |json| json["vms"][0]["parent"] = json!("db"),
        Purpose::Apply,
        &[
            "stdin: vms[0].parent: \"db\" stands below \"edge\" itself",
            "stdin: vms[1].parent: \"edge\" stands below \"db\" itself",
        ],
    );
}
