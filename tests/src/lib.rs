//! Shared by the tests of all tools: the case runner and the PVE simulator.
//!
//! It uses none of our crates: it runs the tools as processes and talks to the client over HTTPS,
//! so it cannot share their mistakes.

pub mod case;
pub mod command_line;
pub mod cuts;
pub mod generated;
pub mod parallel;
pub mod process;
pub mod pve_sim;
pub mod recording;
pub mod stand;
