//! Devices, and required options. Does no I/O.

use super::view::{View, get, problem};
use crate::config_key::ConfigKey;
use crate::row::Part;
use crate::settings::Problem;

pub(super) fn validate(view: &View<'_>, problems: &mut Vec<Problem>) {
    required(view, problems);
    usb(view, problems);
    hostpci(view, problems);
    folders(view, problems);
}

fn required(view: &View<'_>, problems: &mut Vec<Problem>) {
    for (key, options) in view.all().filter(|(key, _)| !key.key.is_scalar()) {
        let cancelled = |part: &Part| options.get(part.name) == Some(&None);
        // The first NIC of a new VM is always created.
        let is_created = view.new.is_some() && key.slot.is_some() && key.slot == key.key.new_slot;
        let any = is_created || options.values().any(Option::is_some);
        for part in key.key.parts().iter().filter(|part| part.required) {
            let missing = view.new.is_some() && part.at_create.is_none();
            let unset = !options.contains_key(part.name);
            if any && (cancelled(part) || (unset && missing)) && !is_given(view, key) {
                let fact = format!("requires `{}`", part.name);
                problems.push(problem(key, "", fact, None));
            }
        }
    }
}

/// Returns whether the document sets the memory of a new VM outside `config`.
fn is_given(view: &View<'_>, key: ConfigKey) -> bool {
    key.key.part.name == "memory" && view.new.is_some_and(|new| new.memory.is_some())
}

/// PVE: qemu-server, USB.pm, assert_usb_index_is_useable; API2/Qemu.pm, check_usb_perm.
fn usb(view: &View<'_>, problems: &mut Vec<Problem>) {
    let is_old = view.value("machine", "type").is_some_and(is_before_7_1);
    let other = view.value("ostype", "").filter(|system| *system != "l26");
    let other = other.filter(|_| view.windows().is_some_and(|version| version <= 7));
    for (key, options) in view.each("usb") {
        let named = ["host", "mapping"].map(|name| get(options, name).is_some());
        match named {
            [true, true] => {
                problems.push(problem(key, "mapping", "cannot be combined with `host`", None));
            }
            [false, false] if view.new.is_some() => {
                problems.push(problem(key, "", "requires `mapping` or `host: spice`", None));
            }
            _ => {}
        }
        if key.slot.is_none_or(|slot| slot < 5) {
            continue;
        }
        if let Some(system) = other {
            let fact =
                format!("cannot be used with `ostype: {system}`, which supports only usb0 to usb4");
            problems.push(problem(key, "", fact, None));
        } else if is_old {
            let fact = "cannot be used with a machine type older than 7.1, which supports only usb0 to usb4";
            problems.push(problem(key, "", fact, None));
        }
    }
}

fn is_before_7_1(machine: &str) -> bool {
    let version = machine.rsplit('-').next().unwrap_or_default();
    let mut numbers = version.split(['.', '+']).map_while(|part| part.parse::<u32>().ok());
    match (numbers.next(), numbers.next()) {
        (Some(major), Some(minor)) => (major, minor) < (7, 1),
        _ => false,
    }
}

/// PVE: qemu-server, PCI.pm, parse_hostpci_devices.
fn hostpci(view: &View<'_>, problems: &mut Vec<Problem>) {
    let is_q35 = view.is_q35();
    let mut graphics: Option<ConfigKey> = None;
    for (key, options) in view.each("hostpci") {
        if get(options, "mapping").is_none() && view.new.is_some() {
            problems.push(problem(key, "", "requires `mapping`", None));
        }
        if get(options, "pcie") == Some("1") && is_q35 == Some(false) {
            let hint = Some("use `machine: q35`");
            problems.push(problem(key, "pcie", "requires a q35 machine", hint));
        }
        if get(options, "legacy-igd") != Some("1") {
            continue;
        }
        let mut refuse = |fact: &str| problems.push(problem(key, "legacy-igd", fact, None));
        if let Some(first) = graphics.replace(key) {
            refuse(&format!("is already set on {first}"));
        }
        if is_q35 == Some(true) {
            refuse("cannot be used with a q35 machine");
        }
        if view.value("vga", "type").is_some_and(|card| card != "none") {
            refuse("requires `vga: none`");
        }
        if get(options, "rombar") == Some("0") {
            refuse("requires `rombar`");
        }
        for name in ["x-vga", "mdev"] {
            if get(options, name).is_some_and(|value| value != "0") {
                refuse(&format!("cannot be combined with `{name}`"));
            }
        }
    }
}

/// PVE: qemu-server, Virtiofs.pm, assert_virtiofs_config.
fn folders(view: &View<'_>, problems: &mut Vec<Problem>) {
    for (key, options) in view.each("virtiofs") {
        if get(options, "expose-acl") == Some("1")
            && view.windows().is_some_and(|version| version > 0)
        {
            problems.push(problem(key, "expose-acl", "cannot be used with Windows", None));
        }
    }
}
