//! How many faults were tried, met and survived, by verb and by fault. A pure module: does no I/O.

use super::attempt::{Attempt, Tried};
use std::collections::BTreeMap;
use std::fmt;

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
    /// Adds an attempt.
    pub(super) fn add(&mut self, attempt: &Attempt, tried: &Tried) {
        for row in [("verb", attempt.verb()), ("fault", attempt.trouble().name), ("all", "")] {
            let count = self.rows.entry(row).or_default();
            count.tried += 1;
            count.met += usize::from(tried.met);
            count.survived += usize::from(tried.verdict.is_ok());
        }
    }

    /// Returns how many faults have met a request.
    pub(super) fn met(&self) -> usize {
        self.rows.get(&("all", "")).map_or(0, |count| count.met)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ((what, name), Count { tried, met, survived }) in &self.rows {
            writeln!(f, "{what:6} {name:24} {tried:5} tried, {met:5} met, {survived:5} survived")?;
        }
        Ok(())
    }
}
