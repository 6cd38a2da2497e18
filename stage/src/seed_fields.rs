//! `SeedFields`: a short digest of each field that a VM's user-data is rendered from. Does no I/O.
//!
//! pve-apply keeps them in the VM's mark, so that a later plan can name the changed fields. 16 bits
//! are enough for that; whether the seed has changed is decided by its fingerprint. Addresses are
//! left out, because network-config has its own digest.

use crate::deployment::{Deployment, Vm};
use crate::seed_inputs::canonical;
use data_encoding::HEXLOWER;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Computes digests for the VMs of one deployment. Shared fields are digested once.
pub struct SeedFields<'a> {
    deployment: &'a Deployment,
    shared: BTreeMap<String, String>,
}

impl<'a> SeedFields<'a> {
    /// Digests the shared fields.
    pub fn new(deployment: &'a Deployment) -> Self {
        let mut shared = BTreeMap::new();
        let fields = deployment.cloud_init.iter().filter(|(_, value)| !value.is_null());
        shared.extend(fields.map(|(key, value)| (key.clone(), digest(&canonical(value)))));
        let mut add = |name: &str, value: &dyn Fn() -> String, is_set: bool| {
            shared.extend(is_set.then(|| (name.to_owned(), value())));
        };
        let Deployment { ssh_keys, spec_server, root_password, .. } = deployment;
        add("ssh_keys", &|| digest(ssh_keys), !ssh_keys.is_empty());
        add("spec_server", &|| digest(spec_server), !spec_server.is_empty());
        add("password", &|| digest(root_password), !root_password.expose().is_empty());
        add("user", &|| digest(&deployment.automation_user), true);
        Self { deployment, shared }
    }

    /// Returns the digests of a VM's fields, four hexadecimal digits each, by the field's name. A field
    /// that is not set has none.
    pub fn of(&self, vm: &Vm) -> BTreeMap<String, String> {
        let mut fields = self.shared.clone();
        let mut own = |name: &str, digest: Option<String>| {
            fields.extend(digest.map(|digest| (name.to_owned(), digest)));
        };
        own("name", Some(digest(&vm.name)));
        own("spec", (!vm.spec.is_empty()).then(|| digest(&vm.spec)));
        own("boot_scenario", vm.boot_scenario.as_ref().map(digest));
        own("nested_pve", vm.nested_pve.then(|| digest(&true)));
        // Not the token itself: a digest must not help anyone to guess a secret.
        own("auth_token", (!vm.auth_token.expose().is_empty()).then(|| digest(&true)));
        own("user", vm.user.as_ref().map(digest));
        own("ssh_keys", vm.ssh_keys.as_ref().map(digest));
        own("dns_servers", vm.dns_servers.as_ref().map(digest));
        own("search_domains", vm.search_domains.as_ref().map(digest));
        let root = &self.deployment.root_password;
        own("password", vm.password_hash.as_ref().map(|hash| digest(&(root, hash))));
        for (key, value) in vm.cloud_init.iter().filter(|(_, value)| !value.is_null()) {
            own(key, Some(digest(&(self.of_site(key), canonical(value)))));
        }
        let all = || (self.of_site("packages"), vm.cloud_init.get("packages"), &vm.packages);
        own("packages", (!vm.packages.is_empty()).then(|| digest(&all())));
        own("user_data_file", vm.custom_user_data.as_ref().map(digest));
        own("vendor_data_file", vm.custom_vendor_data.as_ref().map(digest));
        fields
    }

    fn of_site(&self, key: &str) -> Value {
        self.deployment.cloud_init.get(key).map_or(Value::Null, canonical)
    }
}

fn digest(value: &(impl Serialize + ?Sized)) -> String {
    // Serialising texts and JSON values into memory cannot fail.
    let digest = Sha256::digest(serde_json::to_vec(value).unwrap_or_default());
    HEXLOWER.encode(&digest[..2])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Document;
    use serde_json::json;

    /// The fields that a change of the document changes.
    fn changed(change: impl FnOnce(&mut Value)) -> Vec<String> {
        let before = json!({
            "deployment": "dev", "automation_user": "homestak", "root_password": "$6$s$h",
            "ssh_keys": ["ssh-rsa AAAA"], "spec_server": "https://srv1",
            "cloud_init": {"timezone": "UTC", "packages": ["curl"], "dns_servers": ["10.0.0.1"]},
            "vms": [{
                "name": "edge", "spec": "base", "packages": ["vim"], "ip": "10.0.0.2/24",
                "auth_token": "a.b", "cloud_init": {"runcmd": ["true"]},
            }],
        });
        let mut after = before.clone();
        change(&mut after);
        let fields = |json: &Value| {
            let document = Document::parse(json.to_string().as_bytes()).unwrap();
            let (deployment, _) = Deployment::read(&document);
            SeedFields::new(&deployment).of(&deployment.vms[0])
        };
        let (before, after) = (fields(&before), fields(&after));
        let names = before.keys().chain(after.keys());
        let names = names.filter(|name| before.get(*name) != after.get(*name)).cloned();
        names.collect::<std::collections::BTreeSet<_>>().into_iter().collect()
    }

    #[test]
    fn each_change_is_named() {
        let vm =
            |field: &'static str, value: Value| changed(move |json| json["vms"][0][field] = value);
        assert_eq!(changed(|_| ()), [""; 0]);
        assert_eq!(vm("packages", json!(["vim", "htop"])), ["packages"]);
        assert_eq!(vm("packages", json!([])), ["packages"]);
        assert_eq!(vm("user", json!("ops")), ["user"]);
        assert_eq!(vm("ssh_keys", json!([])), ["ssh_keys"]);
        assert_eq!(vm("password_hash", json!("$y$x")), ["password"]);
        assert_eq!(vm("name", json!("other")), ["name"]);
        assert_eq!(vm("spec", json!("")), ["spec"]);
        assert_eq!(vm("boot_scenario", json!("pve-config")), ["boot_scenario"]);
        assert_eq!(vm("nested_pve", json!(true)), ["nested_pve"]);
        assert_eq!(vm("auth_token", json!("")), ["auth_token"]);
        assert_eq!(vm("auth_token", json!("c.d")), [""; 0]);
        assert_eq!(vm("dns_servers", json!(["10.0.0.2"])), ["dns_servers"]);
        assert_eq!(vm("custom_user_data", json!("#!/bin/sh")), ["user_data_file"]);
        assert_eq!(vm("cloud_init", json!({"runcmd": ["false"]})), ["runcmd"]);
        assert_eq!(vm("cloud_init", json!({})), ["runcmd"]);
        let packages = json!({"runcmd": ["true"], "packages": ["jq"]});
        assert_eq!(vm("cloud_init", packages), ["packages"]);
        assert_eq!(vm("ip", json!("dhcp")), [""; 0]);
        let site = |field: &'static str, value: Value| changed(move |json| json[field] = value);
        assert_eq!(site("automation_user", json!("ops")), ["user"]);
        assert_eq!(site("root_password", json!("$6$s$other")), ["password"]);
        assert_eq!(site("spec_server", json!("")), ["spec_server"]);
        assert_eq!(
            site("cloud_init", json!({"packages": ["wget"]})),
            ["dns_servers", "packages", "timezone"]
        );
    }
}
