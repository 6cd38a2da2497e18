//! Reads a VM of the document as a `Definition`. Does no I/O.

use super::{Purpose, Reader};
use crate::boot_disk;
use crate::desired::{Definition, Image, Seed, guest, rendered, short_name};
use crate::mark::{self, TAG};
use machine::{ConfigKey, Form, NewVm, Problem, Setting, Settings, rule};
use pve_client::{StorageId, Volid};
use serde_json::{Map, Value, json};
use stage::{Entry, Gather as _, Place, Vm};
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

impl Reader<'_> {
    pub(super) fn definition(&mut self, index: usize, vm: &Vm) -> Option<Definition> {
        if !matches!(self.purpose, Purpose::Apply | Purpose::Compare) {
            return None;
        }
        let place = |field: &str| format!("vms[{index}].{field}");
        let flat = self.flat(index, vm);
        let explicit = match &vm.config {
            Some(_) => self.config(index),
            None => flat.clone(),
        };
        let boot = self.boot(index, vm);
        let has_image = vm.image != Vm::NO_IMAGE;
        let made = has_image || vm.clone_from.is_some();
        if let Some(boot_disk) = boot {
            let new = NewVm { boot_disk, cores: vm.cores, memory: vm.memory };
            let problems = machine::problems(&explicit, Some(&new).filter(|_| made));
            problems.iter().for_each(|problem| self.config_problem(index, problem));
        }
        let of_node = self.node_of(vm).map(|node| &node.datastore);
        let storage = match (&vm.datastore, of_node.filter(|storage| !storage.is_empty())) {
            (Some(own), _) => self.parse(place("datastore"), own, StorageId::RULE),
            // It is checked with the nodes.
            (None, Some(of_node)) => of_node.parse().ok(),
            (None, None) => {
                self.parse("datastore".into(), &self.deployment.datastore, StorageId::RULE)
            }
        };
        let disk = self.disk(place("disk"), vm.disk, has_image);
        let tags = self.tags(index, vm);
        let image = has_image.then(|| self.image(vm, place("image"), &vm.image));
        let creation = self.creation(index, vm, &explicit, storage.as_ref());
        let images = self.images(index, vm, &explicit);
        let seed = self.seed(index, vm);
        let boot = boot?;
        Some(Definition {
            image: match image {
                Some(image) => Some(image?),
                None => None,
            },
            creation: creation?,
            storage: storage?,
            storage_is_explicit: vm.datastore.is_some(),
            new: new(vm, &explicit, flat, boot),
            boot,
            boot_is_explicit: vm.boot_disk.is_some(),
            disk_gib: disk?,
            explicit,
            remembers: vm.config.is_some(),
            images: images?,
            derived_macs: derived_macs(vm),
            tags,
            power: vm.power,
            pool: vm.pool.clone(),
            guest: guest::shown(self.deployment, vm),
            seed: seed?,
        })
    }

    /// Returns the flat fields as settings. In a document without `config`, a missing VLAN means no VLAN.
    fn flat(&mut self, index: usize, vm: &Vm) -> Settings {
        let mut net0 = Map::new();
        net0.insert("bridge".to_owned(), json!(vm.bridge));
        if vm.vlan.is_some() || vm.config.is_none() {
            net0.insert("tag".to_owned(), json!(vm.vlan));
        }
        if !vm.mac.is_empty() {
            net0.insert("macaddr".to_owned(), json!(vm.mac));
        }
        let mut all = Map::from_iter([("net0".to_owned(), Value::Object(net0))]);
        for (name, value) in [("cores", vm.cores), ("memory", vm.memory)] {
            let Some(key) = ConfigKey::find(name) else { continue };
            match value {
                Some(number) => _ = all.insert(name.to_owned(), json!(number)),
                None if vm.config.is_none() => {
                    let must = key.key.parts().first().map(|part| part.kind.must());
                    let fact = format!("is missing: {}", must.unwrap_or_default());
                    self.report.error(
                        "invalid-value",
                        Place::input(format!("vms[{index}].{name}")),
                        fact,
                    );
                }
                None => {}
            }
        }
        all.extend(vm.startup.as_ref().map(|text| ("startup".to_owned(), json!(text))));
        let (settings, problems) = Settings::read(&all);
        for problem in problems {
            let (key, part) = (&problem.key, problem.part.as_deref().unwrap_or_default());
            let short = ConfigKey::find(key).and_then(|key| short_name(key, part));
            self.problem(format!("vms[{index}].{}", short.unwrap_or(key)), &problem);
        }
        settings
    }

    fn config(&mut self, index: usize) -> Settings {
        let (mut settings, problems) = self.parsed.get(index).cloned().unwrap_or_default();
        problems.iter().for_each(|problem| self.config_problem(index, problem));
        let description = ConfigKey::find("description").and_then(|key| settings.0.get_mut(&key));
        if let Some(Setting::Parts(parts)) = description {
            // A description copied out of PVE contains our line, which is not part of the document.
            parts.values_mut().flatten().for_each(|text| *text = mark::of_people(text));
        }
        settings
    }

    fn config_problem(&mut self, index: usize, problem: &Problem) {
        self.report.push(config_finding(index, problem));
    }

    fn problem(&mut self, field: String, problem: &Problem) {
        self.report.push(finding_at(field, problem));
    }

    /// Returns the size of the boot disk; the outer `None` when it is invalid.
    fn disk(&mut self, field: String, value: Option<u32>, made: bool) -> Option<Option<u32>> {
        const MOST: u32 = 131_072;
        let fact = match value {
            Some(number) if (1..=MOST).contains(&number) => return Some(value),
            Some(number) => format!("{number} must be from 1 to {MOST}"),
            None if !made => return Some(None),
            None => format!("is missing: a whole number from 1 to {MOST}"),
        };
        self.report.error("invalid-value", Place::input(field), fact);
        None
    }

    fn boot(&mut self, index: usize, vm: &Vm) -> Option<ConfigKey> {
        let text = vm.boot_disk.as_deref().unwrap_or(boot_disk::NEW);
        let is_disk = |key: &ConfigKey| {
            matches!(key.key.form, Form::Drive(_)) && key.key.part("import").is_some()
        };
        let key = ConfigKey::find(text).filter(is_disk);
        if key.is_none() {
            let fact = format!("\"{text}\" must be a slot for disks, such as virtio0 or scsi0");
            self.report.error(
                "invalid-value",
                Place::input(format!("vms[{index}].boot_disk")),
                fact,
            );
        }
        key
    }

    fn tags(&mut self, index: usize, vm: &Vm) -> BTreeSet<String> {
        for tag in vm.tags.iter().filter(|tag| !rule::TAG.accepts(tag)) {
            let fact = format!("\"{tag}\" must be {}", rule::TAG.must);
            self.report.error("invalid-value", Place::input(format!("vms[{index}].tags")), fact);
        }
        // Our tag is written with each mark and is not part of the document.
        vm.tags.iter().filter(|tag| !tag.eq_ignore_ascii_case(TAG)).cloned().collect()
    }

    fn images(
        &mut self,
        index: usize,
        vm: &Vm,
        explicit: &Settings,
    ) -> Option<BTreeMap<ConfigKey, Image>> {
        let named =
            explicit.0.keys().filter_map(|key| Some((*key, explicit.value(*key, "import")?)));
        let read = named.map(|(key, name)| {
            Some((key, self.image(vm, format!("vms[{index}].config.{key}.import"), name)?))
        });
        // All are read, to find every problem.
        read.collect::<Vec<_>>().into_iter().collect()
    }

    fn image(&mut self, vm: &Vm, field: String, name: &str) -> Option<Image> {
        if name.is_empty() {
            self.report.error("missing-field", Place::input(field), "is missing");
            return None;
        }
        let of_node = self.node_of(vm).and_then(|node| node.images.get(name));
        let volid = match (of_node, self.deployment.images.get(name)) {
            // It is checked with the nodes.
            (Some(text), _) => Some(text.parse().ok()?),
            (None, Some(text)) => Some(self.volid(format!("images.{name}"), text)?),
            // It may not matter: an existing disk needs no image.
            (None, None) => None,
        };
        let pending = self.deployment.images_pending.get(name).copied();
        Some(Image { name: name.to_owned(), pending: pending.filter(|_| volid.is_some()), volid })
    }

    /// Reads the volid of an image, which must be one that PVE imports from.
    pub(super) fn volid(&mut self, field: String, text: &str) -> Option<Volid> {
        let place = Place::input(field);
        match Volid::from_str(text) {
            Ok(volid) if volid.content() == Some("iso") => {
                self.report.push(iso_image(place, text));
                None
            }
            Ok(volid) => Some(volid),
            Err(bad) => {
                self.report.error("invalid-value", place, bad.to_string());
                None
            }
        }
    }

    fn seed(&mut self, index: usize, vm: &Vm) -> Option<Seed> {
        let (Some(user_data), Some(meta_data), Some(fingerprint)) =
            (&vm.user_data, &vm.meta_data, &vm.seed_fingerprint)
        else {
            if self.purpose == Purpose::Compare {
                return Some(Seed::not_rendered());
            }
            let missing = match (&vm.user_data, &vm.meta_data) {
                (None, _) => "user_data",
                (_, None) => "meta_data",
                _ => "seed_fingerprint",
            };
            let place = Place::input(format!("vms[{index}].{missing}"));
            let entry = Entry::error("missing-field", place, "is missing");
            self.report.push(entry.hint("add `cloudinit-render` to the pipe before pve-apply"));
            return None;
        };
        if !is_fingerprint(fingerprint) {
            let place = Place::input(format!("vms[{index}].seed_fingerprint"));
            self.report.error("invalid-value", place, "must be one word of letters and digits");
        }
        if let Some(problem) = rendered::problem(self.deployment, &self.inputs, index, vm) {
            self.report.push(problem);
        }
        Some(Seed {
            user_data: user_data.clone(),
            meta_data: meta_data.clone(),
            network_config: vm.network_config.clone().unwrap_or_default(),
            vendor_data: vm.vendor_data.clone().unwrap_or_default(),
            fingerprint: fingerprint.clone(),
            fields: self.fields.of(vm),
        })
    }
}

