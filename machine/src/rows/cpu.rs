//! The processor. Does no I/O.

use super::needs::on_vm;
use super::source;
use crate::kind::Kind;
use crate::need::{Need, On, When};
use crate::row::{Effect, Feature, Form, Key, Part};
use crate::rule;

const NEEDS: &[Need] = &[on_vm("VM.Config.CPU")];

/// PVE sets no limit, but starts no VM with more than its node has; Linux knows no more than this.
const MAX_CPUS: i64 = 8192;

pub(super) static CORES: Key = Key::scalar(
    Part::new("cores", Kind::Int(1, MAX_CPUS), "CPU cores of each socket.").absent("1"),
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
        "How many of the CPUs are plugged in when the VM starts; without it, all are.",
    )
    .effect(Effect::Plug(Feature::Cpu)),
    NEEDS,
    "qemu-server, QemuServer.pm, qemu_cpu_hotplug",
);

/// A pattern of the models would be out of date with the next QEMU, so PVE is the one to refuse.
pub(super) static CPU: Key = Key::of(
    "cpu",
    Form::Options {
        default: "cputype",
        bare: true,
        parts: &[
            Part::new("cputype", Kind::Text(&rule::CPU_MODEL), "The model that the guest sees.")
                .aliases(&["type"])
                .absent("kvm64")
                .at_create("host")
                // PVE: qemu-server, CPUConfig.pm, validate_cpu_conf; its schema says otherwise.
                .required(),
            Part::new("flags", Kind::Set(';', &rule::CPU_FLAG), "Flags to switch on or off."),
            Part::new("hidden", Kind::Flag, "Whether KVM hides from the guest.").absent("0"),
            Part::new(
                "hv-vendor-id",
                Kind::Text(&rule::VENDOR_ID),
                "What Hyper-V's interface names as its vendor.",
            ),
            Part::new(
                "phys-bits",
                Kind::Text(&rule::PHYS_BITS),
                "Bits of a memory address that the guest is told of, or host.",
            ),
            Part::new(
                "guest-phys-bits",
                Kind::Int(32, 64),
                "Bits of a memory address that the guest may use.",
            )
            .since(9, 1),
            Part::new(
                "level",
                Kind::Int(0, 4_294_967_295),
                "The highest CPUID leaf that the guest can ask for.",
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
    Part::new(
        "cpulimit",
        Kind::Decimal(0, 128),
        "How much CPU time the VM may use, in CPUs; 0 is no limit.",
    )
    .absent("0")
    .effect(Effect::Live),
    NEEDS,
    "qemu-server, QemuServer.pm, vmconfig_hotplug_pending",
);

/// PVE takes up to 262144, but writes 10000 instead: pve-common, CGroup.pm, clamp_cpu_shares.
pub(super) static CPUUNITS: Key = Key::scalar(
    Part::new(
        "cpuunits",
        Kind::Int(1, 10_000),
        "The VM's weight when CPU time is short; more is more.",
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
            Part::new("cpus", Kind::Set(';', &rule::RANGE), "The guest's CPUs of this node.")
                .required(),
            Part::new("memory", Kind::Decimal(1, i64::MAX), "Memory of this node in MiB."),
            Part::new(
                "hostnodes",
                Kind::Set(';', &rule::RANGE),
                "The host's NUMA nodes that the memory comes from.",
            ),
            Part::new(
                "policy",
                Kind::Word(&["preferred", "bind", "interleave"]),
                "How the memory is spread over the host's nodes.",
            ),
        ],
    },
    NEEDS,
    "A NUMA node of the guest.",
    "qemu-server, Memory.pm, numa_fmt",
)
.slots(8);

pub(super) static KVM: Key = Key::scalar(
    Part::new("kvm", Kind::Flag, "Whether the hardware runs the guest; without, it is emulated.")
        .absent("1"),
    &[on_vm("VM.Config.HWType")],
    source::CONFDESC,
);
