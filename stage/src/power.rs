//! `Power`: whether a VM should run. Does no I/O.

use crate::fields::Fields;
use serde::Serialize;

/// Whether a VM should run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Power {
    /// Running; started if it is off.
    #[default]
    Running,
    /// Off; shut down if it is running and the user agrees.
    Stopped,
    /// Started when created, then left alone.
    Any,
}

impl Power {
    /// Returns whether this is the default.
    pub fn is_running(&self) -> bool {
        *self == Self::Running
    }

    pub(crate) fn read(f: &mut Fields<'_>) -> Self {
        match f.text("power").as_deref() {
            None | Some("running") => Self::Running,
            Some("stopped") => Self::Stopped,
            Some("any") => Self::Any,
            Some(other) => {
                f.problem(
                    "invalid-value",
                    "power",
                    format!("must be running, stopped or any, not \"{other}\""),
                );
                Self::Running
            }
        }
    }
}
