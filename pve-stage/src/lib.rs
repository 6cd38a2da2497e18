//! Shared by the stages that talk to Proxmox VE: how they connect, how they report its
//! errors, which signals stop them, and the lock between two runs on one machine.
//!
//! `stage` knows the document and `pve-client` knows PVE; this is where they meet.

pub mod connect;
pub mod finding;
pub mod image_template;
pub mod live;
pub mod machine_lock;
pub mod mark_line;
pub mod patience;
pub mod requests;
pub mod signals;
pub mod storage;
pub mod uuid;
pub mod vmid_walk;
pub mod wait;
