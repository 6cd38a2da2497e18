//! What must hold when two runs have ended, whichever verbs they were and whenever the second one began.
//! A pure module: it compares worlds and what was said.
//!
//! * Nobody panics or prints a secret; a run that ends with 1 has changed nothing.
//! * If both succeed, the world is that of one after the other, or has what each of them does alone.
//! * If one succeeds, what it does alone is there, unless the other one would have changed it later.
//! * If both would succeed alone, one of them does, or each has done a part and names the other.
//! * Whatever else is left was reported by the run that failed. That includes VMs of others, and a second VM.
//! * The next run ends in the same world as after undisturbed runs.

use crate::cluster::End;
use crate::facts::{Facts, shown};
use crate::verbs::{PASSWORD, Verb};
use test_support::pve_sim::world::defaults::TOKEN_SECRET;

/// One of the two runs.
pub(crate) struct Run<'a> {
    pub(crate) verb: &'a Verb,
    pub(crate) end: &'a End,
    /// Whether PVE has accepted a write from it.
    pub(crate) has_written: bool,
    /// The world after this run alone.
    pub(crate) alone: &'a Facts,
    pub(crate) is_well_alone: bool,
}

/// The worlds before and after both runs.
pub(crate) struct Worlds<'a> {
    pub(crate) start: &'a Facts,
    /// One run after the other, the first one first and the second one first; and whether both have succeeded.
    pub(crate) orders: [(&'a Facts, bool); 2],
    pub(crate) end: &'a Facts,
}

impl<'a> Worlds<'a> {
    /// Returns the worlds that undisturbed runs end in.
    fn undisturbed(&self, runs: &[Run<'a>; 2]) -> [&'a Facts; 5] {
        [self.orders[0].0, self.orders[1].0, runs[0].alone, runs[1].alone, self.start]
    }

    /// Returns whether undisturbed runs have ended in the same world.
    pub(crate) fn is_known(&self, runs: &[Run<'a>; 2]) -> bool {
        self.undisturbed(runs).contains(&self.end)
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
            for (run, (then, _)) in runs.iter().zip(&worlds.orders) {
                check_claims(run, then, worlds)?;
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
    let is_in_turn = |(facts, is_well): &(&Facts, bool)| *is_well && *facts == worlds.end;
    if worlds.orders.iter().any(is_in_turn) || is_merged(runs, worlds) {
        return Ok(());
    }
    for (run, other) in [(&runs[0], &runs[1]), (&runs[1], &runs[0])] {
        // A run that has written nothing has only said what it saw. One that destroys may come last.
        if (!other.has_written || run.verb.destroys()) && worlds.end == run.alone {
            return Ok(());
        }
    }
    let differences = worlds.orders.map(|(facts, _)| facts.difference(worlds.end));
    Err(format!(
        "both succeed, but the world is not that of one after the other:\n{}or:\n{}",
        differences[0], differences[1]
    ))
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
fn check_claims(run: &Run<'_>, then: &Facts, worlds: &Worlds<'_>) -> Result<(), String> {
    if !run.end.is_well() || !run.has_written {
        return Ok(());
    }
    let is_lost = |path: &&String| {
        let done = run.alone.get(path);
        done != worlds.start.get(path) && done == then.get(path) && done != worlds.end.get(path)
    };
    let lost = Facts::paths(&[worlds.start, run.alone]).into_iter().filter(is_lost);
    let lost: String = lost.map(|path| unlike(path, worlds.end, run.alone)).collect();
    let name = run.verb.name;
    if lost.is_empty() { Ok(()) } else { Err(format!("\"{name}\" succeeds, but:\n{lost}")) }
}

/// What no undisturbed run leaves was reported.
fn check_rest(runs: &[Run<'_>; 2], worlds: &Worlds<'_>) -> Result<(), String> {
    let known = worlds.undisturbed(runs);
    let is_strange = |path: &&String| {
        known.iter().all(|facts| facts.get(path) != worlds.end.get(path))
            && !is_reported(runs, path)
    };
    let all = [&known[..], &[worlds.end]].concat();
    let strange = Facts::paths(&all).into_iter().filter(is_strange);
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
