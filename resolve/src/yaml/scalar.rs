//! The meaning of plain scalars in YAML 1.2, and in YAML 1.1, which sites were written for.
//! Does no I/O.

use super::tree::Scalar;

/// The meaning of a scalar, regardless of the type of its field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Meaning {
    /// Text in both versions.
    Text,
    /// Text in YAML 1.2, something else in 1.1: `yes`, `12:30`, `2026-11-23`.
    TextInYaml12,
    /// A flag, such as `true` or `yes`.
    Flag {
        /// Its value.
        value: bool,
        /// Only YAML 1.1 reads it so, such as `yes` or `0644`.
        yaml_1_1: bool,
    },
    /// A whole number, such as `12`, `0644`, `1_000` or `1:30`.
    Number {
        /// Its value.
        value: i64,
        /// Only YAML 1.1 reads it so, such as `yes` or `0644`.
        yaml_1_1: bool,
    },
    /// Any other number.
    Fraction,
}

impl Scalar {
    /// Reads it as a whole number, like the reference.
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

    /// Reads it as a flag, like the reference.
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

    /// Reads it as a number with a fraction, like the reference: `1.5` and `1.5e+3`, but not `08`,
    /// `1e3` and `1.5e3`, which are text in YAML 1.1.
    pub(crate) fn fraction(&self) -> Option<f64> {
        if self.as_text() != Meaning::Fraction || !self.text.contains('.') {
            return None;
        }
        let exponent = self.text.split_once(['e', 'E']).map(|(_, exponent)| exponent);
        let signed = exponent.is_none_or(|exponent| exponent.starts_with(['+', '-']));
        self.text.parse().ok().filter(|_| signed)
    }

    /// Returns its meaning where text is expected.
    pub(crate) fn as_text(&self) -> Meaning {
        if !self.plain {
            return Meaning::Text;
        }
        // Most scalars are words; only these first characters allow another meaning.
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
        // A sign comes before the prefix, but from_str_radix would accept one here, too.
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

/// Reads a base-60 number of YAML 1.1: `1:30` is 90.
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

/// Returns whether a text is a date such as `2026-11-23`, with or without a time.
fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    let shape = b"0000-00-00";
    let date = bytes.get(..shape.len()).is_some_and(|head| {
        head.iter().zip(shape).all(|(b, s)| if *s == b'0' { b.is_ascii_digit() } else { b == s })
    });
    date && bytes.get(shape.len()).is_none_or(|b| matches!(b, b'T' | b't' | b' '))
}
