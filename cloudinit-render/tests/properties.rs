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

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_document_gets_an_answer(
        values in proptest::collection::vec(anything(), 10),
        vm in proptest::collection::vec(anything(), 7),
    ) {
        let top = ["automation_user", "root_password", "ssh_keys", "spec_server", "deployment"];
        let additions = ["packages", "timezone", "dns_servers", "write_files", "runcmd"];
        let fields = ["name", "ip", "gateway", "mac", "packages", "auth_token", "spec"];
        let object = |keys: &[&str], values: &[Value]| -> Map<String, Value> {
            keys.iter().map(|key| (*key).to_owned()).zip(values.iter().cloned()).collect()
        };
        let mut document = object(&top, &values[..5]);
        document.insert("cloud_init".into(), Value::Object(object(&additions, &values[5..])));
        document.insert("vms".into(), json!([Value::Object(object(&fields, &vm))]));
        let _ = filled(&Value::Object(document));
    }

    #[test]
    fn what_goes_in_comes_out(
        content: String,
        command: String,
        key in "[^\\x00-\\x1f\\x7f-\\u{9f}]{1,60}x",
        word in "\\PC{0,20}",
        name in "[a-zA-Z0-9]([a-zA-Z0-9-]{0,20}[a-zA-Z0-9])?",
    ) {
        prop_assume!(!command.contains('\0') && !word.contains('\0'));
        prop_assume!(!name.eq_ignore_ascii_case("localhost"));
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
