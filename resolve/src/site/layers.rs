//! `Layers`: the layers of a VM (`defaults`, preset, template, the VM itself), lowest first, and
//! how they are merged. Does no I/O.

use super::vm_set::VmEntry;
use super::{Site, Slot};
use crate::shape::CONFIG;
use crate::source::{Sources, Span};
use crate::tree::{Content, Spanned, Tree};
use stage::Report;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::rc::Rc;

/// The default slot that a new VM boots from.
pub(crate) const BOOT_DISK: &str = machine::BOOT_DISK;

/// Options of the boot disk that have their own key, and the key.
const OF_BOOT_DISK: [(&str, &str); 3] =
    [("size", "disk"), ("storage", "datastore"), ("import", "image")];

/// Returns the key for an option of the boot disk.
pub(crate) fn boot_key(option: &str) -> Option<&'static str> {
    OF_BOOT_DISK.iter().find(|(name, _)| *name == option).map(|(_, key)| *key)
}

/// The kind of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// `defaults` of site.yaml.
    Defaults,
    /// A preset, by name.
    Preset(String),
    /// A template, by name.
    Template(String),
    /// The VM itself.
    Vm,
}

/// The layers of a VM.
pub(crate) struct Layers<'a> {
    /// Lowest first.
    all: [(Level, Option<&'a Tree>); 4],
    /// A template or preset is missing, so required keys may be missing.
    incomplete: bool,
}

/// Merged bases by the name of the template or preset, one for each slot of the boot disk.
pub(super) type Bases = BTreeMap<String, Vec<(String, Rc<Base>)>>;

/// The merged layers below the VM, shared by VMs with the same template or preset.
pub(crate) struct Base {
    tree: Tree,
    incomplete: bool,
}

/// A VM's layers, merged.
pub(crate) struct Merged {
    /// The merged values.
    pub tree: Tree,
    /// The slot that a new VM boots from.
    pub boot_disk: String,
    /// A template or preset is missing.
    pub incomplete: bool,
}

impl<'a> Layers<'a> {
    /// Returns the slot that a new VM boots from.
    pub(crate) fn boot_disk(&self) -> &'a str {
        let mut named = self.all.iter().rev().filter_map(|(_, tree)| (*tree)?.get("boot_disk"));
        named.next().and_then(Spanned::text).unwrap_or(BOOT_DISK)
    }

    /// Returns the layers for merging, highest first.
    pub(crate) fn highest_first(self) -> Vec<(Level, Cow<'a, Tree>)> {
        let slot = self.boot_disk();
        let all = self.all.into_iter().rev();
        all.filter_map(|(level, tree)| Some((level, with_boot_keys(tree?, slot)))).collect()
    }
}

impl Site<'_> {
    /// Returns the layers of a VM, as far as they have been read.
    ///
    /// A template sets the preset; the shape refuses a `vm_preset` in addition.
    pub(crate) fn layers<'a>(&'a self, vm_entry: &'a VmEntry) -> Layers<'a> {
        let named = vm_entry.text("template");
        let template = named.value().and_then(|name| self.template(name));
        let of_preset = match template {
            Some(tree) => Slot::of(tree.get("preset"), Spanned::text),
            None => vm_entry.preset(),
        };
        let preset = of_preset.value().and_then(|name| self.preset(name));
        let dangling = |slot: &Slot<&str>, there: bool| {
            !there && (slot.value().is_some() || slot.is_invalid())
        };
        let name = |slot: &Slot<&str>| slot.value().map_or_else(String::new, |s| (*s).to_owned());
        Layers {
            all: [
                (Level::Defaults, Some(&self.config.layer)),
                (Level::Preset(name(&of_preset)), preset),
                (Level::Template(name(&named)), template),
                (Level::Vm, Some(&vm_entry.tree)),
            ],
            incomplete: dangling(&named, template.is_some())
                || dangling(&of_preset, preset.is_some()),
        }
    }

    /// Returns the template and the preset of a VM, and where they are named.
    pub(crate) fn named_layers(&self, vm_entry: &VmEntry) -> Vec<(&'static str, String, Span)> {
        let named = vm_entry.text("template");
        let template = named.value().and_then(|name| self.template(name));
        let preset = match template {
            Some(tree) => Slot::of(tree.get("preset"), Spanned::text),
            None => vm_entry.preset(),
        };
        let both = [("template", named.set()), ("preset", preset.set())];
        let both = both.into_iter().filter_map(|(what, set)| Some((what, set?)));
        both.map(|(what, (name, at))| (what, (*name).to_owned(), at)).collect()
    }

    /// Merges the layers of a VM. Layers that VMs share are merged once.
    pub(crate) fn merge(&mut self, vm_entry: &VmEntry) -> Merged {
        let layers = self.layers(vm_entry);
        let boot_disk = layers.boot_disk().to_owned();
        // A template sets the preset.
        let (template, preset) = (vm_entry.text("template"), vm_entry.preset());
        let named = template.value().or(preset.value()).copied().unwrap_or_default();
        let kind = usize::from(template.value().is_none());
        let known = self.bases[kind].get(named).into_iter().flatten();
        let known = known.into_iter().find(|(slot, _)| *slot == boot_disk);
        let base = match known {
            Some((_, base)) => Rc::clone(base),
            None => {
                let mut report = Report::new();
                let mut tree = Tree::default();
                for (_, layer) in layers.all.iter().take(3) {
                    let Some(layer) = layer else { continue };
                    validate(layer, &boot_disk, self.sources, &mut report);
                    overlay(&mut tree, &with_boot_keys(layer, &boot_disk));
                }
                let base = Rc::new(Base { tree, incomplete: layers.incomplete });
                let all = self.bases[kind].entry(named.to_owned()).or_default();
                all.push((boot_disk.clone(), Rc::clone(&base)));
                self.report.extend(report);
                base
            }
        };
        validate(&vm_entry.tree, &boot_disk, self.sources, &mut self.report);
        let mut tree = base.tree.clone();
        overlay(&mut tree, &with_boot_keys(&vm_entry.tree, &boot_disk));
        Merged { tree, boot_disk, incomplete: base.incomplete }
    }
}

