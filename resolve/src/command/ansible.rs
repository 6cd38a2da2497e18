//! `resolve ansible-vars`: variables for ansible, like `resolve_ansible_vars` of the reference.
//! Does no I/O.

use crate::shape;
use crate::site::{POSTURES, Site, Slot};
use crate::tree::{Spanned, Tree};
use serde_json::{Map, Value};

/// Returns the variables of a posture. Problems are added to the site's report.
pub(crate) fn ansible_vars(site: &mut Site<'_>, env: Option<&str>, posture: Option<&str>) -> Value {
    const DEFAULT: &str = "dev";
    let vm_set = env.and_then(|name| site.env(name));
    let named = vm_set.as_ref().and_then(|vm_set| vm_set.posture.set());
    let (name, place) = match (posture, named) {
        (Some(name), _) => (name, None),
        (None, Some((name, at))) => (name.as_str(), Some(site.sources.place(at))),
        (None, None) => (DEFAULT, None),
    };
    let file = site.find(&POSTURES, name, place);
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
