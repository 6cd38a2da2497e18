//! What must hold when two runs have ended, whichever verbs they were and whenever the second one began.
//! A pure module: it compares worlds and what was said.
//!
//! * Nobody panics or prints a secret; a run that ends with 1 has changed nothing.
//! * Only a verb whose purpose that is removes a VM that the other run has created; a rollback does not.
//! * If both succeed, the world is that of one after the other, or has what each of them does alone.
//! * If one succeeds, what it does alone is there, unless the other one would have changed it later, or has rolled its
//!   own VM back in the meantime.
//! * If both would succeed alone, one of them does, or each has done a part and names the other.
//! * Whatever else is left was reported by the run that failed. That includes VMs of others, and a second VM.
//! * The next run ends in the same world as after undisturbed runs.

use crate::cluster::End;
use crate::facts::{Facts, shown};
use crate::reference::Course;
use crate::verbs::{PASSWORD, Verb};
use std::sync::Arc;
use test_support::pve_sim::world::defaults::TOKEN_SECRET;

/// One of the two runs.
pub(crate) struct Run<'a> {
    pub(crate) verb: &'a Verb,
    pub(crate) end: &'a End,
    /// Whether PVE has accepted a write from it.
    pub(crate) has_written: bool,
    /// The VMs that it has removed and the other run had created.
    pub(crate) removed_of_the_other: Vec<u32>,
    /// The world after this run alone.
    pub(crate) alone: &'a Facts,
    pub(crate) is_well_alone: bool,
}

/// The worlds before and after both runs.
pub(crate) struct Worlds<'a> {
    pub(crate) start: &'a Facts,
    pub(crate) end: &'a Facts,
    /// Runs one after the other, this one of the two first. Only asked where the runs alone say too little.
    pub(crate) in_turn: &'a dyn Fn(usize) -> Arc<Course>,
}

impl Worlds<'_> {
    /// Returns whether an undisturbed run, or one after the other, has ended in the same world.
    pub(crate) fn is_known(&self, runs: &[Run<'_>; 2]) -> bool {
        [self.start, runs[0].alone, runs[1].alone].contains(&self.end)
            || self.is_in_turn(|_, _| true)
    }

    fn is_in_turn(&self, counts: impl Fn(usize, &Course) -> bool) -> bool {
        let is_one = |first| {
            let course = (self.in_turn)(first);
            counts(first, &course) && course.facts == *self.end
        };
        (0..2).any(is_one)
    }
}

