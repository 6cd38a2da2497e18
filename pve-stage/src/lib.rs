//! What the stages that speak to Proxmox VE share: how they connect, how they say its
//! errors, which signals end them, and what keeps two runs on one machine apart.
//!
//! `stage` knows the document and `pve-client` knows PVE; this is where they meet.

pub mod connect;
pub mod finding;
pub mod machine_lock;
pub mod patience;
pub mod requests;
pub mod signals;
pub mod storage;
