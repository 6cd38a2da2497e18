//! `pve-apply`: the document's VMs on Proxmox VE: planned, made, changed in place, destroyed.

mod action;
mod blocked;
mod desired;
mod json;
mod mark;
mod observed;
mod plan;
