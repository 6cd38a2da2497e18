//! The templates of a run's nodes, for `list`, `prune` and `remove`. Does no I/O itself.

use std::collections::BTreeSet;

use pve_client::Client;
use pve_stage::finding;
use stage::{CloneFrom, Creation, Deployment, Entry, Failure, Report, Vm};

use super::{Removal as FileRemoval, remove_all};
use crate::destination::Destinations;
use crate::interrupt;
use crate::node::Node;
use crate::prepared::parse_stored_name;
use crate::target::Target;
use crate::template::census::{Census, CountedTemplate, take_census};
use crate::template::found::FoundTemplate;
use crate::template::line::TemplateLine;
use crate::template::obstacle::Obstacle;
use crate::template::old::{TemplateVerdict, VersionRules, judge};
use crate::template::remove::{Removal, place, remove};

/// The templates of a run's nodes; none for a run in a directory.
pub(super) struct TemplateCensus {
    client: Option<Client>,
    census: Census,
}

impl TemplateCensus {
    /// Returns what is known without a look.
    pub(super) fn none() -> Self {
        Self { client: None, census: Census::default() }
    }

    /// Looks for the templates on the run's nodes, or on the only one.
    ///
    /// # Errors
    /// PVE does not answer.
    pub(super) fn of(destinations: &Destinations, only: Option<&str>) -> Result<Self, Entry> {
        let online = &destinations.online;
        let first = online.iter().find_map(|one| match &one.target {
            Target::Node(node) => Some(node),
            Target::Folder(_) => None,
        });
        let Some(first) = first else {
            return Ok(Self::none());
        };
        let mut nodes: BTreeSet<String> =
            online.iter().flat_map(|one| one.nodes.iter().cloned()).collect();
        if let Some(only) = only {
            nodes = BTreeSet::from([only.to_owned()]);
        } else if nodes.is_empty() {
            nodes.insert(first.node.to_string());
        }
        let Node { client, .. } = first;
        let found = take_census(client, &nodes).map_err(|error| {
            finding::while_doing(first.place(), "looking for templates", &error)
        })?;
        Ok(Self { client: Some(client.clone()), census: found })
    }

    /// Returns warnings about VMs that may be templates and cannot be read.
    pub(super) fn left_out(&self) -> impl Iterator<Item = Entry> {
        self.census.left_out.iter().cloned()
    }

    /// Returns the lines of `list`: the templates of the document's site, or of all sites.
    pub(super) fn lines(&self, deployment: Option<&Deployment>) -> Vec<TemplateLine> {
        let is_shown = |one: &&CountedTemplate| {
            deployment.is_none_or(|found| one.template.mark.site == site(found))
        };
        self.census.templates.iter().filter(is_shown).map(TemplateLine::new).collect()
    }

    /// Removes the old versions of the document's site; in a dry run, none. A template that cannot be removed does
    /// not keep the others.
    pub(super) fn prune(
        &self,
        rules: &VersionRules<'_>,
        deployment: &Deployment,
        dry_run: bool,
    ) -> PrunedTemplates {
        let mut pruned = PrunedTemplates::default();
        for (one, verdict) in judge(&self.census, rules, |found| is_named(deployment, found)) {
            match verdict {
                TemplateVerdict::Old if dry_run => {
                    let reason = verdict.reason(rules, &one.clones);
                    pruned.push(one, "would be removed", Some(reason));
                }
                TemplateVerdict::Old => {
                    self.remove(one, Some(verdict.reason(rules, &one.clones)), &mut pruned);
                }
                TemplateVerdict::Blocked(obstacle) => pruned.keep(one, &obstacle, dry_run),
                verdict => {
                    let result = if dry_run { "would be kept" } else { "kept" };
                    pruned.push(one, result, Some(verdict.reason(rules, &one.clones)));
                }
            }
        }
        pruned
    }

    /// Removes all versions of some images of the document's site; in a dry run, none.
    pub(super) fn remove_images(
        &self,
        names: &BTreeSet<&str>,
        deployment: &Deployment,
        dry_run: bool,
    ) -> PrunedTemplates {
        let mut removed = PrunedTemplates { warns_always: true, ..PrunedTemplates::default() };
        for one in self.of_images(names, Some(deployment)) {
            match Obstacle::of_counted(one, &self.census.guests) {
                Some(obstacle) => removed.keep(one, &obstacle, dry_run),
                None if dry_run => removed.push(one, "would be removed", None),
                None => self.remove(one, None, &mut removed),
            }
        }
        removed
    }

    /// Returns the templates of some images, of the document's site or of all sites.
    pub(super) fn of_images<'s>(
        &'s self,
        names: &BTreeSet<&str>,
        deployment: Option<&Deployment>,
    ) -> Vec<&'s CountedTemplate> {
        let is_meant = |one: &&CountedTemplate| {
            let mark = &one.template.mark;
            names.contains(mark.image.as_str())
                && deployment.is_none_or(|found| mark.site == site(found))
        };
        self.census.templates.iter().filter(is_meant).collect()
    }

    fn remove(&self, one: &CountedTemplate, reason: Option<String>, pruned: &mut PrunedTemplates) {
        let Some(client) = &self.client else { return };
        interrupt::listen();
        let template = &one.template;
        match remove(client, template) {
            Removal::Removed { warnings } => {
                pruned.done.push(format!("template {} on {}", template.vmid, template.node));
                pruned.push(one, "removed", reason);
                if !warnings.is_empty() {
                    pruned.warn(left_behind(template, &warnings));
                }
            }
            Removal::Kept(obstacle) => pruned.keep(one, &obstacle, false),
            Removal::Failed { entry, unknown } => {
                pruned.unknown |= unknown;
                pruned.errors.push(entry);
            }
        }
    }
}

