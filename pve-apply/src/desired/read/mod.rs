//! Reads the document as `Desired` and finds every problem in it before the first request. Does no
//! I/O.

mod creation;
mod definition;
mod nodes;

pub(crate) use definition::config_finding;

use super::nic::nics;
use super::{Consent, Desired, DesiredVm, NodeDefaults, OnError};
use crate::network;
use crate::requested::Parsed;
use nodes::placement;
use pve_client::{NodeName, Vmid};
use stage::identity::{DEPLOYMENT_NAME, SITE_NAME, is_deployment_name, is_site_name};
use stage::{Deployment, Gather as _, Place, Report, SeedFields, SeedInputs, Vm};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::str::FromStr;

/// What the document is read for: what is not needed may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To create and change VMs: everything is required.
    Apply,
    /// To compare VMs: their seeds may be missing.
    Compare,
    /// To find VMs: names and vmids are enough.
    Find,
    /// To find VMs and compare them, as far as the document allows.
    FindOrCompare,
}

/// Reads the document's deployment in PVE's terms. When the report has errors, the value must not
/// be used.
pub(crate) fn read(
    deployment: &Deployment,
    parsed: &[Parsed],
    run: &str,
    purpose: Purpose,
) -> (Option<Desired>, Report) {
    if purpose == Purpose::FindOrCompare {
        let (compared, why_not) = read(deployment, parsed, run, Purpose::Compare);
        if compared.is_some() {
            return (compared, why_not);
        }
        let (found, mut report) = read(deployment, parsed, run, Purpose::Find);
        if found.is_some() {
            // Each is also why its VM is not compared.
            why_not.entries().iter().cloned().for_each(|e| report.push(e.as_warning()));
        }
        return (found, report);
    }
    let (inputs, fields) = (SeedInputs::new(deployment), SeedFields::new(deployment));
    let report = Report::new();
    let mut reader = Reader { deployment, parsed, inputs, fields, purpose, report };
    let desired = reader.all(run);
    let complete = !reader.report.has_errors();
    (desired.filter(|_| complete), reader.report)
}

/// What the head says, and what the nodes say.
type Nodes<'n> = (Option<&'n NodeDefaults>, &'n BTreeMap<NodeName, NodeDefaults>);

struct Reader<'a> {
    deployment: &'a Deployment,
    /// Each VM's `config`.
    parsed: &'a [Parsed],
    inputs: SeedInputs,
    fields: SeedFields<'a>,
    purpose: Purpose,
    report: Report,
}

