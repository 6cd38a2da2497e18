//! Tests of `desired`: one document, one change each, and the findings.

use super::{Purpose, is_seed_file, read};
use crate::requested;
use serde_json::{Value, json};
use stage::{Deployment, Document, SeedInputs};

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
    let (desired, report) = read(&deployment, &requested::parse(&deployment), "0af3", purpose);
    let found: Vec<_> =
        report.entries().iter().map(|e| format!("{}: {}", e.place, e.fact)).collect();
    assert_eq!(found, expected);
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
fn every_problem_is_reported() {
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
        "stdin: deployment: \"two words\" must be a deployment name: at most 64 letters, digits, ., _ and -, not starting with a dot",
        "stdin: vms[0].name: \"ed_ge\" must be a host name: letters, digits and `-`, at most 63 of them between dots",
        "stdin: vms[0].vmid: 99 must be a vmid: a number from 100 to 999999999",
        "stdin: vms[0].bridge: must be a bridge such as vmbr0: at most 15 letters, digits, _, . and -, starting with a letter",
        "stdin: vms[0].memory: must be a whole number from 16 to 4178944",
        "stdin: vms[1].vlan: must be a whole number from 1 to 4094",
        "stdin: vms[1].mac: must be a unicast MAC address such as BC:24:11:10:00:01",
        "stdin: vms[1].startup: must be a whole number from 0 to 4294967295",
        "stdin: vms[1].tags: \"a;b\" must be a tag: letters, digits, _, -, + and ., starting with a letter, digit or _",
    ];
    check(change, Purpose::Apply, &expected);
}

#[test]
fn every_problem_of_the_config_is_reported() {
    let change = |json: &mut Value| {
        json["vms"][0]["config"] = json!({
            "cores": "many", "net1": {"tag": 5000, "x": 1}, "args": "-x", "nix": 1,
            "scsi1": {"size": 4, "import": "tools"},
        });
        json["vms"][0]["boot_disk"] = json!("net0");
        json["images"]["tools"] = json!("local:iso/tools.img");
        json["vms"][1]["config"] = json!({});
        json["vms"][1]["image"] = json!("none");
        for absent in ["cores", "memory", "disk"] {
            json["vms"][1].as_object_mut().unwrap().remove(absent);
        }
    };
    let expected = [
        "stdin: vms[0].config.cores: must be a whole number from 1 to 8192",
        "stdin: vms[0].config.net1.tag: must be a whole number from 1 to 4094",
        "stdin: vms[0].config.net1: has no option `x`",
        "stdin: vms[0].config.args: cannot be set: only root may set it, not an API token",
        "stdin: vms[0].config.nix: is not a PVE config key",
        "stdin: vms[0].boot_disk: \"net0\" must be a slot for disks, such as virtio0 or scsi0",
        "stdin: images.tools: \"local:iso/tools.img\" has content `iso`; PVE creates disks only from `import`",
    ];
    check(change, Purpose::Apply, &expected);
}

