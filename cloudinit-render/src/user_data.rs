//! user-data: how cloud-init configures the VM. Does no I/O.
//!
//! Uses only keys that cloud-init 22.4.2 (Debian 12), 25.1.4 (Debian 13) and newer accept without a
//! warning.

use crate::additions::{Additions, Command};
use crate::bootstrap::{self, Bootstrap, FirstBoot};
use crate::fingerprint;
use crate::guest::{Guest, Guests};
use crate::write_file::WriteFile;
use crate::yaml::{self, WriteError};
use crate::{pve_node, reseed};
use serde::Serialize;
use stage::Deployment;
use stage::guest::HostName;

/// Tells cloud-init the format; it must come first, without a comment or a space before it.
const FIRST_LINE: &str = "#cloud-config\n";

/// The keys of one VM.
#[derive(Serialize)]
struct Own<'a> {
    hostname: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    fqdn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    manage_etc_hosts: Option<bool>,
    packages: Vec<&'a str>,
}

/// The keys that VMs share.
#[derive(Serialize)]
struct Shared<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    timezone: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disable_root: Option<bool>,
    bootcmd: Vec<Vec<&'a str>>,
    // The command in `bootcmd` deletes the keys of an image.
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
    // A string: the schema of cloud-init 22.4.2 rejects a list, although a list would work.
    #[serde(skip_serializing_if = "Option::is_none")]
    sudo: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lock_passwd: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hashed_passwd: Option<&'a str>,
    // Omitted when empty: cloud-init requires at least one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ssh_authorized_keys: Vec<&'a str>,
}

/// Renders the user-data of the VMs of one deployment.
///
/// The shared part is rendered once, and each VM's own keys are put in front of it: two block
/// mappings in a row are one mapping, and two block lists are one list.
pub(crate) struct Renderer<'a> {
    deployment: &'a Deployment,
    guests: &'a Guests<'a>,
    /// For each distinct guest: the shared part of VMs that do nothing at their first boot, then of
    /// each [`FirstBoot`].
    texts: Vec<[Option<SharedText>; 1 + FirstBoot::COUNT]>,
}

/// The shared part as YAML.
#[derive(Clone)]
struct SharedText {
    keys: String,
    /// The items of `write_files`.
    files: String,
    /// A hash of both in their quoted form.
    digest: String,
    /// The profile script of VMs that have a spec to fetch.
    profile: Option<Profile>,
}

/// The profile script as the first item of `write_files`, for any token.
#[derive(Clone)]
struct Profile {
    /// Its readable and its quoted form, each in two pieces: what is before the token, and after.
    pieces: [(String, String); 2],
}

impl Profile {
    /// Placeholder for the token.
    const TOKEN: &str = "TOKEN";

    fn new(server: &str, first_boot: FirstBoot, additions: &Additions) -> Result<Self, WriteError> {
        let written = Self::write((server, Self::TOKEN), first_boot, additions)?;
        let pieces = written.map(|text| {
            let (before, after) = text.rsplit_once(Self::TOKEN).unwrap_or_default();
            (before.to_owned(), after.to_owned())
        });
        Ok(Self { pieces })
    }

    /// Returns both forms with a VM's token; `None` for one that the shell or YAML would quote.
    fn with_token(&self, token: &str) -> Option<[String; 2]> {
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        let filled =
            || self.pieces.each_ref().map(|(before, after)| [before, token, after].concat());
        token.bytes().all(is_plain).then(filled)
    }

    /// Writes both forms.
    fn write(
        server_and_token: (&str, &str),
        first_boot: FirstBoot,
        additions: &Additions,
    ) -> Result<[String; 2], WriteError> {
        let profile = bootstrap::profile(server_and_token, first_boot, additions);
        let files = Files { write_files: [&profile] };
        Ok([yaml::readable(&files)?, yaml::quoted(&files)?])
    }
}

/// A VM's user-data.
pub(crate) struct UserData {
    /// The whole text.
    pub(crate) text: String,
    /// Input of the fingerprint: the VM's own keys, its profile script, and a hash of the shared
    /// part, so that 2,000 VMs do not hash the same script 2,000 times.
    pub(crate) parts: [String; 3],
}

impl UserData {
    /// Returns user-data that was written by hand.
    pub(crate) fn custom(text: &str) -> Self {
        Self { text: text.to_owned(), parts: [text.to_owned(), String::new(), String::new()] }
    }
}

impl<'a> Renderer<'a> {
    /// Prepares rendering.
    pub(crate) fn new(deployment: &'a Deployment, guests: &'a Guests<'a>) -> Self {
        Self { deployment, guests, texts: vec![Default::default(); guests.kinds().len()] }
    }

