//! Networks of PVE's software-defined networking: zones, vnets and subnets, with one row for each
//! option. Does no I/O.
//!
//! A row has everything that the tools know about an option: its type, the zone types that accept
//! it, those where it has an effect, whether PVE changes it in place, and its first PVE version.

mod alias;
mod at;
mod check;
mod config;
mod network;
mod object;
mod range;
mod reference;
mod row;
mod rows;
pub mod rule;
mod schema;

pub use alias::{ALIAS_LIMIT, NONCE_LENGTH, longest_alias};
pub use at::At;
pub use check::problems;
pub use config::{Config, Problem};
pub use network::{Fault, Network, Subnet, Vnet};
pub use object::{Object, REFUSED, Refused, refusal};
pub use reference::reference;
pub use row::{Change, Row, ZoneType};
pub use rows::{SUBNET, VNET, ZONE};
pub use schema::schema;
