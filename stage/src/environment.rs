//! `variable`: the one door to the environment, and its one rule: an empty variable is unset.
//!
//! DOOR: reads the environment. clap reads the variables of `env = "…"` itself; `command_line` holds
//! those to the same rule.

use std::ffi::OsString;

/// Returns the value of a variable; `None` when it is unset or empty.
#[expect(clippy::disallowed_methods, reason = "door: the environment")]
pub fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Returns whether a variable is set, but to nothing.
#[expect(clippy::disallowed_methods, reason = "door: the environment")]
pub(crate) fn is_set_to_nothing(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| value.is_empty())
}