    /// Returns the user-data of the VM at `index`.
    pub(crate) fn render(&mut self, index: usize, name: &HostName) -> Result<UserData, WriteError> {
        let vm = &self.deployment.vms[index];
        let (kind, guest) = self.guests.of(index);
        let fqdn = guest.full_name(vm, name);
        let manage_etc_hosts = etc_hosts(&guest.additions, fqdn.is_some(), vm.nested_pve);
        let packages = packages(&guest.additions.packages, &vm.packages);
        let names: Vec<&str> = fqdn.as_deref().into_iter().chain([name.label()]).collect();
        let first_boot = FirstBoot::of(self.deployment, vm);
        let with_server = first_boot.map(|boot| (boot, self.deployment.spec_server.as_str()));
        let of_node;
        let shared = match &mut self.texts[kind][first_boot.map_or(0, |boot| 1 + boot as usize)] {
            _ if vm.nested_pve => {
                of_node = shared(guest, with_server, Some(&names))?;
                &of_node
            }
            Some(text) => &*text,
            text => text.insert(shared(guest, with_server, None)?),
        };
        let own = yaml::quoted(&Own { hostname: name.label(), fqdn, manage_etc_hosts, packages })?;
        let [files, quoted] = match (first_boot, &shared.profile) {
            (Some(boot), Some(profile)) => {
                let token = vm.auth_token.expose();
                match profile.with_token(token) {
                    Some(filled) => filled,
                    None => {
                        let server = self.deployment.spec_server.as_str();
                        Profile::write((server, token), boot, &guest.additions)?
                    }
                }
            }
            _ if shared.files.is_empty() => Default::default(),
            _ => ["write_files:\n", "write_files:\n"].map(str::to_owned),
        };
        let text = [FIRST_LINE, &own, &shared.keys, &files, &shared.files].concat();
        Ok(UserData { text, parts: [own, quoted, shared.digest.clone()] })
    }
}

/// Returns whether cloud-init writes /etc/hosts; `None` leaves that to the image.
///
/// `hostname -f` asks the resolver, which returns the full name on every image only if /etc/hosts
/// has a line for it. PVE's own cloud-init data sets this too. cloud-init rewrites the file from a
/// template at each boot, so a file that the YAML writes would not last. A nested PVE node needs its
/// own name with a real address there, but the template has a loopback one.
fn etc_hosts(additions: &Additions, has_full_name: bool, is_nested: bool) -> Option<bool> {
    if is_nested || additions.write_files.iter().any(|file| file.path == "/etc/hosts") {
        return Some(false);
    }
    has_full_name.then_some(true)
}

/// Returns what VMs share; with a server, those that use it at their first boot. With names, it is for
/// the nested PVE node that has them.
fn shared(
    guest: &Guest<'_>,
    first_boot: Option<(FirstBoot, &str)>,
    node: Option<&[&str]>,
) -> Result<SharedText, WriteError> {
    let keys = unique(guest.ssh_keys.iter());
    // First, because cloud-init stops at the first file that it cannot write.
    let mut files: Vec<_> = reseed::authorized_keys(guest.user, &keys).into_iter().collect();
    let mut runcmd = agent();
    runcmd.extend(node.map(pve_node::before));
    runcmd.extend(guest.additions.runcmd.iter().cloned());
    if let Some((boot, _)) = first_boot {
        let bootstrap = Bootstrap::new(boot, &guest.additions);
        files.extend(bootstrap.files);
        // Last, so that the site's own commands can prepare for it.
        runcmd.push(bootstrap.command);
    }
    if node.is_some() {
        files.extend(pve_node::files());
        runcmd.extend(pve_node::after());
    }
    files.extend(guest.additions.write_files.iter().cloned());
    let keys = Shared {
        timezone: guest.additions.timezone.as_deref(),
        disable_root: (guest.user == "root").then_some(false),
        bootcmd: std::iter::once(reseed::command(guest))
            .chain(node.map(|_| pve_node::at_boot()))
            .collect(),
        ssh_deletekeys: false,
        users: users(guest, keys),
        // Always: qemu-guest-agent is installed, and a fresh image has no package lists.
        package_update: true,
        runcmd,
    };
    let quoted_files = if files.is_empty() { String::new() } else { yaml::quoted(&files)? };
    let digest = fingerprint::of(&[&yaml::quoted(&keys)?, &quoted_files], "");
    let files = if files.is_empty() { String::new() } else { yaml::readable(&files)? };
    let profile = first_boot.map(|(boot, server)| Profile::new(server, boot, &guest.additions));
    let profile = profile.transpose()?;
    Ok(SharedText { keys: yaml::readable(&keys)?, files, digest, profile })
}

fn users<'a>(guest: &Guest<'a>, keys: Vec<&'a str>) -> Vec<User<'a>> {
    let with_password = |name, hash| User {
        name,
        lock_passwd: Some(false),
        hashed_passwd: Some(hash),
        ..User::default()
    };
    let own = guest.password_hash.map(|hash| with_password(guest.user, hash));
    // Without a hash there is no entry for root: it would lock root's password.
    let root = (!guest.root_hash.is_empty()).then(|| with_password("root", guest.root_hash));
    if guest.user == "root" {
        let root = own.or(root).unwrap_or(User { name: "root", ..User::default() });
        return vec![User { ssh_authorized_keys: keys, ..root }];
    }
    let automation = User {
        groups: vec!["sudo"],
        shell: Some("/bin/bash"),
        sudo: Some("ALL=(ALL) NOPASSWD:ALL"),
        ssh_authorized_keys: keys,
        ..own.unwrap_or(User { name: guest.user, ..User::default() })
    };
    std::iter::once(automation).chain(root).collect()
}

/// Returns qemu-guest-agent, the site's packages and the VM's, without duplicates.
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

/// Commands that start the agent: the package's postinst does so only if the device already exists.
fn agent() -> Vec<Command> {
    let systemctl = |verb: &str| {
        Command::Words(["systemctl", verb, "qemu-guest-agent"].map(str::to_owned).to_vec())
    };
    vec![systemctl("enable"), systemctl("start")]
}