/// Returns what a create sends, except for the disks.
fn new(vm: &Vm, explicit: &Settings, flat: Settings, boot: ConfigKey) -> Settings {
    let mut new = explicit.clone();
    for (key, filled_in) in flat.0 {
        match (new.0.get_mut(&key), filled_in) {
            (Some(Setting::Parts(parts)), Setting::Parts(filled_in)) => {
                filled_in
                    .into_iter()
                    .for_each(|(name, value)| _ = parts.entry(name).or_insert(value));
            }
            (Some(_), _) => {}
            (None, filled_in) => _ = new.0.insert(key, filled_in),
        }
    }
    new.0.entry(boot).or_insert_with(|| Setting::Parts(BTreeMap::new()));
    let mut new = new.for_creation();
    for nic in vm.nics.iter().flatten() {
        let Some(key) = ConfigKey::find(&nic.slot) else { continue };
        let mac = key.key.part("macaddr").and_then(|part| part.kind.normal(&nic.mac));
        let is_explicit =
            explicit.value(key, "macaddr").is_some() || explicit.is_cancelled(key, "macaddr");
        if let (Some(Setting::Parts(parts)), Some(mac), false) =
            (new.0.get_mut(&key), mac, is_explicit)
        {
            parts.insert("macaddr", Some(mac));
        }
    }
    new
}

