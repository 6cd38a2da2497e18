//! One machine → one VM: its layers merged, its defaults filled in, its addresses judged.
//! Does no I/O.

use super::{Resolved, Stack, address};
use crate::site::{Group, Machine, Origin, Site, Slot};
use crate::source::Span;
use sha2::{Digest, Sha256};
use stage::{Report, Vm};

/// The bridge that every PVE installation has.
pub(crate) const BRIDGE: &str = "vmbr0";

/// PVE: a vmid is at most 999999999.
const MAX_VMID: u32 = 999_999_999;

/// Resolves the machines of a group, in the order in which they are to be made.
pub(super) fn resolve_all<'g>(
    site: &mut Site<'_>,
    group: &'g Group,
    node: &str,
) -> Vec<Resolved<'g>> {
    let mut report = Report::new();
    let vms = group.machines.iter().enumerate().map(|(index, machine)| {
        let mut one =
            One { site, group, machine, stack: Stack::of(site, machine), report: &mut report };
        one.resolve(index, node)
    });
    let vms = vms.collect();
    site.report.extend(report);
    vms
}

struct One<'a, 'g> {
    site: &'a Site<'a>,
    group: &'g Group,
    machine: &'g Machine,
    stack: Stack<'a>,
    report: &'a mut Report,
}

impl<'a, 'g> One<'a, 'g> {
    fn resolve(&mut self, index: usize, node: &str) -> Resolved<'g> {
        let stack = self.stack;
        let name = self.machine.name.value().cloned().unwrap_or_default();
        let image = stack.pick(|l| &l.image);
        let gateway = self.gateway();
        let ip = stack.pick(|l| &l.ip);
        address::check(self.site, self.machine, ip, gateway, self.report);
        self.kind();
        self.missing();
        let vm = Vm {
            vmid: self.vmid(index),
            image: image.value().cloned().unwrap_or_default(),
            cores: number(stack.pick(|l| &l.cores)),
            memory: number(stack.pick(|l| &l.memory)),
            disk: number(stack.pick(|l| &l.disk)),
            bridge: self.bridge(),
            ip: ip.value().cloned().unwrap_or_else(|| "dhcp".to_owned()),
            gateway: gateway.value().cloned(),
            vlan: stack.pick(|l| &l.vlan).value().copied(),
            mac: match self.machine.mac.value() {
                Some(mac) => mac.to_lowercase(),
                None => derive_mac(node, self.group.deployment(), &name),
            },
            packages: stack.pick(|l| &l.packages).value().cloned().unwrap_or_default(),
            tags: stack.pick(|l| &l.tags).value().cloned().unwrap_or_default(),
            startup: stack.pick(|l| &l.startup).value().cloned(),
            datastore: stack.pick(|l| &l.datastore).value().cloned(),
            spec: self.spec(),
            name,
            ..Vm::default()
        };
        Resolved { machine: self.machine, vm, ip_at: ip.at(), image_at: image.at() }
    }

    /// What no layer says and nothing can be assumed for.
    fn missing(&mut self) {
        let stack = self.stack;
        let unsaid = [
            ("`image`", unsaid(stack.pick(|l| &l.image))),
            ("`cores`", unsaid(stack.pick(|l| &l.cores))),
            ("`memory`", unsaid(stack.pick(|l| &l.memory))),
            ("`disk`", unsaid(stack.pick(|l| &l.disk))),
        ];
        for (name, at) in unsaid.iter().filter_map(|(name, u)| Some((name, (*u)??))) {
            let fact = format!("{} has no {name}: it is null here", self.machine.title());
            let hint = "give a value, or remove the key: then the layer below decides";
            self.report.push(self.site.sources.error(at, fact).hint(hint));
        }
        let names: Vec<&str> =
            unsaid.iter().filter(|(_, u)| *u == Some(None)).map(|(name, _)| *name).collect();
        if stack.broken || names.is_empty() {
            return;
        }
        let fact = format!("{} has no {}", self.machine.title(), names.join(", "));
        let mut entry = self.site.sources.error(self.machine.at, fact);
        for (what, slot) in [("template", &self.machine.template), ("preset", self.preset_slot())] {
            if let Some((layer, at)) = slot.set() {
                let place = self.site.sources.short(at);
                entry = entry.note(format!("nor has {what} \"{layer}\", named at {place}"));
            }
        }
        let preset = match self.group.origin {
            Origin::Env => "`vm_preset`",
            Origin::Manifest => "`preset`",
            Origin::CommandLine => "`--preset`",
        };
        self.report.push(entry.hint(format!("set what is missing, or name a {preset} that does")));
    }

    /// A VM whose configuration is pushed does not fetch a spec too: the two would race.
    fn spec(&self) -> String {
        let said = &self.machine.mode;
        let mode = if said.is_absent() { &self.group.default_mode } else { said };
        if mode.value().is_some_and(|mode| mode == "push") {
            return String::new();
        }
        self.stack.pick(|l| &l.spec).value().cloned().unwrap_or_default()
    }

    fn kind(&mut self) {
        if let Some(("ct", at)) = self.machine.kind.set().map(|(kind, at)| (kind.as_str(), at)) {
            let fact = "no stage makes containers (type ct)";
            self.report.push(self.site.sources.error(at, fact).hint("make it a vm"));
        }
    }

    fn preset_slot(&self) -> &Slot<String> {
        match self.site.template(&self.machine.template) {
            Some(template) => &template.preset,
            None => &self.machine.preset,
        }
    }

    /// An env counts its entries, those with a vmid of their own too.
    fn vmid(&mut self, index: usize) -> Option<u32> {
        match (&self.machine.vmid, &self.group.vmid_base) {
            (Slot::Absent, Slot::Set(base, at)) => {
                let vmid = counted_vmid(*base, index);
                if vmid.is_none_or(|vmid| vmid > MAX_VMID) {
                    let fact = format!("`vmid_base` leaves no vmid for {}", self.machine.title());
                    self.report.push(self.site.sources.error(*at, fact));
                }
                vmid
            }
            (slot, _) => slot.value().copied(),
        }
    }

    fn bridge(&self) -> String {
        let said = self.stack.pick(|l| &l.bridge);
        let said = if said.is_absent() { &self.site.whole.bridge } else { said };
        said.value().cloned().unwrap_or_else(|| BRIDGE.to_owned())
    }

    /// The site's gateway is copied to every VM that says nothing of one, DHCP or not.
    fn gateway(&self) -> &'a Slot<String> {
        let said = self.stack.pick(|l| &l.gateway);
        if said.is_absent() { &self.site.whole.gateway } else { said }
    }
}