/// Returns the outcome in words, for the figures.
pub(crate) fn came(runs: &[Run<'_>; 2]) -> &'static str {
    match [runs[0].end.is_well(), runs[1].end.is_well()] {
        [true, true] => "both succeed",
        [true, false] => "the first succeeds",
        [false, true] => "the second succeeds",
        [false, false] => "neither can",
    }
}

/// Checks all rules about the two runs.
pub(crate) fn check(runs: &[Run<'_>; 2], worlds: &Worlds<'_>) -> Result<(), String> {
    let [one, two] = runs;
    for (run, other) in [(one, two), (two, one)] {
        check_secrets(run)?;
        check_removals(run)?;
        check_code(run, other, worlds)?;
    }
    match [one.end.is_well(), two.end.is_well()] {
        [true, true] => check_both(runs, worlds),
        [false, false]
            if runs.iter().all(|run| run.is_well_alone)
                && !runs.iter().all(|run| run.has_written) =>
        {
            Err("neither succeeds".to_owned())
        }
        _ => {
            for first in 0..2 {
                check_claims(runs, first, worlds)?;
            }
            check_rest(runs, worlds)
        }
    }
}

fn check_secrets(run: &Run<'_>) -> Result<(), String> {
    // image-publish is a filter: it passes the document on.
    let result = if run.verb.is_about_images() { "" } else { &run.end.stdout };
    let said = format!("{}{result}", run.end.stderr);
    match [PASSWORD, TOKEN_SECRET].into_iter().find(|secret| said.contains(secret)) {
        Some(secret) => Err(format!("\"{}\" prints {secret}", run.verb.name)),
        None => Ok(()),
    }
}

fn check_removals(run: &Run<'_>) -> Result<(), String> {
    if run.removed_of_the_other.is_empty() || run.verb.removes_by_purpose() {
        return Ok(());
    }
    let vmids = &run.removed_of_the_other;
    Err(format!("\"{}\" removes {vmids:?}, which the other run has created", run.verb.name))
}

fn check_code(run: &Run<'_>, other: &Run<'_>, worlds: &Worlds<'_>) -> Result<(), String> {
    let name = run.verb.name;
    match run.end.code {
        Some(0 | 3) => Ok(()),
        Some(1) if !other.end.is_well() || worlds.end == other.alone => Ok(()),
        Some(1) => Err(format!(
            "\"{name}\" ends with 1, but the world is not that of the other run alone\n{}",
            other.alone.difference(worlds.end)
        )),
        code => Err(format!("\"{name}\" ends with {code:?}")),
    }
}

fn check_both(runs: &[Run<'_>; 2], worlds: &Worlds<'_>) -> Result<(), String> {
    let [one, two] = runs;
    let both_are_well = |first: usize, then: &Course| runs[first].is_well_alone && then.is_well;
    let is_explained = is_merged(runs, worlds)
        || is_last(one, two, worlds)
        || is_last(two, one, worlds)
        || worlds.is_in_turn(both_are_well);
    if is_explained {
        return Ok(());
    }
    let differences = [0, 1].map(|first| (worlds.in_turn)(first).facts.difference(worlds.end));
    Err(format!(
        "both succeed, but the world is not that of one after the other:\n{}or:\n{}",
        differences[0], differences[1]
    ))
}

/// Returns whether the world is that of one run alone, and may be: the other one has written nothing, and so has only
/// said what it saw; or this one destroys.
fn is_last(run: &Run<'_>, other: &Run<'_>, worlds: &Worlds<'_>) -> bool {
    (!other.has_written || run.verb.destroys()) && worlds.end == run.alone
}

/// Returns whether the world has what each run does alone; of either, where both do something else to the same.
fn is_merged(runs: &[Run<'_>; 2], worlds: &Worlds<'_>) -> bool {
    let [one, two] = [runs[0].alone, runs[1].alone];
    Facts::paths(&[worlds.start, one, two, worlds.end]).into_iter().all(|path| {
        let (was, is) = (worlds.start.get(path), worlds.end.get(path));
        let [first, second] = [one.get(path), two.get(path)];
        match [first != was, second != was] {
            [true, true] => is == first || is == second,
            [true, false] => is == first,
            [false, _] => is == second,
        }
    })
}

/// What a successful run does is there, unless the other one, had it begun later, would have changed it.
fn check_claims(runs: &[Run<'_>; 2], number: usize, worlds: &Worlds<'_>) -> Result<(), String> {
    let (run, other) = (&runs[number], &runs[1 - number]);
    let is_lost = |path: &&String| {
        let done = run.alone.get(path);
        done != worlds.start.get(path) && done != worlds.end.get(path)
    };
    let lost = Facts::paths(&[worlds.start, run.alone]).into_iter().filter(is_lost);
    let lost: Vec<&String> = lost.collect();
    if !run.end.is_well() || !run.has_written || lost.is_empty() || is_last(other, run, worlds) {
        return Ok(());
    }
    let then = (worlds.in_turn)(number);
    let lost = lost.into_iter().filter(|path| then.facts.get(path) == run.alone.get(path));
    // PVE takes no digest with a shutdown: one that was checked before comes too late, and is reported.
    let is_late_shutdown = |path: &str| path.ends_with("/running") && is_reported(runs, path);
    let lost = lost.filter(|path| !is_late_shutdown(path));
    let lost = lost.filter(|path| !is_rolled_back_by(other, path, worlds));
    let lost: String = lost.map(|path| unlike(path, worlds.end, run.alone)).collect();
    let name = run.verb.name;
    if lost.is_empty() { Ok(()) } else { Err(format!("\"{name}\" succeeds, but:\n{lost}")) }
}

/// Returns whether a path is about a VM that a run rolls back without another one, too: what the other one has done to
/// it in the meantime goes with it. PVE takes no digest with a removal.
fn is_rolled_back_by(run: &Run<'_>, path: &str, worlds: &Worlds<'_>) -> bool {
    let Some(vmid) = path.strip_prefix("vms/").and_then(|rest| rest.split('/').next()) else {
        return false;
    };
    let prefix = format!("vms/{vmid}/");
    let is_gone = |facts: &Facts| !Facts::paths(&[facts]).iter().any(|p| p.starts_with(&prefix));
    let rolls_back = run.verb.destroys() && !run.verb.removes_by_purpose();
    rolls_back && is_gone(run.alone) && is_gone(worlds.end)
}

/// What no undisturbed run leaves was reported.
fn check_rest(runs: &[Run<'_>; 2], worlds: &Worlds<'_>) -> Result<(), String> {
    let alone = [worlds.start, runs[0].alone, runs[1].alone];
    let is_strange = |path: &&String, known: &[&Facts]| {
        known.iter().all(|facts| facts.get(path) != worlds.end.get(path))
    };
    let all = Facts::paths(&[&alone[..], &[worlds.end]].concat());
    let strange = all.into_iter().filter(|path| is_strange(path, &alone));
    let strange: Vec<&String> = strange.filter(|path| !is_reported(runs, path)).collect();
    if strange.is_empty() {
        return Ok(());
    }
    let in_turn = [0, 1].map(worlds.in_turn);
    let in_turn = [&in_turn[0].facts, &in_turn[1].facts];
    let strange = strange.into_iter().filter(|path| is_strange(path, &in_turn));
    let strange: String = strange.map(|path| unlike(path, worlds.end, worlds.start)).collect();
    if strange.is_empty() { Ok(()) } else { Err(format!("nobody reports:\n{strange}")) }
}

/// Compares the world after the next run with the one that it makes of another world. What it leaves as it was was
/// reported.
pub(crate) fn same_end(
    wanted: &Facts,
    next: &Facts,
    end: &Facts,
    runs: &[Run<'_>; 2],
) -> Result<(), String> {
    let differs = |path: &&String| {
        let is_left = next.get(path) == end.get(path) && is_reported(runs, path);
        // What is known of the seed of an adopted VM is history.
        let is_history = path.ends_with("/description/seed");
        wanted.get(path) != next.get(path) && !is_left && !is_history
    };
    let differing = Facts::paths(&[wanted, next]).into_iter().filter(differs);
    let differing: String = differing.map(|path| unlike(path, next, wanted)).collect();
    if differing.is_empty() { Ok(()) } else { Err(differing) }
}

fn unlike(path: &str, is: &Facts, wanted: &Facts) -> String {
    format!("  {path}: {}, not {}\n", shown(is.get(path)), shown(wanted.get(path)))
}

/// Returns whether a run that failed has named what a path is about: a VM, a volume, or an object of SDN.
fn is_reported(runs: &[Run<'_>; 2], path: &str) -> bool {
    let mut words = path.split('/');
    let thing = match words.next() {
        Some("vms") => words.next(),
        Some("volumes") => words.nth(1),
        _ => words.nth(2),
    };
    let names = |run: &&Run<'_>| thing.is_some_and(|thing| run.end.findings().contains(thing));
    runs.iter().filter(|run| !run.end.is_well()).any(|run| names(&run))
}
