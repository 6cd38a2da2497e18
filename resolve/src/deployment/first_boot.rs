//! What a VM sets itself up as at its first boot: its spec, its boot scenario, and the server that has
//! both. Does no I/O.

use super::{ResolvedVm, nested};
use crate::selection::DocumentOptions;
use crate::shape::{POSTURE, SERVER};
use crate::site::{Origin, SPECS, Site, SiteConfig, Slot, VmEntry, VmSet};
use crate::source::Span;
use crate::tree::{Spanned, Tree};
use stage::guest::{PVE_CONFIG, VM_CONFIG};
use stage::{Entry, Place, Report, Vm, shown};
use std::collections::BTreeSet;

/// How to replace first-boot data of the oldest layout.
const WAY_OVER: &str =
    "set `spec: NAME` for VMs that set themselves up, and `spec: null` for the others";

/// Returns the spec server of the VMs, if there is one.
pub(super) fn server(config: &SiteConfig, options: &DocumentOptions) -> Option<String> {
    let given = options.spec_server.as_ref().map(|given| &given.value);
    given.or(config.server_url.value()).filter(|url| !url.is_empty()).cloned()
}

/// Returns whether a VM needs a spec server at its first boot.
pub(super) fn needs_server(vm: &Vm) -> bool {
    !vm.spec.is_empty() || vm.boot_scenario.is_some()
}

/// Fills in the spec and the boot scenario.
pub(super) fn fill(
    site: &Site<'_>,
    (vm_set, vm_entry): (&VmSet, &VmEntry),
    tree: &Tree,
    options: &DocumentOptions,
    (vm, report): (&mut Vm, &mut Report),
) {
    let own = vm_entry.mode();
    let default = vm_set.default_mode.value().map(String::as_str);
    let mode = if own == Slot::Absent { default } else { own.value().copied() };
    // A configuration that is pushed would race with one that is fetched.
    let is_pushed = mode == Some("push");
    // The manifest's default does not apply to a nested PVE node, as in the reference's executor.
    let is_node_pushed = own.value() == Some(&"push");
    let scenario = match tree.get("boot_scenario") {
        Some(spanned) => spanned.text(),
        None => is_default_scenario(site, vm_set, vm_entry, tree, options).then_some(PVE_CONFIG),
    };
    let is_left_out = if scenario == Some(PVE_CONFIG) { is_node_pushed } else { is_pushed };
    vm.boot_scenario = scenario.filter(|_| !is_left_out).map(str::to_owned);
    // A PVE node sets itself up without its spec.
    if !is_pushed && vm.boot_scenario.as_deref() != Some(PVE_CONFIG) {
        vm.spec = tree.get("spec").and_then(Spanned::text).unwrap_or_default().to_owned();
    }
    if let (Some(VM_CONFIG), "", Some(spanned)) =
        (vm.boot_scenario.as_deref(), vm.spec.as_str(), tree.get("boot_scenario"))
        && tree.get("spec").is_none_or(Spanned::is_null)
    {
        let fact = format!("`boot_scenario: vm-config` of {} requires a `spec`", vm_entry.title());
        report.push(site.sources.error("missing-field", spanned.at, fact));
    }
}

/// Returns whether a VM that sets no boot scenario is a nested PVE node that sets itself up.
///
/// The reference does this since it calls the server `server_url` (both came with the same release).
/// A site that still writes `spec_server` has a server without that scenario.
fn is_default_scenario(
    site: &Site<'_>,
    vm_set: &VmSet,
    vm_entry: &VmEntry,
    tree: &Tree,
    options: &DocumentOptions,
) -> bool {
    let is_newest = !site.config.server_url.at().is_some_and(|at| site.is_former(at));
    vm_set.origin == Origin::Manifest
        && vm_entry.text("type").value() == Some(&"pve")
        && vm_entry.mode().value() != Some(&"push")
        && tree.get("user_data_file").is_none_or(Spanned::is_null)
        && !nested::is_asked_for(tree)
        && is_newest
        && server(&site.config, options).is_some()
}