/// The vmid that `vmid_base` gives to the entry at `index`.
pub(crate) fn counted_vmid(base: u32, index: usize) -> Option<u32> {
    base.checked_add(u32::try_from(index).ok()?)
}

/// A number that the document always has; a missing one is an error by then.
fn number(slot: &Slot<u32>) -> Option<u32> {
    Some(slot.value().copied().unwrap_or_default())
}

/// Says whether a slot leaves a field open, and where it does so by null.
fn unsaid<T>(slot: &Slot<T>) -> Option<Option<Span>> {
    match slot {
        Slot::Absent => Some(None),
        Slot::Null(at) => Some(Some(*at)),
        Slot::Bad(_) | Slot::Set(..) => None,
    }
}

/// A MAC that stays the same through destroy and apply: docs/decisions/0007.
pub(crate) fn derive_mac(node: &str, deployment: &str, name: &str) -> String {
    let sum = Sha256::digest(format!("{node}/{deployment}/{name}"));
    let bytes = sum.iter().take(5).map(|byte| format!(":{byte:02x}"));
    format!("02{}", bytes.collect::<String>())
}

/// Where a machine's own field stands, or the machine.
pub(super) fn place_of<T>(machine: &Machine, slot: &Slot<T>) -> Span {
    slot.at().unwrap_or(machine.at)
}
