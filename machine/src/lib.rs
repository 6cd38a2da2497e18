//! `machine`: what a VM can be made of, as a table with one row for each config key of PVE.
//!
//! Everything that the tools know of a key stands in its row: what it holds, what its absence
//! means, what a new VM gets, what a change does to a running guest, and which privilege it takes.
//! Does no I/O.

mod config_key;
mod creation;
mod cross;
mod kind;
mod need;
mod number;
mod parts;
mod privilege;
mod reference;
mod row;
mod rows;
pub mod rule;
pub mod schema;
mod settings;
mod version;
mod wire;

pub use config_key::ConfigKey;
pub use cross::{NewVm, problems};
pub use kind::Kind;
pub use need::{Need, On, When};
pub use number::{display_size, parse_flag, parse_size, shown_size};
pub use parts::{Parts, split};
pub use reference::reference;
pub use row::{Effect, Feature, Form, Key, Part};
pub use rows::{KEYS, REFUSED, REFUSED_OPTIONS, Refused, RefusedOption, option_refusal, refusal};
pub use rule::Rule;
pub use schema::schema;
pub use settings::{Problem, Setting, Settings};
pub use version::Version;
pub use wire::Wire;
