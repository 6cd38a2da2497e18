//! `SeedInputs`: a digest of the fields that a VM's seed is rendered from. Does no I/O.
//!
//! cloudinit-render writes it into the document. pve-apply computes it again and refuses a document
//! that was changed in between, for example by renaming a VM after its seed was rendered.

use crate::deployment::{Deployment, Vm};
use crate::nic::Nic;
use crate::secret::Secret;
use data_encoding::HEXLOWER;
use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// Computes digests for the VMs of one deployment. Shared fields are digested once.
pub struct SeedInputs {
    shared: sha2::digest::Output<Sha256>,
}

/// The document's own fields that cloudinit-render reads.
#[derive(Serialize)]
struct Shared<'a> {
    deployment: &'a str,
    automation_user: &'a str,
    root_password: &'a str,
    ssh_keys: &'a [String],
    spec_server: &'a str,
    cloud_init: Value,
}

/// The fields of a VM that cloudinit-render reads.
#[derive(Serialize)]
struct Own<'a> {
    name: &'a str,
    spec: &'a str,
    packages: &'a [String],
    mac: &'a str,
    ip: &'a str,
    gateway: Option<&'a str>,
    /// Not the token itself: a digest must not help anyone to guess a secret.
    has_token: bool,
    // The fields below are omitted when absent, so that a document without them keeps its digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    nics: Option<&'a [Nic]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dns_servers: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    search_domains: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password_hash: Option<&'a Secret<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ssh_keys: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cloud_init: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_user_data: Option<&'a Secret<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_vendor_data: Option<&'a Secret<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    boot_scenario: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    nested_pve: bool,
}

impl SeedInputs {
    /// Digests the shared fields.
    pub fn new(deployment: &Deployment) -> Self {
        let shared = Shared {
            deployment: &deployment.deployment,
            automation_user: &deployment.automation_user,
            root_password: deployment.root_password.expose(),
            ssh_keys: &deployment.ssh_keys,
            spec_server: &deployment.spec_server,
            cloud_init: canonical(&Value::Object(deployment.cloud_init.clone())),
        };
        Self { shared: digest(&shared) }
    }

    /// Returns the digest of a VM: 16 hexadecimal digits.
    pub fn of(&self, vm: &Vm) -> String {
        // With the list, the separate fields of net0 are not used.
        let flat = vm.nics.is_none();
        let own = Own {
            name: &vm.name,
            spec: &vm.spec,
            packages: &vm.packages,
            mac: if flat { &vm.mac } else { "" },
            ip: if flat { &vm.ip } else { "" },
            gateway: vm.gateway.as_deref().filter(|_| flat),
            has_token: !vm.auth_token.expose().is_empty(),
            nics: vm.nics.as_deref(),
            dns_servers: vm.dns_servers.as_deref(),
            search_domains: vm.search_domains.as_deref(),
            user: vm.user.as_deref(),
            password_hash: vm.password_hash.as_ref(),
            ssh_keys: vm.ssh_keys.as_deref(),
            cloud_init: (!vm.cloud_init.is_empty())
                .then(|| canonical(&Value::Object(vm.cloud_init.clone()))),
            custom_user_data: vm.custom_user_data.as_ref(),
            custom_vendor_data: vm.custom_vendor_data.as_ref(),
            boot_scenario: vm.boot_scenario.as_deref(),
            nested_pve: vm.nested_pve,
        };
        let both = Sha256::new().chain_update(self.shared).chain_update(digest(&own)).finalize();
        HEXLOWER.encode(&both[..8])
    }
}

fn digest(fields: &impl Serialize) -> sha2::digest::Output<Sha256> {
    // Serialising texts and JSON values into memory cannot fail.
    Sha256::digest(serde_json::to_vec(fields).unwrap_or_default())
}

