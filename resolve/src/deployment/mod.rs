//! (Site, selection) → deployment: merges layers, fills in defaults and checks VMs against each
//! other. Does no I/O.

mod address;
mod boot_source;
mod claim;
mod config;
mod cross;
mod endpoint;
mod examples;
mod first_boot;
mod graph;
mod guest;
mod images;
mod mac;
mod nested;
mod network;
mod nic;
mod placement;
mod unique;
mod vm;

pub(crate) use claim::{Claim, Claimed};
pub(crate) use first_boot::check_first_boots;
pub(crate) use graph::{nested, tiers};
pub(crate) use mac::MacDeriver;
pub(crate) use placement::{Nodes, OwnNode, node_of_first, own_nodes};
pub(crate) use vm::{BRIDGE, counted_vmid};

use crate::json;
use crate::selection::DocumentOptions;
use crate::shape::{CLOUD_INIT, DEPLOYMENT, NODE_NAME, Rule, is_local};
use crate::site::{NodeFile, Origin, Site, Slot, VmSet};
use crate::source::Span;
use endpoint::endpoint;
use stage::identity::VmidRange;
use stage::{Deployment, Entry, Place, Secret, Vm, Waiting};
use std::collections::BTreeMap;

/// The default user that cloud-init creates.
pub(crate) const AUTOMATION_USER: &str = "homestak";
/// The default user for SSH to a node.
pub(crate) const HOST_USER: &str = "root";

/// Resolves a VM set on a node. Problems are added to the site's report.
pub(crate) fn build(
    site: &mut Site<'_>,
    vm_set: &VmSet,
    node: &NodeFile,
    options: &DocumentOptions,
) -> Deployment {
    build_with_nodes(site, vm_set, node, options).0
}

/// The same; also returns the files of the document's nodes by their names in PVE.
pub(crate) fn build_with_nodes(
    site: &mut Site<'_>,
    vm_set: &VmSet,
    node: &NodeFile,
    options: &DocumentOptions,
) -> (Deployment, BTreeMap<String, NodeFile>) {
    let resolved = resolve(site, vm_set, node, options);
    let files = resolved.nodes.all().map(|file| (file.name().to_owned(), file.clone())).collect();
    (document(site, vm_set, options, resolved), files)
}

/// Resolves a VM set only for the problems, which are added to the site's report. Returns what the
/// VMs of the document claim.
pub(crate) fn check(
    site: &mut Site<'_>,
    vm_set: &VmSet,
    node: &NodeFile,
    options: &DocumentOptions,
) -> Vec<Claim> {
    let resolved = resolve(site, vm_set, node, options);
    let here = resolved.order.here.iter().filter_map(|index| resolved.all.get(*index));
    let claims = here.flat_map(|resolved| claim::of(site, vm_set, resolved)).collect();
    document(site, vm_set, options, resolved);
    claims
}

/// The VMs of a set, resolved and checked against each other.
struct Resolved<'g, 'n> {
    /// All VMs of the set, in file order.
    all: Vec<ResolvedVm<'g>>,
    /// Which of them the document has.
    order: graph::Order,
    /// The nodes of those.
    nodes: Nodes<'n>,
}

/// Resolves all VMs of a set, and checks them against each other.
fn resolve<'g, 'n>(
    site: &mut Site<'_>,
    vm_set: &'g VmSet,
    node: &'n NodeFile,
    options: &DocumentOptions,
) -> Resolved<'g, 'n> {
    site.read_layers(vm_set);
    site.read_networks();
    check_count(site, vm_set);
    let order = graph::order(site, vm_set, options.parent.as_deref());
    let all = vm::resolve_all(site, vm_set, node, options);
    let nodes = Nodes::read(site, node, (&all, &order), options.parent.as_deref());
    check_stems(site, vm_set, &nodes);
    let nics = all.iter().flat_map(|vm| &vm.nics);
    site.note_addresses(nics.flat_map(|nic| &nic.addresses).map(|(address, _)| *address));
    first_boot::check(site, vm_set, &all, options);
    examples::check(site, &all, node, options);
    unique::check(site, vm_set, &all, &order);
    unique::check_against_nodes(site, &nodes, &all, &order);
    boot_source::check_templates(site, &nodes, &all, &order);
    Resolved { all, order, nodes }
}

