//! `resolve check`: validates every file of a site and resolves every env and manifest. Does no
//! I/O.

use crate::deployment;
use crate::selection::{Choice, DocumentOptions};
use crate::shape;
use crate::site::{
    ENVS, FileKind, HOSTS, Image, MANIFESTS, NODES, NodeFile, POSTURES, PRESETS, SPECS, Site,
    TEMPLATES, VmSet,
};
use crate::source::{FileId, Span};
use crate::suggest;
use crate::tree::Tree;
use stage::{Entry, Place};
use std::collections::BTreeMap;

/// Checks the site and returns a summary. Problems are added to the site's report.
pub(crate) fn check(site: &mut Site<'_>, secrets: bool) -> String {
    site.check_name();
    let nodes: Vec<NodeFile> =
        site.names(&NODES).into_iter().filter_map(|name| site.node(name, None)).collect();
    let mut vm_sets: Vec<VmSet> = Vec::new();
    vm_sets.extend(site.names(&ENVS).into_iter().filter_map(|name| site.env(name)));
    vm_sets.extend(site.names(&MANIFESTS).into_iter().filter_map(|name| site.manifest(name)));
    let nodes = Nodes { shared: share_images(site, &nodes), own: nodes, secrets };
    for vm_set in &vm_sets {
        check_vm_set(site, vm_set, &nodes);
    }
    deployment::check_first_boots(site);
    check_names(site, &vm_sets);
    let unused = unused(site);
    check_rest(site);
    for path in &site.sources.ignored {
        let place = Place::file(format!("{}/{path}", site.sources.root));
        let entry =
            Entry::warning("file-not-read", place, "is ignored: its name must end in .yaml");
        site.report.push(entry);
    }
    summary(site, &unused)
}

/// The nodes to resolve VM sets on.
struct Nodes {
    /// The nodes as written, for VM sets that name their node.
    own: Vec<NodeFile>,
    /// The nodes, each with the images of all nodes, for VM sets without a node.
    shared: Vec<NodeFile>,
    /// Whether documents contain secrets.
    secrets: bool,
}

/// Returns nodes that share their images: a VM set without a node may use an image of any node.
fn share_images(site: &Site<'_>, nodes: &[NodeFile]) -> Vec<NodeFile> {
    let unchecked = site.config.images.is_none() && nodes.iter().any(|node| node.images.is_none());
    let all: BTreeMap<String, Image> =
        nodes.iter().flat_map(|node| node.images.clone().unwrap_or_default()).collect();
    let images = (!unchecked).then_some(all);
    nodes.iter().map(|node| NodeFile { images: images.clone(), ..node.clone() }).collect()
}

/// Resolves a VM set on its node, or on every node if it names none, and the children of its nested
/// nodes on every node.
fn check_vm_set(site: &mut Site<'_>, vm_set: &VmSet, nodes: &Nodes) {
    let each = || match nodes.shared.is_empty() {
        true => vec![None],
        false => nodes.shared.iter().map(Some).collect(),
    };
    let named = nodes.own.iter().find(|node| vm_set.node.value() == Some(&node.stem));
    let first_level = named.map_or_else(each, |node| vec![Some(node)]);
    for node in first_level {
        try_on(site, vm_set, node, None, nodes.secrets);
    }
    let nested = vm_set.entries.iter().filter(|m| m.text("type").value() == Some(&"pve"));
    for parent in nested.filter_map(|vm_entry| vm_entry.name.value()) {
        for node in each() {
            try_on(site, vm_set, node, Some(parent), nodes.secrets);
        }
    }
}

/// Resolves a VM set; without a node, on a placeholder node that has everything.
fn try_on(
    site: &mut Site<'_>,
    vm_set: &VmSet,
    node: Option<&NodeFile>,
    parent: Option<&String>,
    secrets: bool,
) {
    let parent = parent.cloned();
    let options = DocumentOptions { parent, endpoint: None, spec_server: None, secrets };
    if let Some(node) = node {
        deployment::build(site, vm_set, node, &options);
    } else if let Some((file, _)) = site.sources.files().next() {
        let node = NodeFile::read("any", Span::start(file), &Tree::default());
        let any = Choice { value: "https://any".to_owned(), by: "--endpoint".to_owned() };
        let options = DocumentOptions { endpoint: Some(any), secrets: false, ..options };
        deployment::build(site, vm_set, &node, &options);
    }
}

