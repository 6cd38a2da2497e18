//! The subcommands of resolve. Does no I/O.

mod ansible;
mod check;
mod explain;
mod list;
mod spec;

pub(crate) use ansible::ansible_vars;
pub(crate) use check::check;
pub(crate) use explain::{Subject, explain};
pub use list::ListKind;
pub(crate) use list::{ListFormat, Listed, list};
pub(crate) use spec::spec;
