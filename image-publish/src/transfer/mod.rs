//! Moves one image to its place: by upload, by the node's own download, or into the storage's folder.
//!
//! After a failure it looks whether something half-made is left, and removes it.

pub(crate) mod arrival;
mod download;
mod reason;
mod tasks;
mod upload;
mod write;

pub(crate) use download::download;
pub(crate) use upload::send;
pub(crate) use write::write;
