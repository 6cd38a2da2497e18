//! One entry → one VM: merges layers, fills in defaults, validates. Does no I/O.

use super::cross::ConfigChecker;
use super::network::NicsOfVm;
use super::{
    OwnNode, ResolvedVm, boot_source, config, first_boot, guest, mac, nested, network, nic,
};
use crate::selection::DocumentOptions;
use crate::shape::CONFIG;
use crate::site::{BOOT_DISK, Merged, NodeFile, Origin, Site, Slot, VmEntry, VmSet};
use crate::source::Span;
use crate::tree::Spanned;
use stage::{Power, Report, Vm};

/// A bridge that every PVE installation has.
pub(crate) const BRIDGE: &str = "vmbr0";

/// PVE: a vmid is at most 999999999.
const MAX_VMID: u32 = 999_999_999;

/// Required keys of a VM that is created, and their paths in its tree.
const REQUIRED: [(&str, &[&str]); 4] = [
    ("`image`", &["image"]),
    ("`cores`", &[CONFIG, "cores"]),
    ("`memory`", &[CONFIG, "memory", "current"]),
    ("`disk`", &["disk"]),
];

/// Resolves the VMs of a set, in file order.
pub(super) fn resolve_all<'g>(
    site: &mut Site<'_>,
    vm_set: &'g VmSet,
    node: &NodeFile,
    options: &DocumentOptions,
) -> Vec<ResolvedVm<'g>> {
    let mut all = Vec::with_capacity(vm_set.entries.len());
    let mut cross = ConfigChecker::default();
    for (index, vm_entry) in vm_set.entries.iter().enumerate() {
        let merged = site.merge(vm_entry);
        let mut report = Report::new();
        let mut one = VmResolver { site, vm_set, vm_entry, merged: &merged, report: &mut report };
        let resolved = one.resolve(index, options);
        boot_source::check(site, vm_entry, &resolved.vm, &mut report);
        cross.check(site, (vm_entry, &merged), &resolved.vm, &mut report);
        all.push(resolved);
        site.report.extend(report);
    }
    mac::derive(&mac::MacDeriver::new(site, vm_set, node), &mut all);
    for ResolvedVm { vm, nics, .. } in &mut all {
        let first = nics.iter().find(|found| found.nic.slot == "net0");
        vm.mac = first.map(|found| found.nic.mac.clone()).unwrap_or_default();
        vm.nics = Some(nics.iter_mut().map(|found| std::mem::take(&mut found.nic)).collect());
    }
    all
}

struct VmResolver<'a, 'g> {
    site: &'a Site<'a>,
    vm_set: &'g VmSet,
    vm_entry: &'g VmEntry,
    merged: &'a Merged,
    report: &'a mut Report,
}

