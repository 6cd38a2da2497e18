//! Disks: from the value of a drive to a volume.
//! A pure module: does no I/O.
// PVE: qemu-server, API2/Qemu.pm, create_disks; QemuServer/Drive.pm.

use std::collections::BTreeMap;

use super::World;
use super::firmware;
use super::storage::{Name, Volume};
use super::throttle;
use crate::pve_sim::formats::full;
use crate::pve_sim::keys::cases;
use crate::pve_sim::property::{self, Properties};
use crate::pve_sim::schema::numbered;

/// Returns whether a key is a drive.
pub(crate) fn is_drive(key: &str) -> bool {
    matches!(key, "efidisk0" | "tpmstate0")
        || matches!(numbered(key), Some(("ide" | "sata" | "scsi" | "virtio", _)))
}

/// Parses a drive; `volume=` and the bare value are both `file`.
pub(crate) fn read(key: &str, text: &str) -> Properties {
    let read = property::of_config(key, text).unwrap_or_else(|| Properties::read(text, "file"));
    throttle::in_megabytes(read)
}

/// What the value of a drive asks for.
#[derive(Debug, PartialEq)]
pub(crate) enum Wanted {
    /// `none` or `cdrom`.
    NoVolume,
    /// `STORE:cloudinit`.
    CloudInit { storage: String },
    /// `STORE:GiB`, optionally filled from a source.
    New { storage: String, gib: f64, from: Option<String> },
    /// An existing volume.
    Existing { volid: String },
}

/// Parses the value of a drive.
pub(crate) fn wanted(drive: &Properties) -> Wanted {
    let file = drive.get("file").unwrap_or_default();
    if file.is_empty() || file == "none" || file == "cdrom" {
        return Wanted::NoVolume;
    }
    match file.split_once(':') {
        Some((storage, "cloudinit")) => Wanted::CloudInit { storage: storage.to_owned() },
        // PVE: QemuServer/Drive.pm, NEW_DISK_RE: a plain number of GiB (facts 16).
        Some((storage, size)) if full(r"\d+(\.\d+)?", size) => Wanted::New {
            storage: storage.to_owned(),
            gib: size.parse().unwrap_or_default(),
            from: drive.get("import-from").map(str::to_owned),
        },
        _ => Wanted::Existing { volid: file.to_owned() },
    }
}

/// Returns whether a drive is a volume that has to be created.
pub(crate) fn is_made(drive: &Properties) -> bool {
    matches!(wanted(drive), Wanted::New { .. } | Wanted::CloudInit { .. })
}

/// Returns whether a drive is a CD, including cloud-init's.
pub(crate) fn is_cdrom(drive: &Properties) -> bool {
    drive.get("media") == Some("cdrom")
}

/// Formats a drive as the config stores it.
pub(crate) fn print(mut drive: Properties) -> String {
    drive.remove("import-from");
    drive.remove("format");
    drive.print("file")
}

/// Formats a size as PVE does: in the largest unit that divides it.
// PVE: pve-common, JSONSchema.pm, format_size.
pub(crate) fn print_size(bytes: u64) -> String {
    for (shift, unit) in [(30, 'G'), (20, 'M'), (10, 'K')] {
        if bytes > 0 && bytes.is_multiple_of(1 << shift) {
            return format!("{}{unit}", bytes >> shift);
        }
    }
    bytes.to_string()
}

/// Parses `10G`, `512M` or bytes.
pub(crate) fn parse_size(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(['K', 'M', 'G', 'T']);
    let factor = match text.strip_prefix(digits)? {
        "" => 1u64,
        "K" => 1 << 10,
        "M" => 1 << 20,
        "G" => 1 << 30,
        "T" => 1 << 40,
        _ => return None,
    };
    let number: f64 = digits.parse().ok()?;
    Some((number * factor as f64) as u64)
}

