//! Measured values and their limits.

use std::fmt;

/// Rows of value and limit.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
}

struct Row {
    what: String,
    value: f64,
    limit: Option<f64>,
}

impl Table {
    /// Adds a value that must not exceed its limit.
    pub(crate) fn at_most(&mut self, what: &str, value: f64, limit: f64) {
        self.rows.push(Row { what: what.to_owned(), value, limit: Some(limit) });
    }

    /// Adds a value without a limit.
    pub(crate) fn seen(&mut self, what: &str, value: f64) {
        self.rows.push(Row { what: what.to_owned(), value, limit: None });
    }

    /// Returns whether all values are within their limits.
    pub(crate) fn all_within(&self) -> bool {
        self.rows.iter().all(Row::is_within)
    }
}

impl Row {
    fn is_within(&self) -> bool {
        self.limit.is_none_or(|limit| self.value <= limit)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:58} {:>10} {:>10}", "", "measured", "at most")?;
        for row in &self.rows {
            let limit = row.limit.map(|limit| format!("{limit:.2}")).unwrap_or_default();
            let verdict = if row.is_within() { "" } else { "  OVER" };
            writeln!(f, "{:58} {:>10.2} {limit:>10}{verdict}", row.what, row.value)?;
        }
        Ok(())
    }
}