fn derived_macs(vm: &Vm) -> BTreeMap<ConfigKey, String> {
    let derived = vm.nics.iter().flatten().filter(|nic| nic.derived);
    derived.filter_map(|nic| Some((ConfigKey::find(&nic.slot)?, nic.mac.clone()))).gather()
}

/// A habit of older setups that PVE refuses only in the middle of a create.
fn iso_image(place: Place, volid: &str) -> Entry {
    // PVE: facts 17: `import-from` wants content `import` or `images`.
    Entry::error(
        "iso-content",
        place,
        format!("\"{volid}\" has content `iso`; PVE creates disks only from `import`"),
    )
    .hint("add the image to `image_sources` and let `image-publish` upload it as `import`")
}

/// Returns whether a text is one word of a mark, without the mark's delimiters.
fn is_fingerprint(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// A finding about `config` of the VM at an index of the document.
pub(crate) fn config_finding(index: usize, problem: &Problem) -> Entry {
    let part = problem.part.as_ref().map(|part| format!(".{part}")).unwrap_or_default();
    finding_at(format!("vms[{index}].config.{}{part}", problem.key), problem)
}

fn finding_at(field: String, problem: &Problem) -> Entry {
    let entry = Entry::error(problem.code, Place::input(field), problem.fact.clone());
    match &problem.hint {
        Some(hint) => entry.hint(hint.clone()),
        None => entry,
    }
}