impl World {
    /// Creates what a drive asks for; returns the drive's value for the config.
    pub(crate) fn make_drive(
        &mut self,
        node: &str,
        vmid: u32,
        key: &str,
        text: &str,
        others: &BTreeMap<String, String>,
    ) -> Result<String, String> {
        let mut drive = read(key, text);
        if cases::is_cloud_init(drive.get("file").unwrap_or_default()) {
            only_one(key, others)?;
        }
        match wanted(&drive) {
            Wanted::NoVolume => {
                drive.remove("size");
            }
            Wanted::CloudInit { storage } => {
                let volid = self.allocate_cloud_init(node, &storage, vmid)?;
                drive.set("file", volid);
                drive.set("media", "cdrom");
            }
            Wanted::New { storage, gib, from } => {
                let format = drive.get("format").map(str::to_owned);
                let volume = match &from {
                    Some(source) => self.import(node, vmid, &storage, source, format)?,
                    None => {
                        let size = match key {
                            "efidisk0" => self.firmware_size(&storage, &drive),
                            "tpmstate0" => firmware::TPM_SIZE,
                            _ => (gib * f64::from(1 << 30)) as u64,
                        };
                        let format = format.as_deref().unwrap_or("raw");
                        self.allocate(node, vmid, &storage, size, format)?
                    }
                };
                if key == "efidisk0" && from.is_none() {
                    self.mark_certificates(&mut drive);
                }
                drive.set("size", print_size(volume.virtual_size()));
                drive.set("file", self.as_base(node, volume.volid, &from, others)?);
            }
            Wanted::Existing { volid } => {
                let volume = self
                    .volume(node, &volid)
                    .ok_or_else(|| format!("volume '{volid}' does not exist"))?;
                drive.set("size", print_size(volume.virtual_size()));
            }
        }
        Ok(print(drive))
    }

    fn import(
        &mut self,
        node: &str,
        vmid: u32,
        storage: &str,
        source: &str,
        format: Option<String>,
    ) -> Result<Volume, String> {
        let found = self.volume(node, source).cloned().ok_or_else(|| self.no_source(source))?;
        if found.used() > self.available(node, storage) {
            return Err(format!(
                "cannot import from '{source}' - copy failed: command '/usr/bin/qemu-img convert -p -n -f {} -O raw {source} {storage}' \
                 failed: No space left on device",
                found.format
            ));
        }
        let keeps = self.storages.get(storage).is_some_and(|s| s.has_path());
        let format = format.filter(|_| keeps).unwrap_or_else(|| match found.format.as_str() {
            "qcow2" | "vmdk" if keeps => found.format.clone(),
            _ => "raw".to_owned(),
        });
        let size = found.virtual_size();
        let mut volume = self
            .allocate(node, vmid, storage, size, &format)
            .map_err(|cause| format!("cannot import from '{source}' - {cause}"))?;
        let data = self.data_of(node, &found);
        volume.sha256 = found.sha256.clone();
        volume.used = Some(data);
        volume.bytes = found.bytes.filter(|_| found.format == "raw");
        self.put_volume(node, volume.clone());
        self.count_written(storage, data);
        Ok(volume)
    }

    /// Makes a base image of a new disk of a template; an imported one stays as it is.
    // PVE: qemu-server, API2/Qemu.pm, create_disks; facts-4 13.
    fn as_base(
        &mut self,
        node: &str,
        volid: String,
        from: &Option<String>,
        others: &BTreeMap<String, String>,
    ) -> Result<String, String> {
        let is_template = others.get("template").is_some_and(|flag| flag == "1");
        match is_template && from.is_none() {
            true => self.make_base(node, &volid),
            false => Ok(volid),
        }
    }

    // PVE: qemu-server, API2/Qemu.pm, create_disks: the file of an import is checked first,
    // by pve-storage's file_size_info; a disk of a VM by import_from_volid.
    fn no_source(&self, source: &str) -> String {
        let name = Name::parse(source);
        let storage = name.as_ref().and_then(|name| self.storages.get(name.storage));
        match (name, storage) {
            (Some(name), Some(storage)) if name.content == "import" => {
                format!("failed to stat '{}'", storage.file(source))
            }
            _ => format!("cannot import from '{source}' - could not get size of {source}"),
        }
    }

    /// Creates the volumes that the VMs of a world file use but the file does not list.
    pub(crate) fn make_missing_disks(&mut self, vmid: u32) -> Result<(), String> {
        let Some(vm) = self.vms.get(&vmid) else {
            return Ok(());
        };
        let node = vm.node.clone();
        for (key, text) in vm.config.clone() {
            if !is_drive(&key) && !key.starts_with("unused") {
                continue;
            }
            let drive = Properties::read(&text, "file");
            let Wanted::Existing { volid } = wanted(&drive) else {
                continue;
            };
            let name = Name::parse(&volid)
                .ok_or_else(|| format!("vm {vmid}: {key}: no name PVE would take: {volid}"))?;
            if !self.storages.contains_key(name.storage) {
                return Err(format!("vm {vmid}: {key}: no such storage \"{}\"", name.storage));
            }
            if self.volume(&node, &volid).is_none() {
                let volume = Volume {
                    volid: volid.clone(),
                    size: drive.get("size").and_then(parse_size).unwrap_or(1 << 30),
                    format: name.format.to_owned(),
                    used: Some(0),
                    ..Volume::default()
                };
                self.put_volume(&node, volume);
            }
        }
        Ok(())
    }
}