/// Returns the value with sorted keys and without `null`, which counts as absent.
pub(crate) fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let mut fields: Vec<_> = object.iter().filter(|(_, value)| !value.is_null()).collect();
            fields.sort_unstable_by_key(|(key, _)| key.as_str());
            let fields = fields.into_iter().map(|(key, value)| (key.clone(), canonical(value)));
            Value::Object(fields.collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.iter().map(canonical).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Document;
    use serde_json::json;

    fn document() -> Value {
        json!({
            "deployment": "dev", "automation_user": "homestak", "root_password": "$6$s$h",
            "ssh_keys": ["ssh-rsa AAAA"], "spec_server": "https://srv1", "node": "pve1",
            "cloud_init": {"timezone": "UTC", "write_files": [{"path": "/a", "content": "b"}]},
            "vms": [{
                "name": "edge", "spec": "base", "packages": ["vim"], "mac": "02:00:00:00:00:01",
                "ip": "10.0.0.2/24", "gateway": "10.0.0.1", "auth_token": "a.b", "cores": 1,
            }],
        })
    }

    fn digest_after(change: impl FnOnce(&mut Value)) -> String {
        let mut json = document();
        change(&mut json);
        let document = Document::parse(json.to_string().as_bytes()).unwrap();
        let (deployment, report) = Deployment::read(&document);
        assert!(!report.has_errors());
        SeedInputs::new(&deployment).of(&deployment.vms[0])
    }

    #[test]
    fn each_field_that_is_read_counts() {
        let before = digest_after(|_| ());
        assert_eq!(before.len(), 16);
        for field in ["deployment", "automation_user", "root_password", "spec_server"] {
            assert_ne!(before, digest_after(|json| json[field] = json!("other")), "{field}");
        }
        let own = ["name", "spec", "mac", "ip", "gateway", "user", "password_hash"];
        for field in
            own.into_iter().chain(["custom_user_data", "custom_vendor_data", "boot_scenario"])
        {
            let change = |json: &mut Value| json["vms"][0][field] = json!("other");
            assert_ne!(before, digest_after(change), "{field}");
        }
        let changes: [fn(&mut Value); 13] = [
            |json| json["vms"][0]["nested_pve"] = json!(true),
            |json| json["vms"][0]["ssh_keys"] = json!([]),
            |json| json["vms"][0]["ssh_keys"] = json!(["ssh-rsa AAAA"]),
            |json| json["vms"][0]["cloud_init"] = json!({"timezone": "CET"}),
            |json| json["vms"][0]["dns_servers"] = json!(["10.0.0.1"]),
            |json| json["vms"][0]["dns_servers"] = json!([]),
            |json| json["vms"][0]["search_domains"] = json!(["lan"]),
            |json| json["ssh_keys"] = json!([]),
            |json| json["ssh_keys"] = json!(["ssh-rsa AAAA", "ssh-rsa BBBB"]),
            |json| json["cloud_init"]["timezone"] = json!("CET"),
            |json| json["cloud_init"]["write_files"][0]["content"] = json!("c"),
            |json| json["vms"][0]["packages"] = json!(["vim", "htop"]),
            |json| json["vms"][0]["auth_token"] = json!(""),
        ];
        for change in changes {
            assert_ne!(before, digest_after(change));
        }
    }

    #[test]
    fn a_document_without_the_newer_fields_keeps_its_digest() {
        assert_eq!(digest_after(|_| ()), "a4174273a8921fc9");
    }

    #[test]
    fn the_list_of_nics_counts_in_place_of_the_fields_of_net0() {
        let nic = json!({
            "slot": "net0", "mac": "BC:24:11:00:00:01", "derived": true, "ips": ["10.0.0.2/24"],
            "gateways": ["10.0.0.1"], "mtu": 1400,
        });
        let listed = |change: fn(&mut Value)| {
            digest_after(|json| {
                json["vms"][0]["nics"] = json!([nic]);
                change(json);
            })
        };
        let before = listed(|_| ());
        assert_ne!(before, digest_after(|_| ()));
        for field in ["slot", "mac"] {
            let change = |json: &mut Value| {
                json["vms"][0]["nics"] = json!([nic]);
                json["vms"][0]["nics"][0][field] = json!("other");
            };
            assert_ne!(before, digest_after(change), "{field}");
        }
        let changes: [fn(&mut Value); 5] = [
            |json| json["vms"][0]["nics"] = json!([]),
            |json| json["vms"][0]["nics"][0]["derived"] = json!(false),
            |json| json["vms"][0]["nics"][0]["ips"] = json!(["dhcp"]),
            |json| json["vms"][0]["nics"][0]["gateways"] = json!([]),
            |json| json["vms"][0]["nics"][0]["mtu"] = json!(9000),
        ];
        for change in changes {
            assert_ne!(before, listed(change));
        }
        let unread: [fn(&mut Value); 3] = [
            |json| json["vms"][0]["ip"] = json!("dhcp"),
            |json| json["vms"][0]["mac"] = json!("other"),
            |json| json["vms"][0]["gateway"] = Value::Null,
        ];
        for change in unread {
            assert_eq!(before, listed(change));
        }
    }

    #[test]
    fn what_is_not_read_does_not_count() {
        let before = digest_after(|_| ());
        let changes: [fn(&mut Value); 6] = [
            |json| json["node"] = json!("pve2"),
            |json| json["vms"][0]["cores"] = json!(2),
            |json| json["vms"][0]["auth_token"] = json!("c.d"),
            |json| json["cloud_init"]["domain"] = Value::Null,
            |json| json["cloud_init"]["write_files"][0]["owner"] = Value::Null,
            |json| {
                json["cloud_init"] =
                    json!({"write_files": [{"content": "b", "path": "/a"}], "timezone": "UTC"});
            },
        ];
        for change in changes {
            assert_eq!(before, digest_after(change));
        }
        let absent = digest_after(|json| {
            json["vms"][0].as_object_mut().unwrap().remove("gateway");
        });
        assert_eq!(absent, digest_after(|json| json["vms"][0]["gateway"] = Value::Null));
    }
}
