//! Any text comes back byte for byte, in either form and wherever a model has texts.

use super::*;
use proptest::prelude::*;
use serde_json::json;

/// A line as scripts have them, with what YAML gives a meaning at either end.
fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        "[ \t]{1,4}",
        "[ \t]{0,3}[a-z:#'\"\\\\{}\\[\\]&*!|>%@`-]{1,12}[ \t]{0,3}",
        "[ ]{0,3}(#|---|\\.\\.\\.|- |\\? |: |key: |%YAML|!!str|<<)[ -~]{0,8}",
        Just("x".repeat(3000)),
        "\\PC{0,12}",
        any::<String>(),
        "[a-z]{0,3}[\r\u{85}\u{2028}\u{2029}\u{feff}\u{0}\u{7}\u{7f}\u{9f}\u{fffe}\u{ffff}\u{1f600}\u{10ffff}][a-z]{0,3}",
    ]
}

fn text() -> impl Strategy<Value = String> {
    let lines = proptest::collection::vec(line(), 1..6);
    (lines, "\n{0,3}", "\n{0,3}")
        .prop_map(|(lines, before, after)| format!("{before}{}{after}", lines.join("\n")))
}

/// A model that has texts wherever ours have them.
fn model(texts: &[String; 5]) -> Value {
    let [a, b, c, d, e] = texts;
    json!({
        "bootcmd": [["/bin/sh", "-c", a, "name"]],
        "write_files": [{"path": "/x", "content": b, "defer": true}, {"content": c}],
        "runcmd": [d, ["echo", e], e],
        "deep": {"er": a, "list": [{"x": [b]}]},
    })
}

fn read(text: &str) -> Value {
    serde_yaml::from_str(text).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_text_comes_back(texts in proptest::array::uniform5(text())) {
        let model = model(&texts);
        prop_assert_eq!(&read(&quoted(&model).unwrap()), &model);
        let text = readable(&model).unwrap();
        prop_assert_eq!(&read(&text), &model, "{}", text);
    }

    #[test]
    fn parts_can_be_put_together(first in text(), second in text()) {
        let (one, two) = (json!({"a": [first]}), json!({"b": {"c": second}}));
        let both = [readable(&one).unwrap(), readable(&two).unwrap()].concat();
        prop_assert_eq!(read(&both), json!({"a": [first], "b": {"c": second}}));
    }

    #[test]
    fn a_block_is_used_wherever_it_can_be(lines in proptest::collection::vec("[ -~]{1,20}", 2..5)) {
        let text = lines.join("\n");
        let written = readable(&json!({"a": text})).unwrap();
        prop_assert_eq!(written.lines().count(), lines.len() + 1, "{}", written);
    }
}

fn check(text: &str, expected: &str) {
    assert_eq!(readable(&json!({"a": text})).unwrap(), expected);
}

#[test]
fn several_lines_are_a_block() {
    check("#!/bin/sh\n\tid\n\n  ls \n", "a: |\n  #!/bin/sh\n  \tid\n\n    ls \n");
    check("---\n...", "a: |-\n  ---\n  ...\n");
    check("\n\nx\n\n", "a: |+\n\n\n  x\n\n");
    check("  x\ny", "a: |2-\n    x\n  y\n");
    check("\n x\ny\n", "a: |2\n\n   x\n  y\n");
    check("😀\n\u{a0}\n", "a: |\n  😀\n  \u{a0}\n");
}

#[test]
fn all_else_is_quoted() {
    check("one line", "a: 'one line'\n");
    check("\n", "a: \"\\n\"\n");
    check("\tx\ny", "a: \"\\tx\\ny\"\n");
    check("x\r\ny", "a: \"x\\r\\ny\"\n");
    check("x\n\u{85}", "a: \"x\\n\\N\"\n");
    check("\u{feff}x\n", "a: \"\\uFEFFx\\n\"\n");
    check("x\n\0", "a: \"x\\n\\0\"\n");
}

#[test]
fn the_quoted_form_never_changes() {
    let model = json!({"a": "x\ny", "b": ["it's", "\u{7f}\t"], "c": {"d": true, "e": "on"}});
    let expected = "a: \"x\\ny\"\nb:\n- \"it's\"\n- \"\\x7F\\t\"\nc:\n  d: true\n  e: 'on'\n";
    assert_eq!(quoted(&model).unwrap(), expected);
}