/// Warns about deployments with the same name. A VM's mark contains deployment and name, so a
/// copied manifest would act on the VMs of the original.
fn check_names(site: &mut Site<'_>, vm_sets: &[VmSet]) {
    let mut seen: BTreeMap<&str, String> = BTreeMap::new();
    for vm_set in vm_sets {
        let path = format!("{}/envs/{}.yaml", site.sources.root, vm_set.name);
        let shown = vm_set.name_at.map_or(path, |at| site.sources.short(at));
        let Some(first) = seen.get(vm_set.name.as_str()) else {
            seen.insert(&vm_set.name, shown);
            continue;
        };
        let fact = format!("deployment \"{}\" is already used by {first}", vm_set.name);
        let place = vm_set.name_at.map_or(Place::Run, |at| site.sources.place(at));
        let note = "on the same node, each would take over VMs with the same name from the other";
        let entry = Entry::warning("duplicate-deployment", place, fact).note(note);
        site.report.push(entry.hint("give each a unique name"));
    }
}

/// Validates and returns the files that nothing refers to.
fn unused(site: &mut Site<'_>) -> Vec<String> {
    // A preset that only an unused template refers to still counts as used.
    let templates = unnamed(site, &TEMPLATES);
    for (name, _) in &templates {
        site.read_template(name);
    }
    let presets = unnamed(site, &PRESETS);
    for (_, file) in &presets {
        site.read(*file, &shape::PRESET);
    }
    let specs = unnamed(site, &SPECS);
    for name in site.names(&SPECS) {
        super::spec(site, name);
    }
    let mut postures = unnamed(site, &POSTURES);
    for (_, file) in &postures {
        site.read(*file, &shape::POSTURE);
    }
    // `dev` is the default posture; those in v2/ complete postures of the same name.
    postures.retain(|(name, file)| *name != "dev" && !path(site, *file).starts_with("v2/"));
    let unused = [templates, presets, specs, postures].into_iter().flatten();
    let mut unused: Vec<String> = unused.map(|(_, file)| path(site, file).to_owned()).collect();
    unused.sort_unstable();
    unused
}

/// Returns the files of a kind that nothing refers to so far.
fn unnamed<'s>(site: &Site<'s>, kind: &FileKind) -> Vec<(&'s str, FileId)> {
    let all = kind.all_folders().flat_map(|folder| files(site, folder));
    all.filter(|(_, file)| !site.is_named(*file)).collect()
}

fn check_rest(site: &mut Site<'_>) {
    for (_, file) in files(site, HOSTS.folders[0]) {
        site.read(file, &shape::HOST);
    }
}

fn files<'s>(site: &Site<'s>, folder: &'static str) -> Vec<(&'s str, FileId)> {
    let sources = site.sources;
    let file = |stem| Some((stem, sources.find(&format!("{folder}/{stem}.yaml"))?));
    sources.stems(folder).filter_map(file).collect()
}

fn path<'s>(site: &Site<'s>, file: FileId) -> &'s str {
    site.sources.file(file).map_or("", |f| f.path.as_str())
}

fn summary(site: &Site<'_>, unused: &[String]) -> String {
    let counts = [&ENVS, &MANIFESTS, &NODES, &PRESETS, &TEMPLATES, &SPECS, &POSTURES].map(|kind| {
        let count = site.names(kind).len();
        format!("{count} {}{}", kind.noun, if count == 1 { "" } else { "s" })
    });
    let files = site.sources.files().count();
    let mut text = format!("{}: {files} files: {}\n", site.sources.root, counts.join(", "));
    if !unused.is_empty() {
        text.push_str(&format!("unused: {}\n", suggest::list(unused.iter().map(String::as_str))));
    }
    text
}
