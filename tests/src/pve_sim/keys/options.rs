//! Keys that describe a VM or how it is handled, those of cloud-init, and PVE's own notes.
//! A table: does no I/O.

use super::{
    ALL_ROOT, CLOUD_INIT, DISK, HARDWARE, Key, Need, OPTIONS, RootOnly, Running, SOURCE, on, on_vm,
};

// It affects the start of the node, so it needs more.
const STARTUP: &[Need] = &[on_vm(&["VM.Config.Options"]), on("/", &["Sys.Modify"])];
const STATE_STORAGE: &[Need] =
    &[on_vm(&["VM.Config.Disk"]), on("/storage/{vmstatestorage}", &["Datastore.AllocateSpace"])];
const STATE: &[Need] = &[on_vm(&["VM.Config.Disk", "VM.PowerMgmt"])];
const POWER: &[Need] = &[on_vm(&["VM.PowerMgmt"])];
const NETWORK: &[Need] = &[on_vm(&["VM.Config.Network"])];

// Before 9.1 only root could write these two.
const EARLIER: &[RootOnly] = &[RootOnly { until: Some((9, 1)), ..ALL_ROOT[0] }];
const RUNNING_CPU: &[Need] = &[Need { since: (9, 1), ..on_vm(&["VM.Config.CPU"]) }];
const RUNNING_MACHINE: &[Need] = &[Need { since: (9, 1), ..HARDWARE[0] }];

const SEEN: &str = "facts-4 52 and 59";
const TAGS: &str = "guest-common, GuestHelpers.pm, assert_tag_permissions; facts-4 60, 61 and 65";
const CLOUD: &str = "QemuServer.pm, $confdesc_cloudinit and $fast_plug_option; facts-4 59";

#[rustfmt::skip]
pub(super) const ROWS: &[Key] = &[
    Key::new("name", OPTIONS, Running::Free, SEEN),
    Key::new("description", OPTIONS, Running::Free, SEEN),
    Key::new("tags", OPTIONS, Running::Free, TAGS).late(),
    Key::new("onboot", OPTIONS, Running::Free, SEEN).or("0"),
    Key::new("autostart", OPTIONS, Running::Restart, SOURCE).or("0"),
    Key::new("startup", STARTUP, Running::Free, "API2/Qemu.pm, $check_vm_modify_config_perm"),
    Key::new("protection", OPTIONS, Running::Free, SEEN).or("0"),
    Key::new("template", OPTIONS, Running::Restart, SEEN).or("0"),
    Key::new("ostype", OPTIONS, Running::Restart, SEEN).or("other"),
    Key::new("keyboard", OPTIONS, Running::Restart, SEEN),
    Key::new("localtime", OPTIONS, Running::Restart, SEEN),
    Key::new("startdate", OPTIONS, Running::Restart, SOURCE).or("now"),
    Key::new("tdf", OPTIONS, Running::Restart, SOURCE).or("0"),
    Key::new("reboot", OPTIONS, Running::Restart, SOURCE).or("1"),
    Key::new("freeze", POWER, Running::Restart, SOURCE),
    Key::new("migrate_downtime", OPTIONS, Running::Free, SEEN).or("0.1"),
    Key::new("migrate_speed", OPTIONS, Running::Free, SOURCE).or("0"),
    Key::new("boot", DISK, Running::Restart, SEEN),
    Key::new("bootdisk", DISK, Running::Restart, SOURCE),
    Key::new("vmstatestorage", STATE_STORAGE, Running::Free, "API2/Qemu.pm, $check_storage_access"),
    Key::new("hookscript", &[], Running::Free, SEEN).root(ALL_ROOT),
    Key::new("lock", &[], Running::Free, "facts-4 34 and 59").root(ALL_ROOT),
    Key::new("cicustom", CLOUD_INIT, Running::Free, CLOUD),
    Key::new("cipassword", CLOUD_INIT, Running::Free, CLOUD),
    Key::new("citype", CLOUD_INIT, Running::Free, CLOUD),
    Key::new("ciupgrade", CLOUD_INIT, Running::Free, CLOUD).or("1"),
    Key::new("ciuser", CLOUD_INIT, Running::Free, CLOUD),
    Key::new("ipconfig", CLOUD_INIT, Running::Free, CLOUD).slots(32),
    Key::new("nameserver", CLOUD_INIT, Running::Free, CLOUD),
    Key::new("searchdomain", CLOUD_INIT, Running::Free, CLOUD),
    Key::new("sshkeys", CLOUD_INIT, Running::Free, CLOUD),
// PVE: QemuServer.pm, json_config_properties: PVE's own notes.
    Key::new("meta", &[], Running::Restart, "facts-4 0").root(ALL_ROOT).unsettable(),
    Key::new("parent", &[], Running::Restart, SOURCE).root(ALL_ROOT).unsettable(),
    Key::new("snaptime", &[], Running::Restart, SOURCE).root(ALL_ROOT).unsettable(),
    Key::new("vmstate", STATE, Running::Restart, SOURCE).unsettable(),
    Key::new("runningcpu", RUNNING_CPU, Running::Restart, SOURCE).root(EARLIER).unsettable(),
    Key::new("runningmachine", RUNNING_MACHINE, Running::Restart, SOURCE).root(EARLIER).unsettable(),
    Key::new("running-nets-host-mtu", NETWORK, Running::Restart, SOURCE).unsettable().since((9, 1)),
];
