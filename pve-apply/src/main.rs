//! `pve-apply`: the document's VMs on Proxmox VE: planned, made, changed in place, destroyed.
use std::process::ExitCode;

fn main() -> ExitCode {
    stage::main_with_live("pve-apply", pve_stage::live::open, pve_apply::run)
}
