//! The document's own values against the rules. Does no I/O.

use crate::additions::Additions;
use crate::nic;
use stage::guest::{self, Rule};
use stage::{Deployment, Entry, Place, Report, Vm};
use std::collections::BTreeMap;
use std::fmt::Display;

/// Reports each value that cannot be made safe or cannot work.
pub(crate) fn deployment(deployment: &Deployment, additions: &Additions, report: &mut Report) {
    let mut check = Check { report };
    check.rule("automation_user", &deployment.automation_user, guest::user);
    let hash = deployment.root_password.expose();
    if !hash.is_empty() {
        check.rule("root_password", hash, guest::password_hash);
    }
    for (index, key) in deployment.ssh_keys.iter().enumerate() {
        let field = format!("ssh_keys[{index}]");
        check.rule(&field, key, guest::ssh_key);
        if guest::ssh_key(key).is_ok() && !guest::looks_like_key(key) {
            let fact = "is no public key that sshd knows; nobody can log in with it";
            check.report.push(Entry::warning(Place::input(field), fact));
        }
    }
    if deployment.ssh_keys.is_empty() && hash.is_empty() && !deployment.vms.is_empty() {
        let fact = "is empty and root has no password; nobody can log in";
        check.report.push(Entry::warning(Place::input("ssh_keys"), fact));
    }
    if !deployment.spec_server.is_empty() {
        check.rule("spec_server", &deployment.spec_server, guest::server);
        // A pin on a connection without TLS would look like safety and be none.
        if additions.pins_server() && deployment.spec_server.starts_with("http://") {
            let fact = "must begin with https://, since its certificate is pinned";
            check.report.error(Place::input("spec_server"), fact);
        }
    }
    let (mut seen, mut hosts) = (BTreeMap::new(), BTreeMap::new());
    for (index, vm) in deployment.vms.iter().enumerate() {
        check.vm(format_args!("vms[{index}]"), vm);
        nic::read(vm, index, check.report);
        if !deployment.spec_server.is_empty() {
            check.has_token(index, vm);
        }
        if let Some(first) = seen.insert(vm.name.as_str(), index) {
            let fact = format!("\"{}\" is the name of vms[{first}] too", vm.name);
            check.report.error(Place::input(format!("vms[{index}].name")), fact);
        } else if let Ok(host) = guest::host_name_of(&vm.name) {
            let host = host.full(additions.domain.as_deref()).unwrap_or(host.whole().to_owned());
            if let Some(first) = hosts.get(&host) {
                let fact = format!("\"{host}\" is the host name of vms[{first}] too");
                check.report.error(Place::input(format!("vms[{index}].name")), fact);
            } else {
                hosts.insert(host, index);
            }
        }
    }
}

/// Checks values. A field is written out only when there is something to say of it.
struct Check<'a> {
    report: &'a mut Report,
}

impl Check<'_> {
    /// Checks a value that may not be shown, or whose place says enough.
    fn rule(&mut self, field: impl Display, text: &str, rule: fn(&str) -> Rule) {
        if let Err(fact) = rule(text) {
            self.report.error(Place::input(field.to_string()), fact);
        }
    }

    /// Checks a value that may be shown.
    fn shown(&mut self, field: impl Display, text: &str, rule: fn(&str) -> Rule) {
        if let Err(fact) = rule(text) {
            self.report.error(Place::input(field.to_string()), format!("\"{text}\" {fact}"));
        }
    }

    /// Without its token, a VM would boot and never fetch the spec that it has.
    fn has_token(&mut self, index: usize, vm: &Vm) {
        if vm.spec.is_empty() || !vm.auth_token.expose().is_empty() {
            return;
        }
        let place = Place::input(format!("vms[{index}].auth_token"));
        let fact = format!("is required: \"{}\" has a `spec` to fetch", vm.name);
        let hint = "put `mint-token` into the pipe before cloudinit-render";
        self.report.push(Entry::error(place, fact).hint(hint));
    }

    fn vm(&mut self, path: impl Display, vm: &Vm) {
        let name = |text: &str| guest::host_name_of(text).map(drop);
        self.shown(format_args!("{path}.name"), &vm.name, name);
        for (index, package) in vm.packages.iter().enumerate() {
            self.shown(format_args!("{path}.packages[{index}]"), package, guest::package);
        }
        for (index, address) in vm.dns_servers.iter().flatten().enumerate() {
            self.shown(format_args!("{path}.dns_servers[{index}]"), address, guest::address);
        }
        for (index, domain) in vm.search_domains.iter().flatten().enumerate() {
            self.shown(format_args!("{path}.search_domains[{index}]"), domain, guest::host_name);
        }
        self.rule(format_args!("{path}.auth_token"), vm.auth_token.expose(), guest::token);
    }
}
