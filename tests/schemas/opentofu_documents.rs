//! Documents of every stage, as OpenTofu reads them.

use super::opentofu::{Finding, OpenTofu, Trial, declarations};
use super::{documents, json, root};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Prints the documents of all stages: of the example, and of the example with a network.
const STAGES: &str = "export SOURCE_DATE_EPOCH=1760000000
    stages() {
        resolve --site $1 --env $2 --node pve1 --endpoint $PVE_SIM_ENDPOINT >1.json
        mint-token --site $1 <1.json >2.json && cloudinit-render <2.json >3.json
        image-publish <3.json >4.json && cat [1-4].json
    }
    cp -r examples/site site && cp -r examples/networks/networks site && chmod 600 site/secrets.yaml
    cp examples/networks/envs/lab.yaml site/envs
    stages examples/site dev && stages site lab";

#[test]
fn peer_opentofu_reads_what_each_stage_writes() {
    let Some(opentofu) = OpenTofu::new() else { return };
    let printed = test_support::case::run_line(STAGES).unwrap();
    assert_eq!(printed.status, 0, "{}", printed.stderr);
    let documents = serde_json::Deserializer::from_str(&printed.stdout).into_iter::<Value>();
    let documents: Vec<Value> = documents.map(Result::unwrap).collect();
    assert_eq!(documents.len(), 8);
    let unknown = undeclared();
    for document in documents {
        let ignored = document.as_object().unwrap().keys().filter(|key| unknown.contains(*key));
        assert_eq!(warnings(&opentofu.read(&document)), ignored.count());
        assert_eq!(read_back(&opentofu), meant(&document));
    }
}

/// Returns of how many names it warns: the first two by name, the others as a number.
fn warnings(findings: &[Finding]) -> usize {
    let number = |finding: &Finding| {
        assert!(!finding.is_error && finding.detail.contains("declare"), "{finding:?}");
        let others = finding.detail.split_once(" other variable")?.0.rsplit(' ').next()?;
        others.parse::<usize>().ok()
    };
    findings.iter().map(|finding| number(finding).unwrap_or(1)).sum()
}

/// Returns the VMs that the module has read.
fn read_back(opentofu: &OpenTofu) -> Value {
    let shown: Value = serde_json::from_str(&opentofu.run(&["show", "-json", "plan"])).unwrap();
    shown["planned_values"]["outputs"]["vms"]["value"].clone()
}

/// Returns the VMs that a document has, with the module's defaults, and without what it does not declare.
fn meant(document: &Value) -> Value {
    let vm = |vm: &Value| {
        let or = |key: &str, default: Value| match &vm[key] {
            Value::Null => default,
            value => value.clone(),
        };
        let read = json!({
            "name": vm["name"], "vmid": vm["vmid"], "image": vm["image"], "cores": vm["cores"],
            "memory": vm["memory"], "disk": vm["disk"], "gateway": vm["gateway"],
            "bridge": or("bridge", json!("vmbr0")), "ip": or("ip", json!("dhcp")),
            "packages": or("packages", json!([])), "spec": or("spec", json!("")),
            "auth_token": or("auth_token", json!("")),
        });
        (vm["name"].as_str().unwrap().to_owned(), read)
    };
    document["vms"].as_array().unwrap().iter().map(vm).collect::<serde_json::Map<_, _>>().into()
}

/// Returns the names that docs/pipeline.md says the module does not declare.
fn undeclared() -> BTreeSet<String> {
    let page = std::fs::read_to_string(root().join("docs/pipeline.md")).unwrap();
    let (_, rest) = page.split_once("top-level names that it does not declare (").unwrap();
    let (names, _) = rest.split_once(')').unwrap();
    names.split(", ").map(|name| name.trim_matches('`').to_owned()).collect()
}

#[test]
fn the_module_declares_all_other_fields() {
    let schema = json(&root().join("schemas/tfvars.json"));
    let fields: BTreeSet<String> =
        schema["properties"].as_object().unwrap().keys().cloned().collect();
    let declared = declarations().into_keys().collect::<BTreeSet<_>>();
    assert_eq!(&fields - &declared, undeclared());
    assert_eq!(&declared - &fields, BTreeSet::new());
}

/// What the module refuses in documents of ours, by its message, and why we do not.
const STRICTER: [(&str, &str); 2] = [
    ("VM names must start with a lowercase letter", "PVE's names are those of DNS"),
    ("required.", "the template of a clone may decide"),
];

#[test]
fn peer_opentofu_accepts_the_documents_of_our_cases() {
    let Some(opentofu) = OpenTofu::new() else { return };
    let declarations = declarations();
    let (mut trials, mut places) = (Vec::new(), Vec::new());
    let documents = documents(&["resolve", "mint-token", "cloudinit-render", "image-publish"]);
    for (path, document) in &documents {
        for (name, value) in document.as_object().unwrap() {
            if declarations.contains_key(name) {
                trials.push(Trial { variable: name.clone(), value: value.clone() });
                places.push(path);
            }
        }
    }
    let mut seen = BTreeMap::new();
    for (fault, path) in opentofu.judge(&trials).into_iter().zip(places) {
        let Some(fault) = fault else { continue };
        let known = STRICTER.iter().find(|(message, _)| fault.contains(message));
        let (message, _) = known.unwrap_or_else(|| panic!("{}: {fault}", path.display()));
        *seen.entry(*message).or_insert(0) += 1;
    }
    println!("{} documents, {} values; refused: {seen:?}", documents.len(), trials.len());
    assert_eq!(seen.len(), STRICTER.len(), "{seen:?}");
    assert!(documents.len() > 150, "{} documents", documents.len());
}
