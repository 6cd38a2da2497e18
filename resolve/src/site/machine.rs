//! VMs as files describe them: layers, machines, groups of machines. Does no I/O.

use super::slot::{Fields, Slot};
use crate::shape::{self, Shape};
use crate::source::Span;
use crate::yaml::{Map, Node};
use serde_json::Value;

/// What a preset, a template or a VM says of the fields that all three may have.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layer {
    /// Key of the site's images.
    pub image: Slot<String>,
    /// CPU cores.
    pub cores: Slot<u32>,
    /// Memory in MiB.
    pub memory: Slot<u32>,
    /// Boot disk in GiB.
    pub disk: Slot<u32>,
    /// Bridge or vnet.
    pub bridge: Slot<String>,
    /// `dhcp` or CIDR.
    pub ip: Slot<String>,
    /// Default gateway.
    pub gateway: Slot<String>,
    /// VLAN tag.
    pub vlan: Slot<u32>,
    /// Packages for the guest.
    pub packages: Slot<Vec<String>>,
    /// Tags in PVE.
    pub tags: Slot<Vec<String>>,
    /// When it starts and stops with its node.
    pub startup: Slot<String>,
    /// Storage for this VM.
    pub datastore: Slot<String>,
    /// The spec to fetch.
    pub spec: Slot<String>,
}

/// A template: a layer on top of a preset.
#[derive(Clone, Debug, Default)]
pub(crate) struct Template {
    /// The preset that it begins with.
    pub preset: Slot<String>,
    /// What it says itself.
    pub layer: Layer,
}

/// A VM of an env, of a manifest or of the command line.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    /// Where it begins.
    pub at: Span,
    /// Its name.
    pub name: Slot<String>,
    /// The template that it begins with.
    pub template: Slot<String>,
    /// The preset that it begins with.
    pub preset: Slot<String>,
    /// PVE's number.
    pub vmid: Slot<u32>,
    /// MAC of its network card.
    pub mac: Slot<String>,
    /// What must be there first.
    pub parent: Slot<String>,
    /// `vm`, `pve` or `ct`; only in manifests.
    pub kind: Slot<String>,
    /// `push` or `pull`; only in manifests.
    pub mode: Slot<String>,
    /// What it says itself.
    pub layer: Layer,
}

/// Where a group comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// `envs/`.
    Env,
    /// `manifests/`.
    Manifest,
    /// `--vm`.
    CommandLine,
}

/// Machines that are made together.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    /// The env's or the manifest's name, and the deployment's unless it is `renamed`.
    pub name: String,
    /// Where that is written; an env is called by its file.
    pub name_at: Option<Span>,
    /// The deployment's name instead: `resolve --deployment`.
    pub renamed: Option<String>,
    /// Where it comes from.
    pub origin: Origin,
    /// The node that the machines belong on.
    pub node: Slot<String>,
    /// vmid of the first machine.
    pub vmid_base: Slot<u32>,
    /// The posture for ansible.
    pub posture: Slot<String>,
    /// The mode of machines that name none.
    pub default_mode: Slot<String>,
    /// What happens once a machine has failed; only in manifests.
    pub on_error: Slot<String>,
    /// In the order of the file.
    pub machines: Vec<Machine>,
}

impl Layer {
    fn read(f: Fields<'_>) -> Self {
        Self {
            image: f.text("image"),
            cores: f.number("cores"),
            memory: f.number("memory"),
            disk: f.number("disk"),
            bridge: f.text("bridge"),
            ip: f.text("ip"),
            gateway: f.text("gateway"),
            vlan: f.number("vlan"),
            packages: f.texts("packages"),
            tags: f.texts("tags"),
            startup: f.text("startup"),
            datastore: f.text("datastore"),
            spec: f.text("spec"),
        }
    }

    /// The names of its fields, as the document has them.
    pub(crate) const FIELDS: [&str; 13] = [
        "image",
        "cores",
        "memory",
        "disk",
        "bridge",
        "ip",
        "gateway",
        "vlan",
        "packages",
        "tags",
        "startup",
        "datastore",
        "spec",
    ];

