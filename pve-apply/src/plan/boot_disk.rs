//! The disk that a VM boots from: for an existing VM the first disk of its boot order, whatever
//! its slot. Does no I/O.

use super::seed;
use crate::blocked::BlockReason;
use crate::boot_disk::{self, Known};
use crate::desired::Definition;
use crate::mark::{Mark, owns};
use crate::observed::Config;
use machine::{ConfigKey, Setting};

/// Finds the boot disk of a VM; an error when it has none, or when it is unknown which disk it is.
pub(super) fn of(
    config: &Config,
    definition: &Definition,
    mark: &Mark,
) -> Result<ConfigKey, BlockReason> {
    let is_further = |key: ConfigKey| {
        key != definition.boot && matches!(definition.explicit.0.get(&key), Some(Setting::Parts(_)))
    };
    let is_other = |key: ConfigKey| {
        is_further(key)
            || seed::slot(mark) == Some(key.to_string().as_str())
            || owns::slot(&mark.owns, key).is_some()
    };
    let key = match boot_disk::of(|key| config.next(key), is_other) {
        Known::Disk(key) => key,
        Known::OneOf(list) => chosen(definition, mark, &list)?,
    };
    // Its size and options are under another slot: it is unclear which of the two is meant.
    if is_further(key) {
        return Err(BlockReason::BootDiskSaid {
            slot: key.to_string(),
            boot: definition.boot.to_string(),
        });
    }
    Ok(key)
}

/// Returns the document's slot, where the VM has no boot order.
fn chosen(
    definition: &Definition,
    mark: &Mark,
    list: &[ConfigKey],
) -> Result<ConfigKey, BlockReason> {
    let order = ConfigKey::find("boot").and_then(|key| definition.explicit.value(key, "order"));
    let mut named = order.unwrap_or_default().split(';').filter_map(ConfigKey::find);
    if let Some(key) = named.find(|key| list.contains(key)) {
        return Ok(key);
    }
    match list {
        [] => Err(BlockReason::DiskMissing { slot: definition.boot.to_string() }),
        [only] if *only == definition.boot => Ok(*only),
        // A VM that is created here gets its boot disk there.
        list if (definition.boot_is_explicit || !mark.is_adopted())
            && list.contains(&definition.boot) =>
        {
            Ok(definition.boot)
        }
        list => Err(BlockReason::BootDiskUnclear {
            slots: list.iter().map(ToString::to_string).collect(),
        }),
    }
}
