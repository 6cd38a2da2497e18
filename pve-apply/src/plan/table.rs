//! Every row of the table through the plan: set, changed by hand, said no longer, never mentioned.

use super::model::carry_out;
use super::plan;
use super::wish::field;
use super::worlds::{config, desired, desired_vm, mark, put, saying, world};
use crate::change::Impact;
use crate::desired::{Consent, Desired, Machine};
use crate::mark::{Mark, owns};
use crate::observed::{Config, Look, Observed, Power};
use machine::{ConfigKey, Effect, Form, KEYS, Kind, Part, Parts};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

const ALL: Consent = Consent {
    reboot: true,
    stop: true,
    reseed: false,
    pending: false,
    detach: true,
    move_disks: true,
    shutdown_seconds: 1,
};

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
    "ssh-ed25519 AAAA",
    "ssh-rsa AAAA",
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
pub(super) fn samples(kind: Kind) -> [String; 2] {
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

/// A part of a row, and what is said besides so that its key stands.
pub(super) struct Row {
    pub(super) key: ConfigKey,
    pub(super) part: &'static Part,
    besides: Map<String, Value>,
}

impl Row {
    /// What the YAML says when it says this value; `None`: it says nothing of the option.
    pub(super) fn said(&self, value: Option<&str>) -> Value {
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

    /// Changes the value by hand.
    pub(super) fn by_hand(&self, config: &mut Config, value: &str) {
        let name = self.key.to_string();
        let mut parts = match config.next(&name) {
            Some(text) => Parts::read(self.key.key, text),
            None => self.bare(),
        };
        parts.set(self.part.name_in(self.key.key), value);
        config.set(&name, &parts.write(self.key.key));
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

    pub(super) fn value(&self, config: &Config) -> Option<String> {
        let text = config.next(&self.key.to_string())?;
        let parts = Parts::read(self.key.key, text);
        parts.get(self.part.name_in(self.key.key)).map(str::to_owned)
    }
}

/// Every option that is compared after a VM was made.
pub(super) fn rows() -> Vec<Row> {
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

pub(super) fn wanting(said: &Value) -> Desired {
    let mut vm = desired_vm("edge", Some(101));
    vm.machine = Some(Machine { power: stage::Power::Any, ..saying(said) });
    let mut desired = desired(vec![vm]);
    desired.consent = ALL;
    desired
}

/// A VM as it is, without the row's key.
pub(super) fn there(row: Option<&Row>, power: Power) -> Observed {
    let mut all = world();
    let mut config = config("edge", 101);
    // A VM without its uuid would be another's.
    if let Some(row) = row.filter(|row| row.key.key.part.name != "smbios1") {
        config.remove(&row.key.to_string());
    }
    config.set("description", &Mark { owns: BTreeSet::new(), ..mark("edge", 101) }.line());
    put(&mut all, 101, "pve1", power, config);
    all
}

#[test]
fn every_kind_has_two_values() {
    let lacks = |kind: Kind| std::panic::catch_unwind(|| samples(kind)).is_err();
    let parts = KEYS.iter().flat_map(|key| key.parts().iter().map(move |part| (key, part)));
    let lacking: Vec<_> = parts
        .filter(|(_, part)| part.effect != Effect::AtCreate && lacks(part.kind))
        .map(|(key, part)| format!("{}.{}: {:?}", key.part.name, part.name, part.kind))
        .collect();
    assert_eq!(lacking, Vec::<String>::new());
}

pub(super) fn config_of(world: &mut Observed) -> &mut Config {
    match world.looks.values_mut().next() {
        Some(Look::Seen(seen)) => &mut seen.config,
        other => panic!("{other:?}"),
    }
}

fn apply(desired: &Desired, world: &mut Observed, what: &str) {
    let first = plan(desired, world);
    assert_eq!(first.blocked, [], "{what}");
    carry_out(&first, world, usize::MAX);
    let second = plan(desired, world);
    assert_eq!((&second.vms, &second.blocked), (&Vec::new(), &Vec::new()), "{what}");
}

pub(super) fn name_of(row: &Row) -> String {
    owns::entry(row.key, row.part.name_in(row.key.key))
}

pub(super) fn is_description(row: &Row) -> bool {
    row.key.key.part.name == "description"
}

#[test]
fn what_is_said_is_set_and_held() {
    for row in rows() {
        let [one, other] = samples(row.part.kind);
        let (what, desired) = (name_of(&row), wanting(&row.said(Some(&one))));
        let mut world = there(Some(&row), Power::Stopped);
        apply(&desired, &mut world, &what);
        if is_description(&row) || one == other {
            continue;
        }
        let meant = |value: Option<String>| value.or(row.part.absent.map(str::to_owned));
        assert_eq!(meant(row.value(config_of(&mut world))).as_ref(), Some(&one), "{what}");
        row.by_hand(config_of(&mut world), &other);
        let drift = plan(&desired, &world);
        let fields: Vec<&str> =
            drift.vms.iter().flat_map(|vm| &vm.changes).map(|c| c.field.as_str()).collect();
        assert!(fields.contains(&field(row.key, row.part).as_str()), "{what}: {fields:?}");
        apply(&desired, &mut world, &what);
        assert_eq!(meant(row.value(config_of(&mut world))).as_ref(), Some(&one), "{what}");
    }
}

#[test]
fn the_impact_of_a_change_is_that_of_its_row() {
    for row in rows() {
        let [one, other] = samples(row.part.kind);
        if is_description(&row) || one == other {
            continue;
        }
        let (what, desired) = (name_of(&row), wanting(&row.said(Some(&one))));
        let mut world = there(Some(&row), Power::Stopped);
        apply(&desired, &mut world, &what);
        let Some(Look::Seen(seen)) = world.looks.values_mut().next() else { panic!() };
        seen.power = Power::Running;
        for (hotplug, features) in [("network,disk,usb,cpu,memory", true), ("0", false)] {
            row.by_hand(config_of(&mut world), &other);
            if row.key.key.part.name != "hotplug" {
                config_of(&mut world).set("hotplug", hotplug);
            }
            let drift = plan(&desired, &world);
            let name = field(row.key, row.part);
            let changes = drift.vms.iter().flat_map(|vm| &vm.changes);
            let change = changes.into_iter().find(|c| c.field == name).unwrap();
            let live = match row.part.effect_of(Some(&other), Some(&one)) {
                Effect::Live | Effect::Grow | Effect::AtCreate => true,
                Effect::Restart => false,
                Effect::Plug(_) => features || row.key.key.part.name == "hotplug",
            };
            assert_eq!(change.impact == Impact::None, live, "{what} with hotplug {hotplug}");
        }
    }
}

#[test]
fn what_is_said_no_longer_is_taken_back() {
    for row in rows() {
        let [one, _] = samples(row.part.kind);
        let what = name_of(&row);
        let mut world = there(Some(&row), Power::Stopped);
        apply(&wanting(&row.said(Some(&one))), &mut world, &what);
        let nothing = wanting(&json!({}));
        apply(&nothing, &mut world, &what);
        // What the VM boots from and a NIC's MAC are never taken back.
        let stays = row.key.key.part.name == "boot";
        let machine = nothing.vms[0].machine.as_ref().unwrap();
        let new = machine.new.value(row.key, row.part.name_in(row.key.key));
        let has = row.value(config_of(&mut world));
        let meant = |value: Option<&str>| value.or(row.part.absent).map(str::to_owned);
        if !stays && !is_description(&row) {
            assert_eq!(meant(has.as_deref()), meant(new), "{what}");
        }
        let Some(Look::Seen(seen)) = world.looks.values().next() else { panic!() };
        let crate::mark::Owner::Ours(mark) = seen.owner("lab", "dev") else { panic!("{what}") };
        assert_eq!(mark.owns, BTreeSet::new(), "{what}");
    }
}

#[test]
fn what_was_never_said_is_left_alone() {
    for row in rows().iter().filter(|row| !is_description(row)) {
        let [_, other] = samples(row.part.kind);
        let mut world = there(Some(row), Power::Running);
        row.by_hand(config_of(&mut world), &other);
        let before = config_of(&mut world).clone();
        let desired = wanting(&json!({"ostype": "l26"}));
        apply(&desired, &mut world, &name_of(row));
        let name = row.key.to_string();
        if name != "ostype" {
            assert_eq!(config_of(&mut world).next(&name), before.next(&name), "{name}");
        }
    }
}
