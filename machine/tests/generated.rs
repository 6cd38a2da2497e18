//! Generated files that are checked in: the schema of `config`, the tables of docs/machine.md and
//! docs/networks.md.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test reads files")]

use machine::sdn::Object;
use machine::{KEYS, Kind, Settings};
use serde_json::{Map, Value, json};
use std::path::Path;
use std::sync::LazyLock;

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)).unwrap()
}

#[test]
fn the_document_schema_matches_the_rows() -> Result<(), Box<dyn std::error::Error>> {
    let path = "schemas/tfvars.json";
    let mut schema: Value = serde_json::from_str(&read(path))?;
    schema["$defs"]["config"] = machine::schema();
    for object in [Object::Zone, Object::Vnet, Object::Subnet] {
        schema["$defs"][object.name()] = machine::sdn::schema(object);
    }
    let text = format!("{}\n", serde_json::to_string_pretty(&schema)?);
    test_support::generated::check(path, text.as_bytes())
}

#[test]
fn the_pages_match_the_rows() -> Result<(), Box<dyn std::error::Error>> {
    check_page("docs/machine.md", &machine::reference())?;
    check_page("docs/networks.md", &machine::sdn::reference())
}

fn check_page(path: &str, tables: &str) -> Result<(), Box<dyn std::error::Error>> {
    let page = read(path);
    let (before, rest) = page.split_once("<!-- rows:").unwrap();
    let (note, rest) = rest.split_once("-->\n").unwrap();
    let (_, after) = rest.split_once("<!-- end of rows -->").unwrap();
    let page = format!("{before}<!-- rows:{note}-->\n\n{tables}\n<!-- end of rows -->{after}");
    test_support::generated::check(path, page.as_bytes())
}

static VALIDATOR: LazyLock<jsonschema::Validator> =
    LazyLock::new(|| jsonschema::validator_for(&machine::schema()).unwrap());

/// Returns whether the schema and the reader accept a document's `config`.
fn validate(config: &Value) -> (bool, bool) {
    let read = Settings::read(config.as_object().unwrap()).1.is_empty();
    (VALIDATOR.is_valid(config), read)
}

#[test]
fn the_schema_agrees_with_the_reader() {
    for right in [
        json!({}),
        json!({"cores": 4, "cpu": "host,flags=+aes", "net31": {"tag": null, "vlan": 5}}),
        json!({"memory": 2048, "agent": true, "hotplug": [], "smbios1": null, "numa": "on"}),
        json!({"scsi30": {"size": "1.5T", "ssd": 1}, "ide2": {"file": "none", "media": "cdrom"}}),
    ] {
        assert_eq!(validate(&right), (true, true), "{right}");
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
        assert_eq!(validate(&wrong), (false, false), "{wrong}");
    }
}

/// Returns values that the reader accepts, at the limits of a kind and in each spelling; for texts,
/// candidates for all rules.
fn values(kind: Kind) -> Vec<Value> {
    let edge = |least: i64, most: i64| [least, if most == i64::MAX { 1 << 40 } else { most }];
    match kind {
        Kind::Flag => {
            let texts = ["on", "No", "TRUE", "0"].map(Value::from);
            [json!(true), json!(false), json!(0), json!(1)].into_iter().chain(texts).collect()
        }
        Kind::Int(least, most) => edge(least, most)
            .into_iter()
            .flat_map(|n| [n.into(), json!(n as f64), n.to_string().into(), format!("+{n}").into()])
            .collect(),
        Kind::Decimal(least, most) => edge(least, most)
            .into_iter()
            .flat_map(|n| [n.into(), n.to_string().into()])
            .chain([json!(least as f64 + 0.5), format!("{least}.50").into()])
            .collect(),
        Kind::Word(words) => {
            let number = |word: &&str| word.parse::<i64>().ok().map(Value::from);
            let numbers = words.iter().filter_map(number);
            words.iter().map(|word| Value::from(*word)).chain(numbers).collect()
        }
        Kind::Size => vec![json!(0), json!(1.5), json!("512M"), json!("7"), json!("0.5T")],
        Kind::Features(words, _) => vec![
            json!(true),
            json!(false),
            json!(0),
            json!(1),
            json!([]),
            json!(words),
            words.join(";").into(),
        ],
        Kind::List(sign, _) | Kind::Set(sign, _) => texts()
            .flat_map(|text| {
                [json!(text), json!([text, text]), format!("{text}{sign} {text}").into()]
            })
            .chain([json!(5), json!([5, "6"])])
            .collect(),
        _ => texts().map(Value::from).chain([json!(40), json!(1.5)]).collect(),
    }
}

fn texts() -> impl Iterator<Item = &'static str> {
    [
        "",
        "a b",
        "two\nlines \n",
        "\u{fc}",
        "host",
        "x86-64-v2-AES",
        "+aes",
        "-nested-virt",
        "vmbr0",
        "bc:24:11:00:00:0a",
        "pc",
        "virt-9.0",
        "pc-8.1.pxe",
        "pc-i440fx-9.2.1+pve1",
        "now",
        "2026-6-1T1:2:3",
        "5-7",
        "64",
        "none",
        "cdrom",
        "local:iso/a+b.iso",
        "tank:cloudinit",
        "0x10dE",
        "0x0123456789abcdEF",
        "nvidia-63",
        "dhcp",
        "auto",
        "192.0.2.5/24",
        "2001:DB8::192.0.2.1/64",
        "192.0.2.1",
        "2001:db8::1",
        "lan.example.com",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAkey1AAkey1AAkey1AAkey1AAkey1AAkey1AAkey1 me",
        "scsi0",
        "debian_1",
        "a.b-c+d=e",
    ]
    .into_iter()
}

/// An editor must not mark values that the tools accept.
#[test]
fn the_schema_is_never_stricter_than_the_reader() {
    for key in KEYS {
        let name = key.slots.map_or(key.part.name.to_owned(), |_| format!("{}0", key.part.name));
        for part in key.parts() {
            let mut taken = 0;
            for name_of_part in std::iter::once(part.name).chain(part.aliases.iter().copied()) {
                for value in values(part.kind) {
                    let value = match key.is_scalar() {
                        true => value,
                        false => json!({ name_of_part: value }),
                    };
                    let config = Value::Object(Map::from_iter([(name.clone(), value)]));
                    let (schema, read) = validate(&config);
                    assert!(schema || !read, "{config}");
                    taken += usize::from(read);
                }
            }
            assert!(taken > 0, "no value fits {name} {}", part.name);
        }
    }
}
