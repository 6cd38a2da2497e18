//! Explains the values of a VM. Does no I/O.

use super::path::{Path, is_only, leaves, only_option};
use super::{Explained, Link, Subject, boot_source, node_layer, nodes};
use crate::deployment::{BRIDGE, MacDeriver, counted_vmid};
use crate::shape::{self, CONFIG, KeyMatch, Opt, ShapeOutline, Type};
use crate::site::{BOOT_DISK, Level, NodeFile, VmEntry, boot_key};
use crate::suggest;
use crate::tree::{Spanned, Tree};
use machine::{ConfigKey, Settings};
use serde_json::{Map, Value};
use stage::shown::{self, Exposure, Outline};
use stage::{Creation, Entry, Nic, Place};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// Fields to explain for every VM, in this order; other fields that are set follow.
const COMMON_FIELDS: [&str; 18] = [
    "name",
    "node",
    "vmid",
    "mac",
    "parent",
    "image",
    "cores",
    "memory",
    "disk",
    "bridge",
    "ip",
    "gateway",
    "vlan",
    "packages",
    "tags",
    "startup",
    "datastore",
    "spec",
];

/// Keys that select layers and are not fields of a VM.
const STRUCTURAL_KEYS: [&str; 5] = ["template", "preset", "vm_preset", "type", "execution"];

/// Returns whether a field says what a VM does at its first boot; the document omits it for `push`.
fn is_of_first_boot(path: &[&str]) -> bool {
    matches!(path, ["spec" | "boot_scenario"])
}

/// Explains a VM, or the values at and below a path.
///
/// # Errors
/// The VM has no such field.
pub(super) fn explain(
    subject: &Subject<'_>,
    name: &str,
    path: Option<&str>,
) -> Result<Vec<Explained>, Entry> {
    let mut vm_entries = subject.vm_set.entries.iter().enumerate();
    let vm_entry = vm_entries.find(|(_, m)| m.name.value().is_some_and(|n| n == name));
    let vm = subject.deployment.vms.iter().find(|vm| vm.name == name);
    let (Some((index, vm_entry)), Some(vm)) = (vm_entry, vm) else { return Ok(Vec::new()) };
    let Ok(Value::Object(json)) = serde_json::to_value(vm) else { return Ok(Vec::new()) };
    let layers = subject.site.layers(vm_entry);
    let boot_disk = layers.boot_disk().to_owned();
    let nics = vm.nics.as_deref().unwrap_or_default();
    let layers = layers.highest_first();
    let vm = Vm { subject, vm_entry, index, json, nics, boot_disk, layers };
    let Some(path) = path else {
        return Ok(vm.all().into_iter().map(|path| vm.explain(&path)).collect());
    };
    let Some(wanted) = vm.path(path) else {
        let known: Vec<String> = vm.all().iter().map(|path| vm.title(path)).collect();
        let hint = suggest::key(path, known.iter().map(String::as_str));
        return Err(
            Entry::error("unknown-key", Place::Run, format!("a VM has no `{path}`")).hint(hint)
        );
    };
    let below = vm.all().into_iter().filter(|path| path.starts_with(&wanted));
    let mut all: Vec<Explained> = below.map(|path| vm.explain(&path)).collect();
    if all.is_empty() {
        all.extend(vm.given(&wanted).iter().map(|path| vm.explain(path)));
    }
    Ok(all)
}

/// The VM to explain, with its layers.
struct Vm<'a> {
    subject: &'a Subject<'a>,
    vm_entry: &'a VmEntry,
    /// Index of the VM in its set.
    index: usize,
    /// The VM in the document.
    json: Map<String, Value>,
    nics: &'a [Nic],
    boot_disk: String,
    /// Highest first.
    layers: Vec<(Level, Cow<'a, Tree>)>,
}

