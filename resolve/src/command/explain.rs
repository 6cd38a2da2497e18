//! `resolve explain`: where each value of a VM, of the document's head or of a network comes from. Does no I/O.

mod boot_source;
mod head;
mod network;
mod nodes;
mod path;
mod vm;

use crate::selection::DocumentOptions;
use crate::site::{NodeFile, Site, Slot, VmSet};
use crate::source::Span;
use serde::Serialize;
use serde_json::{Value, json};
use stage::{Deployment, Entry, Place};
use std::collections::BTreeMap;

/// One field.
#[derive(Serialize)]
struct Explained {
    field: String,
    value: Value,
    chain: Vec<Link>,
}

/// The value of a field in one layer. The first link of a chain decides; if it is null, the last
/// one does.
#[derive(Serialize)]
struct Link {
    layer: String,
    value: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<String>,
}

/// What to explain: a VM set that was resolved on a node.
pub(crate) struct Subject<'a> {
    /// The site.
    pub site: &'a Site<'a>,
    /// The VM set.
    pub vm_set: &'a VmSet,
    /// The node.
    pub node: &'a NodeFile,
    /// The nodes of its VMs and that node, by their names in PVE.
    pub nodes: &'a BTreeMap<String, NodeFile>,
    /// The resolved deployment.
    pub deployment: &'a Deployment,
    /// The options that it was resolved with.
    pub options: &'a DocumentOptions,
}

/// Explains `VM`, `VM.PATH`, a field of the document's head, `ZONE` or `ZONE.PATH` of a network.
///
/// # Errors
/// The VM or the field does not exist.
pub(crate) fn explain(subject: &Subject<'_>, target: &str, json: bool) -> Result<String, Entry> {
    let all = fields(subject, target)?;
    if json {
        let all = json!({"version": 1, "fields": all});
        return Ok(serde_json::to_string_pretty(&all).unwrap_or_default() + "\n");
    }
    Ok(all.iter().map(text).collect())
}

fn fields(subject: &Subject<'_>, target: &str) -> Result<Vec<Explained>, Entry> {
    let names = subject.deployment.vms.iter().map(|vm| vm.name.as_str());
    // Names may contain dots: the longest match wins.
    let fits = |name: &&str| {
        let rest = target.strip_prefix(name);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    if let Some(name) = names.clone().filter(fits).max_by_key(|name| name.len()) {
        let path = target.strip_prefix(name).and_then(|rest| rest.strip_prefix('.'));
        return vm::explain(subject, name, path);
    }
    if let Some(field) = head::explain(subject, target) {
        return Ok(vec![field]);
    }
    if let Some(fields) = nodes::explain(subject, target) {
        return Ok(fields);
    }
    if let Some(fields) = network::explain(subject, target) {
        return fields;
    }
    let waits = subject.deployment.waiting.iter().find(|waiting| fits(&waiting.name.as_str()));
    let name = waits.map_or_else(
        || target.split('.').next().unwrap_or_default(),
        |waiting| waiting.name.as_str(),
    );
    let hint = match waits {
        Some(waiting) => format!("it runs on a nested node: add `--parent {}`", waiting.parent),
        None => crate::suggest::reference(name, &format!("\"{}\"", subject.vm_set.name), names),
    };
    Err(Entry::error("unknown-vm", Place::Run, format!("VM \"{name}\" does not exist")).hint(hint))
}

fn text(e: &Explained) -> String {
    let mut out = format!("{}: {}\n", e.field, e.value);
    for (index, link) in e.chain.iter().enumerate() {
        let place = link.place.as_ref().map(|p| format!("  {p}")).unwrap_or_default();
        let value = match (index, link.value.is_null()) {
            (0, true) if !e.value.is_null() => "  (null: the last entry applies)".to_owned(),
            (0, _) => String::new(),
            _ => format!("  (would be {})", link.value),
        };
        out.push_str(&format!("    {}{place}{value}\n", link.layer));
    }
    out
}

fn node_layer(node: &NodeFile) -> String {
    format!("node \"{}\"", node.name())
}

impl Subject<'_> {
    fn link(&self, layer: impl Into<String>, value: Value, at: Option<Span>) -> Link {
        let place = at.map(|at| self.site.sources.short(at));
        Link { layer: layer.into(), value, place }
    }

    /// Returns the value of a field outside VMs, with its place.
    fn written<T: Serialize>(&self, layer: impl Into<String>, slot: &Slot<T>) -> Option<Link> {
        let value = slot.value().and_then(|value| serde_json::to_value(value).ok());
        Some(self.link(layer, value.unwrap_or_default(), Some(slot.at()?)))
    }

    fn built_in(&self, value: impl Into<Value>) -> Link {
        self.link("built in", value.into(), None)
    }

    fn node_layer(&self) -> String {
        node_layer(self.node)
    }
}
