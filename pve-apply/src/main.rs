//! `pve-apply`: the document's VMs on Proxmox VE: planned, made, changed in place, destroyed.
use std::process::ExitCode;

fn main() -> ExitCode {
    stage::main("pve-apply", pve_apply::run)
}