    /// What it says of a field, and where.
    pub(crate) fn said(&self, field: &str) -> Option<(Value, Span)> {
        match field {
            "image" => self.image.said(),
            "cores" => self.cores.said(),
            "memory" => self.memory.said(),
            "disk" => self.disk.said(),
            "bridge" => self.bridge.said(),
            "ip" => self.ip.said(),
            "gateway" => self.gateway.said(),
            "vlan" => self.vlan.said(),
            "packages" => self.packages.said(),
            "tags" => self.tags.said(),
            "startup" => self.startup.said(),
            "datastore" => self.datastore.said(),
            "spec" => self.spec.said(),
            _ => None,
        }
    }

    /// Reads a preset.
    pub(crate) fn preset(node: &Node) -> Self {
        node.map().map(|map| Self::read(Fields::new(map, &shape::PRESET))).unwrap_or_default()
    }
}

impl Template {
    /// Reads a template.
    pub(crate) fn read(node: &Node) -> Self {
        let Some(map) = node.map() else { return Self::default() };
        let f = Fields::new(map, &shape::TEMPLATE);
        Self { preset: f.text("preset"), layer: Layer::read(f) }
    }
}

impl Machine {
    fn read(node: &Node, shape: &'static Shape) -> Option<Self> {
        let f = Fields::new(node.map()?, shape);
        let execution = f.node("execution").and_then(Node::map);
        let mode = execution.map(|map| Fields::new(map, &shape::NODE_EXECUTION).text("mode"));
        Some(Self {
            at: node.at,
            name: f.text("name"),
            template: f.text("template"),
            preset: f.text(if shape.field("vm_preset").is_some() { "vm_preset" } else { "preset" }),
            vmid: f.number("vmid"),
            mac: f.text("mac"),
            parent: f.text("parent"),
            kind: f.text("type"),
            mode: mode.unwrap_or_default(),
            layer: Layer::read(f),
        })
    }

    /// What messages call it.
    pub(crate) fn title(&self) -> String {
        match self.name.value() {
            Some(name) => format!("VM \"{name}\""),
            None => "this VM".to_owned(),
        }
    }
}

impl Group {
    /// Reads an env, or the command line's only VM.
    pub(crate) fn env(name: &str, node: &Node, origin: Origin) -> Self {
        let empty = Map::default();
        let f = Fields::new(node.map().unwrap_or(&empty), &shape::ENV);
        Self {
            name: name.to_owned(),
            name_at: None,
            renamed: None,
            origin,
            node: f.text("node"),
            vmid_base: f.number("vmid_base"),
            posture: f.text("posture"),
            default_mode: Slot::Absent,
            on_error: Slot::Absent,
            machines: machines(f.node("vms"), &shape::ENV_VM),
        }
    }

    /// The deployment's name.
    pub(crate) fn deployment(&self) -> &str {
        self.renamed.as_deref().unwrap_or(&self.name)
    }

    /// Reads a manifest.
    pub(crate) fn manifest(stem: &str, node: &Node) -> Self {
        let empty = Map::default();
        let f = Fields::new(node.map().unwrap_or(&empty), &shape::MANIFEST);
        let execution = f.node("execution").and_then(Node::map);
        let mode = execution.map(|map| Fields::new(map, &shape::EXECUTION).text("default_mode"));
        let settings = f.node("settings").and_then(Node::map);
        let on_error = settings.map(|map| Fields::new(map, &shape::SETTINGS).text("on_error"));
        let name = f.text("name");
        Self {
            name: name.value().map_or(stem, String::as_str).to_owned(),
            name_at: name.at(),
            renamed: None,
            origin: Origin::Manifest,
            node: f.text("node"),
            vmid_base: Slot::Absent,
            posture: Slot::Absent,
            default_mode: mode.unwrap_or_default(),
            on_error: on_error.unwrap_or_default(),
            machines: machines(f.node("nodes"), &shape::MANIFEST_NODE),
        }
    }
}

fn machines(list: Option<&Node>, shape: &'static Shape) -> Vec<Machine> {
    let items = list.and_then(Node::list).unwrap_or_default();
    items.iter().filter_map(|node| Machine::read(node, shape)).collect()
}