/// Returns the document of resolved VMs.
fn document(
    site: &mut Site<'_>,
    vm_set: &VmSet,
    options: &DocumentOptions,
    Resolved { all, order, nodes }: Resolved<'_, '_>,
) -> Deployment {
    let node = nodes.head;
    let waiting = order.waiting.iter().map(|(vm, on)| Waiting {
        name: all[*vm].vm.name.clone(),
        parent: all[*on].vm.name.clone(),
    });
    let waiting = waiting.collect();
    let listed = || order.all.iter().map(|index| &all[*index].vm);
    let former = listed().filter_map(|vm| vm.renamed_from.clone());
    // A filtered document must still know all VMs of the deployment.
    let vm_names = listed().map(|vm| vm.name.clone()).chain(former).collect();
    let vms = vms_of_document(all, &order);
    let (networks, network_names) = network::document(site, vm_set, &nodes, &vms, options).unzip();
    let image_sources = images::sources(site, &nodes, &vms, options);
    let (secret_keys, root_password) = match &site.secrets {
        Some(secrets) => {
            (secrets.ssh_keys.iter().map(|(_, key)| key.clone()).collect(), secrets.vm_root.clone())
        }
        None => (Vec::new(), None),
    };
    // VMs on a nested node belong there: `node` in the YAML is for the others.
    let written = vm_set.node.value().is_some() && options.parent.is_none();
    let home = written.then(|| node.name().to_owned());
    let of_vm = |vm: &ResolvedVm<'_>| match &vm.own_node {
        Some(own) => (Some(nodes.of(vm).name().to_owned()), own.from_list),
        None => (home.clone(), false),
    };
    let text = |slot: &Slot<String>| slot.value().cloned();
    Deployment {
        node: node.name().to_owned(),
        api_endpoint: options.address(Some(endpoint(site, node, options))).unwrap_or_default(),
        // `--endpoint` may be a tunnel to the node, which has the same certificate.
        api_fingerprint: text(&node.api_fingerprint),
        api_token: api_token(site, node, options),
        ssh_user: text(&node.host_user)
            .or_else(|| text(&site.config.host_user))
            .unwrap_or_else(|| HOST_USER.into()),
        automation_user: text(&site.config.vm_user).unwrap_or_else(|| AUTOMATION_USER.into()),
        ssh_host: ssh_host(node),
        datastore: text(&node.datastore).unwrap_or_default(),
        image_datastore: node.image_datastore().to_owned(),
        root_password: root_password.unwrap_or_default(),
        ssh_keys: secret_keys,
        spec_server: options.address(first_boot::server(&site.config, options)).unwrap_or_default(),
        site: text(&site.config.site),
        deployment: vm_set.deployment().to_owned(),
        vm_names: Some(vm_names),
        vmid_range: vmid_range(site),
        on_error: text(&vm_set.on_error),
        nodes: placement::document(&nodes, &vms, image_sources.of_nodes),
        image_sources: image_sources.of_head,
        cloud_init: cloud_init(site, options),
        networks,
        network_names,
        waiting,
        vms: vms
            .into_iter()
            .map(|vm| {
                let (node, node_from_list) = of_vm(&vm);
                Vm { node, node_from_list, ..*vm.vm }
            })
            .collect(),
        ..Deployment::default()
    }
}

/// Returns the VMs of the document, parents first, each with its parent in the document.
fn vms_of_document<'g>(mut all: Vec<ResolvedVm<'g>>, order: &graph::Order) -> Vec<ResolvedVm<'g>> {
    let names: Vec<String> = all.iter().map(|vm| vm.vm.name.clone()).collect();
    let parent = |i: usize| order.parents[i].filter(|p| order.homes[*p] == order.homes[i]);
    for (index, resolved) in all.iter_mut().enumerate() {
        resolved.vm.parent = parent(index).map(|p| names[p].clone());
    }
    let mut all: Vec<Option<ResolvedVm<'_>>> = all.into_iter().map(Some).collect();
    order.here.iter().filter_map(|i| all[*i].take()).collect()
}

