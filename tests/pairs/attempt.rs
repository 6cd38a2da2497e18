//! One attempt: two runs at once, what they have come to, and the run after them.

use crate::cluster::Cluster;
use crate::facts::Facts;
use crate::interleave::{self, Offset, Turn};
use crate::reference::References;
use crate::rules::{self, Run, Worlds};
use crate::verbs::Verb;
use std::fmt;

/// How a pair is run.
#[derive(Clone)]
pub(crate) struct Attempt {
    /// The verbs that have made the world.
    pub(crate) past: &'static [&'static str],
    /// The run that is held, and the other one.
    pub(crate) verbs: [&'static Verb; 2],
    pub(crate) offset: Offset,
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { past, verbs: [first, second], offset: Offset { passes, turn } } = self;
        let until = if *turn == Turn::Nested { "up to its first write" } else { "to its end" };
        write!(
            f,
            "after {past:?}: {} held after {passes} requests, {} {until}",
            first.name, second.name
        )
    }
}

/// What two runs have come to.
pub(crate) type Came = &'static str;

impl Attempt {
    /// Runs both, and checks the rules.
    pub(crate) fn run(&self, references: &References) -> Result<Came, String> {
        let [first, second] = self.verbs.map(|verb| verb.name);
        let course = |names: &[&'static str]| references.get(&[self.past, names].concat());
        let start = course(&[]);
        let cluster = Cluster::new(start.world.clone());
        let (ends, is_held) = interleave::run(&cluster, self.verbs, self.offset);
        cluster.sim.settle();
        let end = Facts::of(&cluster.sim.world());
        let alone = [course(&[first]), course(&[second])];
        let runs = [0, 1].map(|n| Run {
            verb: self.verbs[n],
            end: &ends[n],
            has_written: cluster.has_written(n),
            removed_of_the_other: cluster.removed_of_the_other(n),
            alone: &alone[n].facts,
            is_well_alone: alone[n].is_well,
        });
        let in_turn = |n: usize| course(&[[first, second], [second, first]][n]);
        let worlds = Worlds { start: &start.facts, end: &end, in_turn: &in_turn };
        let with_output = |text: String| format!("{text}\n{}{}", ends[0].shown(), ends[1].shown());
        rules::check(&runs, &worlds).map_err(with_output)?;
        if !cluster.sim.refused().is_empty() {
            return Err(format!("not supported: {:?}", cluster.sim.refused()));
        }
        if !worlds.is_known(&runs) {
            self.finish(references, &cluster, &runs, &end).map_err(with_output)?;
        }
        Ok(if is_held { rules::came(&runs) } else { interleave::NOT_HELD })
    }

    /// The next run ends in the world in which it ends after undisturbed runs.
    fn finish(
        &self,
        references: &References,
        cluster: &Cluster,
        runs: &[Run<'_>; 2],
        end: &Facts,
    ) -> Result<(), String> {
        let next = cluster.finish(self.verbs).map_err(|text| format!("the next run: {text}"))?;
        let [first, second] = self.verbs.map(|verb| verb.name);
        let mut differences = String::new();
        for names in [&[first, second][..], &[second, first], &[first], &[second], &[]] {
            let past = [self.past, names].concat();
            match &*references.finished(&past, self.verbs) {
                Ok(wanted) => match rules::same_end(wanted, &next, end, runs) {
                    Ok(()) => return Ok(()),
                    Err(text) => differences += &format!("after {past:?}:\n{text}"),
                },
                Err(text) => differences += &format!("after {past:?}: {text}\n"),
            }
        }
        Err(format!("after the next run the world is another\n{differences}"))
    }
}
