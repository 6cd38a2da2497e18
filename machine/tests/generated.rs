//! What is made of the rows and checked in: the schema of `config`, the tables of docs/machine.md.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test reads files")]

use machine::{KEYS, Kind, Settings};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::path::Path;
use std::sync::LazyLock;

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)).unwrap()
}

#[test]
fn the_documents_schema_is_that_of_the_rows() -> Result<(), Box<dyn std::error::Error>> {
    let path = "schemas/tfvars.json";
    let mut schema: Value = serde_json::from_str(&read(path))?;
    schema["$defs"]["config"] = machine::schema();
    let text = format!("{}\n", serde_json::to_string_pretty(&schema)?);
    test_support::generated::check(path, text.as_bytes())
}

#[test]
fn the_page_shows_the_rows() -> Result<(), Box<dyn std::error::Error>> {
    let path = "docs/machine.md";
    let page = read(path);
    let (before, rest) = page.split_once("<!-- rows:").unwrap();
    let (note, rest) = rest.split_once("-->\n").unwrap();
    let (_, after) = rest.split_once("<!-- end of rows -->").unwrap();
    let tables = machine::reference();
    let page = format!("{before}<!-- rows:{note}-->\n\n{tables}\n<!-- end of rows -->{after}");
    test_support::generated::check(path, page.as_bytes())
}

static VALIDATOR: LazyLock<jsonschema::Validator> =
    LazyLock::new(|| jsonschema::validator_for(&machine::schema()).unwrap());

/// Says whether the schema and the reader are content with a document's `config`.
fn judge(config: &Value) -> (bool, bool) {
    let read = Settings::read(config.as_object().unwrap()).1.is_empty();
    (VALIDATOR.is_valid(config), read)
}

#[test]
fn the_schema_knows_right_from_wrong() {
    for right in [
        json!({}),
        json!({"cores": 4, "cpu": "host,flags=+aes", "net31": {"tag": null, "vlan": 5}}),
        json!({"memory": 2048, "agent": true, "hotplug": [], "smbios1": null, "numa": "on"}),
        json!({"scsi30": {"size": "1.5T", "ssd": 1}, "ide2": {"file": "none", "media": "cdrom"}}),
    ] {
        assert_eq!(judge(&right), (true, true), "{right}");
    }
    for wrong in [
        json!({"cores": 0}),
        json!({"cores": "many"}),
        json!({"nix": 1}),
        json!({"args": "-x"}),
        json!({"net32": {}}),
        json!({"net0": {"tag": 4095}}),
        json!({"net0": {"nix": 1}}),
        json!({"net0": ["virtio"]}),
        json!({"bios": "efi"}),
        json!({"virtio0": {"ssd": true}}),
        json!({"hotplug": ["all"]}),
        json!({"numa0": {"policy": "none"}}),
    ] {
        assert_eq!(judge(&wrong), (false, false), "{wrong}");
    }
}

/// Values that the reader may take, for any kind.
fn value() -> impl Strategy<Value = Value> {
    let words = KEYS.iter().flat_map(|key| key.parts()).flat_map(|part| match part.kind {
        Kind::Word(words) | Kind::Features(words, _) => words,
        _ => &[],
    });
    let mut texts: Vec<&str> = words.copied().collect();
    texts.extend(["host", "+aes", "vmbr0", "BC:24:11:00:00:01", "q35", "pc-q35-9.2+pve1", "now"]);
    texts.extend(["5-7", "local:iso/a.iso", "0x10de", "dhcp", "192.0.2.5/24", "2001:db8::/64"]);
    texts.extend(["192.0.2.1", "example.com", "ssh-rsa AAAA", "order=scsi0", "On", "512M", "1.5"]);
    let text = prop_oneof![prop::sample::select(texts), Just(""), Just("a b"), Just("ü\n")];
    let text = text.prop_map(Value::from).boxed();
    let number = prop_oneof![
        (-2..5000i64).prop_map(Value::from),
        (0..64i64).prop_map(|n| json!(n as f64 / 4.0)),
    ];
    prop_oneof![
        text.clone(),
        number,
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
        prop::collection::vec(text, 0..3).prop_map(Value::from),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    /// An editor marks nothing that the tools take.
    #[test]
    fn the_schema_is_never_stricter_than_the_reader(
        key in prop::sample::select(KEYS.to_vec()),
        part in any::<prop::sample::Index>(),
        as_text in any::<bool>(),
        value in value(),
    ) {
        let name = key.slots.map_or(key.part.name.to_owned(), |_| format!("{}0", key.part.name));
        let part = &key.parts()[part.index(key.parts().len())];
        let value = match key.is_scalar() || as_text {
            true => value,
            false => json!({ part.name: value }),
        };
        let config = Value::Object(Map::from_iter([(name, value)]));
        let (schema, read) = judge(&config);
        prop_assert!(schema || !read, "{config}");
    }
}
