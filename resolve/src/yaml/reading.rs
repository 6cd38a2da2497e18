//! How YAML 1.1 and YAML 1.2 read a plain scalar. Does no I/O.
//!
//! YAML 1.1 is what PyYAML 6 does, because the reference reads sites with it (`resolver.py` and
//! `constructor.py`). YAML 1.2 is its core schema (10.3.2).

use super::whole::{self, Digits};

/// The value of a plain scalar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Reading {
    /// `null`, `~` or nothing.
    Null,
    /// A flag.
    Flag(bool),
    /// A whole number; `None` if it has more than 127 bits.
    Whole(Option<i128>),
    /// A number with a fraction, an infinity or not a number.
    Fraction(f64),
    /// Something that JSON does not have: a date, or what PyYAML refuses, such as `=` and `0x_`.
    Other,
    /// Text.
    Text,
}

impl Reading {
    /// Reads a plain scalar as PyYAML does.
    pub(crate) fn yaml_1_1(text: &str) -> Self {
        match text {
            "" | "~" | "null" | "Null" | "NULL" => Self::Null,
            "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "true" | "True" | "TRUE" => {
                Self::Flag(true)
            }
            "no" | "No" | "NO" | "off" | "Off" | "OFF" | "false" | "False" | "FALSE" => {
                Self::Flag(false)
            }
            ".nan" | ".NaN" | ".NAN" => Self::Fraction(f64::NAN),
            "=" | "<<" => Self::Other,
            _ => fraction_1_1(text)
                .map(Self::Fraction)
                .or_else(|| whole_1_1(text))
                .or_else(|| is_date(text).then_some(Self::Other))
                .unwrap_or(Self::Text),
        }
    }

    /// Reads a plain scalar by the core schema.
    pub(crate) fn yaml_1_2(text: &str) -> Self {
        match text {
            "" | "~" | "null" | "Null" | "NULL" => return Self::Null,
            "true" | "True" | "TRUE" => return Self::Flag(true),
            "false" | "False" | "FALSE" => return Self::Flag(false),
            ".nan" | ".NaN" | ".NAN" => return Self::Fraction(f64::NAN),
            _ => {}
        }
        let digits = |prefix, radix| Some(Digits::of(text.strip_prefix(prefix)?, radix)?.value());
        if let Some(value) = digits("0o", 8).or_else(|| digits("0x", 16)) {
            return Self::Whole(value);
        }
        let (sign, unsigned) = signed(text);
        if let Some(digits) = Digits::of(unsigned, 10) {
            return Self::Whole(digits.value().map(|value| sign * value));
        }
        fraction_1_2(text).map_or(Self::Text, Self::Fraction)
    }

    /// Returns whether two readings are the same value; not a number equals itself.
    pub(crate) fn is(self, other: Self) -> bool {
        let nan = |reading| matches!(reading, Self::Fraction(value) if value.is_nan());
        self == other || (nan(self) && nan(other))
    }
}

/// Returns the sign and the rest.
fn signed(text: &str) -> (i128, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    }
}

fn whole_1_1(text: &str) -> Option<Reading> {
    let (sign, unsigned) = signed(text);
    if !unsigned.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let value = whole::yaml_1_1(unsigned)?;
    // PyYAML: `0x_` matches the pattern of numbers, but has no digits.
    Some(
        value.map_or(Reading::Other, |digits| {
            Reading::Whole(digits.value().map(|value| sign * value))
        }),
    )
}

