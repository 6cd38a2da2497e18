//! `Power`: whether a VM shall run. Does no I/O.

use crate::fields::Fields;
use serde::Serialize;

/// Whether a VM shall run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Power {
    /// It runs: one that is off is started.
    #[default]
    Running,
    /// It is off: one that runs is shut down, where the user agrees.
    Stopped,
    /// It is started when it is made; afterwards that is left alone.
    Any,
}

impl Power {
    /// Returns whether it is what a document means that says nothing.
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
