//! The processor. Does no I/O.

use super::needs::on_vm;
use super::source;
use crate::kind::Kind;
use crate::need::{Need, On, When};
use crate::row::{Effect, Feature, Form, Key, Part};
use crate::rule;

const NEEDS: &[Need] = &[on_vm("VM.Config.CPU")];

/// PVE sets no limit, but cannot start a VM with more CPUs than its node has; this is the limit of
/// Linux.
const MAX_CPUS: i64 = 8192;

pub(super) static CORES: Key = Key::scalar(
    Part::new("cores", Kind::Int(1, MAX_CPUS), "CPU cores per socket.").absent("1"),
    NEEDS,
    source::CONFDESC,
);

pub(super) static SOCKETS: Key = Key::scalar(
    Part::new("sockets", Kind::Int(1, MAX_CPUS), "CPU sockets.").absent("1"),
    NEEDS,
    source::CONFDESC,
);

pub(super) static VCPUS: Key = Key::scalar(
    Part::new(
        "vcpus",
        Kind::Int(1, MAX_CPUS),
        "CPUs that are plugged in when the VM starts [default: all].",
    )
    .effect(Effect::Plug(Feature::Cpu)),
    NEEDS,
    "qemu-server, QemuServer.pm, qemu_cpu_hotplug",
);

/// PVE validates the model: a list here would be outdated with the next QEMU.
pub(super) static CPU: Key = Key::of(
    "cpu",
    Form::Options {
        default: "cputype",
        bare: true,
        parts: &[
            Part::new("cputype", Kind::Text(&rule::CPU_MODEL), "The CPU model.")
                .aliases(&["type"])
                .absent("kvm64")
                .at_create("host")
                // PVE: qemu-server, CPUConfig.pm, validate_cpu_conf; its schema differs.
                .required(),
            Part::new("flags", Kind::Set(';', &rule::CPU_FLAG), "CPU flags to enable or disable."),
            Part::new("hidden", Kind::Flag, "Whether KVM hides from the guest.").absent("0"),
            Part::new(
                "hv-vendor-id",
                Kind::Text(&rule::VENDOR_ID),
                "The vendor ID of the Hyper-V interface.",
            ),
            Part::new(
                "phys-bits",
                Kind::Text(&rule::PHYS_BITS),
                "Physical address bits that the guest sees, or host.",
            ),
            Part::new(
                "guest-phys-bits",
                Kind::Int(32, 64),
                "Physical address bits that the guest can use.",
            )
            .since(9, 1),
            Part::new(
                "level",
                Kind::Int(0, 4_294_967_295),
                "The highest CPUID leaf that the guest can query.",
            )
            .since(9, 2),
        ],
    },
    &[
        on_vm("VM.Config.CPU"),
        Need::new(On::Path("/nodes"), "Sys.Audit").when(When::CustomModel).before(9, 2),
        Need::new(On::CpuModel, "Mapping.Use").when(When::CustomModel).since(9, 2),
    ],
    "The CPU that the guest sees.",
    "qemu-server, CPUConfig.pm, cpu_fmt; API2/Qemu.pm, check_cpu_model_access",
);

pub(super) static CPULIMIT: Key = Key::scalar(
    Part::new("cpulimit", Kind::Decimal(0, 128), "Limit of CPU time, in CPUs; 0 means no limit.")
        .absent("0")
        .effect(Effect::Live),
    NEEDS,
    "qemu-server, QemuServer.pm, vmconfig_hotplug_pending",
);

/// PVE accepts up to 262144, but reduces it to 10000: pve-common, CGroup.pm, clamp_cpu_shares.
pub(super) static CPUUNITS: Key = Key::scalar(
    Part::new(
        "cpuunits",
        Kind::Int(1, 10_000),
        "The VM's share when CPU time is scarce; higher means more.",
    )
    .absent("100")
    .effect(Effect::Live),
    NEEDS,
    "qemu-server, QemuServer.pm, vmconfig_hotplug_pending",
);

pub(super) static NUMA: Key = Key::scalar(
    Part::new("numa", Kind::Flag, "Whether the guest sees NUMA nodes.").absent("0"),
    NEEDS,
    source::CONFDESC,
);

pub(super) static NUMA_NODE: Key = Key::of(
    "numa",
    Form::Options {
        default: "",
        bare: false,
        parts: &[
            Part::new("cpus", Kind::Set(';', &rule::RANGE), "The guest's CPUs on this node.")
                .required(),
            Part::new("memory", Kind::Decimal(1, i64::MAX), "Memory of this node in MiB."),
            Part::new(
                "hostnodes",
                Kind::Set(';', &rule::RANGE),
                "The host's NUMA nodes to take the memory from.",
            ),
            Part::new(
                "policy",
                Kind::Word(&["preferred", "bind", "interleave"]),
                "How the memory is spread across the host's nodes.",
            ),
        ],
    },
    NEEDS,
    "A NUMA node of the guest.",
    "qemu-server, Memory.pm, numa_fmt",
)
.slots(8);

pub(super) static KVM: Key = Key::scalar(
    Part::new(
        "kvm",
        Kind::Flag,
        "Whether to use hardware virtualization; if false, the CPU is emulated.",
    )
    .absent("1"),
    &[on_vm("VM.Config.HWType")],
    source::CONFDESC,
);