impl<'g> VmResolver<'_, 'g> {
    fn resolve(&mut self, index: usize, options: &DocumentOptions) -> ResolvedVm<'g> {
        let tree = &self.merged.tree;
        self.kind();
        self.missing();
        let nics = nic::find(self.site, self.vm_entry, tree, self.report);
        let on = NicsOfVm { site: self.site, vm_entry: self.vm_entry, tree, nics: &nics };
        let networks = network::used(&on, self.report);
        let first = nics.iter().find(|found| found.nic.slot == "net0");
        let counted = |slot: &str| {
            let found = nics.iter().find(|found| found.nic.slot == slot)?;
            Some(found.nic.mac.clone()).filter(|mac| !mac.is_empty())
        };
        let text = |path: &[&str]| tree.find(path).and_then(Spanned::text).map(str::to_owned);
        let number = |path: &[&str]| tree.find(path).and_then(Spanned::number);
        let texts = |key| tree.get(key).and_then(Spanned::texts).unwrap_or_default();
        let mut vm = Vm {
            name: self.vm_entry.name.value().cloned().unwrap_or_default(),
            renamed_from: self.vm_entry.renamed_from().value().cloned(),
            vmid: self.vmid(index),
            vmid_counted: self.has_counted_vmid(),
            cores: number(&[CONFIG, "cores"]),
            memory: number(&[CONFIG, "memory", "current"]),
            disk: number(&["disk"]),
            boot_disk: Some(self.merged.boot_disk.clone()).filter(|slot| slot != BOOT_DISK),
            bridge: text(&[CONFIG, "net0", "bridge"]).unwrap_or_else(|| BRIDGE.to_owned()),
            ip: first.and_then(|f| f.nic.ips.first().cloned()).unwrap_or_else(|| "dhcp".to_owned()),
            gateway: first.and_then(|found| found.gateway.clone()),
            vlan: number(&[CONFIG, "net0", "tag"]),
            config: Some(config::document(tree, counted)),
            power: self.power(),
            pool: text(&["pool"]),
            packages: texts("packages"),
            tags: texts("tags"),
            startup: config::text(tree, "startup"),
            datastore: text(&["datastore"]),
            ..Vm::default()
        };
        boot_source::fill(tree, &mut vm);
        let of_set = (self.vm_set, self.vm_entry);
        first_boot::fill(self.site, of_set, tree, options, (&mut vm, self.report));
        nested::fill(self.site, of_set, tree, (&mut vm, self.report));
        guest::fill(self.site, (self.vm_entry, tree), options, &mut vm, self.report);
        let at = |key| tree.get(key).map(|spanned: &Spanned| spanned.at);
        let has_spec = !vm.spec.is_empty();
        ResolvedVm {
            vm_entry: self.vm_entry,
            vm: Box::new(vm),
            own_node: OwnNode::of(tree, self.vm_entry.offset()),
            networks,
            nics,
            image_at: at("image"),
            template_at: boot_source::template_at(tree),
            password_at: at("password_hash"),
            first_boot_at: at("spec").filter(|_| has_spec).or_else(|| at("boot_scenario")),
            imports: self.imports(),
        }
    }

    /// Returns the images of disks other than the boot disk.
    fn imports(&self) -> Vec<(String, Span)> {
        let config = self.merged.tree.map(CONFIG).into_iter().flat_map(|config| config.iter());
        let imports = config.filter_map(|(_, spanned)| {
            let import = spanned.map()?.get("import")?;
            Some((import.text()?.to_owned(), import.at))
        });
        imports.collect()
    }

    /// Reports required keys that no layer sets.
    fn missing(&mut self) {
        let tree = &self.merged.tree;
        let is_from_template = boot_source::is_from_template(tree);
        if !is_from_template && tree.get("image").and_then(Spanned::text) == Some(Vm::NO_IMAGE) {
            return;
        }
        let mut names = Vec::new();
        for (name, path) in REQUIRED {
            // The template has both.
            if is_from_template && matches!(path, ["image"] | ["disk"]) {
                continue;
            }
            match tree.find(path) {
                Some(spanned) if spanned.is_null() => {
                    let fact = format!("{} has no {name}: it is null here", self.vm_entry.title());
                    let hint = "set a value, or remove the key to use the layer below";
                    self.report.push(
                        self.site.sources.error("missing-field", spanned.at, fact).hint(hint),
                    );
                }
                // A mapping without the option.
                Some(spanned) if spanned.map().is_some() => names.push(name),
                Some(_) => {}
                None => names.push(name),
            }
        }
        let slot = self.merged.boot_disk.as_str();
        if let Some(spanned) = tree.find(&[CONFIG, slot]).filter(|spanned| spanned.is_null()) {
            let fact =
                format!("`{slot}` is null, but it is the boot disk of {}", self.vm_entry.title());
            let entry = self.site.sources.error("boot-disk-named-twice", spanned.at, fact);
            self.report.push(entry.hint("set `boot_disk` to another slot, or remove this line"));
        }
        if self.merged.incomplete || names.is_empty() {
            return;
        }
        let fact = format!("{} has no {}", self.vm_entry.title(), names.join(", "));
        let mut entry = self.site.sources.error("missing-field", self.vm_entry.at, fact);
        for (what, name, at) in self.site.named_layers(self.vm_entry) {
            let place = self.site.sources.short(at);
            entry = entry.note(format!("not set in {what} \"{name}\" either, named at {place}"));
        }
        let preset = match self.vm_set.origin {
            Origin::Env => "`vm_preset`",
            Origin::Manifest => "`preset`",
            Origin::CommandLine => "`--preset`",
        };
        self.report.push(entry.hint(format!("set the missing keys, or use a {preset} that does")));
    }

    fn power(&self) -> Power {
        match self.merged.tree.get("started") {
            Some(spanned) if spanned.is_null() => Power::Any,
            Some(spanned) if spanned.flag() == Some(false) => Power::Stopped,
            _ => Power::Running,
        }
    }

    fn kind(&mut self) {
        if let Some((&"ct", at)) = self.vm_entry.text("type").set() {
            let fact = "containers (type ct) are not supported";
            self.report
                .push(self.site.sources.error("no-containers", at, fact).hint("use `type: vm`"));
        }
    }

    /// Returns whether the vmid depends on the VM's position, which changes when other VMs are
    /// added or removed.
    fn has_counted_vmid(&self) -> bool {
        match self.vm_entry.tree.number("vmid") {
            Slot::Set(..) => self.vm_entry.number.is_some(),
            Slot::Absent => self.vm_set.vmid_base.set().is_some(),
            _ => false,
        }
    }

    /// Returns the vmid. With `vmid_base`, VMs with their own vmid count, too.
    fn vmid(&mut self, index: usize) -> Option<u32> {
        let (own, base) = (self.vm_entry.tree.number("vmid"), self.vm_set.vmid_base.set());
        let offset = self.vm_entry.offset();
        let (vmid, key, at) = match (own, base) {
            (Slot::Absent, Some((base, at))) => (counted_vmid(*base, index), "vmid_base", at),
            (Slot::Set(vmid, at), _) => (vmid.checked_add(offset), "vmid", at),
            _ => return None,
        };
        let is_none = |vmid: Option<u32>| vmid.is_none_or(|vmid| vmid > MAX_VMID);
        let is_reported = key == "vmid" && offset > 0 && is_none(vmid.map(|vmid| vmid - 1));
        // Report only the first VM of an entry.
        if is_none(vmid) && !is_reported {
            let fact = format!("`{key}` leaves no vmid for {}", self.vm_entry.title());
            self.report.push(self.site.sources.error("numbers-exhausted", at, fact));
        }
        vmid
    }
}

/// Returns the vmid that `vmid_base` gives to the VM at `index`.
pub(crate) fn counted_vmid(base: u32, index: usize) -> Option<u32> {
    base.checked_add(u32::try_from(index).ok()?)
}
