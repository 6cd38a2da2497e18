//! Short fields of the document, such as `cores`, that say something else than the VM's `config`, which
//! is used. Does no I/O.

use crate::requested::Parsed;
use machine::{ConfigKey, Setting, Settings};
use serde_json::{Map, Value, json};
use stage::short_field::{contradicted_addresses, contradiction};
use stage::{Document, Entry};

/// Returns each short field that contradicts the field that is used.
pub(crate) fn contradictions(document: &Document, parsed: &[Parsed]) -> Vec<Entry> {
    let vms = document.json().get("vms").and_then(Value::as_array).into_iter().flatten();
    let of_vm = |(index, (vm, (explicit, _))): (usize, (&Value, &Parsed))| {
        let vm = vm.as_object()?;
        let config = vm.get("config")?.as_object()?;
        let machine = Machine { index, vm, config, explicit };
        Some(machine.options().chain(machine.macs()).collect::<Vec<_>>())
    };
    let machines = vms.zip(parsed).enumerate().filter_map(of_vm).flatten();
    machines.chain(contradicted_addresses(document)).collect()
}

/// A short field of a VM, and what of its `config` is used.
struct Short {
    field: &'static str,
    key: &'static str,
    /// The option; `None` for all of the key.
    option: Option<&'static str>,
    /// What the short field may say if `config` says nothing; `None` for anything, which is then what a
    /// new VM gets.
    without: Option<&'static str>,
}

const SHORT: [Short; 6] = [
    Short { field: "cores", key: "cores", option: None, without: None },
    Short { field: "memory", key: "memory", option: Some("current"), without: None },
    Short { field: "bridge", key: "net0", option: Some("bridge"), without: Some("vmbr0") },
    Short { field: "vlan", key: "net0", option: Some("tag"), without: Some("") },
    Short { field: "mac", key: "net0", option: Some("macaddr"), without: None },
    Short { field: "startup", key: "startup", option: None, without: Some("") },
];

/// The fields of one VM with a `config`.
struct Machine<'a> {
    index: usize,
    vm: &'a Map<String, Value>,
    config: &'a Map<String, Value>,
    explicit: &'a Settings,
}

impl Machine<'_> {
    /// Returns the short fields that contradict `config`.
    fn options(&self) -> impl Iterator<Item = Entry> {
        let has_nics = self.vm.get("nics").is_some_and(Value::is_array);
        // The MAC of net0 in `nics` is compared with both.
        let short = SHORT.into_iter().filter(move |short| !(has_nics && short.field == "mac"));
        short.filter_map(|short| self.option(&short))
    }

    fn option(&self, short: &Short) -> Option<Entry> {
        let value = self.vm.get(short.field).filter(|value| !value.is_null() && *value != "")?;
        let of_key = short.option.map_or_else(|| value.clone(), |option| json!({ option: value }));
        let (own, problems) = Settings::read(&Map::from_iter([(short.key.to_owned(), of_key)]));
        if !problems.is_empty() {
            // They are reported as such.
            return None;
        }
        let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let used = said(self.explicit, short)?;
        let says = match short.without {
            _ if used == said(&own, short)? => return None,
            Some(without) if used.is_empty() && without != shown => "is not set".to_owned(),
            _ if used.is_empty() => return None,
            _ => format!("says \"{}\"", used.join(",")),
        };
        Some(contradiction(self.index, (short.field, &shown), &self.place(short), &says))
    }

    /// Returns where `config` has what is used, in the spelling that is there.
    fn place(&self, short: &Short) -> String {
        let key = short.key;
        let is_text =
            self.config.get(key).is_some_and(|value| !value.is_object() && !value.is_null());
        match short.option.filter(|_| !is_text) {
            Some(option) => format!("config.{key}.{option}"),
            None => format!("config.{key}"),
        }
    }

    /// Returns the NICs of `nics` with another MAC than `config` has: the guest would not find them.
    fn macs(&self) -> impl Iterator<Item = Entry> {
        let nics = self.vm.get("nics").and_then(Value::as_array).into_iter().flatten();
        nics.enumerate().filter_map(|(place, nic)| {
            let slot = nic.get("slot")?.as_str()?;
            let mac = nic.get("mac")?.as_str().filter(|mac| !mac.is_empty())?;
            let used = self.explicit.value(ConfigKey::find(slot)?, "macaddr")?;
            let differs = !used.eq_ignore_ascii_case(mac);
            let field = format!("nics[{place}].mac");
            let option = format!("config.{slot}.macaddr");
            let says = format!("says \"{used}\"");
            differs.then(|| contradiction(self.index, (&field, mac), &option, &says))
        })
    }
}

/// Returns what settings say of a short field's options, without those that are cancelled.
fn said(settings: &Settings, short: &Short) -> Option<Vec<String>> {
    let Some(Setting::Parts(parts)) = settings.0.get(&ConfigKey::find(short.key)?) else {
        return Some(Vec::new());
    };
    let parts = parts.iter().filter_map(|(name, value)| Some((*name, value.as_ref()?)));
    let said = parts.filter(|(name, _)| short.option.is_none_or(|option| option == *name));
    let text = |(name, value): (&str, &String)| match short.option {
        None if !name.is_empty() => format!("{name}={value}"),
        _ => value.clone(),
    };
    Some(said.map(text).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requested;
    use stage::Deployment;
    use std::path::Path;

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "the documents are files of another package's tests"
    )]
    fn no_document_that_resolve_prints_contradicts_itself() {
        let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../resolve/tests/cases");
        let mut checked = 0;
        for case in std::fs::read_dir(cases).unwrap() {
            let Ok(text) = std::fs::read(case.unwrap().path().join("stdout")) else { continue };
            let Ok(document) = Document::parse(&text) else { continue };
            let (deployment, report) = Deployment::read(&document);
            if report.has_errors() || deployment.vms.is_empty() {
                continue;
            }
            let found = contradictions(&document, &requested::parse(&deployment));
            assert_eq!(found, [], "{}", deployment.deployment);
            checked += 1;
        }
        assert!(checked > 60, "only {checked} documents");
    }
}
