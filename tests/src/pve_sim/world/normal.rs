//! Values as a config stores them, and PVE's checks beyond the format.
//! A pure module: does no I/O.
// PVE: qemu-server, QemuServer.pm, write_vm_config and assert_clipboard_config;
// QemuServer/Machine.pm.

use super::vm::Vm;
use crate::pve_sim::keys::cases;
use crate::pve_sim::property::Properties;
use crate::pve_sim::schema::numbered;

/// The QEMU version of the simulated node.
pub(crate) const QEMU: &str = "10.1.2";
/// The newest machine version that it supports.
pub(crate) const MACHINE: &str = "10.1";

/// Returns a value as the config file stores it; `None` if nothing remains.
// PVE: QemuServer.pm, write_vm_config: an empty value is a space, an empty text is deleted.
pub(super) fn kept(key: &str, value: &str) -> Option<String> {
    match (key, value) {
        ("description" | "sshkeys", "") => None,
        (_, "") => Some(" ".to_owned()),
        // PVE: QemuServer.pm, parse_vm_config: trailing spaces and newlines are lost.
        ("description", text) => Some(text.trim_end().to_owned()).filter(|text| !text.is_empty()),
        // PVE: pve-common, CGroup.pm, clamp_cpu_shares.
        ("cpuunits", units) if units.parse::<u32>().is_ok_and(|units| units > 10_000) => {
            Some("10000".to_owned())
        }
        _ => Some(value.to_owned()),
    }
}

/// Returns whether a guest type is Windows.
// PVE: QemuServer/Helpers.pm, windows_version.
pub(crate) fn is_windows(guest: &str) -> bool {
    guest.starts_with('w')
}

/// Checks that the display supports a VNC clipboard.
pub(super) fn check_clipboard(vga: &str) -> Result<(), String> {
    let read = cases::read("vga", vga);
    let kind = read.get("type").unwrap_or("std");
    let has = ["std", "cirrus", "vmware", "virtio", "qxl"].iter().any(|k| kind.starts_with(k));
    match read.get("clipboard") {
        Some("vnc") if !has => Err(format!("vga type {kind} is not compatible with VNC clipboard")),
        _ => Ok(()),
    }
}

// PVE: QemuServer/Machine.pm, assert_valid_machine_property.
pub(super) fn check_machine(text: &str) -> Result<(), String> {
    let read = cases::read("machine", text);
    let (viommu, bits) = (read.get("viommu"), read.get("aw-bits"));
    if viommu == Some("intel") {
        if !read.get("type").is_some_and(|kind| kind.contains("q35")) {
            return Err("to use Intel vIOMMU please set the machine type to q35".to_owned());
        }
        if bits.is_some_and(|bits| bits != "39" && bits != "48") {
            return Err("Intel vIOMMU supports only 39 or 48 bits as address width".to_owned());
        }
    }
    match (bits, viommu) {
        (Some(_), None) => Err("cannot set aw-bits if no vIOMMU is configured".to_owned()),
        _ => Ok(()),
    }
}

/// Returns the machine of a new VM: reformatted, and pinned to a version for Windows.
// PVE: QemuServer/Machine.pm, check_and_pin_machine_string.
pub(super) fn machine(text: &str, guest: &str) -> Result<Option<String>, String> {
    let mut read =
        if text.is_empty() { Properties::default() } else { cases::read("machine", text) };
    let kind = read.get("type").unwrap_or("pc").to_owned();
    if is_windows(guest) && matches!(kind.as_str(), "pc" | "q35" | "virt") {
        let pinned = match kind.as_str() {
            "pc" => format!("pc-i440fx-{MACHINE}"),
            "q35" => format!("pc-q35-{MACHINE}"),
            _ => format!("virt-{MACHINE}"),
        };
        read.set("type", pinned);
    }
    let text = read.print("type");
    check_machine(&text)?;
    Ok(Some(text).filter(|text| !text.is_empty()))
}

/// Returns whether a machine was pinned to a version.
pub(super) fn is_pinned(given: &str, machine: &str) -> bool {
    let version = |text: &str| cases::read("machine", text).get("type").map(str::to_owned);
    version(machine).is_some_and(|kind| kind.ends_with(MACHINE))
        && version(given) != version(machine)
}

impl Vm {
    /// Cleans up what PVE cleans up with each write of the file.
    // PVE: QemuServer.pm, write_vm_config; facts-4 45.
    pub(super) fn clean_up(&mut self) {
        if self.config.contains_key("sockets") {
            self.config.remove("smp");
        } else if let Some(sockets) = self.config.remove("smp") {
            self.config.remove("cores");
            self.config.insert("sockets".to_owned(), sockets);
        }
        let pending = self.pending.iter().filter_map(|(k, v)| Some((k, v.as_ref()?)));
        let used: Vec<String> = self
            .config
            .iter()
            .chain(pending)
            .filter(|(key, _)| super::disk::is_drive(key))
            .filter_map(|(_, text)| Some(Properties::read(text, "file").get("file")?.to_owned()))
            .collect();
        self.config.retain(|key, volid| {
            !matches!(numbered(key), Some(("unused", _))) || !used.contains(volid)
        });
        let pending = &self.pending;
        self.forced.retain(|key| pending.get(key) == Some(&None));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_checked_and_pinned() {
        for (text, guest, expected) in [
            ("", "l26", Ok(None)),
            ("type=q35", "l26", Ok(Some("q35"))),
            ("viommu=virtio,type=q35", "l26", Ok(Some("q35,viommu=virtio"))),
            ("", "win11", Ok(Some("pc-i440fx-10.1"))),
            ("q35", "w2k", Ok(Some("pc-q35-10.1"))),
            ("pc-q35-9.0", "win11", Ok(Some("pc-q35-9.0"))),
            ("viommu=intel", "l26", Err("to use Intel vIOMMU please set the machine type to q35")),
            ("q35,aw-bits=39", "l26", Err("cannot set aw-bits if no vIOMMU is configured")),
        ] {
            let seen = machine(text, guest);
            let seen = seen.as_ref().map(Option::as_deref).map_err(String::as_str);
            assert_eq!(seen, expected, "{text} {guest}");
        }
    }

    #[test]
    fn a_clipboard_needs_a_suitable_display() {
        assert_eq!(check_clipboard("std,clipboard=vnc"), Ok(()));
        assert_eq!(check_clipboard("qxl2,clipboard=vnc"), Ok(()));
        let text = "vga type serial0 is not compatible with VNC clipboard";
        assert_eq!(check_clipboard("serial0,clipboard=vnc"), Err(text.to_owned()));
    }
}