/// Merges a higher layer. What a VM is cloned from is one value, not a mapping of several, and an image
/// replaces it.
fn overlay(tree: &mut Tree, above: &Tree) {
    if above.get("clone_from").or_else(|| above.get("image").filter(|it| !it.is_null())).is_some() {
        tree.take("clone_from");
    }
    tree.overlay(above);
}

/// Returns the layer with options of the boot disk moved to their own keys.
fn with_boot_keys<'t>(tree: &'t Tree, slot: &str) -> Cow<'t, Tree> {
    let Some(disk) = tree.map(CONFIG).and_then(|config| config.map(slot)) else {
        return Cow::Borrowed(tree);
    };
    if !OF_BOOT_DISK.iter().any(|(option, _)| disk.get(option).is_some()) {
        return Cow::Borrowed(tree);
    }
    let (mut all, mut disk) = (tree.clone(), disk.clone());
    for (option, key) in OF_BOOT_DISK {
        if let Some(spanned) = disk.take(option) {
            let odd = option == "size" && is_fractional(&spanned);
            all.set(
                key,
                if odd { Spanned { content: Content::Invalid, ..spanned } } else { spanned },
            );
        }
    }
    if let Some(spanned) = tree.find(&[CONFIG, slot]) {
        let at = spanned.at;
        match all.map_mut(CONFIG, at) {
            Some(config) if disk.is_empty() => _ = config.take(slot),
            Some(config) => {
                config.set(slot.to_owned(), Spanned { at, content: Content::Map(disk) })
            }
            None => {}
        }
    }
    Cow::Owned(all)
}

/// Returns whether a size is not a whole number of GiB, as required for the boot disk.
fn is_fractional(spanned: &Spanned) -> bool {
    matches!(spanned.content, Content::Value(_)) && spanned.number().is_none()
}

/// Reports options of the boot disk that a layer sets twice, and sizes that are not whole GiB.
fn validate(tree: &Tree, slot: &str, sources: &Sources, report: &mut Report) {
    let Some(disk) = tree.map(CONFIG).and_then(|config| config.map(slot)) else { return };
    let is_set = |spanned: &&Spanned| !spanned.is_null();
    if let Some(import) = disk.get("import").filter(is_set)
        && let Some(from) = tree.get("clone_from").filter(is_set)
    {
        let (at, first) = (import.at.max(from.at), sources.short(import.at.min(from.at)));
        let fact = format!(
            "`{slot}` is the boot disk: its `import` cannot be combined with `clone_from`; the other is at {first}"
        );
        report.push(sources.error("exclusive-keys", at, fact).hint("remove one of them"));
    }
    for (option, key) in OF_BOOT_DISK {
        let Some(long) = disk.get(option) else { continue };
        if option == "size" && is_fractional(long) {
            let fact =
                format!("`{slot}` is the boot disk, whose size must be a whole number of GiB");
            report.push(sources.error("invalid-value", long.at, fact));
        }
        if let Some(short) = tree.get(key) {
            let (at, first) = (long.at.max(short.at), sources.short(long.at.min(short.at)));
            let fact = format!(
                "`{slot}` is the boot disk: `{key}` is its `{option}`, which is also set at {first}"
            );
            let entry = sources.error("duplicate-option", at, fact);
            report.push(entry.hint("remove one of them"));
        }
    }
}
