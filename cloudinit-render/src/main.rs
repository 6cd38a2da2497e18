//! `cloudinit-render`: gives each VM its user-data, meta-data and network-config.

use std::process::ExitCode;

fn main() -> ExitCode {
    stage::main("cloudinit-render", cloudinit_render::run)
}
