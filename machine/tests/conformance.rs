//! Compares the rows with the simulator's table, which was written independently from PVE's source.
//! Where they differ, one of them is wrong, or the difference is listed here with its reason.
#![expect(clippy::panic, reason = "a test fails by it")]

use machine::{ConfigKey, Effect, Feature, Form, KEYS, Key, On, Part, Parts, Version, refusal};
use std::collections::BTreeSet;
use test_support::pve_sim::keys::{self, Case, Running};

const RELEASES: [Version; 4] = [Version(8, 4), Version(9, 0), Version(9, 1), Version(9, 2)];

fn release(version: Version) -> keys::Release {
    (version.0.into(), version.1.into())
}

/// Returns the simulator's row for a row.
fn theirs(key: &Key) -> &'static keys::Key {
    let name = key.slots.map_or(key.part.name.to_owned(), |_| format!("{}0", key.part.name));
    keys::find(&name).unwrap_or_else(|| panic!("the simulator has no {name}"))
}

fn is_all_roots(key: &keys::Key) -> bool {
    let always =
        |release: Version| key.root_only(&[Case::Always], self::release(release)).is_some();
    RELEASES.into_iter().all(always)
}

#[test]
fn both_have_the_same_keys() {
    for theirs in keys::all() {
        let name = theirs.slots.map_or(theirs.stem.to_owned(), |_| format!("{}0", theirs.stem));
        let Some(ours) = ConfigKey::find(&name) else {
            let reason = refusal(&name).unwrap_or_else(|| panic!("{name} has no row"));
            // `lock` is also root's, but is refused because pve-apply sets it.
            let root = is_all_roots(theirs) && theirs.settable && theirs.stem != "lock";
            assert_eq!(root, reason.starts_with("only root"), "{name}: {reason}");
            continue;
        };
        assert!(theirs.settable && !is_all_roots(theirs), "{name}");
        assert_eq!(ours.key.slots.map(usize::from), theirs.slots, "{name}");
        let since = ours.key.part.since;
        assert!(keys::reached(theirs.since, release(since)), "{name}");
        assert!(since == Version::OLDEST || theirs.since == release(since), "{name}");
    }
    for key in KEYS {
        theirs(key);
    }
}

/// Returns values of a key, with the simulator's cases for them.
fn values(key: &Key) -> Vec<(&'static str, &'static [Case])> {
    match (key.part.name, key.form) {
        ("efidisk0" | "tpmstate0", _) => vec![("tank:1", &[Case::Disk, Case::NewDisk])],
        (_, Form::Drive(_)) => vec![
            ("tank:8", &[Case::Disk, Case::NewDisk]),
            ("none,media=cdrom", &[Case::Cdrom]),
            ("cdrom,media=cdrom", &[Case::Cdrom, Case::PhysicalCdrom]),
            ("local:iso/a.iso,media=cdrom", &[Case::Cdrom]),
            ("tank:cloudinit,media=cdrom", &[Case::CloudInit]),
        ],
        (_, Form::Nic(_)) => vec![("virtio,bridge=vmbr0", &[Case::Bridge])],
        ("usb" | "hostpci", _) => vec![("mapping=one", &[Case::Mapped])],
        ("cpu", _) => vec![("host", &[]), ("custom-one", &[Case::CustomModel])],
        ("rng0", _) => vec![("/dev/urandom", &[]), ("/dev/hwrng", &[Case::HardwareRng])],
        ("serial", _) => vec![("socket", &[])],
        _ => vec![("1", &[])],
    }
}

fn path(on: On, key: &Key) -> String {
    match on {
        On::Vm => "/vms/{vmid}".to_owned(),
        On::Root => "/".to_owned(),
        On::Bridge => "/sdn/zones/{zone}/{bridge}".to_owned(),
        On::Storage if key.is_scalar() => format!("/storage/{{{}}}", key.part.name),
        On::Storage => "/storage/{storage}".to_owned(),
        On::Mapping(kind, option) => format!("/mapping/{kind}/{{{option}}}"),
        On::CpuModel => "/mapping/cpu/{cputype}".to_owned(),
        On::Path(path) => path.to_owned(),
        On::Pool => "/pool/{pool}".to_owned(),
    }
}

/// PVE: pve-storage, Storage.pm, check_volume_access: attaching an ISO image requires read access
/// to its storage. The simulator checks that in its storages.
const OF_ISO: (&str, &str) = ("/storage/{storage}", "Datastore.Audit");

