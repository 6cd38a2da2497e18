//! `resolve list`: the files of a site. Does no I/O.

mod deployments;

use crate::deployment;
use crate::site::{
    ENVS, FileKind, HOSTS, MANIFESTS, NETWORKS, NODES, POSTURES, PRESETS, SPECS, Site, TEMPLATES,
    VmSet,
};
use crate::source::Sources;
use clap::ValueEnum;
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeSet;

/// What can be listed. Each has its plural as another name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ListKind {
    /// Envs, in envs/.
    #[value(alias = "envs")]
    Env,
    /// Manifests, in manifests/.
    #[value(alias = "manifests")]
    Manifest,
    /// Networks, in networks/.
    #[value(alias = "networks")]
    Network,
    /// Nodes, in nodes/.
    #[value(alias = "nodes")]
    Node,
    /// Presets, in presets/.
    #[value(alias = "presets")]
    Preset,
    /// Templates, in vms/.
    #[value(alias = "templates")]
    Template,
    /// Specs, in specs/.
    #[value(alias = "specs")]
    Spec,
    /// Postures, in postures/.
    #[value(alias = "postures")]
    Posture,
    /// Hosts, in hosts/.
    #[value(alias = "hosts")]
    Host,
    /// VMs that the envs and manifests describe.
    #[value(alias = "vms")]
    Vm,
    /// Envs and manifests that name their node.
    #[value(alias = "deployments")]
    Deployment,
    /// Nested nodes that VMs of manifests run on, parents first.
    #[value(alias = "tiers")]
    Tier,
}

impl ListKind {
    /// The kind of file; `None` for what lies within files.
    fn files(self) -> Option<&'static FileKind> {
        Some(match self {
            Self::Env => &ENVS,
            Self::Manifest => &MANIFESTS,
            Self::Network => &NETWORKS,
            Self::Node => &NODES,
            Self::Preset => &PRESETS,
            Self::Template => &TEMPLATES,
            Self::Spec => &SPECS,
            Self::Posture => &POSTURES,
            Self::Host => &HOSTS,
            Self::Vm | Self::Deployment | Self::Tier => return None,
        })
    }

    /// Returns whether it can be listed for one manifest.
    pub(crate) fn is_of_manifest(self) -> bool {
        matches!(self, Self::Vm | Self::Tier)
    }
}

/// How a list is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ListFormat {
    /// Lines for people.
    Table,
    /// One JSON object.
    Json,
    /// Each name once, one per line.
    Names,
}

#[derive(Serialize)]
struct Row<'s> {
    kind: &'static str,
    name: String,
    file: &'s str,
    /// Of a tier: the tier that it runs on; null for the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<Option<String>>,
}

/// What is listed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Listed<'a> {
    /// The kind; `None` for every kind of file.
    pub(crate) kind: Option<ListKind>,
    /// The only manifest that counts.
    pub(crate) manifest: Option<&'a str>,
}

/// Returns the list of one kind, or of every kind of file. Only VMs, deployments and tiers need files to be
/// read; what is wrong with one goes into the site's report.
pub(crate) fn list(site: &mut Site<'_>, what: Listed<'_>, format: ListFormat) -> String {
    let rows = match what.kind {
        Some(ListKind::Deployment) => return deployments::list(site, format),
        None => ListKind::value_variants().iter().flat_map(|kind| rows(site, *kind)).collect(),
        Some(ListKind::Vm) => vms(site, what.manifest),
        Some(ListKind::Tier) => tiers(site, what.manifest),
        Some(kind) => rows(site, kind),
    };
    match format {
        ListFormat::Table => table(&rows),
        ListFormat::Json => {
            let list = json!({"version": 1, "items": rows});
            serde_json::to_string_pretty(&list).unwrap_or_default() + "\n"
        }
        ListFormat::Names if what.kind == Some(ListKind::Tier) => {
            rows.iter().map(|row| format!("{}\n", row.name)).collect()
        }
        ListFormat::Names => {
            let names: BTreeSet<&str> = rows.iter().map(|row| row.name.as_str()).collect();
            names.iter().map(|name| format!("{name}\n")).collect()
        }
    }
}

fn table(rows: &[Row<'_>]) -> String {
    let width = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or_default();
    let line = |row: &Row<'_>| format!("{:9} {:width$}  {}\n", row.kind, row.name, row.file);
    rows.iter().map(line).collect()
}

fn rows<'s>(site: &Site<'s>, kind: ListKind) -> Vec<Row<'s>> {
    let Some(kind) = kind.files() else { return Vec::new() };
    let in_folder = |folder: &'static str| {
        site.sources.stems(folder).filter_map(move |name| {
            let file = path(site.sources, folder, name)?;
            Some(Row { kind: kind.noun, name: name.to_owned(), file, parent: None })
        })
    };
    kind.all_folders().flat_map(in_folder).collect()
}

fn path<'s>(sources: &'s Sources, folder: &str, name: &str) -> Option<&'s str> {
    Some(&sources.file(sources.find(&format!("{folder}/{name}.yaml"))?)?.shown)
}

fn vms<'s>(site: &mut Site<'s>, only: Option<&str>) -> Vec<Row<'s>> {
    let mut rows = Vec::new();
    for name in site.names(&ENVS).into_iter().filter(|_| only.is_none()) {
        let vm_set = site.env(name);
        rows.extend(of_set(site.sources, "envs", name, vm_set));
    }
    for name in manifests(site, only) {
        let vm_set = site.manifest(&name);
        rows.extend(of_set(site.sources, "manifests", &name, vm_set));
    }
    rows
}

/// Returns the names of all manifests, or the one that is asked for, which may not exist.
fn manifests(site: &Site<'_>, only: Option<&str>) -> Vec<String> {
    let names = || site.names(&MANIFESTS).into_iter().map(str::to_owned).collect();
    only.map_or_else(names, |name| vec![name.to_owned()])
}

fn tiers<'s>(site: &mut Site<'s>, only: Option<&str>) -> Vec<Row<'s>> {
    let mut rows = Vec::new();
    for name in manifests(site, only) {
        let Some(vm_set) = site.manifest(&name) else { continue };
        let Some(file) = path(site.sources, "manifests", &name) else { continue };
        let tiers = deployment::tiers(site, &vm_set);
        let vm = |index: usize| vm_set.entries.get(index)?.name.value().cloned();
        rows.extend(tiers.into_iter().filter_map(|(tier, on)| {
            Some(Row { kind: "tier", name: vm(tier)?, file, parent: Some(on.and_then(vm)) })
        }));
    }
    rows
}

fn of_set<'s>(
    sources: &'s Sources,
    folder: &str,
    stem: &str,
    vm_set: Option<VmSet>,
) -> Vec<Row<'s>> {
    let Some(file) = path(sources, folder, stem) else { return Vec::new() };
    let entries = vm_set.map(|vm_set| vm_set.entries).unwrap_or_default();
    let names = entries.into_iter().filter_map(|entry| entry.name.value().cloned());
    names.map(|name| Row { kind: "vm", name, file, parent: None }).collect()
}
