//! Two runs, one of which is held at one of its requests while the other one goes on.

use crate::cluster::{Cluster, End, HOSTS, end};
use crate::verbs::Verb;
use std::process::Child;
use std::time::{Duration, Instant};
use test_support::pve_sim::requests::Request;

/// A run that sends this many requests that it has sent before waits for something.
const REPEATED: usize = 6;
/// So does one that sends nothing for this long. Where it only has no turn on a busy machine, the two runs go on at
/// once, which is another order of their requests.
const SILENT: Duration = Duration::from_secs(2);
/// What an attempt comes to whose first run had ended before it was held.
pub(crate) const NOT_HELD: &str = "the first had ended";
const PAUSE: Duration = Duration::from_millis(10);

/// When the second run gets its turn.
#[derive(Clone, Copy)]
pub(crate) struct Offset {
    /// How many requests the first run has sent.
    pub(crate) passes: usize,
    pub(crate) turn: Turn,
}

/// What the second run does in its turn.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// All, while the first run is held at a write whose checks it has already made.
    BeforeWrite,
    /// All, after a write of the first run and before its next checks.
    BetweenWrites,
    /// It makes its plan and its checks, and writes when the first one has ended.
    Nested,
}

/// Runs two verbs; returns whether the first one was held, too.
pub(crate) fn run(cluster: &Cluster, verbs: [&Verb; 2], offset: Offset) -> ([End; 2], bool) {
    let [first, second] = [0, 1].map(|n| Machine { cluster, host: HOSTS[n] });
    cluster.sim.hold(first.host, offset.passes);
    let mut one = cluster.start(0, verbs[0].command, verbs[0].document());
    let is_held = first.waits_for_hold(&mut one);
    if offset.turn == Turn::Nested {
        cluster.sim.hold_writes(second.host);
    }
    let mut two = cluster.start(1, verbs[1].command, verbs[1].document());
    second.goes_on(&mut two);
    cluster.sim.release(first.host);
    if offset.turn == Turn::Nested {
        first.goes_on(&mut one);
        cluster.sim.release(second.host);
    }
    ([end(one), end(two)], is_held)
}

struct Machine<'c> {
    cluster: &'c Cluster,
    host: &'static str,
}

impl Machine<'_> {
    /// Waits until the run is held; returns `false` if it ends before.
    fn waits_for_hold(&self, run: &mut Child) -> bool {
        while !self.cluster.sim.is_holding(self.host) {
            if run.try_wait().unwrap().is_some() {
                return false;
            }
            std::thread::sleep(PAUSE);
        }
        true
    }

    /// Waits until the run has ended, is held, or waits for the other one.
    fn goes_on(&self, run: &mut Child) {
        let sim = &self.cluster.sim;
        let (mut seen, mut lines, mut since) = (0, Vec::new(), Instant::now());
        while run.try_wait().unwrap().is_none() && !sim.is_holding(self.host) {
            let new = sim.requests_from(seen);
            if !new.is_empty() {
                (seen, since) = (seen + new.len(), Instant::now());
                let own = new.iter().filter(|request| request.host == self.host);
                lines.extend(own.map(Request::normal_line));
                if is_repeating(&lines) {
                    return;
                }
            }
            if since.elapsed() > SILENT {
                return;
            }
            std::thread::sleep(PAUSE);
        }
    }
}

fn is_repeating(lines: &[String]) -> bool {
    let (before, last) = lines.split_at(lines.len().saturating_sub(REPEATED));
    !before.is_empty() && last.iter().all(|line| before.contains(line))
}
