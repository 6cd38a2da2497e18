//! Firmware, board, console and the boot order. Does no I/O.

use super::view::{View, get, parts_of, problem};
use crate::config_key::ConfigKey;
use crate::row::Form;
use crate::settings::{Problem, Setting};
use std::collections::BTreeSet;

pub(super) fn validate(view: &View<'_>, problems: &mut Vec<Problem>) {
    boot_order(view, problems);
    machine(view, problems);
    firmware(view, problems);
    console(view, problems);
}

/// PVE: qemu-server, QemuServer.pm, verify_bootdev; API2/Qemu.pm, update_vm_api.
fn boot_order(view: &View<'_>, problems: &mut Vec<Problem>) {
    let Some(order) = view.value("boot", "order") else { return };
    let mut seen = BTreeSet::new();
    let mut refuse = |fact: String| problems.push(problem("boot", "order", fact, None));
    for device in order.split(';') {
        if !seen.insert(device) {
            refuse(format!("names {device} twice"));
            continue;
        }
        let found = ConfigKey::find(device).filter(|key| {
            let name = key.key.part.name;
            let drive = matches!(key.key.form, Form::Drive(_)) && key.slot.is_some();
            drive || matches!(name, "net" | "usb" | "hostpci")
        });
        let Some(key) = found else {
            refuse(format!("names {device}, which is not a boot device"));
            continue;
        };
        let cancelled = matches!(view.settings.0.get(&key), Some(Setting::Cancelled));
        let exists = view.has(key) || view.new.is_none_or(|new| new.boot_disk == key);
        let exists = exists || key.slot == key.key.new_slot;
        if cancelled || !exists {
            refuse(format!("names {device}, which the VM does not have"));
        }
    }
}

/// PVE: qemu-server, Machine.pm, assert_valid_machine_property.
fn machine(view: &View<'_>, problems: &mut Vec<Problem>) {
    let Some((_, options)) = view.each("machine").next() else { return };
    let mut refuse = |option: &str, fact: &str, hint| {
        problems.push(problem("machine", option, fact, hint));
    };
    let bits = get(options, "aw-bits");
    match get(options, "viommu") {
        Some("intel") => {
            if view.is_q35() == Some(false) {
                refuse("viommu", "cannot be intel without q35", Some("add `type: q35`"));
            }
            if bits.is_some_and(|bits| !matches!(bits, "39" | "48")) {
                refuse("aw-bits", "must be 39 or 48 with `viommu: intel`", None);
            }
        }
        None if bits.is_some() && view.new.is_some() => {
            refuse("aw-bits", "requires `viommu`", None)
        }
        _ => {}
    }
}

fn firmware(view: &View<'_>, problems: &mut Vec<Problem>) {
    if let Some((key, options)) = view.each("efidisk0").next() {
        if view.is("bios", "", "seabios") {
            let hint = Some("add `bios: ovmf`");
            problems.push(problem(key, "", "has no effect with `bios: seabios`", hint));
        }
        // PVE: qemu-server, OVMF.pm, get_ovmf_files: only the large variables have keys.
        let small = key.key.part("efitype").and_then(|part| view.value_of(key, part));
        if small == Some("2m") && get(options, "pre-enrolled-keys") == Some("1") {
            let hint = Some("add `efitype: 4m`");
            problems.push(problem(key, "pre-enrolled-keys", "requires `efitype: 4m`", hint));
        }
    }
    if let Some((key, options)) = view.each("smbios1").next() {
        // PVE: qemu-server, QemuServer.pm, confdesc: 512 characters, of which the uuid has 42.
        if parts_of(options).write(key.key).len() > 512 - 42 {
            let fact = "is too long: PVE allows 512 characters in base64, including the uuid";
            problems.push(problem(key, "", fact, None));
        }
    }
}

/// PVE: qemu-server, QemuServer.pm, assert_clipboard_config.
fn console(view: &View<'_>, problems: &mut Vec<Problem>) {
    let Some((key, options)) = view.each("vga").next() else { return };
    let card = view.value("vga", "type");
    let without = |card: &&str| *card == "none" || card.starts_with("serial");
    if let (Some(card), Some(_)) = (card.filter(without), get(options, "clipboard")) {
        let fact = format!("cannot be used with `type: {card}`");
        problems.push(problem(key, "clipboard", fact, None));
    }
    let serial = card.filter(|card| card.starts_with("serial")).and_then(ConfigKey::find);
    if let Some(serial) = serial {
        let cancelled = matches!(view.settings.0.get(&serial), Some(Setting::Cancelled));
        let exists = view.has(serial) || view.new.is_none() || serial.slot == serial.key.new_slot;
        if cancelled || !exists {
            let fact = format!("is {serial}, which the VM does not have");
            problems.push(problem(key, "type", fact, None));
        }
    }
}
