//! Reports combinations of keys that PVE refuses, at the place of the cause. Does no I/O.

use crate::shape::CONFIG;
use crate::site::{Merged, Site, VmEntry};
use crate::tree::{Content, Spanned, Tree};
use machine::{ConfigKey, NewVm, Problem, Settings};
use stage::{Report, Vm};
use std::collections::BTreeSet;

/// How many different configs to remember.
const MAX_REMEMBERED: usize = 1000;

/// Validates the config of each VM. Equal configs are validated once.
#[derive(Default)]
pub(super) struct ConfigChecker {
    sound: BTreeSet<String>,
}

impl ConfigChecker {
    /// Reports problems between the keys of a VM.
    pub(super) fn check(
        &mut self,
        site: &Site<'_>,
        (vm_entry, merged): (&VmEntry, &Merged),
        vm: &Vm,
        report: &mut Report,
    ) {
        let Some(config) = &vm.config else { return };
        // An invalid config has been reported already.
        if merged.tree.map(CONFIG).is_some_and(is_invalid) {
            return;
        }
        let is_created = vm.is_created();
        let same =
            serde_json::to_string(&(config, &merged.boot_disk, is_created)).unwrap_or_default();
        if self.sound.contains(&same) {
            return;
        }
        let (settings, mut problems) = Settings::read(config);
        let boot_disk = ConfigKey::find(&merged.boot_disk).filter(|_| is_created);
        let new =
            boot_disk.map(|boot_disk| NewVm { boot_disk, cores: vm.cores, memory: vm.memory });
        problems.extend(machine::problems(&settings, new.as_ref()));
        if problems.is_empty() && self.sound.len() < MAX_REMEMBERED {
            self.sound.insert(same);
        }
        for problem in problems {
            push(site, vm_entry, &merged.tree, problem, report);
        }
    }
}

fn push(site: &Site<'_>, vm_entry: &VmEntry, tree: &Tree, problem: Problem, report: &mut Report) {
    let Problem { code, key, part, fact, hint } = problem;
    let own = tree.get(&key).filter(|_| ConfigKey::find(&key).is_none());
    let slot = || tree.find(&[CONFIG, &key]);
    let option = part.as_ref().and_then(|part| tree.find(&[CONFIG, &key, part]));
    let at = own.or(option).or_else(slot).map_or(vm_entry.at, |spanned| spanned.at);
    let name = part.map_or_else(|| format!("`{key}`"), |part| format!("`{key}.{part}`"));
    let entry = site.sources.error(code, at, format!("{name} {fact}"));
    report.push(match hint {
        Some(hint) => entry.hint(hint),
        None => entry,
    });
}

/// Returns whether anything in a tree has been reported as invalid.
fn is_invalid(tree: &Tree) -> bool {
    tree.iter().any(|(_, spanned): (_, &Spanned)| match &spanned.content {
        Content::Invalid => true,
        Content::Map(tree) => is_invalid(tree),
        Content::List(items) => items.iter().any(Spanned::is_invalid),
        Content::Null | Content::Value(_) => false,
    })
}
