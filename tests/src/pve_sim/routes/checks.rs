//! What PVE checks of a config before it takes it: drives, storages, rights, bridges.
//! A pure module: does no I/O. The texts are PVE's.
// PVE: qemu-server, API2/Qemu.pm.

use std::collections::BTreeMap;

use super::Call;
use super::qemu::check_vm;
use crate::pve_sim::answer::Refusal;
use crate::pve_sim::schema;
use crate::pve_sim::world::create::read_net;
use crate::pve_sim::world::disk::{self, Wanted};
use crate::pve_sim::world::storage::Name;

type Config = BTreeMap<String, String>;

/// Facts 16; PVE: $check_drive_param.
pub(super) fn check_drives(config: &Config) -> Result<(), Refusal> {
    for (key, text) in config.iter().filter(|(key, _)| disk::is_drive(key)) {
        let drive = disk::read(key, text);
        // PVE: QemuServer/Drive.pm, parse_drive: no CD on this bus, cloud-init's disk aside.
        if key.starts_with("virtio") && disk::is_cdrom(&drive) {
            return Err(Refusal::parameter(key, "unable to parse drive options"));
        }
        match disk::wanted(&drive) {
            Wanted::New { gib: 0.0, from: Some(_), .. } => {}
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

/// Which storages and volumes the drives may use; PVE: $check_storage_access.
pub(super) fn check_storages(call: &Call, vmid: u32, config: &Config) -> Result<(), Refusal> {
    for (key, text) in config.iter().filter(|(key, _)| disk::is_drive(key)) {
        let drive = disk::read(key, text);
        match disk::wanted(&drive) {
            Wanted::NoVolume | Wanted::CloudInit { .. } => {}
            Wanted::New { storage, .. } if !disk::is_cdrom(&drive) => {
                let path = format!("/storage/{storage}");
                call.world.check(call.who, &path, &["Datastore.AllocateSpace"])?;
                // PVE: that it is off, or on other nodes only, is the task's to find.
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
    Ok(())
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
            // A `die` without a newline: Perl adds the place.
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

/// Which privilege each key needs; PVE: $check_vm_modify_config_perm.
pub(super) fn check_keys<'k>(
    call: &Call,
    vmid: u32,
    pool: Option<&str>,
    keys: impl Iterator<Item = &'k String>,
) -> Result<(), Refusal> {
    if call.who.authid == "root@pam" {
        return Ok(());
    }
    for key in keys {
        let stem = schema::numbered(key).map_or(key.as_str(), |(stem, _)| stem);
        let privilege =
            match stem {
                _ if disk::is_drive(key) || key == "cdrom" => continue,
                "unused" | "serial" => continue,
                "usb" | "hostpci" | "virtiofs" => {
                    return Err(Refusal::unknown(format!("pve-sim: '{key}' is not served")));
                }
                "cores" | "cpu" | "cpulimit" | "cpuunits" | "numa" | "smp" | "sockets"
                | "vcpus" => "VM.Config.CPU",
                "memory" | "balloon" | "shares" | "allow-ksm" => "VM.Config.Memory",
                "acpi" | "hotplug" | "kvm" | "machine" | "scsihw" | "smbios" | "tablet" | "vga"
                | "watchdog" | "audio" | "rng" => "VM.Config.HWType",
                "agent" | "autostart" | "bios" | "description" | "keyboard" | "localtime"
                | "migrate_downtime" | "migrate_speed" | "name" | "onboot" | "ostype"
                | "protection" | "reboot" | "startdate" | "startup" | "tdf" | "template"
                | "tags" => "VM.Config.Options",
                "freeze" => "VM.PowerMgmt",
                "boot" | "bootdisk" | "vmstatestorage" => "VM.Config.Disk",
                "net" => "VM.Config.Network",
                "cicustom" | "cipassword" | "citype" | "ciuser" | "ciupgrade" | "nameserver"
                | "searchdomain" | "sshkeys" | "ipconfig" => {
                    let either = ["VM.Config.Cloudinit", "VM.Config.Network"];
                    call.world.check_any(call.who, &format!("/vms/{vmid}"), &either)?;
                    continue;
                }
                _ => return Err(Refusal::die(format!("only root can set '{key}' config"))),
            };
        check_vm(call, vmid, pool, &[privilege])?;
        if key == "startup" {
            call.world.check(call.who, "/", &["Sys.Modify"])?;
        }
    }
    Ok(())
}

/// Facts 18: a socket is free, a real device is not.
pub(super) fn check_serials(
    call: &Call,
    vmid: u32,
    pool: Option<&str>,
    config: &Config,
    verb: &str,
) -> Result<(), Refusal> {
    for (key, value) in config {
        if !matches!(schema::numbered(key), Some(("serial", _))) || call.who.authid == "root@pam" {
            continue;
        }
        if value != "socket" {
            return Err(Refusal::die(format!(
                "only root can {verb} '{key}' config for real devices"
            )));
        }
        check_vm(call, vmid, pool, &["VM.Config.HWType"])?;
    }
    Ok(())
}

/// Facts 52; PVE: guest-common, GuestHelpers.pm, check_vnet_access.
pub(super) fn check_bridges(call: &Call, config: &Config) -> Result<(), Refusal> {
    for (_, text) in
        config.iter().filter(|(key, _)| matches!(schema::numbered(key), Some(("net", _))))
    {
        let net = read_net(text);
        let Some(bridge) = net.get("bridge") else {
            continue;
        };
        let vnet = call.world.sdn.edited.vnets.get(bridge);
        let zone = vnet.and_then(|vnet| vnet.get("zone")).map_or("localnetwork", String::as_str);
        let path = match net.get("tag") {
            Some(tag) => format!("/sdn/zones/{zone}/{bridge}/{tag}"),
            None => format!("/sdn/zones/{zone}/{bridge}"),
        };
        call.world.check(call.who, &path, &["SDN.Use"])?;
    }
    Ok(())
}
