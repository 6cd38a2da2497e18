//! user-data: what the VM makes of itself. Does no I/O.
//!
//! Only keys that cloud-init 22.4.2 (Debian 12), 25.1.4 (Debian 13) and newer ones take without a
//! warning.

use crate::additions::{Additions, Command, WriteFile};
use crate::bootstrap;
use serde::Serialize;
use stage::{Deployment, Vm};

/// Decides how cloud-init takes the rest; a comment or a blank before it would change that.
pub(crate) const FIRST_LINE: &str = "#cloud-config\n";

/// user-data as cloud-init reads it.
#[derive(Serialize)]
pub(crate) struct UserData<'a> {
    hostname: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    fqdn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timezone: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disable_root: Option<bool>,
    users: Vec<User<'a>>,
    package_update: bool,
    packages: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    write_files: Vec<WriteFile>,
    runcmd: Vec<Command>,
}

#[derive(Default, Serialize)]
struct User<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    groups: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shell: Option<&'a str>,
    // One text: cloud-init 22.4.2 refuses a list, although it would work.
    #[serde(skip_serializing_if = "Option::is_none")]
    sudo: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lock_passwd: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hashed_passwd: Option<&'a str>,
    // Left out when empty: cloud-init wants at least one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ssh_authorized_keys: Vec<&'a str>,
}

/// Returns the VM's user-data.
pub(crate) fn model<'a>(
    deployment: &'a Deployment,
    vm: &'a Vm,
    additions: &'a Additions,
) -> UserData<'a> {
    let (hostname, fqdn) = names(&vm.name, additions.domain.as_deref());
    let bootstrap = bootstrap::of(deployment, vm, additions);
    let mut write_files = Vec::new();
    let mut runcmd = agent();
    runcmd.extend(additions.runcmd.iter().cloned());
    if let Some(bootstrap) = bootstrap {
        write_files.extend(bootstrap.files);
        // Last, so that it finds what the site's own commands have prepared.
        runcmd.push(bootstrap.command);
    }
    write_files.extend(additions.write_files.iter().cloned());
    UserData {
        hostname,
        fqdn,
        timezone: additions.timezone.as_deref(),
        disable_root: (deployment.automation_user == "root").then_some(false),
        users: users(deployment),
        // Always: qemu-guest-agent is, and a fresh image has no package lists.
        package_update: true,
        packages: packages(&additions.packages, &vm.packages),
        write_files,
        runcmd,
    }
}

/// Host name and full name: a name with dots is the full one.
fn names<'a>(name: &'a str, domain: Option<&str>) -> (&'a str, Option<String>) {
    match name.split_once('.') {
        Some((host, _)) => (host, Some(name.to_owned())),
        None => (name, domain.map(|domain| format!("{name}.{domain}"))),
    }
}

fn users(deployment: &Deployment) -> Vec<User<'_>> {
    let hash = deployment.root_password.expose();
    // Without a hash root is left out: an entry for it would lock its password.
    let root = (!hash.is_empty()).then_some(User {
        name: "root",
        lock_passwd: Some(false),
        hashed_passwd: Some(hash),
        ..User::default()
    });
    let keys = unique(deployment.ssh_keys.iter());
    if deployment.automation_user == "root" {
        let root = root.unwrap_or(User { name: "root", ..User::default() });
        return vec![User { ssh_authorized_keys: keys, ..root }];
    }
    let automation = User {
        name: &deployment.automation_user,
        groups: vec!["sudo"],
        shell: Some("/bin/bash"),
        sudo: Some("ALL=(ALL) NOPASSWD:ALL"),
        ssh_authorized_keys: keys,
        ..User::default()
    };
    std::iter::once(automation).chain(root).collect()
}

/// qemu-guest-agent, the site's, the VM's; each once.
fn packages<'a>(site: &'a [String], vm: &'a [String]) -> Vec<&'a str> {
    let agent = "qemu-guest-agent";
    let mut all = vec![agent];
    all.extend(unique(site.iter().chain(vm)).into_iter().filter(|package| *package != agent));
    all
}

fn unique<'a>(texts: impl Iterator<Item = &'a String>) -> Vec<&'a str> {
    let mut seen = std::collections::BTreeSet::new();
    texts.map(String::as_str).filter(|text| seen.insert(*text)).collect()
}

/// The package's own postinst starts the agent only where the device was there before it.
fn agent() -> Vec<Command> {
    let systemctl = |verb: &str| {
        Command::Words(["systemctl", verb, "qemu-guest-agent"].map(str::to_owned).to_vec())
    };
    vec![systemctl("enable"), systemctl("start")]
}
