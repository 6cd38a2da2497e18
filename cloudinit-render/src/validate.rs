//! Checks the document's values, except for those of a VM's `cloud_init`. Does no I/O.

use crate::guest::Guests;
use crate::nic::{self, Nic};
use stage::guest::{self, Rule};
use stage::{Deployment, Entry, Place, Report, Vm};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;
use std::fmt::Display;

/// Reports each value that cannot be made safe or cannot work. Returns the NICs of each VM.
pub(crate) fn deployment(
    deployment: &Deployment,
    guests: &Guests<'_>,
    report: &mut Report,
) -> Vec<Vec<Nic>> {
    let mut check = Check { report };
    check.rule("automation_user", &deployment.automation_user, guest::user);
    let hash = deployment.root_password.expose();
    if !hash.is_empty() {
        check.hash("root_password", hash);
    }
    check.ssh_keys("ssh_keys", &deployment.ssh_keys);
    if !deployment.spec_server.is_empty() {
        check.rule("spec_server", &deployment.spec_server, guest::server);
        // Without TLS a pin would look secure and do nothing.
        let pinned = guests.kinds().iter().any(|guest| guest.additions.pins_server());
        if pinned && deployment.spec_server.starts_with("http://") {
            let fact = "must start with https://, because its certificate is pinned";
            check.report.error("fingerprint-without-https", Place::input("spec_server"), fact);
        }
    }
    let mut nics = Vec::with_capacity(deployment.vms.len());
    let mut locked = false;
    for (index, vm) in deployment.vms.iter().enumerate() {
        check.vm(format_args!("vms[{index}]"), vm);
        nics.push(nic::read(vm, index, check.report));
        if !deployment.spec_server.is_empty() {
            check.has_token(index, vm);
        }
        check.ineffective(index, vm);
        let (_, guest) = guests.of(index);
        let hash = guest.password_hash.unwrap_or(guest.root_hash);
        if guest.ssh_keys.is_empty() && hash.is_empty() && vm.custom_user_data.is_none() {
            locked |= vm.ssh_keys.is_none();
            if vm.ssh_keys.is_some() {
                check.no_login(format!("vms[{index}].ssh_keys"));
            }
        }
    }
    if locked {
        check.no_login("ssh_keys".to_owned());
    }
    check.names(deployment, guests);
    nics
}

/// Checks values. The name of a field is formatted only for a finding.
struct Check<'a> {
    report: &'a mut Report,
}

