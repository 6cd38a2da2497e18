//! user-data: what the VM makes of itself. Does no I/O.
//!
//! Only keys that cloud-init 22.4.2 (Debian 12), 25.1.4 (Debian 13) and newer ones take without a
//! warning.

use crate::additions::{Additions, Command};
use crate::bootstrap::{self, Bootstrap};
use crate::fingerprint;
use crate::reseed;
use crate::write_file::WriteFile;
use crate::yaml::{self, Unwritable};
use serde::Serialize;
use stage::guest::HostName;
use stage::{Deployment, Vm};
use std::borrow::Cow;

/// Decides how cloud-init takes the rest; a comment or a blank before it would change that.
const FIRST_LINE: &str = "#cloud-config\n";

/// What is one VM's own.
#[derive(Serialize)]
struct Own<'a> {
    hostname: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    fqdn: Option<String>,
    packages: Vec<&'a str>,
}

/// What all VMs share.
#[derive(Serialize)]
struct Shared<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    timezone: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disable_root: Option<bool>,
    bootcmd: [Vec<&'a str>; 1],
    // The command above deletes those that an image brings.
    ssh_deletekeys: bool,
    users: Vec<User<'a>>,
    package_update: bool,
    runcmd: Vec<Command>,
}

/// The key that holds both: the profile script is the VM's own, all other files are shared.
#[derive(Serialize)]
struct Files<'a> {
    write_files: [&'a WriteFile; 1],
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

/// Renders the user-data of the VMs of one deployment.
///
/// What they share is written once, and each VM's own keys are put before it: two block mappings
/// one after the other are one mapping, and two block lists one list.
pub(crate) struct Renderer<'a> {
    deployment: &'a Deployment,
    additions: &'a Additions,
    /// For VMs that have no spec to fetch, and for those that have.
    plain: Text,
    with_bootstrap: Text,
}

/// What is shared, as YAML.
struct Text {
    keys: String,
    /// The items of `write_files`.
    files: String,
    /// A hash of both.
    digest: String,
}

/// A VM's user-data.
pub(crate) struct UserData<'a> {
    /// The whole text.
    pub(crate) text: String,
    /// The VM's own keys, its profile script, and a hash of what it shares: what the fingerprint
    /// is made of, so that 2,000 VMs do not hash the same script 2,000 times.
    pub(crate) parts: [Cow<'a, str>; 3],
}

impl<'a> Renderer<'a> {
    /// Writes what is shared.
    pub(crate) fn new(
        deployment: &'a Deployment,
        additions: &'a Additions,
    ) -> Result<Self, Unwritable> {
        let plain = shared(deployment, additions, None)?;
        let with_bootstrap = shared(deployment, additions, Some(Bootstrap::new(additions)))?;
        Ok(Self { deployment, additions, plain, with_bootstrap })
    }

    /// Returns a VM's user-data.
    pub(crate) fn render(&self, vm: &Vm, name: &HostName) -> Result<UserData<'_>, Unwritable> {
        let fqdn = name.full(self.additions.domain.as_deref());
        let packages = packages(&self.additions.packages, &vm.packages);
        let own = yaml::text(&Own { hostname: name.label(), fqdn, packages })?;
        let profile = bootstrap::profile(self.deployment, vm, self.additions);
        let shared = if profile.is_some() { &self.with_bootstrap } else { &self.plain };
        let files = match &profile {
            Some(profile) => Cow::from(yaml::text(&Files { write_files: [profile] })?),
            None if shared.files.is_empty() => Cow::from(""),
            None => Cow::from("write_files:\n"),
        };
        let text = [FIRST_LINE, &own, &shared.keys, &files, &shared.files].concat();
        Ok(UserData { text, parts: [own.into(), files, shared.digest.as_str().into()] })
    }
}

fn shared(
    deployment: &Deployment,
    additions: &Additions,
    bootstrap: Option<Bootstrap>,
) -> Result<Text, Unwritable> {
    let keys = unique(deployment.ssh_keys.iter());
    // First: cloud-init writes none of the files after one that it cannot write.
    let mut files: Vec<_> = reseed::authorized_keys(deployment, &keys).into_iter().collect();
    let mut runcmd = agent();
    runcmd.extend(additions.runcmd.iter().cloned());
    if let Some(bootstrap) = bootstrap {
        files.extend(bootstrap.files);
        // Last, so that it finds what the site's own commands have prepared.
        runcmd.push(bootstrap.command);
    }
    files.extend(additions.write_files.iter().cloned());
    let keys = yaml::text(&Shared {
        timezone: additions.timezone.as_deref(),
        disable_root: (deployment.automation_user == "root").then_some(false),
        bootcmd: [reseed::command(deployment)],
        ssh_deletekeys: false,
        users: users(deployment, keys),
        // Always: qemu-guest-agent is, and a fresh image has no package lists.
        package_update: true,
        runcmd,
    })?;
    let files = if files.is_empty() { String::new() } else { yaml::text(&files)? };
    let digest = fingerprint::of(&[&keys, &files], "");
    Ok(Text { keys, files, digest })
}

fn users<'a>(deployment: &'a Deployment, keys: Vec<&'a str>) -> Vec<User<'a>> {
    let hash = deployment.root_password.expose();
    // Without a hash root is left out: an entry for it would lock its password.
    let root = (!hash.is_empty()).then_some(User {
        name: "root",
        lock_passwd: Some(false),
        hashed_passwd: Some(hash),
        ..User::default()
    });
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