/// Reports what keeps VMs from setting themselves up.
pub(super) fn check(
    site: &mut Site<'_>,
    vm_set: &VmSet,
    all: &[ResolvedVm<'_>],
    options: &DocumentOptions,
) {
    if let Some(given) = &options.spec_server
        && !given.value.is_empty()
        && !SERVER.accepts(&given.value)
    {
        let fact = format!("must be {}, not \"{}\"", SERVER.must, shown::address(&given.value));
        site.report.push(Entry::error("invalid-value", Place::Named(given.by.clone()), fact));
    }
    if server(&site.config, options).is_none() {
        if options.spec_server.is_none() && !site.config.server_url.is_invalid() {
            without_server(site, all);
        }
        return;
    }
    let missed = all.iter().filter(|resolved| is_missed(site, vm_set, resolved));
    let missed: BTreeSet<String> = missed.map(|resolved| resolved.vm.name.clone()).collect();
    match posture_tokens(site, vm_set, &missed) {
        Some(entry) => site.report.push(entry),
        None => site.first_boots.missed.extend(missed),
    }
    site.first_boots.some |= all.iter().any(|resolved| needs_server(&resolved.vm));
    site.first_boots.server = options.spec_server.as_ref().map(|given| given.by.clone());
}

/// Warns about specs that no VM can fetch: most likely, `server_url` was forgotten.
fn without_server(site: &mut Site<'_>, all: &[ResolvedVm<'_>]) {
    let lost = all.iter().filter(|resolved| needs_server(&resolved.vm));
    let of_spec = |resolved: &ResolvedVm<'_>| !resolved.vm.spec.is_empty();
    let places: BTreeSet<_> =
        lost.filter_map(|resolved| Some((resolved.first_boot_at?, of_spec(resolved)))).collect();
    for (at, of_spec) in places {
        let what = if of_spec { "fetch this spec" } else { "carry out this boot scenario" };
        let fact = format!("no VM can {what}: the site has no `server_url`");
        let entry = site.sources.warning("spec-without-server", at, fact);
        site.report.push(entry.hint("set `server_url` under `defaults` in site.yaml"));
    }
}

/// Returns whether a VM does not set itself up, although nothing says so: no `spec: null`, no
/// `execution: push`, no user-data of its own.
fn is_missed(site: &Site<'_>, vm_set: &VmSet, resolved: &ResolvedVm<'_>) -> bool {
    let layers = site.layers(resolved.vm_entry).highest_first();
    let sets = |key: &str| layers.iter().any(|(_, layer)| layer.get(key).is_some());
    let own = resolved.vm_entry.mode();
    let mode = own.value().copied().or(vm_set.default_mode.value().map(String::as_str));
    !needs_server(&resolved.vm)
        && resolved.vm.is_created()
        && mode != Some("push")
        && !["spec", "boot_scenario", "user_data_file"].into_iter().any(sets)
}

/// Returns the warning about tokens that the posture of an env gave its VMs in the oldest layout; these
/// VMs get nothing else.
fn posture_tokens(site: &mut Site<'_>, vm_set: &VmSet, missed: &BTreeSet<String>) -> Option<Entry> {
    if missed.is_empty() {
        return None;
    }
    let (name, at) = match vm_set.posture.set() {
        Some((name, at)) => (name.clone(), Some(at)),
        None if vm_set.posture.is_invalid() => return None,
        None => ("dev".to_owned(), None),
    };
    let file = ["v2/postures", "postures"]
        .iter()
        .filter(|folder| vm_set.origin == Origin::Env || folder.starts_with("v2/"))
        .find_map(|folder| site.sources.find(&format!("{folder}/{name}.yaml")))?;
    let tree = site.read(file, &POSTURE)?;
    let method = tree.find(&["auth", "method"])?;
    let token = method.text().filter(|method| method.ends_with("_token"))?;
    let at: Span = at.unwrap_or(method.at);
    let fact =
        format!("the {token} of posture \"{name}\" is not used, so its VMs get no first-boot data");
    Some(with_way_over(site, site.sources.warning("token-of-posture", at, fact), missed))
}

/// Warns about a spec server that no VM of a document or of the site uses. Call it after all of these
/// VMs have been resolved.
pub(crate) fn check_first_boots(site: &mut Site<'_>, of: &str) {
    let first_boots = std::mem::take(&mut site.first_boots);
    if first_boots.some || first_boots.missed.is_empty() {
        return;
    }
    let place = match (&first_boots.server, site.config.server_url.at()) {
        (Some(by), _) => Place::Named(by.clone()),
        (None, Some(at)) => site.sources.place(at),
        (None, None) => return,
    };
    let fact = format!(
        "no VM of this {of} has a `spec`, so none fetches its first-boot data from this server"
    );
    let entry = Entry::warning("server-without-spec", place, fact);
    let entry = with_way_over(site, entry, &first_boots.missed);
    site.report.push(entry);
}

/// Adds how to replace first-boot data of the oldest layout, where a VM's spec had the VM's name.
fn with_way_over(site: &Site<'_>, entry: Entry, missed: &BTreeSet<String>) -> Entry {
    let specs = site.names(&SPECS);
    let entry = match missed.iter().find(|name| specs.contains(&name.as_str())) {
        Some(name) => {
            let fact =
                format!("in the oldest layout, VM \"{name}\" got spec \"{name}\" by its name");
            entry.note(fact)
        }
        None => entry,
    };
    entry.hint(WAY_OVER)
}
