//! The meaning of plain scalars in YAML 1.2, and in YAML 1.1, which sites were written for.
//! Does no I/O.

use super::reading::Reading;
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

impl Meaning {
    /// Returns whether it is a flag or a number in both versions.
    pub(crate) fn is_typed(self) -> bool {
        !matches!(self, Self::Text | Self::TextInYaml12)
    }
}

impl Scalar {
    /// Reads it by YAML 1.1 and by YAML 1.2; a quoted scalar is text.
    pub(crate) fn readings(&self) -> (Reading, Reading) {
        match self.plain {
            true => (Reading::yaml_1_1(&self.text), Reading::yaml_1_2(&self.text)),
            false => (Reading::Text, Reading::Text),
        }
    }

    /// Reads it as a whole number, like the reference; `4.0` is one, as in JSON Schema.
    pub(crate) fn number(&self) -> Option<Meaning> {
        let (old, new) = self.readings();
        let value = match (old, new) {
            (Reading::Whole(value), _) => value?,
            // `0o17` is text in YAML 1.1, where no field expects such a text.
            (Reading::Text, Reading::Whole(value)) if self.text.starts_with("0o") => value?,
            (Reading::Fraction(value), _) if value.fract() == 0.0 && value.abs() < 1e15 => {
                value as i128
            }
            _ => return None,
        };
        let value = i64::try_from(value).ok()?;
        Some(Meaning::Number { value, yaml_1_1: old != Reading::Text && !old.is(new) })
    }

    /// Reads it as a flag, like the reference.
    pub(crate) fn flag(&self) -> Option<Meaning> {
        let (old, new) = self.readings();
        match old {
            Reading::Flag(value) => Some(Meaning::Flag { value, yaml_1_1: !old.is(new) }),
            _ => None,
        }
    }

    /// Reads it as a finite number with a fraction that is the same in both versions: `1.5` and
    /// `1.5e+3`, but not `08`, `1e3` and `-.5`, which are text in YAML 1.1.
    pub(crate) fn fraction(&self) -> Option<f64> {
        match self.readings() {
            (Reading::Fraction(value), new) if Reading::Fraction(value).is(new) => {
                Some(value).filter(|value| value.is_finite())
            }
            _ => None,
        }
    }

    /// Returns its meaning where text is expected.
    pub(crate) fn as_text(&self) -> Meaning {
        // Most scalars are words; only these first characters allow another meaning.
        let begins = |c: char| c.is_ascii_digit() || "+-.=<yYnNtTfFoO".contains(c);
        if !self.plain || !self.text.starts_with(begins) {
            return Meaning::Text;
        }
        let (old, new) = self.readings();
        match new {
            Reading::Flag(value) => Meaning::Flag { value, yaml_1_1: false },
            Reading::Whole(value) => match value.and_then(|value| i64::try_from(value).ok()) {
                Some(value) => Meaning::Number { value, yaml_1_1: !old.is(new) },
                None => Meaning::Fraction,
            },
            Reading::Fraction(_) => Meaning::Fraction,
            Reading::Text if old != Reading::Text => Meaning::TextInYaml12,
            Reading::Text | Reading::Null | Reading::Other => Meaning::Text,
        }
    }
}