/// What became of templates.
#[derive(Default)]
pub(super) struct PrunedTemplates {
    /// Their lines.
    pub(super) lines: Vec<TemplateLine>,
    /// Warnings about those that were kept.
    pub(super) warnings: Vec<Entry>,
    /// Those that were removed, for messages.
    pub(super) done: Vec<String>,
    /// Why others were not removed.
    pub(super) errors: Vec<Entry>,
    /// Whether one of those may be removed all the same.
    pub(super) unknown: bool,
    /// Whether the user named those that were kept, and wants to know why.
    warns_always: bool,
}

impl PrunedTemplates {
    fn push(&mut self, one: &CountedTemplate, result: &'static str, reason: Option<String>) {
        let line = TemplateLine::new(one);
        self.lines.push(TemplateLine { result, reason, ..line });
    }

    fn keep(&mut self, one: &CountedTemplate, obstacle: &Obstacle, dry_run: bool) {
        let result = if dry_run { "would be kept" } else { "kept" };
        self.push(one, result, Some(obstacle.to_string()));
        if let Some(entry) = warning(&one.template, obstacle, self.warns_always) {
            self.warn(entry);
        }
    }

    /// Adds a warning about the last line.
    fn warn(&mut self, entry: Entry) {
        if let Some(line) = self.lines.last_mut() {
            line.warnings.push(entry.fact.clone());
        }
        self.warnings.push(entry);
    }

    /// Removes files, after the templates, and adds them to what is done.
    ///
    /// # Errors
    /// A file or a template was not removed.
    pub(super) fn then_files(
        &mut self,
        files: &[FileRemoval<'_>],
        dry_run: bool,
    ) -> Result<(), Failure> {
        let removed = remove_all(files, &self.done, dry_run);
        if removed.is_ok() && !dry_run {
            self.done.extend(files.iter().map(|(_, volid)| volid.to_string()));
        }
        match (self.failure(), removed) {
            (None, removed) => removed,
            (Some(failure), Ok(())) => Err(failure),
            (Some(failure), Err(other)) => Err(failure.and(other)),
        }
    }

    /// Returns the failure of a run in which templates were not removed, if there are any.
    fn failure(&mut self) -> Option<Failure> {
        let errors = std::mem::take(&mut self.errors);
        if errors.is_empty() {
            return None;
        }
        let done = self.done.join(", ");
        let mut report = Report::new();
        for (index, entry) in errors.into_iter().enumerate() {
            let is_first = index == 0 && !done.is_empty();
            report.push(if is_first { entry.note(format!("done: {done}")) } else { entry });
        }
        let is_part_way = self.unknown || !self.done.is_empty();
        Some(if is_part_way { Failure::part_way(report) } else { report.into() })
    }
}

/// Returns the site of a document; empty for a site without a name, as in marks.
pub(super) fn site(deployment: &Deployment) -> &str {
    deployment.site.as_deref().unwrap_or_default()
}

/// Returns whether the document names this very template: as that of an image, or as what a VM is cloned from.
fn is_named(deployment: &Deployment, template: &FoundTemplate) -> bool {
    let (node, vmid) = (template.node.as_str(), template.vmid.get());
    let mut of_images = deployment.templates.iter();
    let mut of_vms = deployment.vms.iter().filter_map(|vm| vm.clone_from.as_ref());
    of_images.any(|row| row.vmid == Some(vmid) && row.node == node)
        || of_vms.any(|from| is_source(from, template))
}

fn is_source(from: &CloneFrom, template: &FoundTemplate) -> bool {
    from.vmid == Some(template.vmid.get()) || from.name.as_deref() == Some(&*template.name)
}

/// Returns the users of a template among the document's VMs: those whose boot disk is cloned from it, or may be if
/// the document does not say which version they use.
pub(super) fn users<'d>(deployment: &'d Deployment, template: &FoundTemplate) -> Vec<&'d str> {
    let (node, mark) = (template.node.as_str(), &template.mark);
    let uses = |vm: &&Vm| {
        let digest = deployment
            .image_on(node, &vm.image)
            .and_then(|(volid, _)| parse_stored_name(volid.rsplit('/').next()?))
            .map(|(_, digest)| digest);
        deployment.node_of(vm) == node
            && vm.create == Creation::Clone
            && vm.image == mark.image
            && digest.is_none_or(|digest| digest == mark.digest)
    };
    let names = deployment.vms.iter().filter(|vm| {
        let from = vm.clone_from.as_ref();
        uses(vm) || from.is_some_and(|from| is_source(from, template))
    });
    names.map(|vm| vm.name.as_str()).collect()
}

/// Returns the warning about a template that was removed with warnings.
fn left_behind(template: &FoundTemplate, warnings: &[String]) -> Entry {
    let fact = "PVE removed the template with warnings";
    let entry = Entry::warning("task-warnings", place(template), fact);
    let entry = warnings.iter().fold(entry, |entry, line| entry.note(format!("PVE says: {line}")));
    match &template.disk {
        Some(disk) => entry.hint(format!(
            "on the node, `pvesm list {}` shows whether the disk is still there",
            disk.volid.storage()
        )),
        None => entry,
    }
}

/// Returns the warning about a template that is kept: always, or only if the user can do something about it.
fn warning(template: &FoundTemplate, obstacle: &Obstacle, always: bool) -> Option<Entry> {
    let entry = Entry::warning("kept", place(template), format!("kept: {obstacle}"));
    let entry = match obstacle {
        Obstacle::RefusedByPve(text) => entry.note(format!("PVE says: {text}")),
        _ => entry,
    };
    match obstacle.hint(template) {
        Some(hint) => Some(entry.hint(hint)),
        None => always.then_some(entry),
    }
}
