//! The processor. Does no I/O.

use super::on_vm;
use crate::kind::Kind;
use crate::row::{Form, Key, Need, Part};
use crate::rule;

const NEEDS: &[Need] = &[on_vm("VM.Config.CPU")];

/// PVE sets no limit; more sockets times cores than the node has is refused at the start.
pub(super) static CORES: Key = Key::scalar(
    Part::new("cores", Kind::Int(1, 8192), "CPU cores of each socket.").absent("1"),
    NEEDS,
    "qemu-server, QemuServer.pm, confdesc",
);

pub(super) static CPU: Key = Key::of(
    "cpu",
    Form::Options {
        default: "cputype",
        bare: true,
        parts: &[
            Part::new("cputype", Kind::Text(&rule::CPU_MODEL), "The model that the guest sees.")
                .also(&["type"])
                .absent("kvm64")
                .at_create("host"),
            Part::new("flags", Kind::Set(';', &rule::CPU_FLAG), "Flags to switch on or off."),
        ],
    },
    NEEDS,
    "The CPU that the guest sees.",
    "qemu-server, QemuServer/CPUConfig.pm, vm-cpu-conf",
);
