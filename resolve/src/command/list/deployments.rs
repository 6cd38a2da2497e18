//! `resolve list deployments`: the envs and manifests that name their node, so that each can be applied
//! without further options. Does no I/O.

use super::{ListFormat, path};
use crate::deployment::node_of_first;
use crate::site::{ENVS, FileKind, MANIFESTS, Site, VmSet};
use serde::Serialize;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// An env or a manifest.
#[derive(Serialize)]
struct Deployment<'s> {
    kind: &'static str,
    /// What `--env` or `--manifest` takes.
    name: &'s str,
    /// What `--node` takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<String>,
    file: &'s str,
    #[serde(skip)]
    alternative_group: Option<String>,
    /// Why it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<Why>,
}

/// Why a run of all deployments leaves one out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Why {
    /// It names no node.
    NoNode,
    /// Another one of its `alternative_group` names its node, too; only one of them exists at a time.
    Alternative,
    /// It cannot be read, so its node is unknown.
    Invalid,
}

impl Why {
    /// Returns the word for the column of the node. No node has such a name.
    fn word(self) -> &'static str {
        match self {
            Self::NoNode => "(none)",
            Self::Alternative => "(alternative)",
            Self::Invalid => "(invalid)",
        }
    }
}

/// Returns the list. What is wrong with a file goes into the site's report.
pub(super) fn list(site: &mut Site<'_>, format: ListFormat) -> String {
    let mut all = Vec::new();
    for name in site.names(&ENVS) {
        let vm_set = site.env(name);
        all.extend(deployment(site, &ENVS, name, vm_set));
    }
    for name in site.names(&MANIFESTS) {
        let vm_set = site.manifest(name);
        all.extend(deployment(site, &MANIFESTS, name, vm_set));
    }
    leave_out_alternatives(&mut all);
    match format {
        ListFormat::Table => table(&all),
        ListFormat::Json => {
            let (left_out, items): (Vec<_>, Vec<_>) = all.iter().partition(|d| d.why.is_some());
            let list = json!({"version": 1, "items": items, "left_out": left_out});
            serde_json::to_string_pretty(&list).unwrap_or_default() + "\n"
        }
        ListFormat::Names => {
            let items = all.iter().filter(|deployment| deployment.why.is_none());
            let names: BTreeSet<&str> = items.map(|deployment| deployment.name).collect();
            names.iter().map(|name| format!("{name}\n")).collect()
        }
    }
}

fn deployment<'s>(
    site: &mut Site<'s>,
    kind: &FileKind,
    name: &'s str,
    vm_set: Option<VmSet>,
) -> Option<Deployment<'s>> {
    let file = path(site.sources, kind.folders[0], name)?;
    let mut deployment =
        Deployment { kind: kind.noun, name, node: None, file, alternative_group: None, why: None };
    let Some(vm_set) = vm_set.filter(|vm_set| !vm_set.node.is_invalid()) else {
        deployment.why = Some(Why::Invalid);
        return Some(deployment);
    };
    let of_vms = || node_of_first(site, &vm_set).map(|own| own.stem);
    deployment.node = vm_set.node.value().cloned().or_else(of_vms);
    deployment.why = deployment.node.is_none().then_some(Why::NoNode);
    deployment.alternative_group = vm_set.alternative_group.value().cloned();
    Some(deployment)
}

fn leave_out_alternatives(all: &mut [Deployment<'_>]) {
    let mut groups: BTreeMap<String, usize> = BTreeMap::new();
    let named = all.iter().filter(|deployment| deployment.why.is_none());
    for group in named.filter_map(|deployment| deployment.alternative_group.clone()) {
        *groups.entry(group).or_default() += 1;
    }
    for deployment in all.iter_mut().filter(|deployment| deployment.why.is_none()) {
        let others = deployment.alternative_group.as_ref().and_then(|group| groups.get(group));
        deployment.why = others.filter(|count| **count > 1).map(|_| Why::Alternative);
    }
}

/// Returns one line for each: kind, name, node or why it is left out, file. Name and file may contain
/// blanks; a shell finds the name again at the end of the file, which is `NAME.yaml`.
fn table(all: &[Deployment<'_>]) -> String {
    let node = |d: &Deployment<'_>| match (&d.why, &d.node) {
        (Some(why), _) => why.word().to_owned(),
        (None, node) => node.clone().unwrap_or_default(),
    };
    let width = |lengths: &mut dyn Iterator<Item = usize>| lengths.max().unwrap_or_default();
    let names = width(&mut all.iter().map(|d| d.name.chars().count()));
    let nodes = width(&mut all.iter().map(|d| node(d).chars().count()));
    let line = |d: &Deployment<'_>| {
        format!("{:9} {:names$}  {:nodes$}  {}\n", d.kind, d.name, node(d), d.file)
    };
    all.iter().map(line).collect()
}
