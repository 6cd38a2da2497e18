//! Sweeps over the runs of case folders, verb by verb: faults at each request, cuts after each request, and what must
//! hold whatever happens.
//!
//! Without `FAULTS` and `CUTS` a fixed selection is tried. `FAULTS=all` tries all, and `FAULTS=create/lock` those
//! whose name begins so, as a failure tells it; `CUTS` does the same for cuts.

mod asked;
mod check;
mod cut;
mod expected;
mod fault;
mod tally;
mod trouble;

use crate::parallel;
use crate::stand::Stand;
use asked::Asked;
use cut::Cut;
use expected::Expected;
use fault::Faulted;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tally::{Tally, Tried};

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
    /// The options that make its waits short, each with the fault that it is for (empty: all); without, a signal
    /// ends the wait for a task.
    pub hurry: &'static [(&'static str, &'static [&'static str])],
    /// Whether the run that is disturbed also meets the faults of its case folder; those after it never do.
    pub is_troubled: bool,
    /// Whether a run fails that finds its work done.
    pub fails_when_done: bool,
    /// Whether the VMs may get another vmid than in an undisturbed run.
    pub chooses_vmids: bool,
    /// Faults that are not tried (empty: none is), each with the requests that it spares (empty: all): what they
    /// lead to is documented, and another world.
    pub spared: &'static [(&'static str, &'static str)],
}

impl Verb {
    /// Returns a verb to which nothing special applies.
    pub const fn new(name: &'static str, case: &'static str) -> Self {
        Self {
            name,
            case,
            command: None,
            hurry: &[],
            is_troubled: false,
            fails_when_done: false,
            chooses_vmids: false,
            spared: &[],
        }
    }
}

/// Something that disturbs one run of a verb at one request.
trait Disturbance: Sync {
    /// The verb, what disturbs it, and the request.
    fn place(&self) -> (&Verb, &'static str, &Asked);

    /// What PVE does, as in `faults.json`.
    fn faults(&self) -> Vec<Value>;

    /// Starts the run that is disturbed and those after it, and checks what must hold.
    fn outcome(&self, stand: &Stand) -> Result<(), String>;

    /// Its name, by which it can be tried again.
    fn name(&self) -> String {
        let (verb, kind, asked) = self.place();
        format!("{}/{kind}/{}", verb.name, asked.at)
    }
}

/// Tries the faults at the requests of these verbs and panics with what has not been survived. Of the kinds of
/// requests and faults, one in `share` pairs is tried.
///
/// # Panics
/// Something does not hold, or fewer than `least` faults have met a request.
pub fn faults(verbs: &[Verb], share: usize, least: usize) {
    let wish = Wish::of("FAULTS");
    let all = all(verbs, &wish, |verb, expected| {
        // Of two troubles at once nobody knows which is to blame.
        if verb.is_troubled { Vec::new() } else { fault::all(verb, expected) }
    });
    let usual = |all| spread_out(all, share);
    wish.try_all(&wish.chosen(all, usual), least);
}

/// Cuts runs of those of these verbs that write after each request, and panics with what has not been survived.
///
/// # Panics
/// The next runs do not end in the undisturbed world, or fewer than `least` cuts have met a request.
pub fn cuts(verbs: &[Verb], least: usize) {
    let wish = Wish::of("CUTS");
    let all = all(verbs, &wish, |verb, expected| {
        if expected.only_reads() { Vec::new() } else { cut::all(verb, expected) }
    });
    let usual = |all: Vec<Cut>| all.into_iter().filter(Cut::is_telling).collect();
    wish.try_all(&wish.chosen(all, usual), least);
}

/// Returns whether every fault is to be tried.
pub fn tries_all_faults() -> bool {
    Wish::of("FAULTS").0 == "all"
}

/// What is to be tried: nothing in particular, `all`, or the beginning of a name.
struct Wish(String);

impl Wish {
    fn of(variable: &str) -> Self {
        Self(std::env::var(variable).unwrap_or_default())
    }

    fn is_about(&self, verb: &Verb) -> bool {
        let name = self.0.split('/').next().unwrap_or_default();
        ["", "all", verb.name].contains(&name)
    }

    fn chosen<D: Disturbance>(&self, all: Vec<D>, usual: impl FnOnce(Vec<D>) -> Vec<D>) -> Vec<D> {
        match self.0.as_str() {
            "" => usual(all),
            "all" => all,
            name => all.into_iter().filter(|one| one.name().starts_with(name)).collect(),
        }
    }

    fn try_all(&self, attempts: &[impl Disturbance], least: usize) {
        let tally = Mutex::new(Tally::default());
        let failed = parallel::each(WORKERS, attempts.len(), |number| {
            let attempt = &attempts[number];
            // Every other run tells more, in the other format.
            let tried = run(attempt, if number % 2 == 0 { "" } else { "json,debug" });
            let (verb, kind, _) = attempt.place();
            tally.lock().expect("no attempt panics").add(verb.name, kind, &tried);
            // A sweep of everything takes long.
            tried.verdict.inspect_err(|text| println!("{text}\n"))
        });
        let tally = tally.into_inner().expect("no attempt panics");
        println!("{tally}");
        let names = failed.iter().filter_map(|text| text.lines().next());
        assert!(failed.is_empty(), "{}", names.collect::<Vec<_>>().join("\n"));
        assert!(
            !self.0.is_empty() || tally.met() >= least,
            "only {} have met a request",
            tally.met()
        );
    }
}

/// Disturbs a run with this `PVE_PIPELINE_LOG`.
fn run(disturbance: &impl Disturbance, log: &'static str) -> Tried {
    let (verb, _, asked) = disturbance.place();
    let mut stand = expected::stand(verb, &disturbance.faults());
    stand.log = log;
    let verdict = disturbance.outcome(&stand).map_err(|text| {
        format!("{}, {}: {text}\n{}", disturbance.name(), asked.pattern, stand.output())
    });
    Tried { met: stand.sim.faults_met() > 0, verdict }
}

/// Returns each disturbance of each verb whose name may match.
fn all<D>(
    verbs: &[Verb],
    wish: &Wish,
    of_verb: impl Fn(&Verb, &Arc<Expected>) -> Vec<D>,
) -> Vec<D> {
    let verbs: Vec<&Verb> = verbs.iter().filter(|verb| wish.is_about(verb)).collect();
    let expected: Vec<Mutex<Option<Arc<Expected>>>> =
        verbs.iter().map(|_| Mutex::new(None)).collect();
    let failed = parallel::each(WORKERS, verbs.len(), |number| {
        *expected[number].lock().expect("no run panics") =
            Some(Arc::new(Expected::of(verbs[number])?));
        Ok(())
    });
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    let expected = expected.into_iter().filter_map(|one| one.into_inner().ok().flatten());
    verbs.into_iter().zip(expected).flat_map(|(verb, expected)| of_verb(verb, &expected)).collect()
}

/// Returns one attempt for each `share`th pair of a kind of request and a fault, of another verb each time.
fn spread_out(all: Vec<Faulted>, share: usize) -> Vec<Faulted> {
    let mut pairs: BTreeMap<(String, usize), Vec<Faulted>> = BTreeMap::new();
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
