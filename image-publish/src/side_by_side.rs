//! DOOR: threads. Carries out the plans of several storages at once: one thread for each storage, which works
//! image by image. A storage that fails does not stop the others.

use stage::{Entry, Report};

use crate::destination::{Destination, Destinations};
use crate::execute::{Stopped, Todo, execute, names_written};
use crate::plan::Step;
use crate::published::Published;
use crate::work::Work;

/// The results for each storage, in the order of `online`.
pub(crate) type OnEach = Vec<Vec<Published>>;

/// Carries out the plans, one for each storage that is online.
///
/// # Errors
/// All failures, and what is done elsewhere.
pub(crate) fn execute_all(
    work: &Work<'_>,
    destinations: &Destinations,
    plans: Vec<Vec<Todo>>,
) -> Result<OnEach, Stopped> {
    work.voice
        .console
        .expect(plans.iter().flatten().filter(|todo| todo.step != Step::Keep).count());
    let jobs = destinations.online.iter().zip(plans);
    if !destinations.are_several() {
        return jobs.map(|(one, todo)| execute(work, &one.target, todo)).collect();
    }
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let start = |(one, todo): (&Destination, Vec<Todo>)| {
            let (work, target) = (work_on(work, one), one.target.clone());
            scope.spawn(move || execute(&work, &target, todo))
        };
        let threads: Vec<_> = jobs.map(start).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|p| std::panic::resume_unwind(p)))
            .collect()
    });
    if outcomes.iter().all(Result::is_ok) {
        return Ok(outcomes.into_iter().flatten().collect());
    }
    Err(combined(destinations, outcomes))
}

/// Returns the context of the work on one of several storages.
pub(crate) fn work_on<'a>(work: &Work<'a>, destination: &Destination) -> Work<'a> {
    let node = destination.target.node().map(ToString::to_string).unwrap_or_default();
    work.on_storage(&node, destination.target.storage().as_str())
}

/// Returns the failures of all storages as one report: the same failure of several storages once, and what is
/// done on the others.
fn combined(
    destinations: &Destinations,
    outcomes: Vec<Result<Vec<Published>, Stopped>>,
) -> Stopped {
    let mut entries: Vec<Entry> = Vec::new();
    let mut elsewhere = Vec::new();
    let mut changed = false;
    for (destination, outcome) in destinations.online.iter().zip(outcomes) {
        match outcome {
            Ok(done) => {
                let written = names_written(&done);
                if let Some(node) = destination.target.node().filter(|_| !written.is_empty()) {
                    elsewhere.push(format!("done on {node}: {}", written.join(", ")));
                }
            }
            Err(stopped) => {
                changed |= stopped.changed;
                for entry in stopped.report.entries() {
                    add(&mut entries, entry.clone());
                }
            }
        }
    }
    changed |= !elsewhere.is_empty();
    if let Some(first) = entries.first_mut() {
        first.notes.extend(elsewhere);
    }
    let mut report = Report::new();
    entries.into_iter().for_each(|entry| report.push(entry));
    Stopped { report, changed }
}

/// Adds an entry; one that differs from an earlier one in its notes only is joined to it.
fn add(entries: &mut Vec<Entry>, entry: Entry) {
    let without_notes = |entry: &Entry| Entry { notes: Vec::new(), ..entry.clone() };
    match entries.iter_mut().find(|earlier| without_notes(earlier) == without_notes(&entry)) {
        Some(same) => same.notes.extend(entry.notes),
        None => entries.push(entry),
    }
}
