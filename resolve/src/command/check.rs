//! `resolve check`: validates every file of a site, resolves every env and manifest, and compares
//! them. Does no I/O.

mod across;

use crate::deployment::{self, Claim};
use crate::selection::{Choice, DocumentOptions};
use crate::shape;
use crate::site::{
    DEFAULT_POSTURE, ENVS, FileKind, HOSTS, MANIFESTS, NETWORKS, NODES, NodeFile, POSTURES,
    PRESETS, SPECS, Site, TEMPLATES, VmSet,
};
use crate::source::{FileId, Span};
use crate::suggest;
use crate::tree::Tree;
use across::{Reason, Tenant};
use stage::{Entry, Place, example};
use std::collections::{BTreeMap, BTreeSet};

/// The placeholder node of a site without nodes/.
const ANY: &str = "any";

/// Checks the site and returns a summary. Problems are added to the site's report.
pub(crate) fn check(site: &mut Site<'_>, secrets: bool) -> String {
    site.read_networks();
    site.check_name();
    site.report_all_unreadable();
    let nodes: Vec<NodeFile> =
        site.names(&NODES).into_iter().filter_map(|name| site.node(name, None)).collect();
    check_example_name(site, &nodes);
    let mut vm_sets: Vec<VmSet> = Vec::new();
    vm_sets.extend(site.names(&ENVS).into_iter().filter_map(|name| site.env(name)));
    vm_sets.extend(site.names(&MANIFESTS).into_iter().filter_map(|name| site.manifest(name)));
    let own = vm_sets.iter().map(|vm_set| own_stems(site, vm_set, None)).collect();
    let nodes = Nodes::new(site, nodes, &vm_sets, own, secrets);
    let mut tenants = Vec::new();
    for vm_set in vm_sets.iter().enumerate() {
        tenants.extend(check_vm_set(site, vm_set, &nodes));
    }
    across::check(site, &tenants);
    deployment::check_first_boots(site, "site");
    check_names(site, &vm_sets);
    site.check_gateways();
    let unused = unused(site);
    check_rest(site);
    for ignored in &site.sources.ignored {
        let place = Place::file(format!("{}/{}", site.sources.root, ignored.path));
        let fact = format!("is ignored: {}", ignored.must);
        site.report.push(Entry::warning("file-not-read", place, fact));
    }
    summary(site, &unused)
}

/// Warns about the name of the example, which pve-apply refuses, unless every node is this machine, as
/// when the example runs against a simulator.
fn check_example_name(site: &mut Site<'_>, nodes: &[NodeFile]) {
    let Some((name, at)) = site.config.site.set() else { return };
    let entry = example::name_warning(name, site.sources.place(at));
    let endpoints = || nodes.iter().filter_map(|node| node.api_endpoint.value());
    if let Some(entry) =
        entry.filter(|_| endpoints().any(|url| !url.is_empty() && !shape::is_local(url)))
    {
        site.report.push(entry);
    }
}

/// The nodes to resolve VM sets on.
struct Nodes {
    /// The nodes as written, for VM sets that name their node.
    own: Vec<NodeFile>,
    /// The nodes, each with the images of all nodes, for VM sets without a node.
    shared: Vec<NodeFile>,
    /// The names of nested nodes that manifests create.
    nested: BTreeSet<String>,
    /// For each VM set, the nodes that its VMs name.
    named: Vec<Vec<String>>,
    /// In a site without nodes/, the clusters that VM sets imply, by the names of their nodes.
    implied: BTreeMap<String, String>,
    /// Whether documents contain secrets.
    secrets: bool,
}

impl Nodes {
    fn new(
        site: &Site<'_>,
        own: Vec<NodeFile>,
        vm_sets: &[VmSet],
        named: Vec<Vec<String>>,
        secrets: bool,
    ) -> Self {
        let nested = vm_sets.iter().flat_map(nested).cloned().collect();
        let of_sets = vm_sets.iter().zip(&named).filter(|_| own.is_empty());
        let of_sets = of_sets.map(|(vm_set, named)| vm_set.node.value().into_iter().chain(named));
        let implied = implied_clusters(of_sets.map(Iterator::collect));
        Self { shared: share_images(site, &own), own, nested, named, implied, secrets }
    }

