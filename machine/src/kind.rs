//! `Kind`: the type of a value, and its normal form, so that values are compared by meaning, not by
//! spelling. Does no I/O.

use crate::number::{display_size, parse_flag, parse_size, shown_size};
use crate::rule::Rule;
use serde_json::{Number, Value};
use std::borrow::Cow;

/// The type of a value.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// `true` or `false`; normal form `1` or `0`.
    Flag,
    /// A whole number in a range.
    Int(i64, i64),
    /// A decimal number within a range, such as `0.5`.
    Decimal(i64, i64),
    /// One of a few words.
    Word(&'static [&'static str]),
    /// A size: in YAML a number of GiB, or text with a unit; normal form like PVE's `size`.
    Size,
    /// Text that follows a rule.
    Text(&'static Rule),
    /// Text of several lines; normal form without trailing spaces and newlines.
    Lines(&'static Rule),
    /// A machine type; without a version, it matches every version.
    Machine,
    /// A MAC address; normal form in upper case.
    Mac,
    /// A list, joined by a separator in PVE; the order matters.
    List(char, &'static Rule),
    /// A list whose order does not matter; normal form sorted, without duplicates.
    Set(char, &'static Rule),
    /// A set of words joined by commas; `0` is the empty set, `1` the given default.
    Features(&'static [&'static str], &'static str),
}

impl Kind {
    /// Returns the normal form of PVE's text; `None` if it is not of this kind.
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
            Self::Text(rule) => rule.normal(text),
            Self::Lines(rule) => {
                // PVE: facts-4, 62: PVE removes trailing spaces and newlines.
                let text = text.trim_end_matches([' ', '\n']);
                rule.accepts(text).then(|| text.to_owned())
            }
            Self::Machine => crate::rule::MACHINE.accepts(text).then(|| text.to_owned()),
            Self::Mac => stage::guest::mac(text).is_ok().then(|| text.to_ascii_uppercase()),
            Self::List(sign, rule) => {
                let list = list(text, sign, rule)?;
                Some(join(&list, sign))
            }
            Self::Set(sign, rule) => {
                let mut list = list(text, sign, rule)?;
                list.sort_unstable();
                list.dedup();
                Some(join(&list, sign))
            }
            Self::Features(words, usual) => features(text, words, usual),
        }
    }

    /// Returns whether a value in PVE matches a setting, both in normal form.
    pub fn agrees(self, said: &str, found: &str) -> bool {
        // PVE: qemu-server, Machine.pm, check_and_pin_machine_string: Windows gets the current
        // version.
        let is_version = |stem: &str| found.strip_prefix(stem).is_some_and(|v| v.starts_with('-'));
        said == found
            || match (self, said) {
                (Self::Machine, "pc") => is_version("pc-i440fx"),
                (Self::Machine, "q35") => is_version("pc-q35"),
                (Self::Machine, "virt") => is_version("virt"),
                _ => false,
            }
    }

    /// Returns the normal form of a value in the document or YAML; `None` if it is not of this
    /// kind. A list is a JSON list or PVE's text.
    pub fn normal_of_json(self, value: &Value) -> Option<String> {
        match (self, value) {
            (Self::Flag, Value::Bool(flag)) => Some(u8::from(*flag).to_string()),
            (Self::Flag, Value::Number(number)) => self.normal(&number.to_string()),
            // A number is in GiB, like `disk` and PVE's `STORAGE:SIZE`.
            (Self::Size, Value::Number(number)) => self.normal(&format!("{number}G")),
            (Self::Int(..), Value::Number(number)) => self.normal(&whole(number)?),
            (Self::Decimal(..) | Self::Text(_) | Self::Word(_), Value::Number(number)) => {
                self.normal(&number.to_string())
            }
            (Self::List(sign, _) | Self::Set(sign, _), Value::Array(items)) => {
                self.normal(&items_of(items, sign)?)
            }
            (Self::List(..) | Self::Set(..), Value::Number(number)) => self.normal(&whole(number)?),
            (Self::Features(..), Value::Bool(flag)) => self.normal(if *flag { "1" } else { "0" }),
            (Self::Features(..), Value::Number(number)) => self.normal(&whole(number)?),
            (Self::Features(..), Value::Array(items)) if items.is_empty() => self.normal("0"),
            (Self::Features(..), Value::Array(items)) => self.normal(&items_of(items, ',')?),
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
            Self::Features(..) => {
                let words = normal.split(',').filter(|word| *word != "0");
                Some(words.map(Value::from).collect())
            }
            Self::Word(_) | Self::Text(_) | Self::Lines(_) | Self::Machine | Self::Mac => None,
        };
        value.unwrap_or_else(|| Value::from(normal))
    }

    /// Returns a value for people: `true`, `20 GiB`, `+aes, -pcid`.
    pub fn shown(self, normal: &str) -> String {
        match self {
            Self::Flag => (normal == "1").to_string(),
            Self::Size => parse_size(normal).map_or_else(|| normal.to_owned(), shown_size),
            Self::List(sign, _) | Self::Set(sign, _) => normal.replace(sign, ", "),
            Self::Features(..) => match normal {
                "0" => false.to_string(),
                words => words.replace(',', ", "),
            },
            Self::Int(..)
            | Self::Decimal(..)
            | Self::Word(_)
            | Self::Text(_)
            | Self::Lines(_)
            | Self::Machine
            | Self::Mac => normal.to_owned(),
        }
    }

    /// Returns text that completes "must be …".
    pub fn must(self) -> Cow<'static, str> {
        match self {
            Self::Flag => "true or false".into(),
            Self::Int(least, i64::MAX) => format!("a whole number, {least} or more").into(),
            Self::Int(least, most) => format!("a whole number from {least} to {most}").into(),
            Self::Decimal(least, i64::MAX) => format!("a number, {least} or more").into(),
            Self::Decimal(least, most) => format!("a number from {least} to {most}").into(),
            Self::Word(words) => one_of(words).into(),
            Self::Size => "a size in GiB, or text such as 512M".into(),
            Self::Text(rule) | Self::Lines(rule) => rule.must.into(),
            Self::Machine => crate::rule::MACHINE.must.into(),
            Self::Mac => crate::rule::MAC.must.into(),
            Self::List(_, rule) | Self::Set(_, rule) => {
                format!("a list, each item {}", rule.must).into()
            }
            Self::Features(words, _) => {
                format!("true, false or a list of {}", one_of(words)).into()
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

fn list(text: &str, sign: char, rule: &Rule) -> Option<Vec<String>> {
    let items = text.split(|c| separates(c, sign)).map(str::trim).filter(|s| !s.is_empty());
    items.map(|item| rule.normal(item)).collect()
}

/// Returns whether a character separates items of a list.
fn separates(c: char, sign: char) -> bool {
    // PVE: pve-common, ParseUtils.pm, split_list: PVE accepts all of these, except within lines.
    c == sign || (sign != '\n' && (matches!(c, ',' | ';') || c.is_ascii_whitespace()))
}

/// Joins a JSON list to text; `None` if an item is not a single item.
fn items_of(items: &[Value], sign: char) -> Option<String> {
    let text = |item: &Value| match item {
        Value::String(text) if !text.contains(|c| separates(c, sign)) => Some(text.clone()),
        Value::Number(number) => whole(number),
        _ => None,
    };
    let texts = items.iter().map(text).collect::<Option<Vec<_>>>()?;
    Some(texts.join(sign.encode_utf8(&mut [0; 4])))
}

/// PVE: qemu-server, QemuServer.pm, parse_hotplug_features.
fn features(text: &str, words: &[&str], usual: &str) -> Option<String> {
    let mut found = match text {
        "0" => return Some(text.to_owned()),
        "1" => usual.split(',').collect(),
        _ => text.split(|c| separates(c, ',')).filter(|word| !word.is_empty()).collect::<Vec<_>>(),
    };
    if found.is_empty() || found.iter().any(|word| !words.contains(word)) {
        return None;
    }
    found.sort_unstable();
    found.dedup();
    Some(found.join(","))
}

fn join(list: &[String], sign: char) -> String {
    list.join(sign.encode_utf8(&mut [0; 4]))
}

/// Returns a whole number as text. tfvars has one number type, so 4.0 is 4.
fn whole(number: &Number) -> Option<String> {
    if let Some(whole) = number.as_i64() {
        return Some(whole.to_string());
    }
    let float = number.as_f64().filter(|float| float.fract() == 0.0)?;
    Some(format!("{float:.0}"))
}

/// Returns a decimal number without leading and trailing zeros, if it is within the range.
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
    use crate::rule::{NOTE, RANGE};
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
        check(Kind::Set(';', &RANGE), "20;3-4, 20", Some("20;3-4"));
        check(Kind::Lines(&NOTE), "a\n\n b \n ", Some("a\n\n b"));
    }

    const HOTPLUG: Kind = Kind::Features(&["cpu", "disk", "network"], "network,disk");

    #[test]
    fn features_have_short_forms() {
        check(HOTPLUG, "1", Some("disk,network"));
        check(HOTPLUG, "0", Some("0"));
        check(HOTPLUG, "network;cpu,cpu", Some("cpu,network"));
        check(HOTPLUG, "", None);
        check(HOTPLUG, "network,nix", None);
        for (value, back) in [
            (json!(true), json!(["disk", "network"])),
            (json!(false), json!([])),
            (json!([]), json!([])),
            (json!(0), json!([])),
            (json!(["cpu"]), json!(["cpu"])),
        ] {
            assert_eq!(HOTPLUG.to_json(&HOTPLUG.normal_of_json(&value).unwrap()), back, "{value}");
        }
    }

    #[test]
    fn values_are_shown_as_people_write_them() {
        for (kind, normal, shown) in [
            (Kind::Flag, "1", "true"),
            (Kind::Flag, "0", "false"),
            (Kind::Size, "20G", "20 GiB"),
            (Kind::Set(';', &RANGE), "20;3-4", "20, 3-4"),
            (HOTPLUG, "disk,network", "disk, network"),
            (HOTPLUG, "0", "false"),
            (Kind::Int(1, 9), "4", "4"),
            // Written by a later PVE.
            (Kind::Size, "20P", "20P"),
        ] {
            assert_eq!(kind.shown(normal), shown, "{kind:?} {normal}");
        }
    }

    #[test]
    fn a_machine_type_matches_its_versions() {
        for (said, found, agrees) in [
            ("q35", "q35", true),
            ("q35", "pc-q35-9.2+pve1", true),
            ("q35", "pc-i440fx-9.2+pve1", false),
            ("pc", "pc-i440fx-9.2", true),
            ("pc-q35-9.2", "pc-q35-9.0", false),
            ("pc-q35-9.2", "q35", false),
        ] {
            assert_eq!(Kind::Machine.agrees(said, found), agrees, "{said} {found}");
        }
        assert!(!Kind::Text(&NOTE).agrees("q35", "pc-q35-9.2"));
    }

    #[test]
    fn document_values_have_their_own_json_type() {
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
        let trunks = Kind::Set(';', &RANGE);
        assert_eq!(trunks.normal_of_json(&json!([5, "7-9"])).as_deref(), Some("5;7-9"));
        assert_eq!(trunks.normal_of_json(&json!(5)).as_deref(), Some("5"));
        assert_eq!(trunks.normal_of_json(&json!(["5;7"])), None);
        assert_eq!(trunks.normal_of_json(&json!([true])), None);
    }
}
