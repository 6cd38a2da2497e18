//! `Kind`: what a value may be, and its normal form, so that values are compared by meaning and not
//! by spelling. Does no I/O.

use crate::number::{display_size, parse_flag, parse_size};
use crate::rule::Rule;
use serde_json::{Number, Value};
use std::borrow::Cow;

/// What a value may be.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// `true` or `false`; normal form `1` or `0`.
    Flag,
    /// A whole number in a range.
    Int(i64, i64),
    /// A decimal number in a range of whole numbers, as `0.5`.
    Decimal(i64, i64),
    /// One of a few words.
    Word(&'static [&'static str]),
    /// A size: in YAML a number of GiB, or text with a unit; normal form as PVE's `size`.
    Size,
    /// Text that keeps a rule.
    Text(&'static Rule),
    /// A MAC address; normal form in upper case.
    Mac,
    /// A list, in PVE joined by a sign; the order counts.
    List(char, &'static Rule),
    /// A list in which the order does not count; normal form sorted, each once.
    Set(char, &'static Rule),
}

impl Kind {
    /// Returns the normal form of PVE's text; `None` when it is none of this kind.
    pub fn normal(self, text: &str) -> Option<String> {
        match self {
            Self::Flag => parse_flag(text).map(|flag| u8::from(flag).to_string()),
            Self::Int(least, most) => {
                let number = text.parse::<i64>().ok()?;
                (least..=most).contains(&number).then(|| number.to_string())
            }
            Self::Decimal(least, most) => decimal(text, least, most),
            Self::Word(words) => words.contains(&text).then(|| text.to_owned()),
            Self::Size => parse_size(text).map(display_size),
            Self::Text(rule) => rule.accepts(text).then(|| text.to_owned()),
            Self::Mac => stage::guest::mac(text).is_ok().then(|| text.to_ascii_uppercase()),
            Self::List(sign, rule) => list(text, sign, rule).map(|list| join(&list, sign)),
            Self::Set(sign, rule) => {
                let mut list = list(text, sign, rule)?;
                list.sort_unstable();
                list.dedup();
                Some(join(&list, sign))
            }
        }
    }

    /// Returns the normal form of a value of the document or of YAML; `None` when it is none of
    /// this kind. A list is a JSON list, or PVE's text.
    pub fn normal_of_json(self, value: &Value) -> Option<String> {
        match (self, value) {
            (Self::Flag, Value::Bool(flag)) => Some(u8::from(*flag).to_string()),
            (Self::Flag, Value::Number(number)) => self.normal(&number.to_string()),
            // A number is GiB: the unit of `disk`, and of PVE's own `STORAGE:SIZE`.
            (Self::Size, Value::Number(number)) => self.normal(&format!("{number}G")),
            (Self::Int(..), Value::Number(number)) => self.normal(&whole(number)?),
            (Self::Decimal(..) | Self::Text(_) | Self::Word(_), Value::Number(number)) => {
                self.normal(&number.to_string())
            }
            (Self::List(sign, _) | Self::Set(sign, _), Value::Array(items)) => {
                let texts = items.iter().map(Value::as_str).collect::<Option<Vec<_>>>()?;
                if texts.iter().any(|text| text.contains(sign)) {
                    return None;
                }
                self.normal(&texts.join(sign.encode_utf8(&mut [0; 4])))
            }
            (_, Value::String(text)) => self.normal(text),
            _ => None,
        }
    }

    /// Returns the document's value for a normal form.
    pub fn to_json(self, normal: &str) -> Value {
        let number = |text: &str| text.parse::<Number>().ok().map(Value::Number);
        let value = match self {
            Self::Flag => Some(Value::Bool(normal == "1")),
            Self::Int(..) | Self::Decimal(..) => number(normal),
            Self::Size => normal.strip_suffix('G').and_then(number).or_else(|| {
                let tera = normal.strip_suffix('T')?.parse::<u64>().ok()?;
                Some((tera << 10).into())
            }),
            Self::List(sign, _) | Self::Set(sign, _) => {
                let items = normal.split(sign).filter(|item| !item.is_empty());
                Some(items.map(Value::from).collect())
            }
            Self::Word(_) | Self::Text(_) | Self::Mac => None,
        };
        value.unwrap_or_else(|| Value::from(normal))
    }

    /// Completes "must be …".
    pub fn must(self) -> Cow<'static, str> {
        match self {
            Self::Flag => "true or false".into(),
            Self::Int(least, i64::MAX) => format!("a whole number, {least} or more").into(),
            Self::Int(least, most) => format!("a whole number from {least} to {most}").into(),
            Self::Decimal(least, i64::MAX) => format!("a number, {least} or more").into(),
            Self::Decimal(least, most) => format!("a number from {least} to {most}").into(),
            Self::Word(words) => one_of(words).into(),
            Self::Size => "a size: a number of GiB, or text such as 512M".into(),
            Self::Text(rule) => rule.must.into(),
            Self::Mac => crate::rule::MAC.must.into(),
            Self::List(_, rule) | Self::Set(_, rule) => {
                format!("a list, each item {}", rule.must).into()
            }
        }
    }
}

fn one_of(words: &[&str]) -> String {
    match words {
        [] => "nothing".to_owned(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

fn list<'t>(text: &'t str, sign: char, rule: &Rule) -> Option<Vec<&'t str>> {
    let items: Vec<&str> = text.split(sign).map(str::trim).filter(|s| !s.is_empty()).collect();
    items.iter().all(|item| rule.accepts(item)).then_some(items)
}

fn join(list: &[&str], sign: char) -> String {
    list.join(sign.encode_utf8(&mut [0; 4]))
}

/// tfvars has one number type: 4.0 is 4.
fn whole(number: &Number) -> Option<String> {
    if let Some(whole) = number.as_i64() {
        return Some(whole.to_string());
    }
    let float = number.as_f64().filter(|float| float.fract() == 0.0)?;
    Some(format!("{float:.0}"))
}

/// Digits with an optional fraction, without leading and trailing zeros.
fn decimal(text: &str, least: i64, most: i64) -> Option<String> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let (whole, fraction) = (whole.parse::<i64>().ok()?, fraction.trim_end_matches('0'));
    let above = whole == most && !fraction.is_empty();
    if !(least..=most).contains(&whole) || above {
        return None;
    }
    Some(if fraction.is_empty() { whole.to_string() } else { format!("{whole}.{fraction}") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(kind: Kind, text: &str, expected: Option<&str>) {
        assert_eq!(kind.normal(text).as_deref(), expected, "{kind:?} {text:?}");
    }

    #[test]
    fn values_are_compared_by_meaning() {
        check(Kind::Flag, "Yes", Some("1"));
        check(Kind::Flag, "2", None);
        check(Kind::Int(1, 128), "007", Some("7"));
        check(Kind::Int(1, 128), "0", None);
        check(Kind::Decimal(0, 128), "0.50", Some("0.5"));
        check(Kind::Decimal(0, 128), "128.0", Some("128"));
        check(Kind::Decimal(0, 128), "128.1", None);
        check(Kind::Decimal(0, 128), "1e1", None);
        check(Kind::Size, "1024M", Some("1G"));
        check(Kind::Mac, "bc:24:11:00:00:01", Some("BC:24:11:00:00:01"));
        check(Kind::Mac, "01:24:11:00:00:01", None);
        check(Kind::Word(&["on", "ignore"]), "off", None);
    }

    #[test]
    fn the_document_holds_values_of_their_own_type() {
        for (kind, value, normal) in [
            (Kind::Flag, json!(true), "1"),
            (Kind::Int(1, 9), json!(4), "4"),
            (Kind::Decimal(0, 128), json!(0.5), "0.5"),
            (Kind::Size, json!(40), "40G"),
            (Kind::Size, json!("512M"), "512M"),
            (Kind::Size, json!(2048), "2T"),
        ] {
            assert_eq!(kind.normal_of_json(&value).as_deref(), Some(normal), "{value}");
            assert_eq!(kind.to_json(normal), value, "{normal}");
        }
        assert_eq!(Kind::Int(1, 9).normal_of_json(&json!(4.0)).as_deref(), Some("4"));
        assert_eq!(Kind::Int(1, 9).normal_of_json(&json!("4")).as_deref(), Some("4"));
        assert_eq!(Kind::Int(1, 9).normal_of_json(&json!([4])), None);
    }
}
