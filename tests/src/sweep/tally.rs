//! How many disturbances were tried, met and survived, by verb and by kind. A pure module: does no I/O.

use std::collections::BTreeMap;
use std::fmt;

/// What came of a disturbance.
pub(super) struct Tried {
    /// Whether it met a request.
    pub(super) met: bool,
    /// What does not hold.
    pub(super) verdict: Result<(), String>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    tried: usize,
    met: usize,
    survived: usize,
}

/// The figures of a sweep.
#[derive(Debug, Default)]
pub(super) struct Tally {
    rows: BTreeMap<(&'static str, &'static str), Count>,
}

impl Tally {
    /// Adds a disturbance of this kind to a verb.
    pub(super) fn add(&mut self, verb: &'static str, kind: &'static str, tried: &Tried) {
        for row in [("verb", verb), ("kind", kind), ("all", "")] {
            let count = self.rows.entry(row).or_default();
            count.tried += 1;
            count.met += usize::from(tried.met);
            count.survived += usize::from(tried.verdict.is_ok());
        }
    }

    /// Returns how many have met a request.
    pub(super) fn met(&self) -> usize {
        self.rows.get(&("all", "")).map_or(0, |count| count.met)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verbs = self.rows.keys().filter(|(what, _)| *what == "verb").count();
        writeln!(f, "{verbs} verbs")?;
        for ((what, name), Count { tried, met, survived }) in &self.rows {
            writeln!(f, "{what:6} {name:24} {tried:5} tried, {met:5} met, {survived:5} survived")?;
        }
        Ok(())
    }
}
