//! DOOR: threads. Carries out the steps of several templates at once: one import at a time for each storage.

use std::collections::BTreeMap;
use std::sync::Mutex;

use pve_client::{NodeName, StorageId, Vmid};
use stage::Report;

use super::make::Maker;
use super::plan::{Context, Step, Survey};
use super::wanted::WantedTemplate;
use crate::execute::Stopped;
use crate::node::Node;
use crate::published::Failed;
use crate::work::Work;

/// Each template, and what to do about it.
pub(crate) type Planned = Vec<(WantedTemplate, Step)>;

/// The vmid of a template, if there is to be one, or why it was not made.
type Outcome = Result<Option<Vmid>, Failed>;

/// Carries out the plan, and returns the vmid of each template. One that fails does not stop the others.
///
/// # Errors
/// All failures, and what is done.
pub(crate) fn make_all(
    work: &Work<'_>,
    context: &Context<'_>,
    survey: &Survey,
    node: &Node,
    planned: &Planned,
) -> Result<Vec<Option<Vmid>>, Stopped> {
    let count = planned.iter().filter(|(_, step)| step.writes()).count();
    work.voice.console.expect(count);
    let taken = Mutex::new(survey.taken.clone());
    let one = |work: &Work<'_>, (wanted, step): &(WantedTemplate, Step)| {
        let node = &Node { node: wanted.node.clone(), ..node.clone() };
        Maker { work, node, context, wanted, taken: &taken }.carry_out(step)
    };
    let outcomes: BTreeMap<usize, Outcome> = std::thread::scope(|scope| {
        let start = |group: Vec<usize>| {
            let on = |index: usize| Some((index, planned.get(index)?));
            let jobs: Vec<_> = group.into_iter().filter_map(on).collect();
            let work: Vec<Work<'_>> =
                jobs.iter().map(|(_, (wanted, _))| work_on(work, planned, wanted)).collect();
            let one = &one;
            scope.spawn(move || {
                let jobs = jobs.into_iter().zip(work);
                jobs.map(|((index, job), work)| (index, one(&work, job))).collect::<Vec<_>>()
            })
        };
        let threads: Vec<_> = groups(survey, planned).into_values().map(start).collect();
        let ended = threads.into_iter().map(|thread| thread.join());
        ended.flat_map(|done| done.unwrap_or_else(|p| std::panic::resume_unwind(p))).collect()
    });
    if outcomes.values().any(Result::is_err) {
        return Err(combined(planned, outcomes));
    }
    Ok(outcomes.into_values().map(|outcome| outcome.unwrap_or_default()).collect())
}

/// Returns the templates by storage: one that nodes share is one.
fn groups<'a>(
    survey: &Survey,
    planned: &'a Planned,
) -> BTreeMap<(&'a StorageId, Option<&'a NodeName>), Vec<usize>> {
    let mut groups: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for (index, (wanted, _)) in planned.iter().enumerate() {
        let storage = survey.storage(&wanted.node, &wanted.storage);
        let is_shared = storage.is_some_and(|storage| storage.shared);
        let of_node = (!is_shared).then_some(&wanted.node);
        groups.entry((&wanted.storage, of_node)).or_default().push(index);
    }
    groups
}

/// Returns the context of the work on one template: its events name the node if there are several.
pub(crate) fn work_on<'a>(work: &Work<'a>, all: &Planned, wanted: &WantedTemplate) -> Work<'a> {
    if all.iter().all(|(other, _)| other.node == wanted.node) {
        return work.for_all();
    }
    work.on_storage(wanted.node.as_str(), wanted.storage.as_str())
}

/// Returns the failures as one report, and what is done.
fn combined(planned: &Planned, outcomes: BTreeMap<usize, Outcome>) -> Stopped {
    let (mut entries, mut done, mut changed) = (Vec::new(), Vec::new(), false);
    for (index, outcome) in outcomes {
        let Some((wanted, step)) = planned.get(index) else { continue };
        match outcome {
            Ok(Some(vmid)) if step.writes() => {
                let WantedTemplate { image, node, storage, .. } = wanted;
                done.push(format!("done: template {vmid} of {image} on {storage}, node {node}"));
            }
            Ok(_) => {}
            Err(failed) => {
                changed |= failed.left;
                entries.push(failed.entry);
            }
        }
    }
    changed |= !done.is_empty();
    if let Some(first) = entries.first_mut() {
        first.notes.extend(done);
    }
    let mut report = Report::new();
    entries.into_iter().for_each(|entry| report.push(entry));
    Stopped { report, changed }
}
