//! A sweep of faults: each at each request of the runs of case folders, and what must hold whatever goes wrong.
//!
//! Without `FAULTS` a fixed selection is tried, in which faults and kinds of requests take turns. `FAULTS=all`
//! tries all, and `FAULTS=create/lock` those whose name begins so, as a failure tells it.

mod asked;
mod attempt;
mod check;
mod expected;
mod tally;
mod trouble;

use crate::parallel;
use attempt::Attempt;
use expected::Expected;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tally::Tally;

/// The number of attempts at a time: they wait more than they work.
const WORKERS: usize = 16;

/// A verb of a tool, with the case folder that it runs in.
#[derive(Debug, Clone, Copy)]
pub struct Verb {
    /// Its name, such as `create`.
    pub name: &'static str,
    /// The case folder.
    pub case: &'static str,
    /// The command line [default: the first of the case's `cmd`].
    pub command: Option<&'static str>,
    /// The options that make its waits short; without, a signal ends the wait for a task.
    pub hurry: &'static [&'static str],
    /// Whether a run fails that finds its work done.
    pub fails_when_done: bool,
    /// Whether the VMs may get another vmid than in an undisturbed run.
    pub chooses_vmids: bool,
    /// Faults that are not tried, each with the requests that it spares (empty: all): what they lead to is
    /// documented, and another world.
    pub spared: &'static [(&'static str, &'static str)],
}

/// Tries the faults at the requests of these verbs and panics with what has not been survived. Of the kinds of
/// requests and faults, one in `share` pairs is tried.
///
/// # Panics
/// Something does not hold, or fewer than `least` faults have met a request.
pub fn sweep(verbs: &[Verb], share: usize, least: usize) {
    let wish = std::env::var("FAULTS").unwrap_or_default();
    let attempts = chosen(all(verbs, &wish), &wish, share);
    let tally = Mutex::new(Tally::default());
    let failed = parallel::each(WORKERS, attempts.len(), |number| {
        let attempt = &attempts[number];
        // Every other run tells more, in the other format.
        let tried = attempt.run(if number % 2 == 0 { "" } else { "json,debug" });
        tally.lock().expect("no attempt panics").add(attempt, &tried);
        // A sweep of everything takes hours.
        tried.verdict.inspect_err(|text| println!("{text}\n"))
    });
    let tally = tally.into_inner().expect("no attempt panics");
    println!("{tally}");
    let names = failed.iter().filter_map(|text| text.lines().next());
    assert!(failed.is_empty(), "{}", names.collect::<Vec<_>>().join("\n"));
    assert!(
        !wish.is_empty() || tally.met() >= least,
        "only {} faults have met a request",
        tally.met()
    );
}

/// Returns each fault at each request of each verb whose name may match.
fn all(verbs: &[Verb], wish: &str) -> Vec<Attempt> {
    let is_wished =
        |verb: &&Verb| wish.split('/').next().is_none_or(|name| is_all(name) || name == verb.name);
    let verbs: Vec<&Verb> = verbs.iter().filter(is_wished).collect();
    let expected: Vec<Mutex<Option<Arc<Expected>>>> =
        verbs.iter().map(|_| Mutex::new(None)).collect();
    let failed = parallel::each(WORKERS, verbs.len(), |number| {
        *expected[number].lock().expect("no run panics") =
            Some(Arc::new(Expected::of(verbs[number])?));
        Ok(())
    });
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    let expected = expected.into_iter().filter_map(|one| one.into_inner().ok().flatten());
    verbs
        .into_iter()
        .zip(expected)
        .flat_map(|(verb, expected)| attempt::all(verb, &expected))
        .collect()
}

fn is_all(wish: &str) -> bool {
    ["", "all"].contains(&wish)
}

fn chosen(all: Vec<Attempt>, wish: &str, share: usize) -> Vec<Attempt> {
    match wish {
        "" => spread_out(all, share),
        "all" => all,
        name => all.into_iter().filter(|attempt| attempt.name().starts_with(name)).collect(),
    }
}

/// Returns one attempt for each `share`th pair of a kind of request and a fault, of another verb each time.
fn spread_out(all: Vec<Attempt>, share: usize) -> Vec<Attempt> {
    let mut pairs: BTreeMap<(String, usize), Vec<Attempt>> = BTreeMap::new();
    for attempt in all {
        pairs.entry((attempt.asked().kind.clone(), attempt.trouble)).or_default().push(attempt);
    }
    let kinds: Vec<String> = pairs.keys().map(|(kind, _)| kind.clone()).collect();
    let order = |kind: &str| kinds.iter().position(|one| one == kind).unwrap_or_default();
    let rows: BTreeMap<&String, usize> = kinds.iter().map(|kind| (kind, order(kind))).collect();
    let mut chosen = Vec::new();
    for (number, ((kind, trouble), mut attempts)) in pairs.clone().into_iter().enumerate() {
        if (rows[&kind] + trouble).is_multiple_of(share) {
            chosen.push(attempts.swap_remove(number % attempts.len()));
        }
    }
    chosen
}