#[test]
fn both_require_the_same_privileges() {
    let mut compared = 0;
    for (key, version) in KEYS.iter().flat_map(|key| RELEASES.map(|version| (*key, version))) {
        let sim = theirs(key);
        for (text, cases) in values(key) {
            let parts = Parts::read(key, text);
            let ours = key.needs.iter().filter(|need| need.applies(&parts, version));
            let mut ours: BTreeSet<(String, &str)> =
                ours.map(|need| (path(need.on, key), need.privilege)).collect();
            ours.remove(&(OF_ISO.0.to_owned(), OF_ISO.1));
            let mut theirs = BTreeSet::new();
            for case in [Case::Always].iter().chain(cases) {
                for need in sim.needs(*case, release(version)) {
                    // One of several is enough: ours has the first.
                    let count = if need.any { 1 } else { need.privileges.len() };
                    let asked = need.privileges.iter().take(count);
                    theirs.extend(asked.map(|privilege| (need.path.to_owned(), *privilege)));
                }
            }
            assert_eq!(ours, theirs, "{version} {} {text}", key.part.name);
            compared += ours.len();
        }
    }
    assert!(compared > 4 * KEYS.len());
}

fn feature(name: &str) -> Feature {
    match name {
        "network" => Feature::Network,
        "disk" => Feature::Disk,
        "usb" => Feature::Usb,
        "cpu" => Feature::Cpu,
        "memory" => Feature::Memory,
        other => panic!("no feature {other}"),
    }
}

/// Returns the effect of the simulator's rows, and the values that require a restart.
fn effect(running: Running) -> (Effect, &'static [&'static str]) {
    match running {
        Running::Free | Running::Live => (Effect::Live, &[]),
        Running::Feature(name) => (Effect::Plug(feature(name)), &[]),
        Running::Usb => (Effect::Plug(Feature::Usb), &[]),
        Running::Balloon => (Effect::Live, &["0"]),
        Running::Hotplug => (Effect::Live, &["cpu", "memory"]),
        Running::Restart => (Effect::Restart, &[]),
    }
}

#[test]
fn changes_take_effect_at_the_same_time() {
    for key in KEYS {
        let sim = theirs(key);
        let (expected, restarts) = effect(sim.running);
        assert_eq!(key.part.effect, expected, "{}", key.part.name);
        assert_eq!(key.part.restarts, restarts, "{}", key.part.name);
        for part in key.parts().iter().filter(|_| !key.is_scalar()) {
            judge_option(key, sim, part);
        }
    }
}

fn judge_option(key: &'static Key, sim: &keys::Key, part: &Part) {
    let place = format!("{} {}", key.part.name, part.name);
    let is_drive = matches!(key.form, Form::Drive(_));
    // Our own options, which become a volume.
    if is_drive && matches!(part.name, "storage" | "import") {
        return;
    }
    // Ours is only for CD drives.
    let case = if part.name == "file" { Case::Cdrom } else { Case::Disk };
    let expected = match sim.option(part.name, case).map(|option| option.effect) {
        // A size has its own API call.
        Some(keys::Effect::Live) if part.name == "size" => Effect::Grow,
        Some(keys::Effect::Live) if part.name == "format" => Effect::AtCreate,
        Some(keys::Effect::Live) => Effect::Live,
        // PVE stores it immediately, the guest gets it at the next start.
        Some(keys::Effect::Recorded) => Effect::Restart,
        Some(keys::Effect::Replug) => effect(sim.running).0,
        Some(keys::Effect::Restart | keys::Effect::Refused) => Effect::Restart,
        // PVE: qemu-server, QemuServer.pm, vmconfig_update_disk names these nowhere.
        None if key.slots.is_some() && is_drive => Effect::Restart,
        None => effect(sim.running).0,
    };
    // Options of such a disk cannot be changed at all.
    let state = is_drive && key.slots.is_none() && part.effect == Effect::AtCreate;
    assert!(part.effect == expected || state, "{place}: {:?}, not {expected:?}", part.effect);
}

#[test]
fn options_came_with_the_same_release() {
    let mut newer = 0;
    for key in KEYS {
        for option in theirs(key).options {
            let Some(part) = key.part(option.name) else {
                // Not an option of this bus.
                assert!(matches!(key.form, Form::Drive(_)), "{} {}", key.part.name, option.name);
                continue;
            };
            // The older name is used for both.
            if part.name != option.name {
                assert_eq!(part.since, Version::OLDEST, "{} {}", key.part.name, option.name);
                continue;
            }
            assert_eq!(option.since, release(part.since), "{} {}", key.part.name, option.name);
            newer += usize::from(part.since > Version::OLDEST);
        }
    }
    assert!(newer > 3);
}

/// Keys without a default in the simulator, which does not need it.
const UNSAID: [&str; 2] = ["description", "freeze"];

#[test]
fn defaults_are_the_same() {
    for key in KEYS {
        let sim = theirs(key);
        let part = match key.form {
            Form::Scalar => Some(&key.part),
            Form::Options { default, .. } => key.part(default),
            Form::Nic(_) | Form::Drive(_) => None,
        };
        let theirs = sim.default.and_then(|text| part?.kind.normal(text));
        match (theirs, part.and_then(|part| part.absent)) {
            (None, Some(_)) if !key.is_scalar() || UNSAID.contains(&key.part.name) => {}
            (theirs, ours) if key.is_scalar() || theirs.is_some() => {
                assert_eq!(theirs.as_deref(), ours, "{}", key.part.name);
            }
            _ => {}
        }
    }
}
