//! Preflight: checks before the first write whether PVE has what the VMs to be created or changed need.
//! Does no I/O.

mod storage;
mod token;

pub(crate) use token::judge_privileges;

use crate::action::{Step, VmPlan};
use crate::network::desired::has_node;
use crate::privileges::{self, ANY_VERSION, Need};
use crate::requested::{RequestedVm, Required, Requirement};
use crate::vnets::Vnet;
use machine::sdn::Network;
use machine::{ConfigKey, Parts, Version};
use pve_client::{
    Mapping, MappingKind, NodeName, Permissions, SdnObject, Storage, StorageConfig, StorageId,
};
use stage::{Entry, Place, Report, Severity, suggest};
use std::collections::{BTreeMap, BTreeSet};

/// What a node offers to the token, as far as it was read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    /// Its storages.
    pub storages: Vec<Storage>,
    /// What the cluster says about storages, where the node has one that it cannot use.
    pub storage_configs: Vec<StorageConfig>,
    /// The ISO images of the storages that the token can list.
    pub isos: BTreeMap<String, Vec<String>>,
    /// The bridges and VNets that a NIC can use.
    pub bridges: Vec<String>,
    /// The state of the VNets that the document asks for.
    pub(crate) vnets: BTreeMap<String, Vnet>,
    /// The VNets that the token can see, when the document may ask for one.
    pub(crate) vnet_objects: Vec<SdnObject>,
    /// The cluster's mappings on this node.
    pub mappings: BTreeMap<MappingKind, Vec<Mapping>>,
    /// CPU models.
    pub cpu_models: Vec<String>,
    /// Machine types with a version.
    pub machines: Vec<String>,
    /// The cluster's pools.
    pub pools: Vec<String>,
    /// The version of PVE.
    pub version: Option<pve_client::Version>,
    /// What the token is allowed to do.
    pub permissions: Permissions,
    /// The token's public part, for the commands in hints.
    pub token_id: String,
}

/// The VMs to be created and to be changed.
#[derive(Clone, Debug)]
pub(crate) struct Preflight<'a> {
    /// The node that has them.
    pub node: &'a NodeName,
    /// The storage for images and seeds, and the field that names it.
    pub(crate) images: (&'a StorageId, &'a str),
    /// Those to be created.
    pub made: Vec<&'a RequestedVm>,
    /// How those are created, if it is planned.
    pub(crate) plans: Vec<&'a VmPlan>,
    /// Those to be changed.
    pub changed: Vec<(&'a RequestedVm, &'a VmPlan)>,
    /// The networks that the same run makes or changes, before the VMs.
    pub(crate) networks: Vec<&'a Network>,
}

/// What is needed, and the fields that need it.
type Fields = BTreeMap<Required, Vec<String>>;

