//! `resolve ansible-vars`: variables for ansible, like `resolve_ansible_vars` of the reference.
//! Does no I/O.

use crate::shape;
use crate::site::{DEFAULT_POSTURE, POSTURES, Site, Slot};
use crate::tree::{Spanned, Tree};
use serde_json::{Map, Value};
use stage::{Entry, Place};

/// Returns the variables of a posture. Problems are added to the site's report.
pub(crate) fn ansible_vars(site: &mut Site<'_>, env: Option<&str>, posture: Option<&str>) -> Value {
    let vm_set = env.and_then(|name| site.env(name));
    let named = vm_set.as_ref().and_then(|vm_set| vm_set.posture.set());
    // An env that cannot be read may name its posture.
    let is_unknown = env.is_some() && vm_set.is_none();
    let (name, file) = match (posture, named) {
        (Some(name), _) => (name, site.find(&POSTURES, name, None)),
        (None, Some((name, at))) => {
            (name.as_str(), site.find(&POSTURES, name, Some(site.sources.place(at))))
        }
        (None, None) if is_unknown => (DEFAULT_POSTURE, None),
        (None, None) => {
            let hint = match env {
                Some(_) => "use `--posture NAME`, or set `posture` in the env",
                None => "use `--posture NAME` or `--env NAME`",
            };
            (DEFAULT_POSTURE, site.default_posture(&POSTURES, None, hint))
        }
    };
    check_keys(site);
    let tree = file.and_then(|file| site.read(file, &shape::POSTURE));
    let posture = Posture(tree.unwrap_or_default());
    let config = &site.config;
    let keys = site.secrets.as_ref().map(|s| s.ssh_keys.as_slice()).unwrap_or_default();
    let mut out = Map::new();
    let mut put = |name: &str, value: Value| _ = out.insert(name.to_owned(), value);
    put("timezone", config.timezone.value().map_or("UTC", String::as_str).into());
    put("pve_remove_subscription_nag", config.remove_nag.unwrap_or(true).into());
    put("packages", packages(&config.packages, &posture.packages()).into());
    put("ssh_port", posture.number("ssh", "port", 22));
    put("ssh_permit_root_login", posture.text("permit_root_login", "prohibit-password"));
    put("ssh_password_authentication", posture.text("password_authentication", "no"));
    put("sudo_nopasswd", posture.flag("sudo", "nopasswd"));
    put("fail2ban_enabled", posture.flag("fail2ban", "enabled"));
    if let Some(env) = env {
        put("env_name", env.into());
    }
    put("posture_name", name.into());
    put("ssh_authorized_keys", keys.iter().map(|(_, key)| key.clone()).collect());
    out.into()
}

/// Warns if the variables name no SSH keys: a play that installs them would lock everyone out.
fn check_keys(site: &mut Site<'_>) {
    let has_keys = site.secrets.as_ref().is_some_and(|secrets| !secrets.ssh_keys.is_empty());
    // A secrets.yaml that cannot be read has been reported.
    if has_keys || site.secrets_unknown {
        return;
    }
    let place = Place::file(format!("{}/secrets.yaml", site.sources.root));
    let fact = match site.secrets {
        Some(_) => "has no SSH keys, so `ssh_authorized_keys` is empty",
        None => "does not exist, so `ssh_authorized_keys` is empty",
    };
    let hint = "add your public keys under `ssh_keys`";
    site.report.push(Entry::warning("no-login", place, fact).hint(hint));
}

/// Returns the site's packages, then the posture's, without duplicates.
fn packages(site: &Slot<Vec<String>>, posture: &[String]) -> Vec<String> {
    let mut packages: Vec<String> = Vec::new();
    for package in site.value().into_iter().flatten().chain(posture) {
        if !packages.contains(package) {
            packages.push(package.clone());
        }
    }
    packages
}

/// A posture in the nested form (`ssh.port`) or the older flat form (`ssh_port`).
struct Posture(Tree);

impl Posture {
    fn get(&self, section: &str, key: &str) -> Option<&Spanned> {
        let nested = self.0.map(section).and_then(|tree| tree.get(key));
        nested
            .filter(|spanned| !spanned.is_null())
            .or_else(|| self.0.get(&format!("{section}_{key}")))
    }

    fn number(&self, section: &str, key: &str, default: u32) -> Value {
        self.get(section, key).and_then(Spanned::number).unwrap_or(default).into()
    }

    fn text(&self, key: &str, default: &str) -> Value {
        self.get("ssh", key).and_then(Spanned::text).unwrap_or(default).into()
    }

    fn flag(&self, section: &str, key: &str) -> Value {
        self.get(section, key).and_then(Spanned::flag).unwrap_or(false).into()
    }

    fn packages(&self) -> Vec<String> {
        self.0.texts("packages").value().cloned().unwrap_or_default()
    }
}
