//! Runs that are ended between any two requests: by kill -9 after a request, and by writes that go unanswered.
//! The next runs must finish the work, and the world must then be as if nothing had happened.

use crate::stand::{Cases, Stand, each};

/// The number of runs after which the work must be done: one that is cut, one that finishes it, one that finds
/// the second at its own cleaning up.
pub const RUNS: usize = 3;

/// Which requests a run is killed after.
#[derive(Debug, Clone, Copy)]
pub enum After {
    /// Each.
    Request,
    /// Each that may change something: what a read leaves behind is what the write before it has left.
    Write,
}

/// One cut of a run.
enum Cut {
    /// kill -9 after this request; the next runs begin at once, or once PVE has ended what it had begun.
    Killed { after: usize, goes_on: bool },
    /// This write is lost on its way there (`before`) or back (`after`).
    Unanswered { write: usize, way: &'static str },
}

impl Cases {
    /// Cuts the run of a case at each of its requests, and prints how many cuts were survived.
    pub fn survive_cuts(&self, verb: &str, case: &str, after: After) {
        let (expected, requests) = self.undisturbed(case);
        let cuts = cuts(&requests, after);
        each(verb, cuts.len(), |number| match &cuts[number] {
            Cut::Killed { after, goes_on } => {
                let what = format!("{case}: killed after request {after}, {}", requests[after - 1]);
                self.check_killed(case, (*after, *goes_on), &what, &expected)
            }
            Cut::Unanswered { write, way } => {
                let what = format!("{case}: cut {way} {}", requests[write - 1]);
                self.stand(case, &fault(*write, way)).compare(&what, RUNS, &expected)
            }
        });
    }

    fn check_killed(
        &self,
        case: &str,
        (after, goes_on): (usize, bool),
        what: &str,
        expected: &str,
    ) -> Result<(), String> {
        // The answer never comes, so that the tool cannot get further before it is killed.
        let stand: Stand = self.stand(case, &fault(after, "after"));
        if !stand.kill_after(after) {
            return Err(format!("{what}: it had ended by then"));
        }
        if goes_on {
            // A task may end between two looks of the second run; the third finds that it has.
            stand
                .finish(RUNS - 1)
                .map_err(|text| format!("{what}: the next runs end with\n{text}"))?;
        }
        stand.sim.settle();
        // With nothing under way one run does it, and says that all is well.
        stand.compare(what, 1, expected)
    }
}

/// Returns the numbers of the requests that may change something, from 1.
pub fn writes(requests: &[String]) -> Vec<usize> {
    (1..=requests.len()).filter(|n| !requests[n - 1].starts_with("GET ")).collect()
}

fn fault(nth: usize, way: &str) -> String {
    format!(r#"[{{"when": "* /**", "nth": {nth}, "then": {{"cut": "{way}"}}}}]"#)
}

fn cuts(requests: &[String], after: After) -> Vec<Cut> {
    let writes = writes(requests);
    let points = match after {
        After::Request => (1..=requests.len()).collect(),
        After::Write => writes.clone(),
    };
    let killed = points
        .into_iter()
        .flat_map(|after| [true, false].map(|goes_on| Cut::Killed { after, goes_on }));
    let unanswered = writes
        .into_iter()
        .flat_map(|write| ["before", "after"].map(|way| Cut::Unanswered { write, way }));
    killed.chain(unanswered).collect()
}