    /// Returns the nodes that a document can be for, if some of its VMs name theirs: those of the
    /// cluster of the first. All nodes if none does.
    fn of_cluster(&self, named: &[String]) -> impl Iterator<Item = &NodeFile> {
        let known = named.iter().find_map(|stem| self.own.iter().find(|node| node.stem == *stem));
        let cluster = known.map(NodeFile::cluster);
        self.shared.iter().filter(move |node| cluster.is_none_or(|name| node.cluster() == name))
    }

    /// Returns the clusters where the VMs of a set without a node can be. A nested node is for its
    /// own VMs.
    fn of_free_set(&self) -> BTreeSet<&str> {
        let outer = self.own.iter().filter(|node| !self.nested.contains(&node.stem));
        outer.map(NodeFile::cluster).collect()
    }
}

/// Returns the nodes that the VMs of a document name.
fn own_stems(site: &mut Site<'_>, vm_set: &VmSet, parent: Option<&str>) -> Vec<String> {
    let named = deployment::own_nodes(site, vm_set, parent).into_iter().flatten();
    named.map(|own| own.stem).collect()
}

/// Returns the cluster of each node, as far as VM sets tell: the nodes of one set are in one cluster.
/// It has the name of its first node.
fn implied_clusters<'n>(
    sets: impl Iterator<Item = BTreeSet<&'n String>>,
) -> BTreeMap<String, String> {
    let mut clusters: Vec<BTreeSet<&String>> = Vec::new();
    for mut cluster in sets {
        let (met, others): (Vec<_>, Vec<_>) =
            clusters.into_iter().partition(|other| !other.is_disjoint(&cluster));
        met.into_iter().for_each(|other| cluster.extend(other));
        clusters = others;
        clusters.push(cluster);
    }
    let names = clusters.into_iter().flat_map(|cluster| {
        let first = cluster.first().map(|name| (*name).clone()).unwrap_or_default();
        cluster.into_iter().map(move |name| (name.clone(), first.clone()))
    });
    names.collect()
}

/// Returns the names of the nested nodes that a VM set creates.
fn nested(vm_set: &VmSet) -> impl Iterator<Item = &String> {
    let nested = vm_set.entries.iter().filter(|m| m.text("type").value() == Some(&"pve"));
    nested.filter_map(|vm_entry| vm_entry.name.value())
}

/// Returns nodes that share their images: a VM set without a node may use an image of any node.
fn share_images(site: &Site<'_>, nodes: &[NodeFile]) -> Vec<NodeFile> {
    let unchecked = site.config.images.is_none() && nodes.iter().any(|node| node.images.is_none());
    let all = nodes.iter().flat_map(|node| node.images.clone().unwrap_or_default());
    let all = all.filter(|(_, image)| image.is_some()).collect();
    let images = (!unchecked).then_some(all);
    nodes.iter().map(|node| NodeFile { images: images.clone(), ..node.clone() }).collect()
}

/// Resolves a VM set on its node, or on every node if it names none, and the children of its nested
/// nodes on every node. Returns its VMs on each cluster.
fn check_vm_set<'v>(
    site: &mut Site<'_>,
    (index, vm_set): (usize, &'v VmSet),
    nodes: &Nodes,
) -> Vec<Tenant<'v>> {
    let secrets = nodes.secrets;
    if nodes.own.is_empty() {
        return without_nodes(site, (index, vm_set), nodes);
    }
    let mut tenants: Vec<Tenant<'v>> = Vec::new();
    let mut add = |cluster: &str, reason, claims| {
        if !tenants.iter().any(|tenant| tenant.cluster == cluster && tenant.reason == reason) {
            tenants.push(Tenant { vm_set, index, cluster: cluster.to_owned(), reason, claims });
        }
    };
    if let Some(node) = nodes.own.iter().find(|node| vm_set.node.value() == Some(&node.stem)) {
        add(node.cluster(), Reason::Named, try_on(site, vm_set, Some(node), None, secrets));
    } else {
        let (can_be, named) = (nodes.of_free_set(), &nodes.named[index]);
        let reason = if named.is_empty() { Reason::Free } else { Reason::Named };
        let is_known = |stem: &String| nodes.own.iter().any(|node| node.stem == *stem);
        for node in nodes.of_cluster(named) {
            let claims = try_on(site, vm_set, Some(node), None, secrets);
            // A node that does not exist has been reported.
            let can_be = match reason {
                Reason::Free => can_be.contains(node.cluster()),
                _ => named.iter().any(is_known),
            };
            if vm_set.node.value().is_none() && can_be {
                add(node.cluster(), reason, claims);
            }
        }
    }
    for parent in nested(vm_set) {
        let named = own_stems(site, vm_set, Some(parent));
        let of_name = nodes.shared.iter().filter(|node| node.stem == *parent);
        for node in of_name.chain(nodes.of_cluster(&named).filter(|node| node.stem != *parent)) {
            let claims = try_on(site, vm_set, Some(node), Some(parent), secrets);
            if node.stem == *parent {
                add(node.cluster(), Reason::Nested, claims);
            }
        }
    }
    tenants
}