#[test]
fn an_iso_image_is_refused_with_the_reason() {
    let fact = "stdin: images.debian-12: \"local:iso/d.img\" has content `iso`; \
                PVE creates disks only from `import`";
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
fn names_and_vmids_are_unique_and_parents_form_no_cycle() {
    check(
        |json| json["vms"][1]["name"] = json!("Edge"),
        Purpose::Apply,
        &["stdin: vms[1].name: \"Edge\" is also the name of vms[0]"],
    );
    check(
        |json| json["vms"][1]["vmid"] = json!(101),
        Purpose::Apply,
        &["stdin: vms[1].vmid: 101 is also the vmid of vms[0]"],
    );
    check(
        |json| json["vms"][0]["parent"] = json!("db"),
        Purpose::Apply,
        &[
            "stdin: vms[0].parent: parent cycle: \"db\" is itself below \"edge\"",
            "stdin: vms[1].parent: parent cycle: \"edge\" is itself below \"db\"",
        ],
    );
}

/// The document as cloudinit-render leaves it: each VM's user-data holds its token.
fn rendered(json: &mut Value) {
    json["spec_server"] = json!("https://srv1");
    for vm in json["vms"].as_array_mut().unwrap() {
        vm["auth_token"] = json!("a-_.b");
        vm["user_data"] = json!("#cloud-config\ntoken 'a-_.b'\n");
    }
    let document = Document::parse(json.to_string().as_bytes()).unwrap();
    let (deployment, _) = Deployment::read(&document);
    let inputs = SeedInputs::new(&deployment);
    for (vm, typed) in json["vms"].as_array_mut().unwrap().iter_mut().zip(&deployment.vms) {
        vm["seed_inputs"] = json!(inputs.of(typed));
    }
}

#[test]
fn a_seed_that_is_not_of_this_document_is_refused() {
    let after = |change: fn(&mut Value), purpose, expected: &[&str]| {
        let change = |json: &mut Value| {
            rendered(json);
            change(json);
        };
        check(change, purpose, expected);
    };
    let changed = "stdin: vms[0]: \"web\" was changed after cloudinit-render rendered its seed";
    let rename: fn(&mut Value) = |json| {
        json["vms"][0]["name"] = json!("web");
        json["vms"][1]["parent"] = json!("web");
    };
    after(|_| (), Purpose::Apply, &[]);
    after(rename, Purpose::Apply, &[changed]);
    after(rename, Purpose::Find, &[]);
    let by_hand = |json: &mut Value| {
        for vm in json["vms"].as_array_mut().unwrap() {
            vm["custom_user_data"] = json!("machine: {}\n");
        }
        rendered(json);
        for vm in json["vms"].as_array_mut().unwrap() {
            vm["user_data"] = vm["custom_user_data"].clone();
        }
    };
    check(by_hand, Purpose::Apply, &[]);
    after(
        |json| json["ssh_keys"] = json!(["ssh-rsa AAAA"]),
        Purpose::Apply,
        &[
            "stdin: vms[0]: \"edge\" was changed after cloudinit-render rendered its seed",
            "stdin: vms[1]: \"db\" was changed after cloudinit-render rendered its seed",
        ],
    );
    // What the seed does not hold may change.
    after(|json| json["vms"][0]["cores"] = json!(2), Purpose::Apply, &[]);
}

#[test]
fn a_token_that_is_not_in_the_seed_is_refused() {
    let lacks = "stdin: vms[0].auth_token: the seed of \"edge\" does not have this token";
    let minted_again = |json: &mut Value| {
        rendered(json);
        json["vms"][0]["auth_token"] = json!("c.d");
    };
    check(minted_again, Purpose::Apply, &[lacks]);
    let taken_away = |json: &mut Value| {
        rendered(json);
        json["vms"][0]["auth_token"] = json!("");
    };
    let changed = "stdin: vms[0]: \"edge\" was changed after cloudinit-render rendered its seed";
    check(taken_away, Purpose::Apply, &[changed]);
    // Quoted in the seed, so that it does not stand there as it is.
    let quoted = |json: &mut Value| {
        rendered(json);
        json["vms"][0]["auth_token"] = json!("it's");
    };
    check(quoted, Purpose::Apply, &[]);
    // Rendered by hand: nothing says what it was rendered from.
    let by_hand = |json: &mut Value| {
        minted_again(json);
        json["vms"][0].as_object_mut().unwrap().remove("seed_inputs");
    };
    check(by_hand, Purpose::Apply, &[]);
}

#[test]
fn every_problem_of_the_nodes_is_reported() {
    let change = |json: &mut Value| {
        json["node"] = json!("pve_1");
        json["image_datastore"] = json!("l o");
        json["nodes"] = json!({
            "pve2": {"datastore": "t:ank", "image_datastore": "1nas",
                     "images": {"debian-12": "debian", "tools": "local:iso/tools.iso"}},
            "pve 3": {},
            "pve4": {"datastore": "t:ank"},
        });
        json["vms"][0]["node"] = json!("");
        json["vms"][1]["node"] = json!("-pve2");
    };
    let expected = [
        "stdin: image_datastore",
        "stdin: node",
        "stdin: nodes.pve 3",
        "stdin: nodes.pve2.datastore",
        "stdin: nodes.pve2.image_datastore",
        "stdin: nodes.pve2.images.debian-12",
        "stdin: nodes.pve2.images.tools",
        "stdin: nodes.pve4.datastore",
        "stdin: vms[0].node",
        "stdin: vms[1].node",
    ];
    let mut json = document();
    change(&mut json);
    let mut places = places(&json);
    places.sort();
    assert_eq!(places, expected);
}

fn places(json: &Value) -> Vec<String> {
    let document = Document::parse(json.to_string().as_bytes()).unwrap();
    let (deployment, types) = Deployment::read(&document);
    assert!(!types.has_errors());
    let (desired, report) =
        read(&deployment, &requested::parse(&deployment), "0af3", Purpose::Apply);
    assert_eq!(desired.is_some(), !report.has_errors());
    report.entries().iter().map(|entry| entry.place.to_string()).collect()
}

#[test]
fn a_vm_gets_what_its_node_has() {
    let mut json = document();
    json["image_datastore"] = json!("nas");
    json["images"]["tools"] = json!("nas:import/tools.raw");
    json["nodes"] = json!({
        "pve1": {},
        "pve2": {"datastore": "tank", "image_datastore": "fast",
                 "images": {"debian-12": "fast:import/debian-12.qcow2"}},
    });
    json["vms"][0]["node"] = json!("pve1");
    json["vms"][1]["node"] = json!("pve2");
    json["vms"][1]["config"] = json!({"scsi1": {"import": "tools"}});
    // A node that is not among them has what the head says.
    let mut other = json["vms"][0].clone();
    (other["name"], other["node"], other["vmid"]) = (json!("app"), json!("pve3"), json!(103));
    json["vms"].as_array_mut().unwrap().push(other);
    let document = Document::parse(json.to_string().as_bytes()).unwrap();
    let deployment = Deployment::read(&document).0;
    let (desired, report) =
        read(&deployment, &requested::parse(&deployment), "0af3", Purpose::Apply);
    let desired = desired.unwrap_or_else(|| panic!("{report:?}"));
    let got = |index: usize| {
        let vm = &desired.vms[index];
        let definition = vm.definition.as_ref().unwrap();
        let images = definition.image.iter().chain(definition.images.values());
        let images: Vec<_> = images.map(|i| i.volid.as_ref().unwrap().to_string()).collect();
        format!("{} {} {} {}", vm.node, definition.storage, vm.image_storage, images.join(" "))
    };
    assert_eq!(got(0), "pve1 local-lvm nas local:import/debian-12.qcow2");
    assert_eq!(got(1), "pve2 tank fast fast:import/debian-12.qcow2 nas:import/tools.raw");
    assert_eq!(got(2), "pve3 local-lvm nas local:import/debian-12.qcow2");
    // Where HA has moved it, the VM gets what that node has; its home does not change.
    let moved = desired.vms[1].on(&"pve1".parse().unwrap(), &desired).into_owned();
    let definition = moved.definition.as_ref().unwrap();
    assert_eq!(definition.storage.as_str(), "local-lvm");
    assert_eq!((moved.node.as_str(), moved.image_storage.as_str()), ("pve2", "nas"));
    let volid = definition.image.as_ref().and_then(|image| image.volid.as_ref());
    assert_eq!(volid.unwrap().to_string(), "local:import/debian-12.qcow2");
}

#[test]
fn only_what_our_runs_have_uploaded_is_a_seed() {
    assert!(is_seed_file("pve-pipeline-seed_dev_edge_0123456789ab.raw"));
    for other in ["debian-12.qcow2", "seed.raw", "my-pve-pipeline-seed_dev.raw", ""] {
        assert!(!is_seed_file(other), "{other}");
    }
}
