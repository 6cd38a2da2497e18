//! Values of wrong types in each field that the OpenTofu module declares: it must refuse what we refuse.

use super::opentofu::{OpenTofu, Trial};
use super::validator;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use test_support::case::tool_folder;
use test_support::parallel::each;

/// A document with every field that the module declares.
fn document() -> Value {
    json!({
        "node": "pve1", "api_endpoint": "https://10.0.0.1:8006", "api_token": "root@pam!t=uuid",
        "ssh_user": "root", "automation_user": "homestak", "ssh_host": "10.0.0.1",
        "datastore": "local-zfs", "root_password": "", "ssh_keys": [], "spec_server": "",
        "images": {"debian-12": "local:import/debian-12.qcow2"},
        "vms": [{
            "name": "web", "vmid": 100, "image": "debian-12", "cores": 2, "memory": 2048, "disk": 10,
            "bridge": "vmbr0", "ip": "10.0.0.5/24", "gateway": "10.0.0.1", "packages": [],
            "spec": "", "auth_token": "",
        }],
    })
}

/// Returns values that do not have the type of this value.
fn others(value: &Value) -> Value {
    match value {
        Value::String(_) => json!([true, 3, 1.5, [], ["x"], {}, {"x": "y"}]),
        Value::Number(_) => json!([true, "", "x", "3", 1.5, [], [3], {}, {"x": 3}]),
        // A list of texts, or of VMs.
        Value::Array(items) if items.is_empty() => {
            json!([true, 3, "x", {}, {"x": "y"}, [true], [3], [null], [["x"]], [{"x": "y"}]])
        }
        Value::Array(_) => {
            json!([true, 3, "x", {}, {"x": {}}, [true], [3], ["x"], [null], [["x"]], [{}]])
        }
        Value::Object(_) => json!([true, 3, "x", [], ["x"], {"x": 3}, {"x": null}, {"x": ["y"]}]),
        _ => json!([]),
    }
}

/// A document with one wrong value.
struct Wrong {
    pointer: String,
    kind: &'static str,
    value: Value,
    document: Value,
}

fn wrong() -> Vec<Wrong> {
    let whole = document();
    let pointers = |object: &Value, under: &str| -> Vec<String> {
        object.as_object().unwrap().keys().map(|key| format!("{under}/{key}")).collect()
    };
    let all = [pointers(&whole, ""), pointers(&whole["vms"][0], "/vms/0")].concat();
    let kind = |value: &Value| match value {
        Value::String(_) => "text",
        Value::Number(_) => "number",
        Value::Array(items) if items.is_empty() => "texts",
        Value::Array(_) => "VMs",
        _ => "map of texts",
    };
    let mut wrong = Vec::new();
    for pointer in all {
        let right = whole.pointer(&pointer).unwrap();
        for value in others(right).as_array().unwrap() {
            let mut document = whole.clone();
            *document.pointer_mut(&pointer).unwrap() = value.clone();
            let (pointer, value) = (pointer.clone(), value.clone());
            wrong.push(Wrong { pointer, kind: kind(right), value, document });
        }
    }
    wrong
}

/// Returns whether cloudinit-render, which reads every field, accepts a document.
fn we_accept(document: &Value) -> bool {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), document.to_string()).unwrap();
    let mut command = Command::new(tool_folder().unwrap().join("cloudinit-render"));
    command.stdin(std::fs::File::open(file.path()).unwrap());
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
}

/// What OpenTofu converts, and we refuse, by the type of the field.
const CONVERTED: [(&str, &str); 10] = [
    ("text", "true"),
    ("text", "3"),
    ("text", "1.5"),
    ("number", "\"3\""),
    // Its numbers may have a fraction, which no VM can have.
    ("number", "1.5"),
    ("texts", "[true]"),
    ("texts", "[3]"),
    // A null within a list or a map is a text, to it.
    ("texts", "[null]"),
    ("map of texts", r#"{"x":3}"#),
    ("map of texts", r#"{"x":null}"#),
];

#[test]
fn peer_opentofu_refuses_the_types_that_we_refuse() {
    let Some(opentofu) = OpenTofu::new() else { return };
    let validator = validator("tfvars.json");
    assert!(we_accept(&document()) && validator.is_valid(&document()));
    let wrong = wrong();
    let trial = |wrong: &Wrong| {
        let variable = wrong.pointer.split('/').nth(1).unwrap().to_owned();
        Trial { value: wrong.document[&variable].clone(), variable }
    };
    let faults = opentofu.judge(&wrong.iter().map(trial).collect::<Vec<_>>());
    let accepted = each(2, wrong.len(), |number| {
        let Wrong { pointer, value, document, .. } = &wrong[number];
        let refused = !validator.is_valid(document) && !we_accept(document);
        if refused { Ok(()) } else { Err(format!("{pointer} may be {value}")) }
    });
    assert_eq!(accepted, Vec::<String>::new(), "these we should refuse");
    let mut converted = BTreeSet::new();
    for (Wrong { pointer, kind, value, .. }, fault) in wrong.iter().zip(&faults) {
        let value = value.to_string();
        if fault.is_none() {
            let known = CONVERTED.iter().find(|known| **known == (*kind, &value));
            converted.insert(known.unwrap_or_else(|| panic!("{pointer} may be {value} there")));
        }
    }
    assert_eq!(converted.len(), CONVERTED.len(), "{converted:?}");
    let refused = faults.iter().filter(|fault| fault.is_some()).count();
    println!("{refused} of {} values are refused there, too", wrong.len());
    assert!(refused > 120, "{refused}");
}

/// Ranges of the module that are narrower than ours, which are PVE's.
#[test]
fn peer_opentofu_has_narrower_ranges() {
    let Some(opentofu) = OpenTofu::new() else { return };
    let ranges = [
        ("cores", 1, 8192, "VM cores must be between 1 and 128."),
        ("memory", 512, 16, "VM memory must be at least 512 MB."),
    ];
    for (field, both, only_we, message) in ranges {
        let with = |value: u32| {
            let mut document = document();
            document["vms"][0][field] = value.into();
            assert!(we_accept(&document), "{field}: {value}");
            Trial { variable: "vms".to_owned(), value: document["vms"].clone() }
        };
        let faults = opentofu.judge(&[with(both), with(only_we)]);
        assert_eq!(faults[0], None, "{field}: {both}");
        assert!(faults[1].as_ref().is_some_and(|fault| fault.starts_with(message)), "{faults:?}");
    }
}