impl Reader<'_> {
    fn all(&mut self, run: &str) -> Option<Desired> {
        let d = self.deployment;
        self.names();
        let node = self.parse::<NodeName>("node".into(), &d.node, NodeName::RULE);
        let head = self.head();
        let nodes = self.nodes(head.as_ref());
        let on_error = self.on_error();
        let vms = d.vms.iter().enumerate();
        let vms: Vec<_> =
            vms.filter_map(|(i, vm)| self.vm(i, vm, (head.as_ref(), &nodes))).collect();
        self.unique();
        let former_names = self.former_names();
        self.parents();
        Some(Desired {
            site: d.site.clone().unwrap_or_default(),
            deployment: d.deployment.clone(),
            node: node?,
            head: head?,
            nodes,
            places_all: !d.vms.is_empty() && d.vms.iter().all(|vm| vm.node.is_some()),
            on_error,
            vmid_range: d.vmid_range,
            vm_names: d.vm_names.as_ref().map(|names| names.iter().cloned().collect()),
            run: run.to_owned(),
            former_names,
            reserved: vms.iter().filter_map(|vm| vm.vmid).collect(),
            consent: Consent::default(),
            unpublished: d.images_pending.keys().cloned().collect(),
            networks: network::desired::read(d, &mut self.report),
            vms,
        })
    }

    fn names(&mut self) {
        let Deployment { site, deployment, .. } = self.deployment;
        if !is_deployment_name(deployment) {
            let fact = if deployment.is_empty() {
                "is required: the VMs belong to it".to_owned()
            } else {
                format!("\"{deployment}\" must be {DEPLOYMENT_NAME}")
            };
            self.report.error("invalid-name", Place::input("deployment"), fact);
        }
        if let Some(site) = site.as_ref().filter(|site| !is_site_name(site)) {
            let fact = format!("\"{site}\" must be {SITE_NAME}");
            self.report.error("invalid-name", Place::input("site"), fact);
        }
    }

    fn on_error(&mut self) -> Option<OnError> {
        let text = self.deployment.on_error.as_ref()?;
        let known = <OnError as clap::ValueEnum>::from_str(text, false).ok();
        if known.is_none() {
            let fact = format!("\"{text}\" must be stop, rollback or continue");
            self.report.error("invalid-value", Place::input("on_error"), fact);
        }
        known
    }

    fn vm(&mut self, index: usize, vm: &Vm, nodes: Nodes<'_>) -> Option<DesiredVm> {
        let place = |field: &str| format!("vms[{index}].{field}");
        if let Err(rule) = stage::guest::host_name(&vm.name) {
            self.report.error(
                "invalid-name",
                Place::input(place("name")),
                format!("\"{}\" {rule}", vm.name),
            );
        }
        let vmid = vm.vmid.and_then(|number| {
            let made = Vmid::new(u64::from(number));
            if made.is_err() {
                let fact = format!("{number} must be {}", Vmid::RULE);
                self.report.error("invalid-value", Place::input(place("vmid")), fact);
            }
            made.ok()
        });
        let definition = self.definition(index, vm);
        let node = self.node(index, vm)?;
        let (head, nodes) = nodes;
        let image_storage = nodes.get(&node).or(head)?.image_storage.clone();
        Some(DesiredVm {
            index,
            name: vm.name.clone(),
            vmid,
            node,
            placement: placement(vm),
            image_storage,
            vmid_is_counted: vm.vmid_counted,
            parent: vm.parent.clone(),
            nics: nics(vm),
            definition,
        })
    }

    /// Checks the names and vmids of all VMs, also of those with another problem.
    fn unique(&mut self) {
        let mut names = BTreeMap::new();
        let mut vmids = BTreeMap::new();
        for (index, vm) in self.deployment.vms.iter().enumerate() {
            if let Some(first) = names.insert(vm.name.to_lowercase(), index) {
                let fact = format!("\"{}\" is also the name of vms[{first}]", vm.name);
                let place = Place::input(format!("vms[{index}].name"));
                self.report.error("duplicate-name", place, fact);
            }
            let vmid = vm.vmid.filter(|vmid| Vmid::new(u64::from(*vmid)).is_ok());
            if let Some(vmid) = vmid
                && let Some(first) = vmids.insert(vmid, index)
            {
                let fact = format!("{vmid} is also the vmid of vms[{first}]");
                let place = Place::input(format!("vms[{index}].vmid"));
                self.report.error("duplicate-vmid", place, fact);
            }
        }
    }

    /// Checks that a former name is nobody's name now, and belongs to one VM only.
    fn former_names(&mut self) -> BTreeMap<String, String> {
        let d = self.deployment;
        // `vm_names` holds former names too.
        let names: BTreeSet<&str> = d.vms.iter().map(|vm| vm.name.as_str()).collect();
        let mut former = BTreeMap::new();
        for (index, vm) in d.vms.iter().enumerate() {
            let Some(old) = &vm.renamed_from else { continue };
            let place = Place::input(format!("vms[{index}].renamed_from"));
            if names.contains(old.as_str()) {
                let fact = format!("\"{old}\" is the name of a VM of this deployment");
                self.report.error("renamed-from", place, fact);
            } else if let Some(other) = former.insert(old.clone(), vm.name.clone()) {
                let fact = format!("\"{old}\" is also the former name of \"{other}\"");
                self.report.error("renamed-from", place, fact);
            }
        }
        former
    }

    fn parents(&mut self) {
        let vms = &self.deployment.vms;
        let parent_of: BTreeMap<_, _> =
            vms.iter().map(|vm| (vm.name.as_str(), vm.parent.as_deref())).gather();
        for (index, vm) in vms.iter().enumerate() {
            let Some(parent) = &vm.parent else { continue };
            let place = Place::input(format!("vms[{index}].parent"));
            if !parent_of.contains_key(parent.as_str()) {
                // A parent outside this document needs no wait.
                continue;
            }
            let up = |name: &&str| parent_of.get(name).copied().flatten();
            let chain = std::iter::successors(Some(parent.as_str()), up).take(vms.len());
            if chain.into_iter().any(|name| name == vm.name) {
                self.report.error(
                    "parent-cycle",
                    place,
                    format!("parent cycle: \"{parent}\" is itself below \"{}\"", vm.name),
                );
            }
        }
    }

    fn parse<T: FromStr<Err: Display>>(
        &mut self,
        field: String,
        text: &str,
        rule: &str,
    ) -> Option<T> {
        if text.is_empty() {
            self.report.error("missing-field", Place::input(field), format!("is missing: {rule}"));
            return None;
        }
        text.parse()
            .map_err(|bad: T::Err| {
                self.report.error("invalid-value", Place::input(field), bad.to_string())
            })
            .ok()
    }
}
