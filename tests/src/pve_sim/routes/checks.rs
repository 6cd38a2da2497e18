//! What PVE checks before it accepts a config: drives, storages, privileges, bridges.
//! A pure module: does no I/O. The texts are PVE's.
// PVE: qemu-server, API2/Qemu.pm.

use std::collections::BTreeMap;

use super::Call;
use crate::pve_sim::answer::Refusal;
use crate::pve_sim::keys::{Case, cases};
use crate::pve_sim::property::Properties;
use crate::pve_sim::schema;
use crate::pve_sim::world::disk::{self, Wanted};
use crate::pve_sim::world::needs::Target;
use crate::pve_sim::world::storage::Name;
use crate::pve_sim::world::throttle;

type Config = BTreeMap<String, String>;

/// Facts 16; PVE: $check_drive_param.
pub(super) fn check_drives(config: &Config) -> Result<(), Refusal> {
    for (key, text) in config.iter().filter(|(key, _)| disk::is_drive(key)) {
        let drive = disk::read(key, text);
        if !throttle::makes_sense(key, &drive) {
            return Err(Refusal::parameter(key, "unable to parse drive options"));
        }
        match disk::wanted(&drive) {
            Wanted::New { gib: 0.0, from: Some(_), .. } => check_import_options(key, &drive)?,
            _ if drive.get("import-from").is_some() => {
                return Err(Refusal::parameter(
                    key,
                    "'import-from' requires special syntax - use <storage ID>:0,import-from=<source>",
                ));
            }
            Wanted::Existing { volid } => {
                let content = Name::parse(&volid).map_or("", |name| name.content);
                if content == "iso" && !disk::is_cdrom(&drive) {
                    return Err(Refusal::parameter(
                        key,
                        "explicit 'media=cdrom' is required for iso images",
                    ));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Checks options that PVE cannot read from an image.
fn check_import_options(key: &str, drive: &Properties) -> Result<(), Refusal> {
    let needed: &[&str] = match key {
        "efidisk0" => &["efitype", "pre-enrolled-keys"],
        "tpmstate0" => &["version"],
        _ => &[],
    };
    match needed.iter().find(|name| drive.get(name).is_none()) {
        Some(name) => {
            let text = format!("need to specify '{name}' when using 'import-from'");
            Err(Refusal::parameter(key, text))
        }
        None => Ok(()),
    }
}

/// Checks which storages and volumes the drives may use; PVE: $check_storage_access.
pub(super) fn check_storages(call: &Call, on: &Target, config: &Config) -> Result<(), Refusal> {
    let vmid = on.vmid;
    for (key, text) in config.iter().filter(|(key, _)| disk::is_drive(key)) {
        let drive = disk::read(key, text);
        match disk::wanted(&drive) {
            Wanted::NoVolume => {
                call.world.check_value(on, key, text, &[Case::PhysicalCdrom])?;
            }
            Wanted::CloudInit { .. } => {}
            Wanted::New { storage, .. } if !disk::is_cdrom(&drive) => {
                call.world.check_value(on, key, text, &[Case::NewDisk])?;
                // PVE: only the task finds that it is disabled or on other nodes.
                let config = call.world.storages.get(&storage);
                let config = config
                    .ok_or_else(|| Refusal::die(format!("storage '{storage}' does not exist")))?;
                if !config.content.contains("images") {
                    let text = format!("storage '{storage}' does not support vm images");
                    return Err(Refusal::parameter("storage", text));
                }
            }
            Wanted::New { storage, .. } => {
                let text = format!("unable to parse volume ID '{storage}'");
                return Err(Refusal::die(text));
            }
            Wanted::Existing { volid } if volid.starts_with('/') => {
                volume_access(call, Some(vmid), &volid)?;
            }
            Wanted::Existing { volid } => {
                let content = content_of(call, &volid)?;
                volume_access(call, Some(vmid), &volid)?;
                if content != "images" && content != "iso" {
                    return Err(Refusal::parameter(
                        key,
                        "content type needs to be 'images' or 'iso'",
                    ));
                }
            }
        }
        if let Some(source) = drive.get("import-from") {
            check_source(call, vmid, key, source)?;
        }
    }
    for (_, volid) in config.iter().filter(|(key, _)| key.starts_with("unused")) {
        let drive = Properties::read(volid, "file");
        volume_access(call, Some(vmid), drive.get("file").unwrap_or_default())?;
    }
    match config.get("vmstatestorage") {
        Some(storage) => call.world.check_value(on, "vmstatestorage", storage, &[Case::Always]),
        None => Ok(()),
    }
}

/// Facts 17 and 18.
fn check_source(call: &Call, vmid: u32, key: &str, source: &str) -> Result<(), Refusal> {
    if source.starts_with('/') {
        return volume_access(call, Some(vmid), source);
    }
    let content = content_of(call, source)?;
    if content != "images" && content != "import" {
        let text =
            format!("{source} has wrong type '{content}' - needs to be 'images' or 'import'");
        return Err(Refusal::parameter(key, text));
    }
    if source.contains(".ova") {
        return Err(Refusal::unknown("pve-sim: import from an ova is not served"));
    }
    match Name::parse(source).and_then(|name| name.vmid) {
        Some(owner) => call.world.check(call.who, &format!("/vms/{owner}"), &["VM.Clone"]),
        None => volume_access(call, Some(vmid), source),
    }
}

pub(super) fn content_of(call: &Call, volid: &str) -> Result<&'static str, Refusal> {
    let (id, name) = volid.split_once(':').unwrap_or_default();
    let storage = call
        .world
        .storages
        .get(id)
        .ok_or_else(|| Refusal::die(format!("storage '{id}' does not exist")))?;
    // PVE: facts 16.
    Name::parse(volid).map(|name| name.content).ok_or_else(|| {
        let kind = match storage.r#type.as_str() {
            "lvmthin" | "lvm" => "lvm",
            "zfspool" => "zfs",
            _ => "directory",
        };
        Refusal::die(format!("unable to parse {kind} volume name '{name}'"))
    })
}

/// PVE: pve-storage, Storage.pm, check_volume_access.
pub(super) fn volume_access(call: &Call, vmid: Option<u32>, volid: &str) -> Result<(), Refusal> {
    let Some(name) = Name::parse(volid).filter(|_| !volid.starts_with('/')) else {
        return match call.who.authid.as_str() {
            "root@pam" => Ok(()),
            // A `die` without a newline: Perl appends the location.
            _ => Err(Refusal::die(
                "Only root can pass arbitrary filesystem paths. at /usr/share/perl5/PVE/Storage.pm line 651.",
            )),
        };
    };
    let path = format!("/storage/{}", name.storage);
    if call.world.may(call.who, &path, &["Datastore.Allocate"]) {
        return Ok(());
    }
    match (name.content, name.vmid) {
        ("iso" | "vztmpl" | "import", _) => {
            call.world.check_any(call.who, &path, &["Datastore.AllocateSpace", "Datastore.Audit"])
        }
        (_, Some(owner)) if Some(owner) == vmid => Ok(()),
        ("images" | "rootdir", Some(owner)) => {
            call.world.check(call.who, &path, &["Datastore.Audit"])?;
            call.world.check(call.who, &format!("/vms/{owner}"), &["VM.Config.Disk"])
        }
        _ => Err(Refusal::die(format!("missing privileges to access {volid}"))),
    }
}

/// Checks the privileges for each key; PVE: $check_vm_modify_config_perm.
pub(super) fn check_keys<'k>(
    call: &Call,
    on: &Target,
    keys: impl Iterator<Item = &'k String>,
) -> Result<(), Refusal> {
    keys.filter(|key| *key != "cdrom").try_for_each(|key| call.world.check_key(on, key))
}

/// Checks the devices of a new VM, kind by kind.
// PVE: API2/Qemu.pm, create_vm.
pub(super) fn check_devices(call: &Call, on: &Target, config: &Config) -> Result<(), Refusal> {
    for kind in ["serial", "usb", "hostpci", "rng", "virtiofs"] {
        for (key, value) in config {
            if schema::numbered(key).is_some_and(|(stem, _)| stem == kind) {
                call.world.check_device(on, key, value)?;
            }
        }
    }
    Ok(())
}

/// Checks that a custom CPU model exists.
// PVE: QemuServer/CPUConfig.pm, validate_vm_cpu_conf and get_custom_model: part of the format.
pub(super) fn check_known_model(call: &Call) -> Result<(), Refusal> {
    let Some(cpu) = call.params.get("cpu") else {
        return Ok(());
    };
    let cpu = cases::read("cpu", cpu);
    match cpu.get("cputype").and_then(|name| name.strip_prefix("custom-")) {
        Some(name) if !call.world.cpu_models.contains_key(name) => {
            let text = format!("invalid format - Custom cputype '{name}' not found\n");
            Err(Refusal::parameter("cpu", text))
        }
        _ => Ok(()),
    }
}

/// Checks the privilege for a custom CPU model, unless the VM already has it.
// PVE: API2/Qemu.pm, $check_cpu_model_access.
pub(super) fn check_model(
    call: &Call,
    on: &Target,
    config: &Config,
    present: Option<&str>,
) -> Result<(), Refusal> {
    let Some(cpu) = config.get("cpu") else {
        return Ok(());
    };
    let model = |text: &str| cases::read("cpu", text).get("cputype").map(str::to_owned);
    match present.is_some_and(|present| model(present) == model(cpu)) {
        true => Ok(()),
        false => call.world.check_value(on, "cpu", cpu, &[Case::CustomModel]),
    }
}

/// Facts 52; PVE: guest-common, GuestHelpers.pm, check_vnet_access.
pub(super) fn check_bridges(call: &Call, config: &Config) -> Result<(), Refusal> {
    for (key, text) in config {
        if matches!(schema::numbered(key), Some(("net", _))) {
            call.world.check_bridge(call.who, text)?;
        }
    }
    Ok(())
}
