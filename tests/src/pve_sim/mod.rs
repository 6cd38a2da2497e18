//! A PVE to test against: stateful, over HTTPS, with PVE's own answers and texts.
//!
//! It shares no code with our client, so it cannot agree with the client's mistakes.
//! What it does not know it refuses: 501, a line on stderr, and an entry in `refused`.
//! How to use it stands in docs/testing.md.

mod answer;
pub mod certificate;
mod connection;
mod cpu;
mod exchange;
pub mod faults;
mod folder;
mod formats;
mod image;
pub mod keys;
mod multipart;
mod params;
pub mod property;
mod request;
pub mod requests;
mod routes;
mod schema;
mod server;
pub mod world;

pub use server::{Options, PveSim};
pub use world::World;
pub use world::clockwork::Pace;

#[cfg(test)]
mod tests;
