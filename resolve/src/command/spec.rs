//! `resolve spec`: a spec with its references resolved, as a VM fetches it. Does no I/O.

use crate::shape::{self, ALL_KEYS};
use crate::site::{SPECS, Site, Slot};
use crate::source::Span;
use crate::tree::{Spanned, Tree};
use serde_json::{Map, Value};

/// Resolves a spec. Problems are added to the site's report.
pub(crate) fn spec(site: &mut Site<'_>, name: &str) -> Option<Value> {
    let file = site.find(&SPECS, name, None)?;
    let tree = site.read(file, &shape::SPEC)?;
    let mut spec = tree.to_json(false);
    let fill = |spec: &mut Map<String, Value>, section: &str, key: &str, value: Option<&str>| {
        let section = spec.entry(section).or_insert_with(|| Map::new().into());
        if let (Some(section), Some(value)) = (section.as_object_mut(), value) {
            section.entry(key).or_insert_with(|| value.into());
        }
    };
    let text = |slot: &Slot<String>| slot.value().cloned();
    let (domain, timezone) = (text(&site.config.domain), text(&site.config.timezone));
    fill(&mut spec, "identity", "hostname", Some(name));
    fill(&mut spec, "identity", "domain", domain.as_deref());
    fill(&mut spec, "config", "timezone", timezone.as_deref());
    let posture = posture(site, &tree, Span::start(file));
    fill(&mut spec, "access", "posture", None);
    if let Some(access) = spec.get_mut("access").and_then(Value::as_object_mut) {
        access.insert("_posture".into(), posture);
        if let Some(users) = access.get_mut("users").and_then(Value::as_array_mut) {
            give_keys(site, &tree, users);
            warn_of_default_keys(site, &tree);
        }
    }
    Some(spec.into())
}

fn posture(site: &mut Site<'_>, spec: &Tree, start: Span) -> Value {
    let named = spec.find(&["access", "posture"]);
    let name = named.and_then(Spanned::text);
    let place = Some(site.sources.place(named.map_or(start, |spanned| spanned.at)));
    let kind = site.postures_for(start);
    let file = match name {
        Some(name) => site.find(kind, name, place),
        None => site.default_posture(kind, place, "set `access.posture`"),
    };
    let Some(file) = file else { return Value::Null };
    let posture = site.read(file, &shape::POSTURE);
    posture.map_or(Value::Null, |tree| tree.to_json(false).into())
}

/// Warns about users whose keys depend on the layout: without `ssh_keys`, a user gets all keys in the
/// newest layout and got none in the one before.
fn warn_of_default_keys(site: &mut Site<'_>, spec: &Tree) {
    let users = spec.find(&["access", "users"]).map(Spanned::items).unwrap_or_default();
    let is_default = |user: &&Spanned| {
        let keys = user.map().map(|user| user.get("ssh_keys").is_none_or(Spanned::is_null));
        keys.unwrap_or_default()
    };
    for user in users.iter().filter(is_default) {
        let name = user.map().and_then(|user| user.get("name")).and_then(Spanned::text);
        let fact = match name {
            Some(name) => format!("user \"{name}\" has no `ssh_keys`, so it gets all keys"),
            None => "this user has no `ssh_keys`, so it gets all keys".to_owned(),
        };
        let entry = site.sources.warning("default-ssh-keys", user.at, fact);
        let entry = entry.note(
            "this is the meaning in the newest layout; in the one before, with `spec_server`, it got none",
        );
        site.report.push(entry.hint("write `ssh_keys: all`, or `ssh_keys: []` for none"));
    }
}

/// Replaces names of keys by the keys. A user without `ssh_keys` gets all keys, as in newer sites.
fn give_keys(site: &Site<'_>, spec: &Tree, users: &mut [Value]) {
    let spanned = spec.find(&["access", "users"]).map(Spanned::items).unwrap_or_default();
    for (user, spanned) in users.iter_mut().zip(spanned) {
        let named = spanned
            .map()
            .and_then(|user| user.get("ssh_keys"))
            .filter(|spanned| !spanned.is_null() && spanned.text() != Some(ALL_KEYS));
        let keys: Vec<String> = match named {
            None => {
                let all = site.secrets.iter().flat_map(|secrets| &secrets.ssh_keys);
                all.map(|(_, key)| key.clone()).collect()
            }
            Some(names) => {
                names.items().iter().filter_map(|name| site.ssh_key(name.text()?)).collect()
            }
        };
        if let Some(user) = user.as_object_mut() {
            user.insert("ssh_keys".into(), keys.into());
        }
    }
}
