//! Numbers, tables and causes for people. Does no I/O.

/// Prints bytes in the unit that people read: `20.0 KiB`, `2.00 GiB`.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 7] = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let unit = (1..UNITS.len()).rev().find(|unit| count >= 1 << (10 * unit)).unwrap_or(0);
    if unit == 0 {
        return format!("{count} bytes");
    }
    // Tenths, rounded down, in integer arithmetic: the same on every machine.
    let tenths = (u128::from(count) * 10) >> (10 * unit);
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

/// Returns the day, in UTC, of a time in seconds since 1970: `2026-11-29`; `None` where the calendar ends.
pub(crate) fn day(seconds: i64) -> Option<String> {
    let time = jiff::Timestamp::from_second(seconds).ok()?;
    Some(time.strftime("%Y-%m-%d").to_string())
}

/// Returns the innermost cause of an error.
pub(crate) fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain.last().map(ToString::to_string).unwrap_or_default()
}

/// Prints a table: columns as wide as their widest cell, two spaces apart.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut out = String::new();
    for row in rows {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        out.push_str(cells.join("  ").trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(count: u64, expected: &str) {
        assert_eq!(bytes(count), expected);
    }

    #[test]
    fn sizes() {
        check(0, "0 bytes");
        check(1023, "1023 bytes");
        check(20480, "20.0 KiB");
        check((2 << 30) + 1, "2.0 GiB");
        check(u64::MAX, "15.9 EiB");
    }

    #[test]
    fn tables_have_no_trailing_spaces() {
        let rows = [vec!["a".to_owned(), "bb".to_owned()], vec!["ccc".to_owned(), String::new()]];
        assert_eq!(table(&rows), "a    bb\nccc\n");
    }
}
