//! `machine`: the config keys of a VM in PVE, as a table with one row per key; and in [`sdn`] the
//! options of networks.
//!
//! A row has everything that the tools know about a key: its type, its default, its value in a new
//! VM, when a change takes effect, and which privilege it requires. Does no I/O.

mod boot_disk;
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
pub mod sdn;
mod settings;
pub mod token;
mod version;
mod wire;

pub use boot_disk::{BOOT_DISK, boot_storage};
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
