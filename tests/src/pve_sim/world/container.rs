//! Containers: the simulator only shows that they exist, and their configs.
//! A pure module: does no I/O.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};

/// A container.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Container {
    /// Its node [default: the first one].
    pub node: String,
    /// The config file's keys, such as `net0`: `name=eth0,bridge=vmbr0`.
    pub config: BTreeMap<String, String>,
    /// Changes that wait for a restart; null deletes the key.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub pending: BTreeMap<String, Option<String>>,
    /// Whether it is running.
    pub running: bool,
}

impl Container {
    pub(crate) fn digest(&self) -> String {
        let text = format!("{:?}", self.config);
        Sha1::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
