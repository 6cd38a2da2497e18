//! Keys of devices: drives, NICs, and devices passed through from the node.
//! A table: does no I/O.

use super::{
    ALL_ROOT, Case, Effect, HARDWARE, Key, Need, OLDEST, Opt, Release, RootOnly, Running, on,
    on_vm, root_only,
};

const DRIVE: &[Need] = &[
    on_vm(&["VM.Config.Disk"]).when(Case::Disk).not_at_create(),
    on("/storage/{storage}", &["Datastore.AllocateSpace"]).when(Case::NewDisk),
    on_vm(&["VM.Config.CDROM"]).when(Case::Cdrom).not_at_create(),
    on("/", &["Sys.Console"]).when(Case::PhysicalCdrom),
    on_vm(&["VM.Config.Cloudinit", "VM.Config.CDROM"]).when(Case::CloudInit).not_at_create(),
];
const DRIVES: &str = "API2/Qemu.pm, $check_drive_perms and $check_storage_access; QemuServer.pm, \
                      vmconfig_update_disk; facts-4 44 to 49, 52 and 53";

const fn option(name: &'static str, case: Case, effect: Effect) -> Opt {
    Opt { name, case, effect, since: OLDEST }
}
const fn live(name: &'static str) -> Opt {
    option(name, Case::Always, Effect::Live)
}
const fn recorded(name: &'static str) -> Opt {
    option(name, Case::Always, Effect::Recorded)
}
const fn waits(name: &'static str) -> Opt {
    option(name, Case::Disk, Effect::Restart)
}
const fn new(name: &'static str, effect: Effect, since: Release) -> Opt {
    Opt { name, case: Case::Always, effect, since }
}

/// The options of all buses; the schema says which bus has which.
// PVE: QemuServer.pm, vmconfig_update_disk: some options wait, throttling takes effect at once, and all
// others are written to the config. A CD's medium is changed, and none of its options
// waits.
#[rustfmt::skip]
const DRIVE_OPTIONS: &[Opt] = &[
    option("file", Case::Disk, Effect::Replug), option("file", Case::Cdrom, Effect::Live),
    option("media", Case::Always, Effect::Refused),
    waits("aio"), waits("cache"), waits("discard"), waits("iothread"), waits("product"),
    waits("queues"), waits("ro"), waits("ssd"), waits("vendor"),
    live("mbps"), live("mbps_rd"), live("mbps_wr"),
    live("mbps_max"), live("mbps_rd_max"), live("mbps_wr_max"),
    live("iops"), live("iops_rd"), live("iops_wr"),
    live("iops_max"), live("iops_rd_max"), live("iops_wr_max"),
    live("bps_max_length"), live("bps_rd_max_length"), live("bps_wr_max_length"),
    live("iops_max_length"), live("iops_rd_max_length"), live("iops_wr_max_length"),
// Ignored by QEMU.
    live("backup"), live("replicate"), live("shared"), live("size"), live("format"),
    recorded("detect_zeroes"), recorded("model"), recorded("rerror"), recorded("scsiblock"),
    recorded("serial"), recorded("snapshot"), recorded("werror"), recorded("wwn"),
];

const NIC: &[Need] = &[
    on_vm(&["VM.Config.Network"]),
    on("/sdn/zones/{zone}/{bridge}", &["SDN.Use"]).when(Case::Bridge),
    on("/sdn/zones/{zone}/{bridge}/{tag}", &["SDN.Use"]).when(Case::Vlan),
];
const NICS: &str = "QemuServer.pm, vmconfig_update_net; guest-common, GuestHelpers.pm, \
                    check_vnet_access; facts-4 52";
#[rustfmt::skip]
const NIC_OPTIONS: &[Opt] = &[
    live("bridge"), live("tag"), live("trunks"), live("firewall"), live("rate"), live("link_down"),
    option("model", Case::Always, Effect::Replug), option("macaddr", Case::Always, Effect::Replug),
    option("queues", Case::Always, Effect::Replug), option("mtu", Case::Always, Effect::Replug),
    new("host-tunnel", Effect::Recorded, (9, 2)),
];

