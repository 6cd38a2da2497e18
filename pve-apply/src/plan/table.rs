//! Runs every row of the table through the plan: set, changed by hand, no longer set, never set.

use super::intent::field;
use super::model::carry_out;
use super::plan;
use super::worlds::{config, definition_of, desired, desired_vm, mark, put, world};
use crate::change::Impact;
use crate::desired::{Consent, Definition, Desired};
use crate::mark::{Mark, owns};
use crate::observed::{Config, Observation, Observed, Power};
use machine::{Effect, KEYS, Kind};
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[path = "../../tests/rows/mod.rs"]
mod rows;

pub(super) use rows::{Row, rows, samples};

const ALL: Consent = Consent {
    reboot: true,
    stop: true,
    reseed: false,
    pending: false,
    detach: true,
    move_disks: true,
    migrate: true,
    shutdown_seconds: 1,
};

pub(super) fn wanting(set: &Value) -> Desired {
    let mut vm = desired_vm("edge", Some(101));
    vm.definition = Some(Definition { power: stage::Power::Any, ..definition_of(set) });
    let mut desired = desired(vec![vm]);
    desired.consent = ALL;
    desired
}

/// A VM without the row's key.
pub(super) fn there(row: Option<&Row>, power: Power) -> Observed {
    let mut all = world();
    let mut config = config("edge", 101);
    // A VM without its uuid would not be ours.
    if let Some(row) = row.filter(|row| row.key.key.part.name != "smbios1") {
        config.remove(&row.key.to_string());
    }
    config.set("description", &Mark { owns: BTreeSet::new(), ..mark("edge", 101) }.line());
    put(&mut all, 101, "pve1", power, config);
    all
}

#[test]
fn every_kind_has_two_values() {
    let has_no_samples = |kind: Kind| std::panic::catch_unwind(|| samples(kind)).is_err();
    let parts = KEYS.iter().flat_map(|key| key.parts().iter().map(move |part| (key, part)));
    let lacking: Vec<_> = parts
        .filter(|(_, part)| part.effect != Effect::AtCreate && has_no_samples(part.kind))
        .map(|(key, part)| format!("{}.{}: {:?}", key.part.name, part.name, part.kind))
        .collect();
    assert_eq!(lacking, Vec::<String>::new());
}

pub(super) fn config_of(world: &mut Observed) -> &mut Config {
    match world.vms.values_mut().next() {
        Some(Observation::Seen(seen)) => &mut seen.config,
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

/// Changes a row's value by hand.
pub(super) fn by_hand(row: &Row, world: &mut Observed, value: &str) {
    let (config, key) = (config_of(world), row.key.to_string());
    let text = row.by_hand(config.next(&key), value);
    config.set(&key, &text);
}

/// Returns a row's value in the VM.
pub(super) fn value(row: &Row, world: &mut Observed) -> Option<String> {
    row.value(config_of(world).next(&row.key.to_string()))
}

pub(super) fn name_of(row: &Row) -> String {
    owns::entry(row.key, row.part.name_in(row.key.key))
}

pub(super) fn is_description(row: &Row) -> bool {
    row.key.key.part.name == "description"
}

#[test]
fn a_set_value_is_applied_and_enforced() {
    for row in rows() {
        let [one, other] = samples(row.part.kind);
        let (what, desired) = (name_of(&row), wanting(&row.setting(Some(&one))));
        let mut world = there(Some(&row), Power::Stopped);
        apply(&desired, &mut world, &what);
        if is_description(&row) || one == other {
            continue;
        }
        let meant = |value: Option<String>| value.or(row.part.absent.map(str::to_owned));
        assert_eq!(meant(value(&row, &mut world)).as_ref(), Some(&one), "{what}");
        by_hand(&row, &mut world, &other);
        let drift = plan(&desired, &world);
        let fields: Vec<&str> =
            drift.vms.iter().flat_map(|vm| &vm.changes).map(|c| c.field.as_str()).collect();
        assert!(fields.contains(&field(row.key, row.part).as_str()), "{what}: {fields:?}");
        apply(&desired, &mut world, &what);
        assert_eq!(meant(value(&row, &mut world)).as_ref(), Some(&one), "{what}");
    }
}

#[test]
fn the_impact_of_a_change_is_that_of_its_row() {
    for row in rows() {
        let [one, other] = samples(row.part.kind);
        if is_description(&row) || one == other {
            continue;
        }
        let (what, desired) = (name_of(&row), wanting(&row.setting(Some(&one))));
        let mut world = there(Some(&row), Power::Stopped);
        apply(&desired, &mut world, &what);
        let Some(Observation::Seen(seen)) = world.vms.values_mut().next() else { panic!() };
        seen.power = Power::Running;
        for (hotplug, features) in [("network,disk,usb,cpu,memory", true), ("0", false)] {
            by_hand(&row, &mut world, &other);
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
fn a_value_that_is_no_longer_set_is_reset() {
    for row in rows() {
        let [one, _] = samples(row.part.kind);
        let what = name_of(&row);
        let mut world = there(Some(&row), Power::Stopped);
        apply(&wanting(&row.setting(Some(&one))), &mut world, &what);
        let nothing = wanting(&json!({}));
        apply(&nothing, &mut world, &what);
        // The boot disk and a NIC's MAC are never taken back.
        let stays = row.key.key.part.name == "boot";
        let definition = nothing.vms[0].definition.as_ref().unwrap();
        let new = definition.new.value(row.key, row.part.name_in(row.key.key));
        let has = value(&row, &mut world);
        let meant = |value: Option<&str>| value.or(row.part.absent).map(str::to_owned);
        if !stays && !is_description(&row) {
            assert_eq!(meant(has.as_deref()), meant(new), "{what}");
        }
        let Some(Observation::Seen(seen)) = world.vms.values().next() else { panic!() };
        let crate::mark::Owner::Ours(mark) = seen.owner("lab", "dev") else { panic!("{what}") };
        assert_eq!(mark.owns, BTreeSet::new(), "{what}");
    }
}

#[test]
fn a_value_that_was_never_set_is_left_alone() {
    for row in &rows().into_iter().filter(|row| !is_description(row)).collect::<Vec<_>>() {
        let [_, other] = samples(row.part.kind);
        let mut world = there(Some(row), Power::Running);
        by_hand(row, &mut world, &other);
        let before = config_of(&mut world).clone();
        let desired = wanting(&json!({"ostype": "l26"}));
        apply(&desired, &mut world, &name_of(row));
        let name = row.key.to_string();
        if name != "ostype" {
            assert_eq!(config_of(&mut world).next(&name), before.next(&name), "{name}");
        }
    }
}