/// Checks that a VM has only one cloud-init drive.
// PVE: API2/Qemu.pm, create_disks.
fn only_one(key: &str, others: &BTreeMap<String, String>) -> Result<(), String> {
    let there = others.iter().find(|(other, text)| {
        let drive = Properties::read(text, "file");
        *other != key
            && is_drive(other)
            && cases::is_cloud_init(drive.get("file").unwrap_or_default())
    });
    match there {
        Some((other, _)) => {
            Err(format!("{key} - cloud-init drive is already attached at '{other}'"))
        }
        None => Ok(()),
    }
}

/// Returns the log lines of `qemu-img convert -p`.
// PVE: qemu-server, QemuServer/QemuImage.pm; pve-common, Tools.pm, render_bytes.
pub(crate) fn progress(size: u64) -> Vec<String> {
    let line = |percent: u64| {
        let done = human_size((size as f64 * percent as f64 / 100.0) as u64);
        format!("transferred {done} of {} ({percent}.00%)", human_size(size))
    };
    (0..=10).map(|tenth| line(tenth * 10)).collect()
}

/// Formats bytes as PVE does in a log.
pub(super) fn human_size(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let step = (0..units.len() - 1).find(|step| bytes < 1 << (10 * (step + 1)));
    let step = step.unwrap_or(units.len() - 1);
    format!("{:.1} {}", bytes as f64 / (1u64 << (10 * step)) as f64, units[step])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Wanted) {
        assert_eq!(wanted(&Properties::read(text, "file")), expected, "{text}");
    }

    #[test]
    fn a_drive_is_parsed() {
        let new = |gib: f64, from: Option<&str>| Wanted::New {
            storage: "local-lvm".to_owned(),
            gib,
            from: from.map(str::to_owned),
        };
        check("local-lvm:32", new(32.0, None));
        check("local-lvm:0.5,discard=on", new(0.5, None));
        check("local-lvm:0,import-from=local:import/a.raw", new(0.0, Some("local:import/a.raw")));
        check("none,media=cdrom", Wanted::NoVolume);
        check("local-lvm:cloudinit", Wanted::CloudInit { storage: "local-lvm".to_owned() });
        check(
            "local-lvm:vm-1-disk-0,size=1G",
            Wanted::Existing { volid: "local-lvm:vm-1-disk-0".to_owned() },
        );
        check("local-lvm:32G", Wanted::Existing { volid: "local-lvm:32G".to_owned() });
    }

    #[test]
    fn sizes_are_printed_in_the_largest_unit() {
        for (bytes, text) in [
            (10 << 30, "10G"),
            (1536 << 20, "1536M"),
            (4 << 10, "4K"),
            (1000, "1000"),
            (2 << 40, "2048G"),
        ] {
            assert_eq!(print_size(bytes), text);
            assert_eq!(parse_size(text), Some(bytes));
        }
        assert_eq!(parse_size("1.5G"), Some(1536 << 20));
    }

    #[test]
    fn an_import_takes_the_virtual_size_and_keeps_small_bytes() {
        let mut world = World::default();
        world.put_volume(
            "pve1",
            Volume {
                volid: "local:import/a.raw".to_owned(),
                size: 1 << 20,
                format: "raw".to_owned(),
                sha256: Some("ab".to_owned()),
                bytes: Some(vec![7u8; 3].into()),
                ..Volume::default()
            },
        );
        let text = world.make_drive(
            "pve1",
            100,
            "virtio1",
            "local-lvm:0,import-from=local:import/a.raw,discard=on,iothread=yes",
            &BTreeMap::new(),
        );
        assert_eq!(text.as_deref(), Ok("local-lvm:vm-100-disk-0,discard=on,iothread=1,size=1M"));
        let disk = world.volume("pve1", "local-lvm:vm-100-disk-0").unwrap();
        assert_eq!(
            (disk.sha256.as_deref(), disk.bytes.as_deref()),
            (Some("ab"), Some(&[7u8, 7, 7][..]))
        );
    }
}
