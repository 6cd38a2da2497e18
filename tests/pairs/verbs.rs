//! The verbs that write, one row each, and their documents.
//! All are about the VM `web` at vmid 101, its image, its template and its network.

use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A command that writes, with its document.
pub(crate) struct Verb {
    pub(crate) name: &'static str,
    /// The verbs that have run before, so that this one has something to do.
    pub(crate) after: &'static [&'static str],
    pub(crate) command: &'static str,
    /// How its document differs from [`document`].
    pub(crate) edit: fn(&mut Value),
}

/// The VM exists.
const MADE: &[&str] = &["create by import"];
/// Not a verb: a clone that a killed run has left at vmid 101.
pub(crate) const KILLED_CLONE: &str = "a killed clone";
/// The vmid of a VM that never starts.
pub(crate) const BAD: u32 = 104;
/// The vmid of the VM that a prune keeps.
const OTHER: u32 = 105;
/// The old version of the image, and its template.
pub(crate) const OLD_IMAGE: &str = "local:import/debian-12-0123456789ab.qcow2";
pub(crate) const OLD_TEMPLATE: u32 = 9000;
/// A secret of the documents.
pub(crate) const PASSWORD: &str = "in-user-data";

const fn verb_of(
    name: &'static str,
    after: &'static [&'static str],
    command: &'static str,
    edit: fn(&mut Value),
) -> Verb {
    Verb { name, after, command, edit }
}

/// A new verb is one line. What `edit` changes must not depend on other lines: the last run of a pair applies the
/// edits of both, in this order.
#[rustfmt::skip]
pub(crate) const VERBS: &[Verb] = &[
    verb_of("rename", MADE, "pve-apply apply --allow-reboot --allow-stop --reseed", rename),
    verb_of("create by import", &[], "pve-apply apply", |_| {}),
    verb_of("create by clone", &[], "pve-apply apply", clone),
    verb_of("create after a killed clone", &[KILLED_CLONE], "pve-apply apply", clone),
    verb_of("rollback", &[], "pve-apply apply --on-error rollback", add_bad),
    verb_of("change in place", MADE, "pve-apply apply", |d| config(d)["net0"]["tag"] = json!(7)),
    verb_of("change by a stop", MADE, "pve-apply apply --allow-stop", |d| set(d, "cores", json!(4))),
    verb_of("resize", MADE, "pve-apply apply", |d| d["vms"][0]["disk"] = json!(12)),
    verb_of("migrate", MADE, "pve-apply apply --allow-migrate", |d| d["vms"][0]["node"] = json!("pve2")),
    verb_of("network", MADE, "pve-apply apply", use_network),
    verb_of("prune", MADE, "pve-apply apply --prune --yes", leave_out),
    verb_of("destroy", MADE, "pve-apply destroy --yes", |_| {}),
    verb_of("destroy a vmid", MADE, "pve-apply destroy --yes --vmid 101", |_| {}),
    verb_of("destroy with its network", &["create by import", "network"], "pve-apply destroy --yes", use_network),
    verb_of("release", MADE, "pve-apply release --vm web", |_| {}),
    verb_of("adopt", &["create by import", "release"], "pve-apply adopt --vm web", |_| {}),
    verb_of("start", &["create by import", "stop"], "pve-apply start --vm web", |_| {}),
    verb_of("stop", MADE, "pve-apply stop --vm web", |_| {}),
    verb_of("reboot", MADE, "pve-apply reboot --vm web", |_| {}),
    verb_of("publish", &[], "image-publish", |_| {}),
    verb_of("make a template", &["publish"], "image-publish", clone),
    verb_of("prune images", &["make a template"], "image-publish prune --keep 1 --older-than 0", forget_old),
    verb_of("remove an image", &["make a template"], "image-publish remove debian-12 --force", clone),
];

impl Verb {
    pub(crate) fn document(&self) -> Value {
        let mut document = document();
        (self.edit)(&mut document);
        document
    }

    pub(crate) fn is_about_images(&self) -> bool {
        self.command.starts_with("image-publish")
    }

    /// Returns whether its purpose is to remove VMs or images.
    pub(crate) fn removes_by_purpose(&self) -> bool {
        ["destroy", "prune", "remove"].iter().any(|word| self.command.contains(word))
    }

    /// Returns whether it removes VMs or images: a rollback those that it has created.
    pub(crate) fn destroys(&self) -> bool {
        self.removes_by_purpose() || self.command.contains("rollback")
    }

