//! `resolve explain`: where each value of a VM comes from. Does no I/O.

use crate::resolve::{BRIDGE, Level, Stack, counted_vmid, derive_mac};
use crate::site::{Group, Layer, Machine, NodeFile, Origin, Site, Slot};
use crate::source::Span;
use serde::Serialize;
use serde_json::{Map, Value};
use stage::{Deployment, Entry, Place};

/// One field of a VM.
#[derive(Serialize)]
struct Explained {
    field: String,
    value: Value,
    chain: Vec<Link>,
}

/// What one layer says of a field. The first of a chain decides; by null, it leaves it to the last.
#[derive(Serialize)]
struct Link {
    layer: String,
    value: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<String>,
}

/// Explains `VM` or `VM.FIELD` of a group that has been resolved on a node.
///
/// # Errors
/// There is no such VM, or it has no such field.
pub(crate) fn explain(
    site: &Site<'_>,
    group: &Group,
    node: &NodeFile,
    deployment: &Deployment,
    target: &str,
    json: bool,
) -> Result<String, Entry> {
    let (name, field) = match target.split_once('.') {
        Some((name, field)) => (name, Some(field)),
        None => (target, None),
    };
    let mut machines = group.machines.iter().enumerate();
    let machine = machines.find(|(_, m)| m.name.value().is_some_and(|n| n == name));
    let vm = deployment.vms.iter().find(|vm| vm.name == name);
    let (Some((index, machine)), Some(vm)) = (machine, vm) else {
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
    let Ok(Value::Object(vm)) = serde_json::to_value(vm) else { return Ok(String::new()) };
    let subject =
        Subject { site, group, node, machine, index, vm, stack: Stack::of(site, machine) };
    let mut all = subject.fields();
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
        let value = match (index, link.value.is_null()) {
            (0, true) if !e.value.is_null() => "  (null: the last of these holds)".to_owned(),
            (0, _) => String::new(),
            _ => format!("  (would be {})", link.value),
        };
        out.push_str(&format!("    {}{place}{value}\n", link.layer));
    }
    out
}

/// The VM to be explained, and all that has a say in it.
struct Subject<'a> {
    site: &'a Site<'a>,
    group: &'a Group,
    node: &'a NodeFile,
    machine: &'a Machine,
    /// The machine's number in its group, from 0.
    index: usize,
    /// The VM as the document has it.
    vm: Map<String, Value>,
    stack: Stack<'a>,
}

impl Subject<'_> {
    /// All fields, in the order of the document; what the VM does not have is said of null too.
    fn fields(&self) -> Vec<Explained> {
        let own = self.own();
        let names = own.iter().map(|(name, _)| *name).chain(Layer::FIELDS);
        let explained = |name: &str| {
            let own = own.iter().find(|(n, _)| *n == name).and_then(|(_, said)| said.clone());
            let mut chain = Vec::new();
            chain.extend(self.left_out(name));
            chain.extend(own.map(|(value, at)| self.link("the VM", value, Some(at))));
            for (level, layer) in self.stack.layers.iter().rev() {
                let said = layer.and_then(|layer| layer.said(name));
                let link = |(value, at)| self.link(&self.title(*level), value, Some(at));
                chain.extend(said.map(link));
            }
            chain.extend(self.fallback(name));
            let of_node = || self.node.datastore.said().filter(|_| name == "datastore");
            let value = self.vm.get(name).cloned().or_else(|| Some(of_node()?.0));
            Explained { field: name.to_owned(), value: value.unwrap_or_default(), chain }
        };
        names.map(explained).collect()
    }

    /// What no layer can say: the VM itself does, or nobody.
    fn own(&self) -> [(&'static str, Option<(Value, Span)>); 5] {
        [
            ("name", self.machine.name.said()),
            ("node", None),
            ("vmid", self.machine.vmid.said()),
            ("mac", self.machine.mac.said()),
            ("parent", self.machine.parent.said()),
        ]
    }

    /// Why a spec that some layer names is not the VM's.
    fn left_out(&self, name: &str) -> Option<Link> {
        let unused = name == "spec" && !self.vm.contains_key(name);
        self.stack.pick(|layer| &layer.spec).value().filter(|_| unused)?;
        let at = self.machine.mode.at().or(self.group.default_mode.at());
        Some(self.link("left out: `execution` is push", Value::Null, at))
    }

    fn title(&self, level: Level) -> String {
        let name = |slot: &Slot<String>| slot.value().cloned().unwrap_or_default();
        match level {
            Level::Vm => "the VM".to_owned(),
            Level::Template => format!("template \"{}\"", name(&self.machine.template)),
            Level::Preset => {
                let template = self.site.template(&self.machine.template);
                let preset = template.map_or(&self.machine.preset, |t| &t.preset);
                format!("preset \"{}\"", name(preset))
            }
        }
    }

    /// What holds where no layer says anything.
    fn fallback(&self, field: &str) -> Vec<Link> {
        let written = |layer: &str, said: Option<(Value, Span)>| {
            said.map(|(value, at)| self.link(layer, value, Some(at)))
        };
        let built_in = |value: Value| Some(self.link("built in", value, None));
        let whole = &self.site.whole;
        let links = match field {
            "node" => [Some(self.home()), None],
            "vmid" => [self.counted(), None],
            "mac" => [Some(self.derived_mac()), None],
            "bridge" => [written("`defaults`", whole.bridge.said()), built_in(BRIDGE.into())],
            "gateway" => [written("`defaults`", whole.gateway.said()), None],
            "ip" => [built_in("dhcp".into()), None],
            "packages" => [built_in(Value::Array(Vec::new())), None],
            "datastore" => {
                let node = format!("node \"{}\"", self.node.name());
                [written(&node, self.node.datastore.said()), None]
            }
            _ => [None, None],
        };
        links.into_iter().flatten().collect()
    }

    /// The node that the YAML names, unless the VM lives on a nested one.
    fn home(&self) -> Link {
        let layer = match self.group.origin {
            Origin::Manifest => "the manifest",
            Origin::Env | Origin::CommandLine => "the env",
        };
        match self.group.node.set().filter(|_| self.vm.contains_key("node")) {
            Some((name, at)) => self.link(layer, name.as_str().into(), Some(at)),
            None => {
                let layer = format!("not written; the document is for \"{}\"", self.node.name());
                self.link(&layer, Value::Null, None)
            }
        }
    }

    fn counted(&self) -> Option<Link> {
        let Some((base, at)) = self.group.vmid_base.set() else {
            return Some(self.link(
                "built in: the first free one of `vmid_range`",
                Value::Null,
                None,
            ));
        };
        let vmid = counted_vmid(*base, self.index)?;
        Some(self.link("`vmid_base` plus the VM's number in the list", vmid.into(), Some(at)))
    }

    fn derived_mac(&self) -> Link {
        let name = self.machine.name.value().map(String::as_str).unwrap_or_default();
        let mac = derive_mac(self.node.name(), self.group.deployment(), name);
        self.link("derived from node, deployment and name", mac.into(), None)
    }

    fn link(&self, layer: &str, value: Value, at: Option<Span>) -> Link {
        let place = at.map(|at| self.site.sources.short(at));
        Link { layer: layer.to_owned(), value, place }
    }
}
