//! What the stages that speak to Proxmox VE share: how they connect, how they say its
//! errors, and which signals end them.
//!
//! `stage` knows the document and `pve-client` knows PVE; this is where they meet.

pub mod connect;
pub mod finding;
pub mod signals;
pub mod storage;