    /// Returns the options of a verb that can be applied at the end.
    fn options(&self) -> Option<&str> {
        let options = self.command.strip_prefix("pve-apply apply")?;
        (!options.contains("rollback")).then_some(options)
    }
}

/// Returns the verb of this name.
pub(crate) fn verb(name: &str) -> &'static Verb {
    VERBS.iter().find(|verb| verb.name == name).unwrap()
}

/// Returns the command that applies what two verbs want, and its document.
pub(crate) fn last(verbs: [&Verb; 2]) -> (String, Value) {
    let mut document = document();
    let mut options = BTreeSet::new();
    for verb in VERBS.iter().filter(|verb| verbs.iter().any(|of| of.name == verb.name)) {
        if let Some(of_verb) = verb.options() {
            (verb.edit)(&mut document);
            options.extend(of_verb.split_whitespace());
        }
    }
    let options: Vec<&str> = options.into_iter().collect();
    (format!("pve-apply apply {}", options.join(" ")).trim_end().to_owned(), document)
}

/// Returns the document of a deployment with one VM, which uses the old version of its image.
fn document() -> Value {
    let file = "/../examples/site/images/debian-12/debian-12.qcow2";
    json!({
        "site": "lab", "deployment": "dev", "node": "pve1", "nodes": {"pve1": {}, "pve2": {}},
        "datastore": "local-lvm", "image_datastore": "local",
        "image_sources": {"debian-12": {"file": format!("{}{file}", env!("CARGO_MANIFEST_DIR"))}},
        "images": {"debian-12": OLD_IMAGE},
        "templates": [{
            "image": "debian-12", "node": "pve1", "storage": "local-lvm", "vmid": OLD_TEMPLATE,
        }],
        "vms": [vm("web", 101)], "vm_names": ["web"], "networks": [], "network_names": [],
    })
}

fn vm(name: &str, vmid: u32) -> Value {
    let mac = format!("02:AA:00:00:00:{:02X}", vmid % 100);
    json!({
        "name": name, "vmid": vmid, "image": "debian-12", "cores": 1, "memory": 512, "disk": 10,
        "bridge": "vmbr0", "ip": "dhcp", "mac": mac,
        "config": {
            "cores": 1, "memory": {"current": 512}, "agent": {"enabled": true},
            "net0": {"bridge": "vmbr0", "macaddr": mac}, "virtio0": {"discard": "on"},
        },
        "user_data": format!("#cloud-config\n# {name}\npassword: {PASSWORD}\n"),
        "meta_data": format!("instance-id: {name}-1\nlocal-hostname: {name}\n"),
        "network_config": "version: 2\n", "instance_id": format!("{name}-1"),
        "seed_fingerprint": format!("5eed{:04}", name.len()),
    })
}

fn config(document: &mut Value) -> &mut Value {
    &mut document["vms"][0]["config"]
}

fn set(document: &mut Value, key: &str, value: Value) {
    document["vms"][0][key] = value.clone();
    config(document)[key] = value;
}

fn rename(document: &mut Value) {
    let mut front = vm("front", 101);
    front["renamed_from"] = json!("web");
    document["vms"] = json!([front]);
    document["vm_names"] = json!(["front"]);
}

fn clone(document: &mut Value) {
    document["vms"][0]["create"] = json!("clone");
}

/// Makes the document name no old version.
fn forget_old(document: &mut Value) {
    clone(document);
    let document = document.as_object_mut().unwrap();
    document.retain(|key, _| !["images", "templates"].contains(&key.as_str()));
}

fn add_bad(document: &mut Value) {
    document["vms"].as_array_mut().unwrap().push(vm("bad", BAD));
    document["vm_names"] = json!(["web", "bad"]);
}

/// Leaves `web` out. A document without VMs is not pruned at all, so it has another one.
fn leave_out(document: &mut Value) {
    document["vms"] = json!([vm("other", OTHER)]);
    document["vm_names"] = json!(["other"]);
}

fn use_network(document: &mut Value) {
    document["networks"] = json!([{
        "zone": "lab", "type": "vxlan",
        "config": {"peers": ["10.0.12.2", "10.0.12.3"], "mtu": 1450},
        "vnets": [{"vnet": "lan", "config": {"tag": 100},
            "subnets": [{"subnet": "10.50.0.0/24", "config": {"gateway": "10.50.0.1"}}]}],
    }]);
    document["network_names"] = json!(["lab"]);
    document["vms"][0]["bridge"] = json!("lan");
    config(document)["net0"]["bridge"] = json!("lan");
}
