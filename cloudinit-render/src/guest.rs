//! `Guest`: what the user-data of one or more VMs is rendered from: the document's settings, with
//! those of the VM on top. Does no I/O.

use crate::additions::Additions;
use stage::guest::HostName;
use stage::{Deployment, Fields, Report, Vm};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// What user-data is rendered from, except for a VM's name, packages, spec and token.
pub(crate) struct Guest<'a> {
    /// The user that cloud-init creates, or root.
    pub(crate) user: &'a str,
    /// Crypt hash of that user's password. `None` if it has none; root's is then `root_hash`.
    pub(crate) password_hash: Option<&'a str>,
    /// Crypt hash of root's password. If empty, root is left alone.
    pub(crate) root_hash: &'a str,
    /// The only keys that can log in.
    pub(crate) ssh_keys: &'a [String],
    /// The site's additions, with the VM's after them.
    pub(crate) additions: Cow<'a, Additions>,
}

impl Guest<'_> {
    /// Returns the full name of a VM; `None` without any domain.
    ///
    /// The domain is that of the VM's name, else `domain`, else its first search domain, as in the
    /// data of PVE's own cloud-init drives (qemu-server, Cloudinit.pm, `get_hostname_fqdn`).
    pub(crate) fn full_name(&self, vm: &Vm, host: &HostName) -> Option<String> {
        let searched = || vm.search_domains.iter().flatten().map(String::as_str).next();
        host.full(self.additions.domain.as_deref().or_else(searched))
    }
}

/// The guests of a deployment. VMs with the same settings share one, so that the common part of
/// 2,000 VMs with one preset is rendered once.
pub(crate) struct Guests<'a> {
    kinds: Vec<Guest<'a>>,
    of_vm: Vec<usize>,
}

/// The settings that VMs must have in common to share a guest. The last is `cloud_init` as JSON.
type Key<'a> = (Option<&'a str>, Option<&'a str>, Option<&'a [String]>, String);

impl<'a> Guests<'a> {
    /// Reads the settings of each VM. If several VMs share a `cloud_init`, such as a preset's, its
    /// problems are reported only for the first of them.
    pub(crate) fn read(
        deployment: &'a Deployment,
        site: &'a Additions,
        report: &mut Report,
    ) -> Self {
        let mut guests =
            Self { kinds: Vec::new(), of_vm: Vec::with_capacity(deployment.vms.len()) };
        let mut known: BTreeMap<Key<'a>, usize> = BTreeMap::new();
        for (index, vm) in deployment.vms.iter().enumerate() {
            let next = guests.kinds.len();
            let kind = *known.entry(key(vm)).or_insert(next);
            if kind == next {
                guests.kinds.push(guest(deployment, site, index, report));
            }
            guests.of_vm.push(kind);
        }
        guests
    }

    /// Returns the guest of the VM at `index`, and its number.
    pub(crate) fn of(&self, index: usize) -> (usize, &Guest<'a>) {
        let kind = self.of_vm[index];
        (kind, &self.kinds[kind])
    }

    /// Returns each distinct guest.
    pub(crate) fn kinds(&self) -> &[Guest<'a>] {
        &self.kinds
    }
}

/// Returns every user that cloud-init creates in any guest of the deployment.
pub(crate) fn users(deployment: &Deployment) -> Vec<&str> {
    let own = deployment.vms.iter().filter_map(|vm| vm.user.as_deref());
    let users: BTreeSet<_> = own.chain([deployment.automation_user.as_str()]).collect();
    users.into_iter().collect()
}

fn key(vm: &Vm) -> Key<'_> {
    // Serialising JSON values into memory cannot fail.
    let cloud_init = match vm.cloud_init.is_empty() {
        true => String::new(),
        false => serde_json::to_string(&vm.cloud_init).unwrap_or_default(),
    };
    (vm.user.as_deref(), hash(vm), vm.ssh_keys.as_deref(), cloud_init)
}

fn hash(vm: &Vm) -> Option<&str> {
    vm.password_hash.as_ref().map(|hash| hash.expose().as_str())
}

fn guest<'a>(
    deployment: &'a Deployment,
    site: &'a Additions,
    index: usize,
    report: &mut Report,
) -> Guest<'a> {
    let vm = &deployment.vms[index];
    let user = vm.user.as_deref().unwrap_or(&deployment.automation_user);
    let mut additions = Cow::Borrowed(site);
    if !vm.cloud_init.is_empty() {
        let mut f = Fields::new(&vm.cloud_init, format!("vms[{index}].cloud_init"), report);
        let own = Additions::read(&mut f, &[user]);
        additions.to_mut().merge(own);
    }
    Guest {
        user,
        password_hash: hash(vm),
        root_hash: deployment.root_password.expose(),
        ssh_keys: vm.ssh_keys.as_deref().unwrap_or(&deployment.ssh_keys),
        additions,
    }
}
