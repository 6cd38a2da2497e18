//! Config keys that YAML must not set, each with the reason. Does no I/O.

/// A config key that is refused.
#[derive(Clone, Copy, Debug)]
pub struct Refused {
    /// Its name; of a family the stem.
    pub name: &'static str,
    /// Completes "cannot be set: …".
    pub reason: &'static str,
}

const ROOT: &str = "only root may, and no API token is root";
const OURS: &str = "pve-apply sets it";

/// The keys that are refused.
pub static REFUSED: &[Refused] = &[
    Refused { name: "args", reason: ROOT },
    Refused { name: "affinity", reason: ROOT },
    Refused { name: "hookscript", reason: ROOT },
    Refused { name: "vmgenid", reason: ROOT },
    Refused { name: "arch", reason: ROOT },
    Refused { name: "lock", reason: OURS },
];

/// The reason why a key is refused.
pub fn refusal(name: &str) -> Option<&'static str> {
    REFUSED.iter().find(|refused| refused.name == name).map(|refused| refused.reason)
}
