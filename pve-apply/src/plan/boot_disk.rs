//! The disk that a VM boots from: of a VM that is there the first disk of its boot order, whatever
//! its slot. Does no I/O.

use super::seed;
use crate::desired::Machine;
use crate::mark::Mark;
use crate::observed::Config;
use machine::{ConfigKey, Form, Parts};

/// Where a VM boots from, and where its seed is.
pub(super) struct BootDisk {
    /// The slot; `None`: the VM has no disk.
    pub(super) key: Option<ConfigKey>,
    /// The seed's slot.
    pub(super) seed: String,
}

impl BootDisk {
    /// Finds the boot disk of a VM.
    pub(super) fn of(config: &Config, machine: &Machine, mark: &Mark) -> Self {
        let seed = seed::slot(mark).to_owned();
        let order = ConfigKey::find("boot").zip(config.next("boot"));
        let order = order.map(|(key, text)| Parts::read(key.key, text));
        let order = order.as_ref().and_then(|parts| parts.get("order")).unwrap_or_default();
        let first = order.split(';').filter_map(ConfigKey::find).find(|key| is_disk(config, *key));
        // Without an order of its own, what a new VM would boot from; else the only candidates left.
        let planned = || Some(machine.boot).filter(|key| is_disk(config, *key));
        let said = |key: &ConfigKey| machine.said.0.contains_key(key);
        let any = || {
            let keys = config.keys().filter(|key| *key != seed).filter_map(ConfigKey::find);
            keys.filter(|key| key.key.part("import").is_some() && !said(key))
                .find(|key| is_disk(config, *key))
        };
        Self { key: first.or_else(planned).or_else(any), seed }
    }
}

fn is_disk(config: &Config, key: ConfigKey) -> bool {
    let Some(text) = config.next(&key.to_string()) else { return false };
    matches!(key.key.form, Form::Drive(_)) && !Parts::read(key.key, text).is_cd()
}