impl Vm<'_> {
    /// Returns the path in the tree for a path from the command line; `None` if it does not exist.
    fn path(&self, written: &str) -> Option<Path> {
        let mut words = written.split('.');
        let first = words.next()?;
        let mut path: Path = match (first, self.shape().find(first)) {
            ("node", _) => vec![first.to_owned()],
            (_, Some(KeyMatch::Field(field))) => match field.ty {
                Type::Short(slot, option) => vec![CONFIG.into(), slot.into(), option.into()],
                Type::Object(shape) if first == boot_source::TEMPLATE => {
                    return boot_source::path(shape, words);
                }
                _ => vec![field.name.to_owned()],
            },
            (_, Some(KeyMatch::Row(key))) => {
                let Some(option) = words.next() else {
                    return Some(only_option(vec![CONFIG.into(), first.into()], key));
                };
                let option = Opt::find(key.key, option)?.name();
                match boot_key(option).filter(|_| self.boot_disk == first) {
                    Some(key) => vec![key.to_owned()],
                    None => vec![CONFIG.into(), first.into(), option.into()],
                }
            }
            (_, None | Some(KeyMatch::Option(_))) => return None,
        };
        let known = path.len();
        path.extend(words.map(str::to_owned));
        let deeper = path.len() > known;
        (!deeper || self.all().iter().any(|leaf| leaf.starts_with(&path))).then_some(path)
    }

    /// Returns the name of a path for messages and output.
    fn title(&self, path: &[String]) -> String {
        let words: Vec<&str> = path.iter().map(String::as_str).collect();
        match words[..] {
            [CONFIG, slot, option] => match shape::short_form(slot, option) {
                Some(short) => short.to_owned(),
                None if is_only(slot) => slot.to_owned(),
                None => format!("{slot}.{option}"),
            },
            [CONFIG, ref rest @ ..] => rest.join("."),
            _ => words.join("."),
        }
    }

    fn shape(&self) -> &'static shape::Shape {
        shape::vm_of(self.subject.vm_set.origin == crate::site::Origin::Manifest)
    }

    /// Returns all leaves, common fields first.
    fn all(&self) -> Vec<Path> {
        let mut paths: Vec<Path> = Vec::new();
        for (_, layer) in &self.layers {
            leaves(layer, &mut Vec::new(), &mut paths);
        }
        let derived = self.nics.iter().filter(|nic| nic.derived);
        paths.extend(derived.map(|nic| vec![CONFIG.into(), nic.slot.clone(), "macaddr".into()]));
        paths.extend(self.json.contains_key("nested_pve").then(|| vec!["nested_pve".to_owned()]));
        paths.retain(|path| !STRUCTURAL_KEYS.contains(&path[0].as_str()));
        paths.iter_mut().for_each(boot_source::as_one);
        let mut all: Vec<Path> = Vec::new();
        for name in COMMON_FIELDS {
            let Some(path) = self.usual(name) else { continue };
            let before = all.len();
            all.extend(paths.iter().filter(|leaf| leaf.starts_with(&path)).cloned());
            if all.len() == before {
                all.push(path);
            }
        }
        all.extend(paths);
        let mut once = BTreeSet::new();
        all.retain(|path| once.insert(path.clone()));
        all
    }

    fn usual(&self, name: &str) -> Option<Path> {
        // Not via `path`, which calls `all`.
        match (name, self.shape().find(name)) {
            (_, Some(KeyMatch::Field(shape::Field { ty: Type::Short(slot, option), .. }))) => {
                Some(vec![CONFIG.into(), (*slot).into(), (*option).into()])
            }
            (_, Some(KeyMatch::Row(key))) => {
                Some(only_option(vec![CONFIG.into(), name.into()], key))
            }
            _ => Some(vec![name.to_owned()]),
        }
    }

    fn explain(&self, path: &[String]) -> Explained {
        let words: Vec<&str> = path.iter().map(String::as_str).collect();
        let left_out = || boot_source::left_out(self.subject, &words, &self.layers, &self.json);
        let mut chain: Vec<Link> = self.left_out(&words).or_else(left_out).into_iter().collect();
        for (level, layer) in &self.layers {
            if let Some(spanned) = layer.find(&words) {
                let value = self.masked(&words, spanned.to_json(true));
                chain.push(self.subject.link(self.level(level), value, Some(spanned.at)));
            }
        }
        if words == ["node"] {
            nodes::show_item(self.subject, self.vm_entry.offset(), &self.layers, &mut chain);
        }
        chain.extend(self.fallback(&words, chain.is_empty()));
        let value = self.value(&words).or_else(|| {
            let of_field = matches!(words[..], ["datastore" | "started" | "boot_disk"]);
            let of_pve = words.first() == Some(&CONFIG) && chain.len() == 1;
            let last = chain.last().filter(|_| of_field || of_pve);
            last.map(|link| link.value.clone())
        });
        let value = self.masked(&words, value.unwrap_or_default());
        Explained { field: self.title(path), value, chain }
    }

    fn level(&self, level: &Level) -> String {
        match level {
            Level::Defaults => "`defaults`".to_owned(),
            Level::Preset(name) => format!("preset \"{name}\""),
            Level::Template(name) => format!("template \"{name}\""),
            Level::Vm => match (self.vm_entry.number, self.vm_entry.tree.number("count").value()) {
                (Some(number), Some(count)) => format!("the VM, {} of {count}", number + 1),
                _ => "the VM".to_owned(),
            },
        }
    }

    /// Returns the value in the document.
    fn value(&self, path: &[&str]) -> Option<Value> {
        if let [CONFIG, slot, option @ ("ip" | "gateway" | "macaddr")] = path
            && let Some(nic) = self.nics.iter().find(|nic| nic.slot == *slot)
        {
            return self.of_nic(nic, option);
        }
        if let [CONFIG, "net0", "bridge"] = path {
            return self.json.get("bridge").cloned();
        }
        if let Some(value) = boot_source::value(path, &self.json) {
            return Some(value);
        }
        let decides = self.layers.iter().find_map(|(_, layer)| layer.find(path));
        let (first, rest) = path.split_first()?;
        let top = self.json.get(*first);
        let in_document =
            top.and_then(|top| rest.iter().try_fold(top, |value, word| value.get(word)));
        match (in_document, decides) {
            (Some(value), _) => Some(value.clone()),
            // The document names it differently or omits it.
            (None, Some(spanned)) if !is_of_first_boot(path) && !spanned.is_null() => {
                Some(spanned.to_json(true))
            }
            (None, _) => None,
        }
    }

    /// Returns a value of the guest's network configuration.
    fn of_nic(&self, nic: &Nic, option: &str) -> Option<Value> {
        let list = |list: &[String]| match list {
            [] => None,
            [one] => Some(Value::from(one.as_str())),
            _ => Some(list.to_vec().into()),
        };
        match option {
            "ip" => list(&nic.ips),
            "macaddr" => Some(nic.mac.as_str().into()),
            // With DHCP the guest gets no gateway, but the document may have one.
            _ if nic.slot == "net0" && nic.gateways.len() < 2 => self.json.get("gateway").cloned(),
            _ => list(&nic.gateways),
        }
    }

    /// Returns a link if a layer sets a spec or a boot scenario that the VM does not get.
    fn left_out(&self, path: &[&str]) -> Option<Link> {
        let [field] = *path else { return None };
        let unused = is_of_first_boot(path) && !self.json.contains_key(field);
        let spanned = self.layers.iter().find_map(|(_, layer)| layer.get(field));
        spanned.and_then(Spanned::text).filter(|_| unused)?;
        if self.json.contains_key("boot_scenario") {
            let at = self.layers.iter().find_map(|(_, layer)| layer.get("boot_scenario"));
            let at = at.map_or_else(|| self.vm_entry.text("type").at(), |spanned| Some(spanned.at));
            let why = "omitted: a nested PVE node sets itself up";
            return Some(self.subject.link(why, Value::Null, at));
        }
        let at = self.vm_entry.mode().at().or(self.subject.vm_set.default_mode.at());
        Some(self.subject.link("omitted: `execution` is push", Value::Null, at))
    }

    /// Returns the boot scenario of a nested PVE node that sets none.
    fn scenario(&self) -> Option<Link> {
        let value = self.json.get("boot_scenario")?.clone();
        let layer = "built in for `type: pve` in a site with `server_url`";
        Some(self.subject.link(layer, value, self.vm_entry.text("type").at()))
    }

    /// Returns that a nested PVE node makes a token by default.
    fn nested(&self) -> Option<Link> {
        let value = self.json.get("nested_pve")?.clone();
        let layer = "built in for `type: pve` without a boot scenario";
        Some(self.subject.link(layer, value, self.vm_entry.text("type").at()))
    }

    /// Returns the options of a key that have a default for new VMs, or the key if there are none.
    fn given(&self, path: &[String]) -> Vec<Path> {
        let [config, name] = path else { return vec![path.to_vec()] };
        let parts = ConfigKey::find(name).filter(|_| config == CONFIG).map(|key| key.key.parts());
        let names = parts.unwrap_or_default().iter().map(|part| part.name);
        let given: Vec<Path> = names
            .filter(|option| self.at_creation(name, option).is_some())
            .map(|option| [path, &[option.to_owned()]].concat())
            .collect();
        if given.is_empty() { vec![path.to_vec()] } else { given }
    }

    /// Returns the default of a key or option for new VMs.
    fn at_creation(&self, key: &str, option: &str) -> Option<Link> {
        let key = ConfigKey::find(key)?;
        let part = key.key.part(option)?;
        let config = self.json.get("config").and_then(Value::as_object)?;
        let (mut settings, _) = Settings::read(config);
        if let Some(boot_disk) = ConfigKey::find(&self.boot_disk) {
            settings.0.entry(boot_disk).or_insert_with(|| machine::Setting::Parts(BTreeMap::new()));
        }
        let new = settings.for_creation();
        let value = part.kind.to_json(new.value(key, part.name_in(key.key))?);
        Some(self.subject.link("default for new VMs", value, None))
    }

    /// Returns the value that applies if no layer sets one, or all set null.
    fn fallback(&self, path: &[&str], is_unset: bool) -> Option<Link> {
        let subject = self.subject;
        match *path {
            // A VM that names a node needs no other.
            ["node"] => {
                Some(subject.home()).filter(|h| !h.value.is_null() || self.value(path).is_none())
            }
            ["vmid"] => self.counted(),
            [CONFIG, slot, "macaddr"] => self.derived(slot),
            [CONFIG, "net0", "bridge"] => Some(subject.built_in(BRIDGE)),
            [CONFIG, "net0", "ip"] => Some(subject.built_in("dhcp")),
            [CONFIG, key] if is_unset => self.at_creation(key, ""),
            [CONFIG, key, option] if is_unset => self.at_creation(key, option),
            ["boot_scenario"] if is_unset => self.scenario(),
            ["nested_pve"] if is_unset => self.nested(),
            ["boot_disk"] => Some(subject.built_in(BOOT_DISK)),
            ["create"] => Some(subject.built_in(Creation::WORDS[0])),
            ["packages"] => Some(subject.built_in(Value::Array(Vec::new()))),
            ["started"] => Some(subject.built_in(true)),
            ["datastore"] => {
                let node = self.node();
                subject.written(node_layer(node), &node.datastore)
            }
            _ => None,
        }
    }

    /// Returns the VM's node.
    fn node(&self) -> &NodeFile {
        let name = self.json.get("node").and_then(Value::as_str);
        name.and_then(|name| self.subject.nodes.get(name)).unwrap_or(self.subject.node)
    }

    fn counted(&self) -> Option<Link> {
        let Some((base, at)) = self.subject.vm_set.vmid_base.set() else {
            let layer = "built in: the next free ID in `vmid_range`";
            return Some(self.subject.link(layer, Value::Null, None));
        };
        let vmid = counted_vmid(*base, self.index)?;
        let layer = "`vmid_base` plus the VM's index";
        Some(self.subject.link(layer, vmid.into(), Some(at)))
    }

    fn derived(&self, slot: &str) -> Option<Link> {
        let nic = self.nics.iter().find(|nic| nic.slot == slot)?;
        let Subject { site, vm_set, node, .. } = self.subject;
        let mac = match nic.derived {
            true => nic.mac.clone(),
            false => MacDeriver::new(site, vm_set, node).mac(self.vm_entry.name.value()?, slot, 0),
        };
        let layer = "derived from site, cluster, deployment, name and slot";
        Some(self.subject.link(layer, mac.into(), None))
    }

    /// Masks what must not be shown of a value.
    fn masked(&self, path: &[&str], value: Value) -> Value {
        if path == [boot_source::TEMPLATE] {
            return value;
        }
        let words = if path.first() == Some(&CONFIG) { &path[1..] } else { path };
        let place =
            words.iter().try_fold(ShapeOutline::file(self.shape()), |at, word| at.entry(word));
        let item = |place: ShapeOutline| place.item().map_or(place.exposure(), Outline::exposure);
        let exposure =
            if value.is_array() { place.map(item) } else { place.map(Outline::exposure) };
        match (exposure.unwrap_or_default(), value) {
            (Exposure::Hidden, value) if !value.is_null() => shown::MASK.into(),
            (Exposure::Address, Value::String(text)) => shown::address(&text).into(),
            (_, value) => value,
        }
    }
}
