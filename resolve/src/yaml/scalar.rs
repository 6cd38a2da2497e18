//! What a plain scalar means, in YAML 1.2 and in the YAML 1.1 that sites were written for.
//! Does no I/O.

use super::tree::Scalar;

/// What a scalar is by itself, before a field has its say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Meaning {
    /// Text in either version.
    Text,
    /// Text in YAML 1.2, something else in 1.1: `yes`, `12:30`, `2026-11-23`.
    TextInYaml12,
    /// A flag; `habit` when only YAML 1.1 takes it for one (`yes`).
    Flag {
        /// What it says.
        value: bool,
        /// Written as only YAML 1.1 reads it.
        yaml_1_1: bool,
    },
    /// A whole number; `habit` when only YAML 1.1 reads this value (`0644`, `1_000`, `1:30`).
    Number {
        /// What it counts.
        value: i64,
        /// Written as only YAML 1.1 reads it.
        yaml_1_1: bool,
    },
    /// Any other number.
    Fraction,
}

impl Scalar {
    /// Reads it as a whole number, as the reference did.
    pub(crate) fn number(&self) -> Option<Meaning> {
        let text = self.plain.then_some(&*self.text)?;
        let (sign, digits) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text.strip_prefix('+').unwrap_or(text)),
        };
        if !digits.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let (value, yaml_1_1) = unsigned(digits)?;
        Some(Meaning::Number { value: sign * value, yaml_1_1 })
    }

    /// Reads it as a flag, as the reference did.
    pub(crate) fn flag(&self) -> Option<Meaning> {
        if !self.plain {
            return None;
        }
        let (value, yaml_1_1) = match &*self.text {
            "true" | "True" | "TRUE" => (true, false),
            "false" | "False" | "FALSE" => (false, false),
            "yes" | "Yes" | "YES" | "on" | "On" | "ON" => (true, true),
            "no" | "No" | "NO" | "off" | "Off" | "OFF" => (false, true),
            _ => return None,
        };
        Some(Meaning::Flag { value, yaml_1_1 })
    }

    /// Reads it as a number with a fraction, as the reference did: `1.5` and `1.5e+3`, but not
    /// `08`, `1e3` and `1.5e3`, which YAML 1.1 takes for text.
    pub(crate) fn fraction(&self) -> Option<f64> {
        if self.as_text() != Meaning::Fraction || !self.text.contains('.') {
            return None;
        }
        let exponent = self.text.split_once(['e', 'E']).map(|(_, exponent)| exponent);
        let signed = exponent.is_none_or(|exponent| exponent.starts_with(['+', '-']));
        self.text.parse().ok().filter(|_| signed)
    }

    /// What it is where text is wanted.
    pub(crate) fn as_text(&self) -> Meaning {
        if !self.plain {
            return Meaning::Text;
        }
        // Most scalars are words; only these beginnings can be anything else.
        let begins = |c: char| c.is_ascii_digit() || "+-.yYnNtTfFoO".contains(c);
        if !self.text.starts_with(begins) {
            return Meaning::Text;
        }
        match self.flag().or_else(|| self.number()) {
            Some(Meaning::Flag { yaml_1_1: true, .. }) => Meaning::TextInYaml12,
            // `0644` is a number in both versions, though not the same.
            Some(Meaning::Number { yaml_1_1: true, .. }) if !self.text.starts_with('0') => {
                Meaning::TextInYaml12
            }
            Some(Meaning::Number { .. }) if self.text.contains([':', '_']) => Meaning::TextInYaml12,
            Some(other) => other,
            None if is_fraction(&self.text) => Meaning::Fraction,
            None if is_date(&self.text) => Meaning::TextInYaml12,
            None => Meaning::Text,
        }
    }
}

fn unsigned(digits: &str) -> Option<(i64, bool)> {
    let radix = |prefix: &str, radix| {
        let rest = digits.strip_prefix(prefix)?;
        // The sign stands before the prefix, if at all; from_str_radix takes one here too.
        let digits = rest.replace('_', "");
        let value = i64::from_str_radix(&digits, radix).ok()?;
        (!digits.starts_with(['+', '-'])).then_some((value, rest.contains('_')))
    };
    if let Some(found) = radix("0x", 16).or_else(|| radix("0o", 8)) {
        return Some(found);
    }
    if let Some((value, _)) = radix("0b", 2) {
        return Some((value, true));
    }
    if digits.contains(':') {
        return sexagesimal(digits).map(|value| (value, true));
    }
    // 4.0 is a whole number, as in JSON Schema.
    let whole = digits.strip_suffix(".0").unwrap_or(digits);
    let bare = whole.replace('_', "");
    if !bare.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let octal = bare.len() > 1 && bare.starts_with('0') && whole == digits;
    let value = i64::from_str_radix(&bare, if octal { 8 } else { 10 }).ok()?;
    Some((value, octal || bare.len() < whole.len()))
}

/// `1:30` is 90 in YAML 1.1: numbers to base 60.
fn sexagesimal(text: &str) -> Option<i64> {
    if text.starts_with('0') {
        return None;
    }
    let mut parts = text.split(':');
    let first: i64 = parts.next()?.parse().ok()?;
    parts.try_fold(first, |sum, part| {
        let digit: i64 = part.parse().ok().filter(|n| *n < 60)?;
        let fits = (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        if fits { sum.checked_mul(60)?.checked_add(digit) } else { None }
    })
}

fn is_fraction(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let body = unsigned.strip_prefix('.').unwrap_or(unsigned);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    body.starts_with(|c: char| c.is_ascii_digit())
        && text.parse::<f64>().is_ok_and(f64::is_finite)
        && !text.ends_with('_')
}

/// `2026-11-23`, with or without a time.
fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    let shape = b"0000-00-00";
    let date = bytes.get(..shape.len()).is_some_and(|head| {
        head.iter().zip(shape).all(|(b, s)| if *s == b'0' { b.is_ascii_digit() } else { b == s })
    });
    date && bytes.get(shape.len()).is_none_or(|b| matches!(b, b'T' | b't' | b' '))
}
