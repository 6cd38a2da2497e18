//! Writes YAML that every reader of YAML 1.1 and 1.2 understands the same way. Does no I/O.
//!
//! A string is plain only where it cannot be anything else; in all other cases it is quoted.

use serde_json::{Map, Value};
use std::fmt::Write;

/// Words that some readers do not take for text.
const WORDS: [&str; 9] = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];

/// Returns a value on one line, with lists and mappings in brackets.
pub(super) fn line(value: &Value) -> String {
    let mut out = String::new();
    write_line(&mut out, value);
    out
}

/// Returns `key: value` with the indentation that the lines after the first need; a text of several
/// lines becomes a block where YAML can hold it unchanged.
pub(super) fn entry(key: &str, value: &Value, indent: usize) -> String {
    match value {
        Value::String(text) if is_block(text) => {
            let mut out = format!("{}: |-", string(key));
            for line in text.split('\n') {
                let pad = if line.is_empty() { 0 } else { indent + 2 };
                let _ = write!(out, "\n{:pad$}{line}", "");
            }
            out
        }
        value => format!("{}: {}", string(key), line(value)),
    }
}

/// Returns a text as a one-line comment, without `#`.
pub(super) fn comment(text: &str) -> String {
    text.chars().map(|c| if is_odd(c) { '\u{fffd}' } else { c }).collect()
}

fn write_line(out: &mut String, value: &Value) {
    match value {
        Value::String(text) => out.push_str(&string(text)),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { ", " });
                write_line(out, item);
            }
            out.push(']');
        }
        Value::Object(entries) => write_mapping(out, entries),
        Value::Null | Value::Bool(_) | Value::Number(_) => out.push_str(&value.to_string()),
    }
}

fn write_mapping(out: &mut String, entries: &Map<String, Value>) {
    out.push('{');
    for (index, (key, value)) in entries.iter().enumerate() {
        out.push_str(if index == 0 { "" } else { ", " });
        out.push_str(&string(key));
        out.push_str(": ");
        write_line(out, value);
    }
    out.push('}');
}

fn string(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { quoted(text) }
}

/// Words that begin with a letter and have no character with a meaning in YAML, even inside brackets.
fn is_plain(text: &str) -> bool {
    let first = |c: char| c.is_ascii_alphabetic() || c == '/';
    let rest = |c: char| c.is_ascii_alphanumeric() || " /_.+:-".contains(c);
    // A colon has a meaning before a blank and at the end.
    let colon = text.contains(": ") || text.ends_with(':');
    let word = text.to_ascii_lowercase();
    text.starts_with(first)
        && text.chars().all(rest)
        && !text.ends_with(' ')
        && !colon
        && !WORDS.contains(&word.as_str())
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            // The characters that YAML does not accept are among the first 65,536.
            c if is_odd(c) => _ = write!(out, "\\u{:04X}", u32::from(c)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Characters that YAML takes for a line end, does not accept, or that are invisible.
fn is_odd(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// Several lines on which all readers agree: what a block can hold.
fn is_block(text: &str) -> bool {
    let clean = |line: &str| !line.ends_with(' ') && !line.contains(is_odd);
    text.contains('\n')
        && text.starts_with(|c: char| c != '\n' && c != ' ')
        && !text.ends_with('\n')
        && text.split('\n').all(clean)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;
    use serde_json::json;
    use test_support::peer::Peer;

    fn check(value: &Value, expected: &str) {
        assert_eq!(line(value), expected);
    }

    #[test]
    fn plain_only_where_it_can_be_nothing_else() {
        check(&json!("local-zfs"), "local-zfs");
        check(&json!("BC:24:11:00:00:01"), "BC:24:11:00:00:01");
        check(&json!("The database"), "The database");
        for text in ["", "no", "NO", "~", "12:30", "52:54:00:12:34:56", "1e3", "0x1", "a: b", "a:"]
        {
            check(&json!(text), &format!("\"{text}\""));
        }
        for text in [" a", "a ", "-a", "a #b", "a,b", "{a", "[a", "&a", "*a", "!a", "a@b", "ä"] {
            check(&json!(text), &format!("\"{text}\""));
        }
        check(&json!("say \"\\\"\u{7}\u{85}"), r#""say \"\\\"\u0007\u0085""#);
        check(
            &json!({"size": 40, "ssd": true, "discard": null, "mac": ["a", 1.5]}),
            "{size: 40, ssd: true, discard: null, mac: [a, 1.5]}",
        );
    }

    #[test]
    fn lines_stay_unchanged() {
        let text = json!("# Web\n\n  ask: Jo");
        assert_eq!(
            entry("description", &text, 4),
            "description: |-\n      # Web\n\n        ask: Jo"
        );
        assert_eq!(entry("description", &json!("a \nb"), 4), "description: \"a \\nb\"");
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let text = prop_oneof![
            any::<String>(),
            "[a-zA-Z0-9 :#\\-\\n,\\[\\]{}'\"&*!|>%@`?~.]{0,12}",
            prop::sample::select(vec!["null", "On", "y", "=", "<<", "0o7", ".nan", "1_0", "---"])
                .prop_map(str::to_owned),
        ];
        let scalar = prop_oneof![
            text.prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            Just(Value::Null),
        ];
        scalar.prop_recursive(2, 12, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-z0-9 ]{0,5}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    fn config() -> ProptestConfig {
        ProptestConfig {
            cases: 512,
            failure_persistence: None,
            rng_seed: proptest::test_runner::RngSeed::Fixed(0x5eed),
            ..ProptestConfig::default()
        }
    }

    /// Returns a file with a value between others.
    fn file(key: &str, value: &Value) -> String {
        let (entry, comment) = (entry(key, value, 4), comment(&line(value)));
        format!("vms:\n  - first: 1\n    {entry}\n    # {comment}\n    last: 2\n")
    }

    #[test]
    fn peer_pyyaml_gets_what_was_written() {
        let Some(python) = Peer::python_with("yaml") else { return };
        let mut runner = TestRunner::new(config());
        let mut value = || any_value().new_tree(&mut runner).unwrap().current();
        let values: Vec<Value> = (0..2_000).map(|_| value()).collect();
        let files: Vec<Value> = values.iter().map(|value| file("key", value).into()).collect();
        let script = "import json, sys, yaml\nfor line in sys.stdin: print(json.dumps(yaml.safe_load(json.loads(line))))";
        for (value, read) in values.iter().zip(python.ask(&["-c", script], &files)) {
            assert_eq!(read, json!({"vms": [{"first": 1, "key": value, "last": 2}]}));
        }
    }

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn a_reader_gets_what_was_written(value in any_value(), key in "[a-z0-9]{1,5}") {
            let text = file(&key, &value);
            prop_assume!(key != "first" && key != "last");
            let read: Value = serde_yaml::from_str(&text).map_err(|error| {
                TestCaseError::fail(format!("{error}\n{text}"))
            })?;
            let expected = json!({"vms": [{"first": 1, key: value, "last": 2}]});
            prop_assert_eq!(read, expected, "{}", text);
        }
    }
}