impl Preflight<'_> {
    /// What PVE must have.
    pub(crate) fn required(&self) -> Vec<Required> {
        self.fields().into_keys().collect()
    }

    fn fields(&self) -> Fields {
        let mut fields = Fields::new();
        let mut want = |mut requirement: Requirement| {
            if let Required::Bridge(name) = &requirement.what
                && self.network_of(name).is_some()
            {
                requirement.what = Required::NewVnet(name.clone());
            }
            let list = fields.entry(requirement.what).or_default();
            if !list.contains(&requirement.field) {
                list.push(requirement.field);
            }
        };
        let (images, field) = self.images;
        if !self.made.is_empty() {
            want(for_images(images, field));
        }
        self.made.iter().flat_map(|vm| vm.requirements()).for_each(&mut want);
        for (vm, plan) in &self.changed {
            plan.steps.iter().flat_map(|step| of_step(vm, step, field)).for_each(&mut want);
        }
        fields
    }

    /// What the token must be allowed to do.
    fn needs(&self) -> BTreeSet<Need> {
        let mut needs = BTreeSet::new();
        if !self.made.is_empty() {
            needs = privileges::needs(&[self.images.0.as_str()], &self.made, &ANY_VERSION);
            needs.extend(privileges::clones::of_new(&self.made, &self.plans));
        }
        for (vm, plan) in &self.changed {
            needs.extend(privileges::of_change(plan, &vm.storage, &ANY_VERSION));
        }
        needs.retain(|need| !need.is_of_bridge());
        needs
    }

    /// Returns why something that is needed cannot be used.
    fn missing(&self, required: &Required, field: &str, facts: &Facts) -> Vec<Entry> {
        let node = self.node;
        let error = |code, fact: String| Entry::error(code, Place::input(field), fact);
        let unless_in = |code, list: &[String], name: &str, fact: String, empty: &str| {
            let is_there = list.iter().any(|known| known == name);
            (!is_there)
                .then(|| error(code, fact).hint(near(name, list, empty)))
                .into_iter()
                .collect()
        };
        match required {
            Required::Storage { name, content } => self.storage(name, content, field, facts),
            Required::Iso(volid) => {
                let storage = volid.split(':').next().unwrap_or_default();
                let fact = format!("\"{volid}\" does not exist");
                let empty = format!("storage \"{storage}\" has no ISO images");
                let known = facts.isos.get(storage);
                known
                    .map(|known| unless_in("iso-not-found", known, volid, fact, &empty))
                    .unwrap_or_default()
            }
            Required::Bridge(name) => {
                // PVE: facts 13: without this check the VM is created and its start fails.
                let vnet = facts.vnets.get(name);
                match vnet.and_then(|vnet| vnet.finding(name, field, node)) {
                    Some(found) if found.severity == Severity::Error => vec![found],
                    warning => {
                        warning.into_iter().chain(self.bridge(name, &error, facts)).collect()
                    }
                }
            }
            Required::NewVnet(name) => self.new_vnet(name, &error, facts),
            Required::VlansOn(name) => self.vlans_on(name, &error, facts),
            Required::Mapping(kind, name) => mapping(*kind, name, node, &error, facts),
            Required::CpuModel(name) => {
                let fact = format!("node {node} does not offer CPU model \"{name}\"");
                unless_in("cpu-model-not-found", &facts.cpu_models, name, fact, "it offers none")
            }
            Required::Machine(name) => {
                let fact = format!("node {node} does not offer machine type \"{name}\"");
                unless_in("machine-type-not-found", &facts.machines, name, fact, "it offers none")
            }
            Required::Pool(name) => {
                let fact = format!("pool \"{name}\" does not exist or is not visible to the token");
                let empty = format!("the token needs Pool.Audit on /pool/{name}");
                unless_in("pool-not-found", &facts.pools, name, fact, &empty)
            }
            Required::Since(name, Version(major, minor)) => {
                let old = facts.version.as_ref();
                let old = old.filter(|v| !v.at_least((*major).into(), (*minor).into()));
                let fact = |version: &pve_client::Version| {
                    format!("`{name}` requires PVE {major}.{minor}; this is {}", version.version)
                };
                old.map(|version| error("pve-too-old", fact(version))).into_iter().collect()
            }
        }
    }

    /// Returns the network that makes a vnet in this run.
    fn network_of(&self, vnet: &str) -> Option<&Network> {
        let has = |network: &&&Network| network.vnets.iter().any(|known| known.vnet == vnet);
        self.networks.iter().find(has).copied()
    }

    /// Checks a vnet that is made before the VM: no node has it yet.
    fn new_vnet(
        &self,
        name: &str,
        error: &dyn Fn(&'static str, String) -> Entry,
        facts: &Facts,
    ) -> Vec<Entry> {
        let Some(network) = self.network_of(name) else { return Vec::new() };
        let mut entries = Vec::new();
        // PVE: facts-3, 3: the privilege is needed as soon as the vnet is edited.
        let path = privileges::vnet_path(&network.zone, name);
        let need = Need { path: path.clone(), privilege: "SDN.Use" };
        if !privileges::has(&facts.permissions, &need) {
            let fact = format!("token {} lacks SDN.Use on {path}", facts.token_id);
            let hint = token::way_out(&path, &privileges::OUR_VNET, facts);
            entries.push(error("permission", fact).hint(hint));
        }
        if !has_node(network, self.node) {
            let zone = &network.zone;
            let fact = format!(
                "vnet \"{name}\" is in zone \"{zone}\", which node {} is not in",
                self.node
            );
            let hint = format!("add {} to the `nodes` of network \"{zone}\"", self.node);
            entries.push(error("vnet-not-on-node", fact).hint(hint));
        }
        entries
    }

    /// PVE checks VLANs of a NIC at the VM's start: then the VM would exist already.
    fn vlans_on(
        &self,
        name: &str,
        error: &dyn Fn(&'static str, String) -> Entry,
        facts: &Facts,
    ) -> Vec<Entry> {
        let is_named = |vnet: &&machine::sdn::Vnet| vnet.vnet == name;
        let made = self.network_of(name).and_then(|network| network.vnets.iter().find(is_named));
        let is_aware = match made {
            Some(vnet) => vnet.config.is_on("vlanaware"),
            // Nothing is known about a VNet that the token cannot see.
            None => match facts.vnet_objects.iter().find(|vnet| vnet.id == name) {
                Some(vnet) => vnet.values.get("vlanaware").is_some_and(|aware| aware == "1"),
                None => true,
            },
        };
        if is_aware {
            return Vec::new();
        }
        let fact = format!("vnet \"{name}\" is not VLAN-aware: VMs on it cannot have a VLAN");
        let hint = match made {
            Some(_) => "remove the VLAN, or set `vlanaware` on the vnet",
            None => "remove the VLAN, or make the vnet VLAN-aware in Datacenter > SDN > VNets",
        };
        vec![error("vnet-not-vlan-aware", fact).hint(hint)]
    }

    /// PVE leaves out of its list what the token is not allowed to use, so we name the privilege even where
    /// it lists another bridge.
    fn bridge(
        &self,
        name: &str,
        error: &dyn Fn(&'static str, String) -> Entry,
        facts: &Facts,
    ) -> Vec<Entry> {
        let is_listed = facts.bridges.iter().any(|known| known == name);
        if is_listed && privileges::may_use_bridge(&facts.permissions, name) {
            return Vec::new();
        }
        let path = privileges::bridge_path(name);
        let zone = match path.contains(privileges::ZONE_PLACEHOLDER) {
            true => ", where ZONE is the VNet's zone, or localnetwork for a bridge",
            false => "",
        };
        let needs = format!("the token needs SDN.Use on {path}{zone}");
        if is_listed {
            // PVE: pve-manager, API2/Network.pm: SDN.Audit is enough for the list.
            let fact = format!("the token can see bridge \"{name}\", but is not allowed to use it");
            return vec![error("permission", fact).hint(needs)];
        }
        let fact = format!(
            "bridge \"{name}\" does not exist on node {} or is not visible to the token",
            self.node
        );
        let hint = match near(name, &facts.bridges, "") {
            known if known.is_empty() => needs,
            known => format!("{known}; if \"{name}\" exists, {needs}"),
        };
        vec![error("bridge-not-found", fact).hint(hint)]
    }
}

/// Checks whether the VMs of all nodes can be created and their changes made; `facts` are those of each node.
/// What is the cluster's, or the token's, is reported once.
pub(crate) fn judge(head: &NodeName, works: &[Preflight<'_>], facts: &[Facts]) -> Report {
    let mut report = Report::new();
    let mut all: BTreeMap<(Required, usize), Vec<String>> = BTreeMap::new();
    for (index, work) in works.iter().enumerate() {
        for (required, fields) in work.fields() {
            let first = all.keys().find(|(known, _)| *known == required).map(|(_, index)| *index);
            let index = first.filter(|_| required.is_of_cluster()).unwrap_or(index);
            all.entry((required, index)).or_default().extend(fields);
        }
    }
    for ((required, index), fields) in &all {
        let (Some(work), Some(facts)) = (works.get(*index), facts.get(*index)) else { continue };
        for entry in work.missing(required, fields.first().map_or("", String::as_str), facts) {
            let (_, more) = fields.split_at(1.min(fields.len()));
            let also = suggest::list(more.iter().map(String::as_str));
            report.push(if more.is_empty() { entry } else { entry.note(format!("also: {also}")) });
        }
    }
    let mut needs = BTreeSet::new();
    for (work, facts) in works.iter().zip(facts) {
        let of_node = work.needs().into_iter();
        needs.extend(of_node.filter(|need| !storage::is_of_mistyped_storage(need, facts)));
    }
    if let Some(facts) = facts.first() {
        judge_privileges(&mut report, head, needs, facts);
    }
    report
}

/// Returns what PVE must have for a step of a change.
fn of_step(vm: &RequestedVm, step: &Step, images: &str) -> Vec<Requirement> {
    // What the document does not say is a default of PVE or of the table.
    let param = |(name, text): (&String, &String)| {
        let key = ConfigKey::find(name).filter(|key| vm.sets(*key))?;
        Some(vm.requirements_of(key, &Parts::read(key.key, text)))
    };
    match step {
        Step::UploadSeed { storage, .. } => vec![for_images(storage, images)],
        Step::Configure { params, .. } => params.iter().filter_map(param).flatten().collect(),
        Step::AddDisk { disk, value } => param((disk, value)).unwrap_or_default(),
        Step::AddDisks { disks } => disks.iter().filter_map(param).flatten().collect(),
        Step::MoveDisk { disk, storage } => {
            param((disk, &format!("storage={storage}"))).unwrap_or_default()
        }
        Step::Migrate { target_storage: Some(map), .. } => {
            let targets = map.split(',').filter_map(|pair| Some(pair.split_once(':')?.1));
            targets.map(for_copies).collect()
        }
        Step::SetPool { pool: Some(_), .. } => vm.pool_requirement().into_iter().collect(),
        _ => Vec::new(),
    }
}

fn for_images(storage: &StorageId, field: &str) -> Requirement {
    let what = Required::Storage { name: storage.to_string(), content: "import" };
    Requirement { field: field.to_owned(), what }
}

fn for_copies(storage: &str) -> Requirement {
    let what = Required::Storage { name: storage.to_owned(), content: "images" };
    Requirement { field: "datastore".to_owned(), what }
}

fn mapping(
    kind: MappingKind,
    name: &str,
    node: &NodeName,
    error: &dyn Fn(&'static str, String) -> Entry,
    facts: &Facts,
) -> Vec<Entry> {
    let known = facts.mappings.get(&kind).map(Vec::as_slice).unwrap_or_default();
    let kind = kind.as_str();
    let Some(found) = known.iter().find(|mapping| mapping.id == name) else {
        let fact =
            format!("{kind} mapping \"{name}\" does not exist or is not visible to the token");
        let names: Vec<String> = known.iter().map(|mapping| mapping.id.clone()).collect();
        let empty = format!("the token needs Mapping.Use on /mapping/{kind}/{name}");
        return vec![error("mapping-not-found", fact).hint(near(name, &names, &empty))];
    };
    let fact = || format!("{kind} mapping \"{name}\" cannot be used on node {node}");
    let finding =
        |text: &String| error("mapping-unusable", fact()).note(format!("PVE says: {text}"));
    found.findings.iter().map(finding).collect()
}

/// How many names are listed besides the one that was most likely meant.
const FEW: usize = 8;

/// What was most likely meant, or all that there is; `empty` where there is nothing.
pub(crate) fn near(wrong: &str, names: &[String], empty: &str) -> String {
    let names = || names.iter().map(String::as_str);
    let list = suggest::list(names());
    match suggest::near(wrong, names()) {
        Some(name) if names().count() > FEW => format!("did you mean \"{name}\"?"),
        Some(name) => format!("did you mean \"{name}\"? available: {list}"),
        None if list.is_empty() => empty.to_owned(),
        None => format!("available: {list}"),
    }
}
