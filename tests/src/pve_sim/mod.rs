//! A simulated PVE for tests: stateful, over HTTPS, with PVE's own answers and texts.
//!
//! It shares no code with our client, so it cannot share its mistakes.
//! It refuses what it does not support: 501, a line on stderr, and an entry in `refused`.
//! See docs/testing.md for how to use it.

mod answer;
pub mod certificate;
mod connection;
mod cpu;
mod exchange;
pub mod faults;
mod folder;
mod formats;
mod hold;
mod image;
pub mod keys;
mod listener;
mod multipart;
mod params;
pub mod property;
mod request;
pub mod requests;
mod routes;
mod schema;
mod server;
mod since;
pub mod world;

pub use server::{Options, PveSim};
pub use world::World;
pub use world::clockwork::Pace;

#[cfg(test)]
mod tests;
