//! PVE's answers as data: the recorder, which asks a node, and the replay, which asks the simulator.
//!
//! It uses none of our crates, so what it records does not depend on how our client asks.
//! `tests/answers/README.md` describes the form, docs/testing.md how to use it.

pub mod checks;
pub mod line;
pub mod names;
pub mod node;
pub mod normal;
pub mod record;
pub mod replay;
pub mod rules;
pub mod stage;