/// The same in a site without nodes/: all that is known of nodes are the names that VM sets use.
/// Clusters are unknown, and so are derived MACs.
fn without_nodes<'v>(
    site: &mut Site<'_>,
    (index, vm_set): (usize, &'v VmSet),
    nodes: &Nodes,
) -> Vec<Tenant<'v>> {
    let mut tenants = Vec::new();
    let mut add = |cluster: &str, reason, claims: &[Claim]| {
        let claims = claims.iter().filter(|claim| !claim.derived).cloned().collect();
        tenants.push(Tenant { vm_set, index, cluster: cluster.to_owned(), reason, claims });
    };
    let claims = try_on(site, vm_set, None, None, nodes.secrets);
    let named = vm_set.node.value().or(nodes.named[index].first());
    if let Some(cluster) = named.and_then(|name| nodes.implied.get(name)) {
        add(cluster, Reason::Named, &claims);
    } else {
        let outer = nodes.implied.iter().filter(|(name, _)| !nodes.nested.contains(*name));
        let outer: BTreeSet<&str> = outer.map(|(_, cluster)| cluster.as_str()).collect();
        outer.into_iter().chain([ANY]).for_each(|name| add(name, Reason::Free, &claims));
    }
    for parent in nested(vm_set) {
        let claims = try_on(site, vm_set, None, Some(parent), nodes.secrets);
        add(parent, Reason::Nested, &claims);
    }
    tenants
}

/// Resolves a VM set; without a node, on a placeholder node that has everything.
fn try_on(
    site: &mut Site<'_>,
    vm_set: &VmSet,
    node: Option<&NodeFile>,
    parent: Option<&String>,
    secrets: bool,
) -> Vec<Claim> {
    let parent = parent.cloned();
    let options = DocumentOptions { parent, endpoint: None, spec_server: None, secrets };
    if let Some(node) = node {
        return deployment::check(site, vm_set, node, &options);
    }
    let Some((file, _)) = site.sources.files().next() else { return Vec::new() };
    let node = NodeFile::read(ANY, Span::start(file), &Tree::default());
    let any = Choice { value: "https://any".to_owned(), by: "--endpoint".to_owned() };
    let options = DocumentOptions { endpoint: Some(any), secrets: false, ..options };
    deployment::check(site, vm_set, &node, &options)
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
    // Those in v2/ complete postures of the same name.
    postures
        .retain(|(name, file)| *name != DEFAULT_POSTURE && !path(site, *file).starts_with("v2/"));
    let networks = unnamed(site, &NETWORKS);
    let unused = [networks, templates, presets, specs, postures].into_iter().flatten();
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
        site.parse(file);
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
    let mut counts = counts.to_vec();
    match site.networks().len() {
        0 => {}
        1 => counts.push("1 network".to_owned()),
        count => counts.push(format!("{count} networks")),
    }
    let mut text = format!("{}: {files} files: {}\n", site.sources.root, counts.join(", "));
    if !unused.is_empty() {
        text.push_str(&format!("unused: {}\n", suggest::list(unused.iter().map(String::as_str))));
    }
    text
}
