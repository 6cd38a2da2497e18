//! Nested PVE nodes: which of them make an API token for the VMs on them, and what keeps these VMs
//! from working. Does no I/O.

use crate::shape::CONFIG;
use crate::site::{Origin, Site, VmEntry, VmSet};
use crate::source::Span;
use crate::tree::{Spanned, Tree};
use stage::{Report, Vm};

/// The key of a manifest's node.
pub(super) const KEY: &str = "nested_pve";

/// CPU models that pass the host's own virtualization on to the guest.
// QEMU: docs/system/cpu-models-x86.rst.inc: no named model has vmx or svm.
const WITH_VIRTUALIZATION: [&str; 2] = ["host", "max"];

/// Returns whether a VM of a set is a nested PVE node.
fn is_nested(vm_set: &VmSet, vm_entry: &VmEntry) -> bool {
    vm_set.origin == Origin::Manifest && vm_entry.text("type").value() == Some(&"pve")
}

/// Returns whether a nested node makes a token although its site has a spec server.
pub(super) fn is_asked_for(tree: &Tree) -> bool {
    tree.get(KEY).and_then(Spanned::flag) == Some(true)
}

/// Sets whether the VM makes an API token at its first boot, and reports what does not fit. Call it
/// when the boot scenario is known.
pub(super) fn fill(
    site: &Site<'_>,
    (vm_set, vm_entry): (&VmSet, &VmEntry),
    tree: &Tree,
    (vm, report): (&mut Vm, &mut Report),
) {
    let node = Node { site, vm_entry, tree };
    if !is_nested(vm_set, vm_entry) {
        node.refuse_other_kind(report);
        return;
    }
    let set_beside = ["boot_scenario", "user_data_file"]
        .into_iter()
        .filter_map(|key| Some((key, tree.get(key).filter(|spanned| !spanned.is_null())?.at)))
        .next();
    let wanted = tree.get(KEY).and_then(Spanned::flag);
    vm.nested_pve = wanted != Some(false) && vm.boot_scenario.is_none() && set_beside.is_none();
    if let (true, Some((key, at))) = (is_asked_for(tree), set_beside) {
        node.refuse_both(key, at, report);
    }
    node.warn(report);
}

struct Node<'a> {
    site: &'a Site<'a>,
    vm_entry: &'a VmEntry,
    tree: &'a Tree,
}

impl Node<'_> {
    fn refuse_other_kind(&self, report: &mut Report) {
        let Some(spanned) = self.tree.get(KEY).filter(|_| is_asked_for(self.tree)) else { return };
        let fact = format!("`{KEY}: true` of {} requires `type: pve`", self.vm_entry.title());
        report.push(self.site.sources.error("invalid-value", spanned.at, fact));
    }

    fn refuse_both(&self, key: &str, at: Span, report: &mut Report) {
        let Some(spanned) = self.tree.get(KEY) else { return };
        let fact = format!("`{KEY}` cannot be combined with `{key}`");
        let entry = self.site.sources.error("exclusive-keys", spanned.at, fact);
        let first = self.site.sources.short(at);
        report.push(
            entry
                .note(format!("`{key}` is set at {first}"))
                .hint("remove one of the two, or set it to null"),
        );
    }

    /// Warns about settings that keep VMs on this node from starting, or from the network.
    fn warn(&self, report: &mut Report) {
        // Of several VMs of one entry, the first speaks for all.
        if self.vm_entry.offset() > 0 {
            return;
        }
        let option = |key: &str, option: &str| self.tree.find(&[CONFIG, key, option]);
        let name = self.vm_entry.name.value().map(String::as_str).unwrap_or_default();
        if let Some(spanned) = option("cpu", "cputype")
            && let Some(model) = spanned.text()
            && !WITH_VIRTUALIZATION.contains(&model)
            // Its flags are unknown here.
            && !model.starts_with("custom-")
            && !option("cpu", "flags").is_some_and(has_virtualization)
        {
            let fact = format!(
                "VMs on the nested node \"{name}\" cannot use KVM: CPU model \"{model}\" has no virtualization"
            );
            let entry = self.site.sources.warning("nested-cpu", spanned.at, fact);
            report.push(entry.hint("set `cpu: host` for the nested node"));
        }
        if let Some(spanned) = option("net0", "firewall")
            && spanned.flag() == Some(true)
        {
            let fact = format!(
                "VMs on the nested node \"{name}\" may have no network: with `firewall`, PVE drops frames with another MAC than the NIC's own"
            );
            let entry = self.site.sources.warning("nested-nic", spanned.at, fact);
            report.push(entry.hint(
                "set `firewall: false`, or turn off `macfilter` in the VM's firewall options",
            ));
        }
    }
}

/// Returns whether CPU flags add virtualization to a model: `+nested-virt` stands for the flag of the
/// host's vendor.
// PVE: qemu-server, CPUFlags.pm, since 9.1.
fn has_virtualization(flags: &Spanned) -> bool {
    let flags = flags.to_json(true);
    flags.as_array().is_some_and(|flags| flags.iter().any(|flag| flag == "+nested-virt"))
}
