//! What the tests of all tools share: the case runner and the PVE simulator.
//!
//! It uses none of our crates: it meets the tools as processes and the client over HTTPS,
//! so that it cannot agree with their mistakes.

pub mod case;
pub mod command_line;
pub mod generated;
pub mod parallel;
pub mod pve_sim;
