//! Whatever the document holds, an answer comes; and what is rendered reads back as it went in.

#![expect(clippy::unwrap_used, reason = "tests may unwrap")]

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use stage::Document;

fn filled(document: &Value) -> Option<Value> {
    let mut document = Document::parse(document.to_string().as_bytes()).ok()?;
    let _warnings = cloudinit_render::fill(&mut document, &[]).ok()?;
    Some(Value::Object(document.json().clone()))
}

fn read(text: &Value) -> Value {
    Value::Object(serde_yaml::from_str::<Map<String, Value>>(text.as_str().unwrap()).unwrap())
}

/// Any JSON at all, not too deep.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[a-z:/$. -]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[a-z_]{1,12}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ7xZ0mJt5m1mSxg0aTq0oJq2rL9rN3w5yQe6uX8bVcD";

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_document_gets_an_answer(
        values in proptest::collection::vec(anything(), 10),
        vm in proptest::collection::vec(anything(), 14),
        nic in proptest::collection::vec(anything(), 6),
    ) {
        let top = ["automation_user", "root_password", "ssh_keys", "spec_server", "deployment"];
        let additions = ["packages", "timezone", "dns_servers", "write_files", "runcmd"];
        let fields = [
            "name", "ip", "gateway", "mac", "packages", "auth_token", "spec", "user",
            "password_hash", "ssh_keys", "cloud_init", "dns_servers", "search_domains",
            "custom_user_data",
        ];
        let nic_fields = ["slot", "mac", "derived", "ips", "gateways", "mtu"];
        let object = |keys: &[&str], values: &[Value]| -> Map<String, Value> {
            keys.iter().map(|key| (*key).to_owned()).zip(values.iter().cloned()).collect()
        };
        let mut document = object(&top, &values[..5]);
        document.insert("cloud_init".into(), Value::Object(object(&additions, &values[5..])));
        let flat = object(&fields, &vm);
        let mut listed = flat.clone();
        listed.insert("name".into(), json!("other"));
        listed.insert("nics".into(), json!([object(&nic_fields, &nic)]));
        document.insert("vms".into(), json!([flat, listed]));
        let _ = filled(&Value::Object(document));
    }

    #[test]
    fn any_nic_gets_an_answer(
        slot in "net[0-9]{1,3}|[a-z0-9]{0,5}",
        mac in "([0-9A-F]{2}:){5}[0-9A-F]{2}|.{0,17}",
        ips in proptest::collection::vec(
            "dhcp6?|[0-9]{1,3}(\\.[0-9]{1,3}){3}/[0-9]{1,2}|[0-9a-f:]{2,12}/[0-9]{1,3}", 0..3),
        gateways in proptest::collection::vec("[0-9]{1,3}(\\.[0-9]{1,3}){3}|[0-9a-f:]{2,12}", 0..3),
        mtu in proptest::option::of(any::<u32>()),
    ) {
        let nic = json!({
            "slot": slot, "mac": mac, "ips": ips, "gateways": gateways, "mtu": mtu,
        });
        let document = json!({"automation_user": "a", "vms": [{"name": "a", "nics": [nic]}]});
        if let Some(filled) = filled(&document) {
            let config = read(&filled["vms"][0]["network_config"]);
            prop_assert_eq!(config["ethernets"].as_object().unwrap().len(), usize::from(!ips.is_empty()));
        }
    }

    #[test]
    fn what_is_written_by_hand_is_passed_on(user_data: String, vendor_data: String) {
        let vm = json!({
            "name": "a", "custom_user_data": user_data, "custom_vendor_data": vendor_data,
        });
        let filled = filled(&json!({"automation_user": "a", "vms": [vm]})).unwrap();
        prop_assert_eq!(&filled["vms"][0]["user_data"], &json!(user_data));
        prop_assert_eq!(&filled["vms"][0]["vendor_data"], &json!(vendor_data));
    }

    #[test]
    fn what_goes_in_comes_out(
        content: String,
        command: String,
        comment in "[^\\x00-\\x1f\\x7f-\\u{9f}]{1,60}x",
        word in "\\PC{0,20}",
        name in "[a-zA-Z0-9]([a-zA-Z0-9-]{0,20}[a-zA-Z0-9])?",
    ) {
        prop_assume!(!command.contains('\0') && !word.contains('\0'));
        prop_assume!(!name.eq_ignore_ascii_case("localhost"));
        let key = format!("{KEY} {comment}");
        let document = json!({
            "automation_user": "homestak", "ssh_keys": [key],
            "cloud_init": {
                "write_files": [{"path": "/x", "content": content}],
                "runcmd": [command, ["echo", word]],
            },
            "vms": [{"name": name}],
        });
        let filled = filled(&document).unwrap();
        let vm = &filled["vms"][0];
        prop_assert!(vm["user_data"].as_str().unwrap().starts_with("#cloud-config\n"));
        let user_data = read(&vm["user_data"]);
        prop_assert_eq!(&user_data["hostname"], &json!(name.to_lowercase()));
        prop_assert_eq!(&user_data["users"][0]["ssh_authorized_keys"], &json!([key]));
        let [keys, file] = [0, 1].map(|index| &user_data["write_files"][index]);
        prop_assert_eq!(&keys["content"], &json!(format!("{key}\n")));
        prop_assert_eq!(file, &json!({"path": "/x", "content": content}));
        prop_assert_eq!(&user_data["runcmd"][2], &json!(command));
        prop_assert_eq!(&user_data["runcmd"][3], &json!(["echo", word]));
        let meta_data = read(&vm["meta_data"]);
        prop_assert_eq!(&meta_data["local-hostname"], &json!(name.to_lowercase()));
        prop_assert_eq!(&meta_data["instance-id"], &vm["instance_id"]);
    }
}
