//! `Change`: one field that differs, and `Impact`: what the change does to a running guest.
//! Does no I/O.

use serde::{Deserialize, Serialize};

/// What a change does to a running guest, from harmless to worst.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Impact {
    /// The guest notices nothing.
    #[default]
    None,
    /// The VM moves to another node; a guest that runs keeps running.
    Migration,
    /// The guest is rebooted.
    Reboot,
    /// The guest is shut down and started again.
    PowerOff,
    /// Data is lost.
    DataLoss,
}

/// One field that differs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Change {
    /// The document's name of the field where it has one, else PVE's.
    pub field: String,
    /// The current value; null for nothing.
    pub from: Option<String>,
    /// The new value; null for nothing.
    pub to: Option<String>,
    /// What the change does to a running guest.
    pub impact: Impact,
    /// Why, where that is not obvious.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Change {
    /// Returns the field with its old and its new value.
    pub(crate) fn values(&self) -> String {
        let field = &self.field;
        match (&self.from, &self.to) {
            (Some(from), Some(to)) => format!("{field}: {from} -> {to}"),
            (None, Some(to)) => format!("{field}: {to}"),
            (Some(from), None) if self.impact == Impact::DataLoss => format!("{field}: {from}"),
            (Some(from), None) => format!("{field}: {from} -> nothing"),
            (None, None) => field.clone(),
        }
    }
}
