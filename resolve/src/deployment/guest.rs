//! What the guest gets: user and keys, cloud-config, or custom user-data. Does no I/O.

use crate::json;
use crate::selection::DocumentOptions;
use crate::shape::CLOUD_INIT;
use crate::site::{Site, VmEntry};
use crate::tree::{Spanned, Tree};
use stage::{Report, Secret, Vm, shown};

/// Fields that are rendered into user-data, so they have no effect with custom user-data.
const RENDERED: [&str; 5] = ["packages", "cloud_init", "user", "password_hash", "ssh_keys"];

/// Fills in the fields for the guest.
pub(super) fn fill(
    site: &Site<'_>,
    (vm_entry, tree): (&VmEntry, &Tree),
    options: &DocumentOptions,
    vm: &mut Vm,
    report: &mut Report,
) {
    vm.dns_servers = tree.get("dns_servers").and_then(Spanned::texts);
    vm.search_domains = tree.get("search_domains").and_then(Spanned::texts);
    vm.user = tree.get("user").and_then(Spanned::text).map(str::to_owned);
    let hash = tree.get("password_hash").and_then(Spanned::text).filter(|hash| !hash.is_empty());
    vm.password_hash = hash.filter(|_| options.secrets).map(|hash| Secret::new(hash.to_owned()));
    let keys = tree.get("ssh_keys").and_then(Spanned::texts);
    vm.ssh_keys = keys.map(|keys| keys.iter().filter_map(|key| site.ssh_key(key)).collect());
    if let Some(cloud_init) = tree.map("cloud_init") {
        vm.cloud_init = cloud_init.to_json(false);
        if !options.secrets {
            json::mask(&mut vm.cloud_init, &CLOUD_INIT);
        }
    }
    let mut read = |key: &str| file(site, tree.get(key)?, options, report);
    vm.custom_user_data = read("user_data_file");
    vm.custom_vendor_data = read("vendor_data_file");
    if let Some(spanned) = tree.get("user_data_file").filter(|spanned| spanned.text().is_some()) {
        report_replaced(site, (vm_entry, tree), spanned, vm, report);
    }
}

/// Returns a file of the site that the guest gets unchanged.
fn file(
    site: &Site<'_>,
    spanned: &Spanned,
    options: &DocumentOptions,
    report: &mut Report,
) -> Option<Secret<String>> {
    let path = spanned.text()?;
    match site.sources.referenced_file(path) {
        Ok(text) if options.secrets => Some(Secret::new((*text).to_owned())),
        Ok(_) => Some(Secret::new(shown::MASK.to_owned())),
        Err(unreadable) => {
            let fact = format!("{} {}", site.sources.path_of(path), unreadable.fact);
            report.push(site.sources.error("unreadable", spanned.at, fact));
            None
        }
    }
}

/// Reports fields that custom user-data replaces.
fn report_replaced(
    site: &Site<'_>,
    (vm_entry, tree): (&VmEntry, &Tree),
    spanned: &Spanned,
    vm: &Vm,
    report: &mut Report,
) {
    let title = vm_entry.title();
    let first_boot = match (vm.spec.as_str(), &vm.boot_scenario) {
        ("", Some(_)) => Some(("boot_scenario", "does not carry out the boot scenario")),
        ("", None) => None,
        _ => Some(("spec", "does not fetch the spec")),
    };
    if let Some((key, lacks)) = first_boot {
        let at = tree.get(key).map_or(spanned.at, |spanned| spanned.at);
        let fact = format!("{title} has custom user-data, which {lacks}");
        let first = site.sources.short(spanned.at);
        let entry = site
            .sources
            .error("spec-without-bootstrap", at, fact)
            .note(format!("`user_data_file` is set at {first}"));
        report.push(entry.hint("set one of the two to null"));
    }
    let set = |name: &&str| tree.get(name).is_some_and(|spanned| !spanned.is_null());
    let names: Vec<String> =
        RENDERED.iter().filter(|name| set(name)).map(|name| format!("`{name}`")).collect();
    if !names.is_empty() {
        let names = names.join(", ");
        let fact = format!("custom user-data of {title} replaces {names}");
        report.push(site.sources.warning("user-data-replaced", spanned.at, fact));
    }
}
