//! Keys of the machine itself: processor, memory, firmware, and the hardware of every VM.
//! A table: does no I/O.

use super::{
    ALL_ROOT, CPU, Case, Effect, HARDWARE, Key, MEMORY, Need, OLDEST, OPTIONS, Opt, Running,
    SOURCE, on, on_vm,
};

// PVE: API2/Qemu.pm, $check_cpu_model_access; 9.2 has mappings for models.
const MODEL: &[Need] = &[
    on_vm(&["VM.Config.CPU"]),
    Need { until: Some((9, 2)), ..on("/nodes", &["Sys.Audit"]).when(Case::CustomModel) },
    Need {
        since: (9, 2),
        ..on("/mapping/cpu/{cputype}", &["Mapping.Use"]).when(Case::CustomModel)
    },
];

const RANDOM: &[Need] =
    &[on_vm(&["VM.Config.HWType"]), on("/mapping/hwrng", &["Mapping.Use"]).when(Case::HardwareRng)];

const fn option(name: &'static str, effect: Effect) -> Opt {
    Opt { name, case: Case::Always, effect, since: OLDEST }
}

// PVE: QemuServer.pm, vmconfig_update_agent; QemuServer/Agent.pm.
const AGENT: &[Opt] = &[
    option("enabled", Effect::Restart),
    option("type", Effect::Restart),
    Opt { since: (9, 2), ..option("freeze-fs", Effect::Restart) },
    Opt { since: (9, 2), ..option("guest-fsfreeze", Effect::Restart) },
    option("freeze-fs-on-backup", Effect::Restart),
    option("fstrim_cloned_disks", Effect::Live),
];

const MODEL_OPTIONS: &[Opt] = &[
    Opt { since: (9, 1), ..option("guest-phys-bits", Effect::Restart) },
    Opt { since: (9, 2), ..option("level", Effect::Restart) },
];
const MACHINE_OPTIONS: &[Opt] = &[Opt { since: (9, 1), ..option("aw-bits", Effect::Restart) }];

const SEEN: &str = "facts-4 51, 52 and 59";

#[rustfmt::skip]
pub(super) const ROWS: &[Key] = &[
    Key::new("cores", CPU, Running::Restart, SEEN).or("1"),
    Key::new("sockets", CPU, Running::Restart, SEEN).or("1"),
    Key::new("smp", CPU, Running::Restart, SOURCE).or("1"),
    Key::new("vcpus", CPU, Running::Feature("cpu"), SOURCE),
    Key::new("cpu", MODEL, Running::Restart, SEEN).or("kvm64").options(MODEL_OPTIONS),
    Key::new("cpulimit", CPU, Running::Live, SOURCE).or("0"),
    Key::new("cpuunits", CPU, Running::Live, SOURCE).or("100"),
    Key::new("numa", CPU, Running::Restart, SEEN).or("0"),
    Key::new("numa", CPU, Running::Restart, SOURCE).slots(8),
    Key::new("affinity", &[], Running::Restart, SEEN).root(ALL_ROOT),
    Key::new("memory", MEMORY, Running::Feature("memory"), SEEN).or("512"),
    Key::new("balloon", MEMORY, Running::Balloon, SEEN),
    Key::new("shares", MEMORY, Running::Free, SOURCE).or("1000"),
    Key::new("allow-ksm", MEMORY, Running::Restart, SOURCE).or("1").since((9, 1)),
    Key::new("hugepages", &[], Running::Restart, SOURCE).root(ALL_ROOT),
    Key::new("keephugepages", &[], Running::Restart, SOURCE).root(ALL_ROOT).or("0"),
    Key::new("bios", OPTIONS, Running::Restart, SEEN).or("seabios"),
    Key::new("machine", HARDWARE, Running::Restart, SEEN).options(MACHINE_OPTIONS),
    Key::new("arch", &[], Running::Restart, SEEN).root(ALL_ROOT),
    Key::new("acpi", HARDWARE, Running::Restart, SEEN).or("1"),
    Key::new("kvm", HARDWARE, Running::Restart, SEEN).or("1"),
    Key::new("scsihw", HARDWARE, Running::Restart, SEEN).or("lsi"),
    Key::new("smbios1", HARDWARE, Running::Restart, "facts-4 52, 57 and 58"),
    Key::new("tablet", HARDWARE, Running::Feature("usb"), SEEN).or("1"),
    Key::new("vga", HARDWARE, Running::Restart, SEEN).or("std"),
    Key::new("watchdog", HARDWARE, Running::Restart, SEEN),
    Key::new("audio0", HARDWARE, Running::Restart, SOURCE),
    Key::new("rng0", RANDOM, Running::Restart, "facts-4 52 and 59; API2/Qemu.pm, check_rng_perm"),
    Key::new("hotplug", HARDWARE, Running::Hotplug, SEEN).or("network,disk,usb"),
    Key::new("agent", OPTIONS, Running::Restart, SEEN).options(AGENT),
    Key::new("vmgenid", &[], Running::Restart, SEEN).root(ALL_ROOT),
    Key::new("ivshmem", &[], Running::Restart, SOURCE).root(ALL_ROOT),
    Key::new("spice_enhancements", &[], Running::Restart, SOURCE).root(ALL_ROOT),
    Key::new("amd-sev", &[], Running::Restart, SOURCE).root(ALL_ROOT),
    Key::new("intel-tdx", &[], Running::Restart, SOURCE).root(ALL_ROOT).since((9, 1)),
    Key::new("args", &[], Running::Restart, SEEN).root(ALL_ROOT),
];
