//! VMs as described in files: entries and VM sets. Does no I/O.

use super::slot::Slot;
use crate::source::{Sources, Span};
use crate::tree::{Content, Spanned, Tree};
use stage::Report;
use stage::guest;
use std::rc::Rc;

/// More VMs are a mistake, and would exhaust memory.
const MAX_VMS: usize = 100_000;

/// A VM of an env, a manifest or the command line.
#[derive(Clone)]
pub(crate) struct VmEntry {
    /// Where it begins.
    pub at: Span,
    /// Its name.
    pub name: Slot<String>,
    /// Its number within `count`, from 0; `None` without `count`.
    pub number: Option<u32>,
    /// The values of its entry.
    pub tree: Rc<Tree>,
}

/// Where a VM set comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// `envs/`.
    Env,
    /// `manifests/`.
    Manifest,
    /// `--vm`.
    CommandLine,
}

/// VMs that are created together.
#[derive(Clone)]
pub(crate) struct VmSet {
    /// The env's or the manifest's name, and the deployment's unless it is `renamed`.
    pub name: String,
    /// Where the name is written; an env has the name of its file.
    pub name_at: Option<Span>,
    /// The deployment's name from `resolve --deployment`.
    pub renamed: Option<String>,
    /// Where it comes from.
    pub origin: Origin,
    /// How many entries are written; only in envs.
    pub written: Slot<usize>,
    /// The node for the VMs.
    pub node: Slot<String>,
    /// The group of sets of which only one exists at a time.
    pub alternative_group: Slot<String>,
    /// The vmid of the first VM.
    pub vmid_base: Slot<u32>,
    /// The posture for ansible.
    pub posture: Slot<String>,
    /// The default mode of VMs.
    pub default_mode: Slot<String>,
    /// What happens when a VM fails; only in manifests.
    pub on_error: Slot<String>,
    /// The networks that it uses besides those of the VMs' bridges, and where they are named.
    pub networks: Vec<(String, Span)>,
    /// The VMs, in file order.
    pub entries: Vec<VmEntry>,
}

impl VmEntry {
    /// Returns its name for messages.
    pub(crate) fn title(&self) -> String {
        match self.name.value() {
            Some(name) => format!("VM \"{name}\""),
            None => "this VM".to_owned(),
        }
    }

    /// Returns a text of its own entry.
    pub(crate) fn text(&self, key: &str) -> Slot<&str> {
        Slot::of(self.tree.get(key), Spanned::text)
    }

    /// Returns its preset; older and newer sites use different keys for it.
    pub(crate) fn preset(&self) -> Slot<&str> {
        let newer = self.tree.get("preset");
        Slot::of(newer.or_else(|| self.tree.get("vm_preset")), Spanned::text)
    }

    /// Returns `push` or `pull`; only in manifests.
    pub(crate) fn mode(&self) -> Slot<&str> {
        Slot::of(self.tree.find(&["execution", "mode"]), Spanned::text)
    }

    /// Returns its number, for values that count up.
    pub(crate) fn offset(&self) -> u32 {
        self.number.unwrap_or_default()
    }
}

impl VmSet {
    /// Reads an env, or the VM from the command line.
    pub(crate) fn env(
        name: &str,
        tree: Tree,
        origin: Origin,
        (sources, report): (&Sources, &mut Report),
    ) -> Self {
        let mut tree = tree;
        let count = |spanned: &Spanned| match &spanned.content {
            Content::List(items) => Some(items.len()),
            _ => None,
        };
        Self {
            written: Slot::of(tree.get("vms"), count),
            name: name.to_owned(),
            name_at: None,
            renamed: None,
            origin,
            networks: networks(&tree),
            entries: vm_entries(tree.take("vms"), sources, report),
            node: tree.text("node"),
            alternative_group: tree.text("alternative_group"),
            vmid_base: tree.number("vmid_base"),
            posture: tree.text("posture"),
            default_mode: Slot::Absent,
            on_error: Slot::Absent,
        }
    }

    /// Returns the deployment's name.
    pub(crate) fn deployment(&self) -> &str {
        self.renamed.as_deref().unwrap_or(&self.name)
    }

    /// Reads a manifest.
    pub(crate) fn manifest(
        stem: &str,
        tree: Tree,
        (sources, report): (&Sources, &mut Report),
    ) -> Self {
        let mut tree = tree;
        let text = |tree: &Tree, path: &[&str]| {
            Slot::of(tree.find(path), |spanned| spanned.text().map(str::to_owned))
        };
        let name = tree.text("name");
        Self {
            name: name.value().map_or(stem, String::as_str).to_owned(),
            name_at: name.at(),
            renamed: None,
            origin: Origin::Manifest,
            networks: networks(&tree),
            written: Slot::Absent,
            entries: vm_entries(tree.take("nodes"), sources, report),
            node: tree.text("node"),
            alternative_group: tree.text("alternative_group"),
            vmid_base: Slot::Absent,
            posture: Slot::Absent,
            default_mode: text(&tree, &["execution", "default_mode"]),
            on_error: text(&tree, &["settings", "on_error"]),
        }
    }
}

fn networks(tree: &Tree) -> Vec<(String, Span)> {
    let names = tree.get("networks").map(Spanned::items).unwrap_or_default();
    names.iter().filter_map(|name| Some((name.text()?.to_owned(), name.at))).collect()
}

fn vm_entries(list: Option<Spanned>, sources: &Sources, report: &mut Report) -> Vec<VmEntry> {
    let mut vm_entries = Vec::new();
    let items = list.map(Spanned::into_items).unwrap_or_default();
    for item in items {
        let at = item.at;
        let Some(tree) = item.into_map() else { continue };
        let (count, name) = (tree.number("count"), tree.text("name"));
        let tree = Rc::new(tree);
        let Some((count, count_at)) = count.set() else {
            vm_entries.push(VmEntry { at, name, number: None, tree });
            continue;
        };
        if vm_entries.len() + *count as usize > MAX_VMS {
            let fact = format!("this creates more than {MAX_VMS} VMs");
            report.push(sources.error("too-many-vms", count_at, fact));
            break;
        }
        // The last number has the most digits.
        if name.value().is_some_and(|name| guest::host_name(name).is_ok())
            && let Slot::Set(last, name_at) = numbered(&name, *count)
            && guest::host_name(&last).is_err()
        {
            let fact = format!("with its number, \"{last}\" is too long for a host name");
            report.push(sources.error("invalid-name", name_at, fact));
        }
        vm_entries.extend((0..*count).map(|number| VmEntry {
            at,
            name: numbered(&name, number + 1),
            number: Some(number),
            tree: Rc::clone(&tree),
        }));
    }
    vm_entries
}

impl VmEntry {
    /// Returns the previous name of the VM, numbered like its name.
    pub(crate) fn renamed_from(&self) -> Slot<String> {
        let name = self.tree.text("renamed_from");
        match self.number {
            Some(number) => numbered(&name, number + 1),
            None => name,
        }
    }
}

/// Appends a number: `worker` becomes `worker3`, `db.lab.example` becomes `db3.lab.example`.
fn numbered(name: &Slot<String>, number: u32) -> Slot<String> {
    let Slot::Set(name, at) = name else { return name.clone() };
    let numbered = match name.split_once('.') {
        Some((label, domain)) => format!("{label}{number}.{domain}"),
        None => format!("{name}{number}"),
    };
    Slot::Set(numbered, *at)
}
