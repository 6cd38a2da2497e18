//! The cases of a rule that apply to a value, and the paths that a rule names.
//! A pure module: does no I/O.

use super::{Case, Key};
use crate::pve_sim::property::{self, Properties};
use crate::pve_sim::world::disk::is_drive;

/// Parses a value; one that is not a property string becomes its own key.
pub(crate) fn read(key: &str, value: &str) -> Properties {
    property::of_config(key, value).unwrap_or_else(|| Properties::read(value, key))
}

/// Returns the cases of a value, `Always` first.
pub(crate) fn of(row: &Key, key: &str, value: &str) -> Vec<Case> {
    let read = read(key, value);
    let mut cases = vec![Case::Always];
    let special = match row.stem {
        _ if is_drive(key) => drive(&read),
        "net" => match (read.get("bridge"), read.get("tag")) {
            (Some(_), Some(_)) => vec![Case::Vlan],
            (Some(_), None) => vec![Case::Bridge],
            _ => Vec::new(),
        },
        "serial" if value != "socket" => vec![Case::RawDevice],
        "usb" | "hostpci" => {
            let host = read.get("host").filter(|host| !host.eq_ignore_ascii_case("spice"));
            let mapped = read.get("host").is_none() && read.get("mapping").is_some();
            let rom = read.get("romfile").is_some();
            [(host.is_some(), Case::RawDevice), (mapped, Case::Mapped), (rom, Case::RomFile)]
                .into_iter()
                .filter_map(|(holds, case)| holds.then_some(case))
                .collect()
        }
        "rng0" if read.get("source") == Some("/dev/hwrng") => vec![Case::HardwareRng],
        "cpu" if read.get("cputype").is_some_and(|name| name.starts_with("custom-")) => {
            vec![Case::CustomModel]
        }
        _ => Vec::new(),
    };
    cases.extend(special);
    cases
}

/// Returns the cases of a drive.
// PVE: QemuServer/Drive.pm, drive_is_cloudinit, drive_is_cdrom and NEW_DISK_RE.
pub(crate) fn drive(drive: &Properties) -> Vec<Case> {
    let file = drive.get("file").unwrap_or_default();
    if is_cloud_init(file) {
        return vec![Case::CloudInit];
    }
    if drive.get("media") == Some("cdrom") {
        return match file {
            "cdrom" => vec![Case::Cdrom, Case::PhysicalCdrom],
            _ => vec![Case::Cdrom],
        };
    }
    let size = file.split_once(':').map(|(_, size)| size);
    match size.is_some_and(|size| crate::pve_sim::formats::full(r"\d+(\.\d+)?", size)) {
        true => vec![Case::Disk, Case::NewDisk],
        false => vec![Case::Disk],
    }
}

/// Returns whether a volume is, or will be, that of cloud-init.
pub(crate) fn is_cloud_init(file: &str) -> bool {
    crate::pve_sim::formats::full(
        r".*[:/](vm-\d+-)?cloudinit(\.(raw|qcow|qed|qcow2|vmdk|cloop))?",
        file,
    )
}

/// Fills the VM and the parts of a value into a path.
pub(crate) fn fill(path: &str, vmid: u32, key: &str, value: &str) -> String {
    let mut path = path.replace("{vmid}", &vmid.to_string());
    let read = read(key, value);
    for (name, part) in read.iter() {
        path = path.replace(&format!("{{{name}}}"), part.trim_start_matches("custom-"));
    }
    if let Some((storage, _)) = read.get("file").and_then(|file| file.split_once(':')) {
        path = path.replace("{storage}", storage);
    }
    path
}
