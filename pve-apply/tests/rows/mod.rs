//! The rows of the table as tests use them: each option that is compared, and two values of it.

use machine::{ConfigKey, Effect, Form, KEYS, Kind, Part, Parts};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Texts of every kind of name: each rule takes two of them at least.
const TEXTS: [&str; 55] = [
    "a1",
    "b2",
    "host",
    "kvm64",
    "+aes",
    "-pcid",
    "tank",
    "local",
    "local:iso/a.iso",
    "none",
    "scsi0",
    "net0",
    "vmbr0",
    "lan",
    "192.0.2.5",
    "192.0.2.6",
    "dhcp",
    "192.0.2.5/24",
    "2001:db8::5",
    "2001:db8::6",
    "auto",
    "2001:db8::5/64",
    "example.com",
    "example.org",
    "4",
    "4-7",
    "q35",
    "pc",
    "0x10de",
    "0x10df",
    "nvidia-63",
    "nvidia-64",
    "0x5000000000000001",
    "0x5000000000000002",
    "2026-06-17",
    "now",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAkey1AAkey1AAkey1AAkey1AAkey1AAkey1AAkey1",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAkey2AAkey2AAkey2AAkey2AAkey2AAkey2AAkey2",
    "host-phys-bits",
    "40",
    "GenuineIntel",
    "1234:abcd",
    "/dev/urandom",
    "11111111-2222-4333-8444-555555555555",
    "local:snippets/a.yaml",
    "local:snippets/b.yaml",
    "foreground",
    "GenuineIntel2",
    "36",
    "42",
    "dir1",
    "ip=dhcp",
    "2026-06-18",
    "c",
    "d",
];

/// Two values of a kind, in normal form.
pub(crate) fn samples(kind: Kind) -> [String; 2] {
    let two = |texts: &mut dyn Iterator<Item = String>| {
        let normal: BTreeSet<String> = texts.filter_map(|text| kind.normal(&text)).collect();
        let mut normal = normal.into_iter();
        [normal.next(), normal.next()].map(|value| value.unwrap_or_else(|| panic!("{kind:?}")))
    };
    let numbers = |least: i64| two(&mut [least, least + 1].map(|n| n.to_string()).into_iter());
    match kind {
        Kind::Flag => ["1", "0"].map(str::to_owned),
        Kind::Int(least, _) => numbers(least),
        Kind::Decimal(least, _) => numbers(least + 1),
        Kind::Word([only]) => [*only, *only].map(str::to_owned),
        Kind::Word(words) => two(&mut words.iter().map(|word| (*word).to_owned())),
        Kind::Size => ["1G", "2G"].map(str::to_owned),
        Kind::Mac => ["BC:24:11:00:00:01", "BC:24:11:00:00:02"].map(str::to_owned),
        Kind::Features(words, _) => two(&mut words.iter().map(|word| (*word).to_owned())),
        Kind::Text(_) | Kind::Lines(_) | Kind::Machine | Kind::List(..) | Kind::Set(..) => {
            two(&mut TEXTS.into_iter().map(str::to_owned))
        }
    }
}

/// A part of a row, and the options that its key also needs.
pub(crate) struct Row {
    pub(crate) key: ConfigKey,
    pub(crate) part: &'static Part,
    besides: Map<String, Value>,
}

impl Row {
    /// What the YAML says when it says this value; `None`: it says nothing of the option.
    pub(crate) fn setting(&self, value: Option<&str>) -> Value {
        let value = value.map(|value| self.part.kind.to_json(value));
        let of_key = match value {
            Some(value) if self.key.key.is_scalar() => value,
            value => {
                let mut options = self.besides.clone();
                options.extend(value.map(|value| (self.part.name.to_owned(), value)));
                if options.is_empty() {
                    return json!({});
                }
                Value::Object(options)
            }
        };
        json!({self.key.to_string(): of_key})
    }

    /// The key's text once somebody has set the value by hand.
    pub(crate) fn by_hand(&self, text: Option<&str>, value: &str) -> String {
        let mut parts = match text {
            Some(text) => Parts::read(self.key.key, text),
            None => self.bare(),
        };
        parts.set(self.part.name_in(self.key.key), value);
        parts.write(self.key.key)
    }

    /// The key as somebody has set it who knows nothing of the option.
    fn bare(&self) -> Parts {
        let mut parts = Parts::default();
        if matches!(self.key.key.form, Form::Drive(_)) {
            parts.set("file", "tank:by-hand");
        }
        for part in self.key.key.parts().iter().filter(|part| part.required) {
            parts.set(part.name, samples(part.kind)[0].as_str());
        }
        parts
    }

    /// The value in the key's text.
    pub(crate) fn value(&self, text: Option<&str>) -> Option<String> {
        let parts = Parts::read(self.key.key, text?);
        parts.get(self.part.name_in(self.key.key)).map(str::to_owned)
    }
}

/// Every option that is compared after a VM was made.
pub(crate) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for key in KEYS {
        // The last slot: nothing of the VM is there.
        let key = ConfigKey { key, slot: key.slots.map(|count| count - 1) };
        for part in key.key.parts() {
            let drive = matches!(key.key.form, Form::Drive(_));
            let placed =
                drive && ["file", "storage", "import", "size", "media"].contains(&part.name);
            if part.effect == Effect::AtCreate || placed {
                continue;
            }
            let required =
                key.key.parts().iter().filter(|other| other.required && other.name != part.name);
            let mut besides: Map<String, Value> = required
                .map(|other| (other.name.to_owned(), other.kind.to_json(&samples(other.kind)[0])))
                .collect();
            if drive {
                besides.insert("size".into(), json!(1));
            }
            rows.push(Row { key, part, besides });
        }
    }
    rows
}
