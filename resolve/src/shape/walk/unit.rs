//! Sizes with a unit where a number belongs. Does no I/O.

use super::Name;
use machine::Kind;
use std::ops::RangeInclusive;

/// The units that descriptions name, in bytes.
const UNITS: [(&str, u64); 2] = [("MiB", 1 << 20), ("GiB", 1 << 30)];

/// Returns whether a text is a number with a unit, such as `4G` or `2048 MiB`.
pub(super) fn has_unit(text: &str) -> bool {
    letter_of_unit(text).is_some()
}

/// Returns a hint that says what to write for a size such as `4G`; `None` if the value is not a size, or
/// if no number in the range is the same size.
pub(super) fn hint(text: &str, name: Name<'_>, range: &RangeInclusive<i64>) -> Option<String> {
    let (unit, length) =
        UNITS.into_iter().find(|(unit, _)| name.help().contains(&format!(" in {unit}")))?;
    let bytes = bytes(text).filter(|bytes| bytes.is_multiple_of(length))?;
    let number = i64::try_from(bytes / length).ok().filter(|number| range.contains(number))?;
    Some(format!("{name} is in {unit}: write {number}"))
}

/// Returns the same hint for a value of a kind.
pub(super) fn hint_for(text: &str, name: Name<'_>, kind: Kind) -> Option<String> {
    match kind {
        Kind::Int(least, most) | Kind::Decimal(least, most) => hint(text, name, &(least..=most)),
        _ => None,
    }
}

/// Returns a size in bytes; `GB` is what PVE calls G.
fn bytes(text: &str) -> Option<u64> {
    let (number, letter) = letter_of_unit(text)?;
    machine::parse_size(&format!("{number}{letter}"))
}

fn letter_of_unit(text: &str) -> Option<(&str, char)> {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || ". ".contains(c));
    let number = text.strip_suffix(unit)?.trim_end();
    let letter = unit.chars().next()?.to_ascii_uppercase();
    let is_unit = unit.len() <= 3 && "KMGT".contains(letter);
    (number.starts_with(|c: char| c.is_ascii_digit()) && is_unit).then_some((number, letter))
}

#[cfg(test)]
mod tests {
    use super::{Name, hint};

    fn check(text: &str, help: &'static str, number: Option<i64>) {
        let unit = if help.contains("MiB") { "MiB" } else { "GiB" };
        let expected = number.map(|number| format!("`k` is in {unit}: write {number}"));
        assert_eq!(hint(text, Name::Key("k", help), &(16..=100_000)), expected, "{text}");
    }

    #[test]
    fn a_size_is_written_in_the_unit_of_the_key() {
        check("4G", "Memory in MiB.", Some(4096));
        check("1.5g", "Memory in MiB.", Some(1536));
        check("2048 MiB", "Memory in MiB.", Some(2048));
        check("20 GB", "Its size in GiB.", Some(20));
        check("1T", "Its size in GiB.", Some(1024));
    }

    #[test]
    fn there_is_no_hint_that_would_be_wrong_again() {
        check("512M", "Its size in GiB.", None);
        check("1M", "Memory in MiB.", None);
        check("9999T", "Memory in MiB.", None);
        check("4G", "A number.", None);
        check("2x", "Memory in MiB.", None);
        check("4", "Memory in MiB.", None);
        check("1.G", "Memory in MiB.", None);
    }
}
