//! Ansible's dynamic inventory, as a script prints it for `--list` and `--host`. Does no I/O.
//!
//! Ansible: docs, "Developing dynamic inventory". Each top-level key is a group, which leaves
//! no room for a version number. The variables' names differ from those of `resolve ansible-vars`, so
//! both inventories can be used together.

use crate::status::Row;
use serde::Serialize;
use serde_json::{Map, Value, json};
use stage::{Deployment, Gather as _, Vm};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// The document's facts about a guest that the inventory needs.
pub(crate) struct GuestFacts {
    /// The user that cloud-init creates, if any.
    user: Option<String>,
    tags: Vec<String>,
    spec: String,
}

/// Returns the document's facts about its guests, by the VM's name.
pub(crate) fn guests(deployment: &Deployment) -> BTreeMap<String, GuestFacts> {
    let facts = |vm: &Vm| GuestFacts {
        user: user(deployment, vm),
        tags: vm.tags.clone(),
        spec: vm.spec.clone(),
    };
    deployment.vms.iter().map(|vm| (vm.name.clone(), facts(vm))).gather()
}

/// Returns the user of a guest. The document's default user exists only with rendered user-data.
fn user(deployment: &Deployment, vm: &Vm) -> Option<String> {
    let rendered = vm.custom_user_data.is_none().then_some(&deployment.automation_user);
    vm.user.as_ref().or(rendered).filter(|user| !user.is_empty()).cloned()
}

/// The inventory.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Inventory {
    #[serde(rename = "_meta")]
    meta: Meta,
    all: All,
    #[serde(flatten)]
    groups: BTreeMap<String, Group>,
}

#[derive(Debug, Default, Serialize)]
struct Meta {
    hostvars: BTreeMap<String, Value>,
}

#[derive(Debug, Default, Serialize)]
struct All {
    hosts: BTreeSet<String>,
    children: BTreeSet<String>,
}

#[derive(Debug, Default, Serialize)]
struct Group {
    hosts: BTreeSet<String>,
}

impl Inventory {
    /// Returns the inventory of these rows.
    pub(crate) fn new(rows: &[Row], guests: &BTreeMap<String, GuestFacts>) -> Self {
        let mut inventory = Self::default();
        for row in rows {
            let Some(guest) = guests.get(&row.name) else { continue };
            inventory.meta.hostvars.insert(row.name.clone(), variables(row, guest));
            inventory.all.hosts.insert(row.name.clone());
            for group in groups(row, guest) {
                inventory.all.children.insert(group.clone());
                inventory.groups.entry(group).or_default().hosts.insert(row.name.clone());
            }
        }
        inventory
    }

    /// Returns the names of all hosts.
    pub(crate) fn hosts(&self) -> Vec<&str> {
        self.all.hosts.iter().map(String::as_str).collect()
    }

    /// Returns the variables of one host.
    pub(crate) fn host(&self, name: &str) -> Option<&Value> {
        self.meta.hostvars.get(name)
    }
}

fn groups(row: &Row, guest: &GuestFacts) -> Vec<String> {
    let mut groups = vec![group("node", &row.node), group("status", &row.status)];
    groups.extend(guest.tags.iter().map(|tag| group("tag", tag)));
    if !guest.spec.is_empty() {
        groups.push(group("spec", &guest.spec));
    }
    groups
}

/// Returns the name of a group: Ansible accepts letters, digits and `_`, and warns about anything else.
fn group(kind: &str, name: &str) -> String {
    let sign = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    format!("{kind}_{}", name.chars().map(sign).collect::<String>())
}

fn variables(row: &Row, guest: &GuestFacts) -> Value {
    let mut variables = Map::new();
    let mut put = |name: &str, value: Value| _ = variables.insert(name.to_owned(), value);
    if let Some(address) = first(&row.addresses) {
        put("ansible_host", address.to_string().into());
    }
    if let Some(user) = &guest.user {
        put("ansible_user", user.clone().into());
    }
    put("pve_deployment", row.deployment.clone().into());
    put("pve_node", row.node.clone().into());
    if !guest.spec.is_empty() {
        put("pve_spec", guest.spec.clone().into());
    }
    put("pve_status", row.status.clone().into());
    put("pve_tags", json!(guest.tags));
    put("pve_vmid", row.vmid.into());
    variables.into()
}

/// Returns the address to connect to: an IPv4 address where there is one.
pub(crate) fn first(addresses: &[IpAddr]) -> Option<&IpAddr> {
    addresses.iter().find(|address| address.is_ipv4()).or_else(|| addresses.first())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_have_names_that_ansible_takes() {
        assert_eq!(group("tag", "web-2.prod"), "tag_web_2_prod");
        assert_eq!(group("node", "pve-1"), "node_pve_1");
        assert_eq!(group("tag", "größe"), "tag_gr__e");
    }
}
