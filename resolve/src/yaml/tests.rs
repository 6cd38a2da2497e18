//! Trees and scalars, each as one line of text.

use super::*;
use crate::source::SourceFile;
use stage::shown::Masked;

/// Checks the tree of a text, as `{key@line:column=scalar, …}` with the original quotes.
fn check(text: &str, expected: &str) {
    let mut sources = Sources::new("");
    let file = sources
        .add(SourceFile::new("", "f.yaml", Ok(text.to_owned())).with_mask(Masked::default()));
    let mut report = Report::new();
    let tree = parse(&sources, file, &mut report).map(|node| show(&node));
    let facts = report.entries().iter().map(|e| format!("{}: {}", e.place, e.fact));
    let came: Vec<String> = tree.into_iter().chain(facts).collect();
    assert_eq!(came.join("\n"), expected, "{text:?}");
}

fn show(node: &Node) -> String {
    match &node.kind {
        NodeKind::Scalar(s) if s.plain => s.text.to_string(),
        NodeKind::Scalar(s) => format!("{:?}", s.text),
        NodeKind::List(items) => {
            format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(" "))
        }
        NodeKind::Map(map) => {
            let entry = |(key, value): &(Key, Node)| {
                format!("{}@{}:{}={}", key.text, key.at.line, key.at.column, show(value))
            };
            format!("{{{}}}", map.0.iter().map(entry).collect::<Vec<_>>().join(" "))
        }
    }
}

#[test]
fn trees() {
    check("", "{}");
    check("# only this\n---\n", "{}");
    check("a: 1\nb: 'x'\n", "{a@1:1=1 b@2:1=\"x\"}");
    check("- a\n- [b, c]\n", "[a [b c]]");
    check("ä: {ü: |", "f.yaml:1:8: is not valid YAML: unexpected character: `|'");
    check("a: &x [1]\nb: *x", "{a@1:1=[1] b@2:1=[1]}");
    check(
        "a: &x {k: 1, l: 2}\nb:\n  <<: *x\n  k: 3",
        "{a@1:1={k@1:8=1 l@1:14=2} b@2:1={k@4:3=3 l@1:14=2}}",
    );
    check("a: {<<: [{k: 1}, {k: 2, l: 2}]}", "{a@1:1={k@1:11=1 l@1:25=2}}");
    check("\u{feff}a: 1\r\nb: 2\r\n", "{a@1:1=1 b@2:1=2}");
    check("a: !!str 1\nb: ! 2", "{a@1:1=\"1\" b@2:1=\"2\"}");
}

#[test]
fn refused() {
    check(
        "a: 1\na: 2\na: 3",
        "{a@1:1=1}\nf.yaml:2:1: `a` is already set on line 1\nf.yaml:3:1: `a` is already set on line 1",
    );
    check("a: 1\n--- \nb: 1", "f.yaml:2:1: a file must contain only one document");
    check("[a]: 1", "f.yaml:1:1: a key must be text");
    check("a: !x 1", "{a@1:1=1}\nf.yaml:1:4: the tag \"!x\" is not supported");
    check("a: {<<: 1}", "{a@1:1={}}\nf.yaml:1:5: `<<` must refer to a mapping");
    let many: String = (0..40).map(|i| format!("k{}: 0\n", i % 39)).collect();
    let mut sources = Sources::new("");
    let file = sources.add(SourceFile::new("", "f.yaml", Ok(many)).with_mask(Masked::default()));
    let mut report = Report::new();
    assert!(parse(&sources, file, &mut report).is_some());
    assert_eq!(report.entries()[0].fact, "`k0` is already set on line 1");
}

#[test]
fn scalars() {
    let number = |text: &str| match scalar(text).number() {
        Some(Meaning::Number { value, yaml_1_1 }) => {
            format!("{value}{}", if yaml_1_1 { " habit" } else { "" })
        }
        _ => "-".to_owned(),
    };
    for (text, expected) in [
        ("0", "0"),
        ("4096", "4096"),
        ("-7", "-7"),
        ("+7", "7"),
        ("4.0", "4"),
        ("4.5", "-"),
        ("0644", "420 habit"),
        ("0o17", "15"),
        ("0x1F", "31"),
        ("0b101", "5 habit"),
        ("0x-5", "-"),
        ("0o+5", "-"),
        ("1_000", "1000 habit"),
        ("1:30", "90 habit"),
        ("1:60", "-"),
        ("0:30", "-"),
        ("089", "-"),
        ("99999999999999999999", "-"),
        ("1e3", "-"),
        ("four", "-"),
        ("", "-"),
        ("-", "-"),
    ] {
        assert_eq!(number(text), expected, "{text:?}");
    }
}

#[test]
fn fractions() {
    for (text, expected) in [
        ("1.5", Some(1.5)),
        ("-1.5e+3", Some(-1500.0)),
        (".5", Some(0.5)),
        ("1.5e3", None),
        ("1e3", None),
        ("08", None),
        ("1.2.3", None),
        ("v1.5", None),
    ] {
        assert_eq!(scalar(text).fraction(), expected, "{text:?}");
    }
    assert_eq!(Scalar { text: "1.5".into(), plain: false }.fraction(), None);
}

#[test]
fn texts() {
    use Meaning::{Flag, Fraction, Number, Text, TextInYaml12};
    let number = |value, yaml_1_1| Number { value, yaml_1_1 };
    for (text, expected) in [
        ("web", Text),
        ("fd00::1", Text),
        ("10.0.0.5/24", Text),
        ("nginx", Text),
        ("yes", TextInYaml12),
        ("off", TextInYaml12),
        ("y", Text),
        ("12:30", TextInYaml12),
        ("52:54:00:12:34:56", TextInYaml12),
        ("52:54:00:ab:34:56", Text),
        ("2026-11-23", TextInYaml12),
        ("1_000", TextInYaml12),
        ("true", Flag { value: true, yaml_1_1: false }),
        ("12", number(12, false)),
        ("0644", number(420, true)),
        ("1.5", Fraction),
        ("1e3", Fraction),
        (".inf", Fraction),
        ("1.2.3", Text),
    ] {
        assert_eq!(scalar(text).as_text(), expected, "{text:?}");
    }
    assert_eq!(Scalar { text: "yes".into(), plain: false }.as_text(), Text);
}

fn scalar(text: &str) -> Scalar {
    Scalar { text: text.into(), plain: true }
}
