//! `resolve explain`: where each value of a VM comes from. Does no I/O.

use crate::resolve::{Level, Stack};
use crate::site::{Group, Machine, Site, Slot};
use crate::source::Span;
use serde::Serialize;
use serde_json::Value;
use stage::{Deployment, Entry, Place, Vm};

/// One field of a VM.
#[derive(Serialize)]
struct Explained {
    field: String,
    value: Value,
    chain: Vec<Link>,
}

/// What one layer says of a field; the first of a chain decides.
#[derive(Serialize)]
struct Link {
    layer: String,
    value: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<String>,
}

/// Explains `VM` or `VM.FIELD`, where `vms` are the group's, resolved.
///
/// # Errors
/// There is no such VM, or it has no such field.
pub(crate) fn explain(
    site: &Site<'_>,
    group: &Group,
    deployment: &Deployment,
    target: &str,
    json: bool,
) -> Result<String, Entry> {
    let (name, field) = match target.split_once('.') {
        Some((name, field)) => (name, Some(field)),
        None => (target, None),
    };
    let machine = group.machines.iter().find(|m| m.name.value().is_some_and(|n| n == name));
    let vm = deployment.vms.iter().find(|vm| vm.name == name);
    let (Some(machine), Some(vm)) = (machine, vm) else {
        let waits = deployment.waiting.iter().find(|waiting| waiting.name == name);
        let hint = match waits {
            Some(waiting) => {
                format!("it lives on a nested node: add `--parent {}`", waiting.parent)
            }
            None => {
                let names = deployment.vms.iter().map(|vm| vm.name.as_str());
                crate::suggest::reference(name, &format!("\"{}\"", group.name), names)
            }
        };
        return Err(Entry::error(Place::Run, format!("VM \"{name}\" is not there")).hint(hint));
    };
    let mut all = fields(site, group, machine, vm);
    if let Some(field) = field {
        let known: Vec<String> = all.iter().map(|e| e.field.clone()).collect();
        all.retain(|e| e.field == field);
        if all.is_empty() {
            let hint = crate::suggest::key(field, known.iter().map(String::as_str));
            return Err(Entry::error(Place::Run, format!("a VM has no `{field}`")).hint(hint));
        }
    }
    if json {
        return Ok(serde_json::to_string_pretty(&all).unwrap_or_default() + "\n");
    }
    Ok(all.iter().map(text).collect())
}

fn text(e: &Explained) -> String {
    let mut out = format!("{}: {}\n", e.field, e.value);
    for (index, link) in e.chain.iter().enumerate() {
        let place = link.place.as_ref().map(|p| format!("  {p}")).unwrap_or_default();
        let value = if index == 0 { String::new() } else { format!("  (would be {})", link.value) };
        out.push_str(&format!("    {}{place}{value}\n", link.layer));
    }
    out
}

fn fields(site: &Site<'_>, group: &Group, machine: &Machine, vm: &Vm) -> Vec<Explained> {
    let Ok(Value::Object(json)) = serde_json::to_value(vm) else { return Vec::new() };
    let own = own(machine);
    let stack = Stack::of(site, machine);
    // In the order of the document; what the VM does not have is said of null too.
    let names = own.iter().map(|(name, _)| *name).chain(crate::site::Layer::FIELDS);
    names
        .map(|name| {
            let mut chain = Vec::new();
            if name == "spec" && vm.spec.is_empty() && stack.pick(|l| &l.spec).value().is_some() {
                chain.push(link(
                    site,
                    "left out: `execution` is push",
                    Value::Null,
                    machine.mode.at(),
                ));
            }
            if let Some((value, at)) =
                own.iter().find(|(n, _)| *n == name).and_then(|(_, s)| s.clone())
            {
                chain.push(link(site, "the VM", value, Some(at)));
            }
            for (level, layer) in stack.layers.iter().rev() {
                let said = layer.and_then(|l| l.said(name));
                if let Some((value, at)) = said {
                    chain.push(link(site, &title(site, machine, *level), value, Some(at)));
                }
            }
            chain.extend(fallback(site, group, name, &json));
            let value = json.get(name).cloned().unwrap_or(Value::Null);
            Explained { field: name.to_owned(), value, chain }
        })
        .collect()
}

/// What only the VM itself can say.
fn own(machine: &Machine) -> Vec<(&'static str, Option<(Value, Span)>)> {
    vec![
        ("name", machine.name.said()),
        ("vmid", machine.vmid.said()),
        ("mac", machine.mac.said()),
        ("parent", machine.parent.said()),
    ]
}

fn title(site: &Site<'_>, machine: &Machine, level: Level) -> String {
    let name = |slot: &Slot<String>| slot.value().cloned().unwrap_or_default();
    match level {
        Level::Vm => "the VM".to_owned(),
        Level::Template => format!("template \"{}\"", name(&machine.template)),
        Level::Preset => {
            let template = site.template(&machine.template);
            format!("preset \"{}\"", name(template.map_or(&machine.preset, |t| &t.preset)))
        }
    }
}

/// What holds where no layer says anything.
fn fallback(
    site: &Site<'_>,
    group: &Group,
    field: &str,
    vm: &serde_json::Map<String, Value>,
) -> Vec<Link> {
    let site_default = match field {
        "bridge" => site.whole.bridge.said(),
        "gateway" => site.whole.gateway.said(),
        _ => None,
    };
    let mut links: Vec<Link> = Vec::new();
    links.extend(site_default.map(|(value, at)| link(site, "`defaults`", value, Some(at))));
    match (field, group.vmid_base.said()) {
        ("vmid", Some((value, at))) => {
            links.push(link(site, "`vmid_base` plus the VM's number in the list", value, Some(at)));
        }
        ("vmid", None) => {
            links.push(link(site, "built in: PVE's next free one", Value::Null, None))
        }
        _ => {}
    }
    let built_in = match field {
        "bridge" => Some(("built in", Value::from("vmbr0"))),
        "ip" => Some(("built in", Value::from("dhcp"))),
        "mac" => {
            let mac = vm.get("mac").cloned().unwrap_or_default();
            Some(("derived from node, deployment and name", mac))
        }
        "packages" => Some(("built in", Value::Array(Vec::new()))),
        _ => None,
    };
    links.extend(built_in.map(|(layer, value)| link(site, layer, value, None)));
    links
}

fn link(site: &Site<'_>, layer: &str, value: Value, at: Option<Span>) -> Link {
    Link { layer: layer.to_owned(), value, place: at.map(|at| site.sources.short(at)) }
}
