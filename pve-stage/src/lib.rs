//! What the stages that speak to Proxmox VE share: how they connect, and how they say its errors.
//!
//! `stage` knows the document and `pve-client` knows PVE; this is where they meet.

pub mod connect;
pub mod finding;
