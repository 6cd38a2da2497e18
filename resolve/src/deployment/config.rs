//! A VM's PVE config in the YAML → the document's `config`. Does no I/O.

use crate::shape::{CONFIG, own_options};
use crate::tree::{Content, Spanned, Tree};
use machine::{ConfigKey, Form, Parts};
use serde_json::{Map, Value};

/// Returns the document's `config`: only what is set, in the order of PVE's keys.
pub(super) fn document(tree: &Tree, mac: impl Fn(&str) -> Option<String>) -> Map<String, Value> {
    let config = tree.map(CONFIG).into_iter().flat_map(Tree::iter);
    let mut all: Vec<(ConfigKey, Value)> = config
        .filter_map(|(name, spanned)| {
            let key = ConfigKey::find(name)?;
            Some((key, value(key, spanned, &mac)?))
        })
        .collect();
    all.sort_by_key(|(key, _)| *key);
    all.into_iter().map(|(key, value)| (key.to_string(), value)).collect()
}

/// Returns the value of a key; `None` if no option of PVE is set.
fn value(key: ConfigKey, spanned: &Spanned, mac: impl Fn(&str) -> Option<String>) -> Option<Value> {
    let Content::Map(tree) = &spanned.content else { return Some(spanned.to_json(true)) };
    let mut options = tree.to_json(true);
    if matches!(key.key.form, Form::Nic(_)) {
        options.retain(|name, value| {
            let own = own_options(key.key).iter().any(|field| field.name == name);
            // A NIC needs a bridge and a MAC: null selects the built-in default.
            let built_in = value.is_null() && matches!(name.as_str(), "bridge" | "macaddr");
            !own && !built_in
        });
        let counted = mac(&key.to_string());
        if let (Some(written), Some(counted)) = (options.get_mut("macaddr"), counted) {
            *written = counted.to_ascii_uppercase().into();
        }
    }
    (!options.is_empty()).then(|| options.into())
}

/// Returns PVE's text of a key, for the document's flat fields.
pub(super) fn text(tree: &Tree, name: &str) -> Option<String> {
    let (key, spanned) = (ConfigKey::find(name)?.key, tree.map(CONFIG)?.map(name)?);
    let mut parts = Parts::default();
    for (option, spanned) in spanned.iter() {
        match spanned.to_json(false) {
            Value::Null => {}
            Value::String(text) => parts.set(option, text),
            other => parts.set(option, other.to_string()),
        }
    }
    (!parts.is_empty()).then(|| parts.write(key))
}