/// PyYAML: the sign is allowed only before a digit and before `.inf`, and the exponent has one.
fn fraction_1_1(text: &str) -> Option<f64> {
    let (sign, unsigned) = signed(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Some(if sign < 0 { f64::NEG_INFINITY } else { f64::INFINITY });
    }
    let (whole, rest) = unsigned.split_once('.')?;
    let is_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    let starts = |part: &str| part.starts_with(|c: char| c.is_ascii_digit());
    let (decimals, exponent) = match rest.find(['e', 'E']) {
        Some(at) => (&rest[..at], Some(&rest[at + 1..])),
        None => (rest, None),
    };
    let is_exponent = exponent.is_none_or(|exponent| {
        exponent.starts_with(['+', '-'])
            && exponent.len() > 1
            && exponent[1..].bytes().all(|b| b.is_ascii_digit())
    });
    if !is_digits(decimals) || !is_exponent {
        return None;
    }
    if let Some((first, parts)) = whole.split_once(':') {
        let fits = starts(first) && is_digits(first) && parts.split(':').all(whole::is_sixtieth);
        return (fits && exponent.is_none()).then(|| sign as f64 * base_60(whole, decimals));
    }
    let fits = match whole {
        "" => starts(decimals) && unsigned.len() == text.len(),
        whole => starts(whole) && is_digits(whole),
    };
    let value: f64 = fits.then(|| unsigned.replace('_', "").parse().ok())??;
    Some(sign as f64 * value)
}

/// Returns `1:2:3.5` as 3723.5, adding from the right as PyYAML does.
fn base_60(whole: &str, decimals: &str) -> f64 {
    let (rest, last) = whole.rsplit_once(':').unwrap_or(("", whole));
    let last = format!("{last}.{decimals}");
    let (mut value, mut base) = (0.0, 1.0);
    for part in std::iter::once(last.as_str()).chain(rest.rsplit(':')) {
        value += part.replace('_', "").parse::<f64>().unwrap_or_default() * base;
        base *= 60.0;
    }
    value
}

fn fraction_1_2(text: &str) -> Option<f64> {
    let (sign, unsigned) = signed(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Some(if sign < 0 { f64::NEG_INFINITY } else { f64::INFINITY });
    }
    let digit = |c: char| c.is_ascii_digit();
    // from_str also accepts `inf` and `infinity`.
    let is_number = unsigned.strip_prefix('.').unwrap_or(unsigned).starts_with(digit);
    text.parse().ok().filter(|_| is_number)
}

/// Returns whether a text is a date such as `2026-11-23`, with or without a time.
fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_short = bytes.len() == 10 && counts(text, '-').as_deref() == Some(&[4, 2, 2]);
    is_short || is_date_and_time(text).unwrap_or_default()
}

/// PyYAML: `2026-1-2T3:04:05.6 +07:00`.
fn is_date_and_time(text: &str) -> Option<bool> {
    let date = text.find(['T', 't', ' ', '\t'])?;
    let (year, days) = counts(&text[..date], '-')?.split_first().map(|(y, d)| (*y, d.to_vec()))?;
    let blank = |c: char| matches!(c, ' ' | '\t');
    let time = match &text[date..] {
        rest if rest.starts_with(['T', 't']) => &rest[1..],
        rest => rest.trim_start_matches(blank),
    };
    let end = time.find(|c: char| !(c.is_ascii_digit() || c == ':')).unwrap_or(time.len());
    let clock = counts(&time[..end], ':')?;
    let zone = time[end..]
        .strip_prefix('.')
        .map_or(&time[end..], |rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()));
    let zone = zone.trim_start_matches(blank);
    let is_zone = match zone.strip_prefix(['+', '-']) {
        Some(hours) => matches!(counts(hours, ':')?[..], [1..=2] | [1..=2, 2]),
        None => matches!(zone, "Z") || (zone.is_empty() && !text.ends_with(blank)),
    };
    Some(
        year == 4
            && matches!(days[..], [1..=2, 1..=2])
            && matches!(clock[..], [1..=2, 2, 2])
            && is_zone,
    )
}

/// Returns the number of digits of each part; `None` if there is anything else.
fn counts(text: &str, sign: char) -> Option<Vec<usize>> {
    let count = |part: &str| part.bytes().all(|b| b.is_ascii_digit()).then_some(part.len());
    text.split(sign).map(count).collect()
}