/// A VM of the document, and the entry that it comes from.
pub(crate) struct ResolvedVm<'g> {
    /// The entry.
    pub vm_entry: &'g crate::site::VmEntry,
    /// The VM; boxed, since it is large and moved often.
    pub vm: Box<Vm>,
    /// The node that it names itself.
    pub own_node: Option<OwnNode>,
    /// Its NICs, with the places of values that must be unique.
    pub nics: Vec<nic::FoundNic>,
    /// The networks of its NICs, by index.
    pub networks: Vec<usize>,
    /// Where its image is set.
    pub image_at: Option<Span>,
    /// Where the template is set that it is cloned from.
    pub template_at: Option<Span>,
    /// Where the hash of its user's password is set.
    pub password_at: Option<Span>,
    /// Where its spec is set, or else its boot scenario.
    pub first_boot_at: Option<Span>,
    /// The images of its other disks, and where they are set.
    pub imports: Vec<(String, Span)>,
}

/// Returns 127.0.0.1 if the `api_endpoint` is on this machine, else the node's `ip`. `--endpoint` does
/// not matter: it may be a tunnel.
fn ssh_host(node: &NodeFile) -> String {
    if node.api_endpoint.value().is_some_and(|url| is_local(url)) {
        return "127.0.0.1".to_owned();
    }
    let ip = node.ip.value().map(String::as_str).unwrap_or_default();
    ip.split('/').next().unwrap_or_default().to_owned()
}

fn api_token(site: &mut Site<'_>, node: &NodeFile, options: &DocumentOptions) -> Secret<String> {
    if !options.secrets {
        return Secret::default();
    }
    let name = node.api_token.value().unwrap_or(&node.stem);
    match site.secrets.as_ref().and_then(|s| s.api_tokens.get(name)) {
        Some(token) => return token.clone().unwrap_or_default(),
        None if node.api_token.is_invalid() || site.secrets_unknown => return Secret::default(),
        None => {}
    }
    // A written name has been checked where it is written.
    if node.api_token.at().is_none() {
        let entry = site.no_token(name, node.at, false);
        site.report.push(entry);
    }
    Secret::default()
}

fn vmid_range(site: &Site<'_>) -> VmidRange {
    let text = site.config.vmid_range.value();
    text.and_then(|text| VmidRange::parse(text)).unwrap_or_default()
}

/// Returns the site's cloud-config for every guest, completed with its defaults.
fn cloud_init(
    site: &Site<'_>,
    options: &DocumentOptions,
) -> serde_json::Map<String, serde_json::Value> {
    let config = &site.config;
    let mut json = config.cloud_init.clone();
    if !options.secrets {
        json::mask(&mut json, &CLOUD_INIT);
    }
    for (name, slot) in [("timezone", &config.timezone), ("domain", &config.domain)] {
        if let (None, Some(text)) = (json.get(name), slot.value()) {
            json.insert(name.to_owned(), text.clone().into());
        }
    }
    if let (None, Some(servers)) = (json.get("dns_servers"), config.dns_servers.value()) {
        json.insert("dns_servers".to_owned(), servers.clone().into());
    }
    json
}

/// Checks file names that become names in PVE: the file system allows more than PVE.
fn check_stems(site: &mut Site<'_>, vm_set: &VmSet, nodes: &Nodes<'_>) {
    let mut check = |folder: &str, stem: &str, rule: &Rule, hint: &str| {
        if !rule.accepts(stem) {
            let place = Place::file(format!("{}/{folder}/{stem}.yaml", site.sources.root));
            let fact = format!("the file name must be {}", rule.must);
            site.report.push(Entry::error("invalid-name", place, fact).hint(hint));
        }
    };
    if vm_set.origin == Origin::Env && vm_set.renamed.is_none() {
        check("envs", &vm_set.name, &DEPLOYMENT, "rename the file");
    }
    for node in nodes.all().filter(|node| node.node.value().is_none() && !node.node.is_invalid()) {
        check("nodes", &node.stem, &NODE_NAME, "set `node`, or rename the file");
    }
}

/// Warns about an env without VMs: most likely, `vms` is missing.
fn check_count(site: &mut Site<'_>, vm_set: &VmSet) {
    let is_empty = match vm_set.written {
        Slot::Invalid(_) => false,
        Slot::Set(count, _) => count == 0,
        Slot::Null(_) | Slot::Absent => true,
    };
    if vm_set.origin == Origin::Env && is_empty {
        let file = || Place::file(format!("{}/envs/{}.yaml", site.sources.root, vm_set.name));
        let place = vm_set.written.at().map_or_else(file, |at| site.sources.place(at));
        site.report.push(Entry::warning("no-vms", place, "the env has no VMs"));
    }
}