impl Check<'_> {
    /// Checks a value that must not be shown, or does not need to be.
    fn rule(&mut self, field: impl Display, text: &str, rule: fn(&str) -> Rule) {
        if let Err(fact) = rule(text) {
            self.report.error("invalid-value", Place::input(field.to_string()), fact);
        }
    }

    /// Checks a value that may be shown.
    fn shown(&mut self, field: impl Display, text: &str, rule: fn(&str) -> Rule) {
        if let Err(fact) = rule(text) {
            self.report.error(
                "invalid-value",
                Place::input(field.to_string()),
                format!("\"{text}\" {fact}"),
            );
        }
    }

    fn hash(&mut self, field: impl Display, hash: &str) {
        let place = || Place::input(field.to_string());
        let entry = match guest::password_hash(hash) {
            Err(fact) => Entry::error("invalid-hash", place(), fact),
            Ok(()) if guest::is_weak_hash(hash) => {
                let fact = "is an MD5 hash, which is easy to crack and which newer guests refuse";
                Entry::warning("weak-hash", place(), fact)
            }
            Ok(()) => return,
        };
        self.report.push(entry.hint(guest::HASH_HINT));
    }

    fn ssh_keys(&mut self, list: impl Display, keys: &[String]) {
        for (index, key) in keys.iter().enumerate() {
            let field = format_args!("{list}[{index}]");
            self.rule(field, key, guest::ssh_key);
        }
    }

    fn no_login(&mut self, field: String) {
        let fact = "is empty and root has no password; nobody can log in";
        self.report.push(Entry::warning("no-login", Place::input(field), fact));
    }

    /// Reports duplicate names and host names.
    fn names(&mut self, deployment: &Deployment, guests: &Guests<'_>) {
        let (mut names, mut hosts) = (BTreeMap::new(), BTreeMap::new());
        for (index, vm) in deployment.vms.iter().enumerate() {
            let place = || Place::input(format!("vms[{index}].name"));
            if let Some(first) = names.insert(vm.name.as_str(), index) {
                let fact = format!("\"{}\" is already the name of vms[{first}]", vm.name);
                self.report.error("duplicate-name", place(), fact);
                continue;
            }
            let Ok(host) = guest::host_name_of(&vm.name) else { continue };
            let full = guests.of(index).1.full_name(vm, &host);
            match hosts.entry(full.unwrap_or_else(|| host.whole().to_owned())) {
                Slot::Vacant(free) => _ = free.insert(index),
                Slot::Occupied(taken) => {
                    let fact = format!(
                        "\"{}\" is already the host name of vms[{}]",
                        taken.key(),
                        taken.get()
                    );
                    self.report.error("duplicate-host-name", place(), fact);
                }
            }
        }
    }

    /// Warns of fields that have no effect because the VM's user-data was written by hand.
    fn ineffective(&mut self, index: usize, vm: &Vm) {
        if vm.custom_user_data.is_none() {
            return;
        }
        let lost: Vec<_> = [
            ("packages", !vm.packages.is_empty()),
            ("spec", !vm.spec.is_empty()),
            ("boot_scenario", vm.boot_scenario.is_some()),
            ("nested_pve", vm.nested_pve),
            ("user", vm.user.is_some()),
            ("password_hash", vm.password_hash.is_some()),
            ("ssh_keys", vm.ssh_keys.is_some()),
            ("cloud_init", !vm.cloud_init.is_empty()),
        ]
        .into_iter()
        .filter_map(|(field, is_set)| is_set.then_some(field))
        .collect();
        if !lost.is_empty() {
            let place = Place::input(format!("vms[{index}].custom_user_data"));
            let fact = format!(
                "replaces all user-data of \"{}\"; these fields have no effect: {}",
                vm.name,
                lost.join(", ")
            );
            self.report.push(Entry::warning("user-data-replaced", place, fact));
        }
    }

    /// Reports a VM with a spec or a boot scenario and no token: it would boot and never set itself
    /// up.
    fn has_token(&mut self, index: usize, vm: &Vm) {
        let custom = vm.custom_user_data.is_some();
        let what = match (&vm.spec, &vm.boot_scenario) {
            (spec, _) if !spec.is_empty() => "a `spec` to fetch",
            (_, Some(_)) => "a `boot_scenario`",
            (_, None) => return,
        };
        if custom || !vm.auth_token.expose().is_empty() {
            return;
        }
        let place = Place::input(format!("vms[{index}].auth_token"));
        let fact = format!("is required: \"{}\" has {what}", vm.name);
        let hint = "run `mint-token` before cloudinit-render in the pipe";
        self.report.push(Entry::error("missing-token", place, fact).hint(hint));
    }

    fn vm(&mut self, path: impl Display, vm: &Vm) {
        let name = |text: &str| guest::host_name_of(text).map(drop);
        self.shown(format_args!("{path}.name"), &vm.name, name);
        for (index, package) in vm.packages.iter().enumerate() {
            self.shown(format_args!("{path}.packages[{index}]"), package, guest::package);
        }
        if let Some(user) = &vm.user {
            self.shown(format_args!("{path}.user"), user, guest::user);
        }
        if let Some(hash) = &vm.password_hash {
            self.hash(format_args!("{path}.password_hash"), hash.expose());
        }
        self.ssh_keys(format_args!("{path}.ssh_keys"), vm.ssh_keys.as_deref().unwrap_or_default());
        for (index, address) in vm.dns_servers.iter().flatten().enumerate() {
            self.shown(format_args!("{path}.dns_servers[{index}]"), address, guest::address);
        }
        for (index, domain) in vm.search_domains.iter().flatten().enumerate() {
            self.shown(format_args!("{path}.search_domains[{index}]"), domain, guest::host_name);
        }
        if let Some(scenario) = &vm.boot_scenario {
            self.shown(format_args!("{path}.boot_scenario"), scenario, guest::boot_scenario);
        }
        self.rule(format_args!("{path}.auth_token"), vm.auth_token.expose(), guest::token);
    }
}