const EFI_OPTIONS: &[Opt] = &[new("ms-cert", Effect::Restart, (9, 1))];
const PCI_OPTIONS: &[Opt] = &[new("driver", Effect::Restart, (9, 1))];

const PCI: &[Need] = &[
    on("/mapping/pci/{mapping}", &["Mapping.Use"]).when(Case::Mapped),
    on_vm(&["VM.Config.HWType"]).when(Case::Mapped),
];
const PCI_ROOT: &[RootOnly] = &[
    root_only(Case::RawDevice, "only root can set '{key}' config for non-mapped devices"),
    RootOnly {
        as_parameter: true,
        since: (9, 2),
        ..root_only(Case::RomFile, "only root@pam can set 'romfile' option")
    },
];
const USB: &[Need] = &[
    on_vm(&["VM.Config.HWType"]),
    on("/mapping/usb/{mapping}", &["Mapping.Use"]).when(Case::Mapped),
];
const REAL: RootOnly =
    root_only(Case::RawDevice, "only root can set '{key}' config for real devices");
const USB_ROOT: &[RootOnly] = &[REAL];
const SERIAL_ROOT: &[RootOnly] = &[RootOnly {
    change: "only root can modify '{key}' config for real devices",
    delete: "only root can delete '{key}' config for real devices",
    ..REAL
}];
const DIRECTORY: &[Need] =
    &[on_vm(&["VM.Config.Disk"]), on("/mapping/dir/{dirid}", &["Mapping.Use"])];
// Only PVE sets it; deleting it frees a volume at once, whatever the VM does.
const UNUSED: &[Need] = &[on_vm(&["VM.Config.Disk"]).not_at_create()];

const SERIALS: &str =
    "API2/Qemu.pm, $check_vm_create_serial_perm and $update_vm_api; facts-4 52 and 59";
const USBS: &str = "API2/Qemu.pm, check_usb_perm; QemuServer.pm, vmconfig_hotplug_pending";
const PORTS: &str = "API2/Qemu.pm, $check_vm_modify_config_perm";
const STATES: &str = "facts-4 49 and 59";

#[rustfmt::skip]
pub(super) const ROWS: &[Key] = &[
    Key::new("ide", DRIVE, Running::Restart, DRIVES).slots(4).late().options(DRIVE_OPTIONS),
    Key::new("sata", DRIVE, Running::Restart, DRIVES).slots(6).late().options(DRIVE_OPTIONS),
    Key::new("scsi", DRIVE, Running::Feature("disk"), DRIVES).slots(31).late().options(DRIVE_OPTIONS),
    Key::new("virtio", DRIVE, Running::Feature("disk"), DRIVES).slots(16).late().options(DRIVE_OPTIONS),
    Key::new("efidisk0", DRIVE, Running::Restart, STATES).late().options(EFI_OPTIONS),
    Key::new("tpmstate0", DRIVE, Running::Restart, STATES).late(),
    Key::new("unused", UNUSED, Running::Restart, "facts-4 45").slots(256).late(),
    Key::new("net", NIC, Running::Feature("network"), NICS).slots(32).options(NIC_OPTIONS),
    Key::new("serial", HARDWARE, Running::Restart, SERIALS).slots(4).late().root(SERIAL_ROOT),
    Key::new("parallel", &[], Running::Restart, PORTS).slots(3).root(ALL_ROOT),
    Key::new("usb", USB, Running::Usb, USBS).slots(14).late().root(USB_ROOT),
    Key::new("hostpci", PCI, Running::Restart, "API2/Qemu.pm, check_hostpci_perm")
        .slots(16).late().root(PCI_ROOT).options(PCI_OPTIONS),
    Key::new("virtiofs", DIRECTORY, Running::Restart, "API2/Qemu.pm, check_dir_perm")
        .slots(10).late(),
];
