//! The templates of a run's nodes, for `list`, `prune` and `remove`. Does no I/O itself.

use std::collections::BTreeSet;

use pve_client::Client;
use pve_stage::finding;
use stage::{Deployment, Entry, Failure, Report};

use crate::destination::Destinations;
use crate::node::Node;
use crate::target::Target;
use crate::template::found::FoundTemplate;
use crate::template::line::TemplateLine;
use crate::template::obstacle::Obstacle;
use crate::template::old::{TemplateVerdict, VersionRules, judge};
use crate::template::remove::{Removal, place, remove};
use crate::template::survey::{Survey, SurveyedTemplate, survey};

/// The templates of a run's nodes; none for a run in a directory.
pub(super) struct TemplateSurvey {
    client: Option<Client>,
    survey: Survey,
}

impl TemplateSurvey {
    /// Looks for the templates on the run's nodes, or on the only one.
    ///
    /// # Errors
    /// PVE does not answer.
    pub(super) fn of(destinations: &Destinations, only: Option<&str>) -> Result<Self, Entry> {
        let of_node = |target| match target {
            &Target::Node(ref node) => Some(node),
            Target::Folder(_) => None,
        };
        let online = &destinations.online;
        let Some(first) = online.iter().find_map(|one| of_node(&one.target)) else {
            return Ok(Self { client: None, survey: Survey::default() });
        };
        let mut nodes: BTreeSet<String> =
            online.iter().flat_map(|one| one.nodes.iter().cloned()).collect();
        if let Some(only) = only {
            nodes = BTreeSet::from([only.to_owned()]);
        } else if nodes.is_empty() {
            nodes.insert(first.node.to_string());
        }
        let Node { client, .. } = first;
        let found = survey(client, &nodes).map_err(|error| {
            finding::while_doing(first.place(), "looking for templates", &error)
        })?;
        Ok(Self { client: Some(client.clone()), survey: found })
    }

    /// Returns the lines of `list`: the templates of the document's site, or of all sites.
    pub(super) fn lines(&self, deployment: Option<&Deployment>) -> Vec<TemplateLine> {
        let is_shown = |one: &&SurveyedTemplate| {
            deployment.is_none_or(|found| one.template.mark.site == site(found))
        };
        self.survey.templates.iter().filter(is_shown).map(TemplateLine::new).collect()
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
        for (one, verdict) in judge(&self.survey, rules, |found| is_named(deployment, found)) {
            match verdict {
                TemplateVerdict::Old if dry_run => {
                    let reason = verdict.reason(rules, &one.clones);
                    pruned.push(one, "would be removed", reason);
                }
                TemplateVerdict::Old => {
                    self.remove(one, verdict.reason(rules, &one.clones), &mut pruned);
                }
                TemplateVerdict::Blocked(obstacle) => pruned.keep(one, &obstacle, dry_run),
                verdict => {
                    let result = if dry_run { "would be kept" } else { "kept" };
                    pruned.push(one, result, verdict.reason(rules, &one.clones));
                }
            }
        }
        pruned
    }

    fn remove(&self, one: &SurveyedTemplate, reason: String, pruned: &mut PrunedTemplates) {
        let Some(client) = &self.client else { return };
        let template = &one.template;
        match remove(client, template, &self.survey.guests) {
            Removal::Removed => {
                pruned.done.push(format!("template {} on {}", template.vmid, template.node));
                pruned.push(one, "removed", reason);
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
}

impl PrunedTemplates {
    fn push(&mut self, one: &SurveyedTemplate, result: &'static str, reason: String) {
        let line = TemplateLine::new(one);
        self.lines.push(TemplateLine { result, reason: Some(reason), ..line });
    }

    fn keep(&mut self, one: &SurveyedTemplate, obstacle: &Obstacle, dry_run: bool) {
        let result = if dry_run { "would be kept" } else { "kept" };
        self.push(one, result, obstacle.to_string());
        if let Some(entry) = warning(&one.template, obstacle) {
            if let Some(line) = self.lines.last_mut() {
                line.warnings.push(entry.fact.clone());
            }
            self.warnings.push(entry);
        }
    }

    /// Returns the failure of a run in which templates were not removed, if there are any.
    pub(super) fn failure(&mut self) -> Option<Failure> {
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
        || of_vms
            .any(|from| from.vmid == Some(vmid) || from.name.as_deref() == Some(&*template.name))
}

/// Returns the warning about a template that is kept, if the user can do something about it.
fn warning(template: &FoundTemplate, obstacle: &Obstacle) -> Option<Entry> {
    let fact = format!("kept: {obstacle}");
    let entry = Entry::warning("kept", place(template), fact);
    let entry = match obstacle {
        Obstacle::RefusedByPve(text) => entry.note(format!("PVE says: {text}")),
        _ => entry,
    };
    Some(entry.hint(obstacle.hint(template)?))
}
