//! Whole numbers of YAML 1.1: decimal, octal, hexadecimal, binary, base 60. Does no I/O.

/// The digits of a number; any number of them.
pub(super) struct Digits(Vec<i128>, u32);

impl Digits {
    /// Takes a text that has only digits of a radix, and at least one.
    pub(super) fn of(text: &str, radix: u32) -> Option<Self> {
        let digit = |c: char| c.to_digit(radix).map(i128::from);
        let digits: Option<Vec<i128>> = text.chars().map(digit).collect();
        digits.filter(|digits| !digits.is_empty()).map(|digits| Self(digits, radix))
    }

    /// Returns the number, if it has at most 127 bits.
    pub(super) fn value(&self) -> Option<i128> {
        let add = |sum: i128, digit: &i128| sum.checked_mul(self.1.into())?.checked_add(*digit);
        self.0.iter().try_fold(0, add)
    }
}

/// Reads an unsigned number as PyYAML does; `Some(None)` if it matches PyYAML's pattern but has no
/// digits, which makes PyYAML fail.
pub(super) fn yaml_1_1(text: &str) -> Option<Option<Digits>> {
    let bare = text.replace('_', "");
    for (prefix, radix) in [("0b", 2), ("0x", 16)] {
        if let Some(digits) = text.strip_prefix(prefix) {
            let is_all = |c: char| c.is_digit(radix) || c == '_';
            let matches = !digits.is_empty() && digits.chars().all(is_all);
            return matches.then(|| Digits::of(&bare[2..], radix));
        }
    }
    if text.starts_with('0') {
        return Some(Some(Digits::of(&bare, 8)?));
    }
    match text.split_once(':') {
        Some((_, parts)) if parts.split(':').all(is_sixtieth) => {
            let (first, parts) = bare.split_once(':')?;
            let rest = parts.split(':').map(|part| part.parse::<i128>().ok());
            // The first part may be larger than 59; the largest one makes the number too large.
            let first = Digits::of(first, 10)?.value().unwrap_or(i128::MAX);
            let digits: Option<Vec<i128>> = std::iter::once(Some(first)).chain(rest).collect();
            Some(Some(Digits(digits?, 60)))
        }
        Some(_) => None,
        None => Some(Some(Digits::of(&bare, 10)?)),
    }
}

/// Returns whether a text is a digit of base 60.
pub(super) fn is_sixtieth(text: &str) -> bool {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    digits && matches!(text.as_bytes(), [_] | [b'0'..=b'5', _])
}
