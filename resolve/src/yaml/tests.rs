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
    check("a: !!str 1\nb: ! c", "{a@1:1=\"1\" b@2:1=\"c\"}");
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
fn merges_follow_pyyaml() {
    check("<<: {a: 1, c: 1}\n<<: {a: 2, b: 2}", "{a@2:6=2 c@1:12=1 b@2:12=2}");
    check("<<: [{k: 1, m: 1}, {l: 2, k: 2}]\no: 0", "{l@1:21=2 k@1:7=1 m@1:13=1 o@2:1=0}");
    check("o: 0\nk: 9\n<<: {k: 1, l: 1}", "{k@2:1=9 l@3:12=1 o@1:1=0}");
    check("\"<<\": {k: 1}\n<<: {l: 2}", "{l@2:6=2 <<@1:1={k@1:8=1}}");
    check("!!str <<: {k: 1}", "{<<@1:7={k@1:12=1}}");
}

#[test]
fn anchors() {
    check("&a x: &b y\nz: [*a, *b]\n*b : 1", "{x@1:4=y z@2:1=[x y] y@3:1=1}");
    check(
        "a: &x 1\nb: &x 2\nc: *x",
        "{a@1:1=1 b@2:1=2 c@3:1=2}\nf.yaml:2:4: this anchor is already set on line 1, which YAML 1.1 forbids",
    );
    check("a: &x [1]\n*x : 1", "f.yaml:2:1: a key must be text");
}

#[test]
fn a_space_must_follow_the_colon() {
    let fact = "a space must follow the colon";
    check("{name:a, b: 1}", &format!("{{name@1:2=a b@1:10=1}}\nf.yaml:1:6: {fact}"));
    check("a:\n  name:b\n  c: 1", &format!("f.yaml:2:7: {fact}"));
    check("a: 1\ncores:4\nb: 2", &format!("f.yaml:2:6: {fact}"));
    check("{a:[b]}", &format!("f.yaml:1:3: {fact}"));
    check("{\"name\":a}", "{name@1:2=a}");
    check("{a:b: 1}", "{a:b@1:2=1}");
    check("[libc6:amd64]", "[libc6:amd64]");
}

#[test]
fn characters_that_are_not_spaces() {
    let fact = "a no-break space (U+00A0) is not a space in YAML";
    check("a:\n  b: 1\n\u{a0} c: 1", &format!("f.yaml:3:1: {fact}"));
    check("a: 1\nb:\u{a0}1\nc: 2", &format!("f.yaml:2:3: {fact}"));
    check("a: \u{a0}1", &format!("f.yaml:1:4: {fact}"));
    check(
        "a: \"\u{a0}1\"\nb: x\u{a0}y\nc: \u{3000}x",
        "{a@1:1=\"\\u{a0}1\" b@2:1=x\u{a0}y c@3:1=\u{3000}x}",
    );
    check("a:\n  x\u{7f}", "f.yaml:2:4: is not valid YAML: control character U+007F");
    check("a: 1\n \tb: 1", "f.yaml:2:2: is not valid YAML: a tab is not allowed here");
}

#[test]
fn characters_that_yaml_1_1_reads_differently() {
    let tab = "tabs between values are not allowed in YAML 1.1";
    check(
        "a:\t1\nb: 'x\t'\nc: |\n  x\t\n# \t\n",
        &format!("{{a@1:1=1 b@2:1=\"x\t\" c@3:1=\"x\t\\n\"}}\nf.yaml:1:3: {tab}")
            .replace("\"x\t", "\"x\\t"),
    );
    check("a: 1\t# x", &format!("{{a@1:1=1}}\nf.yaml:1:5: {tab}"));
    check(
        "a: \"x\u{2028}y\"",
        "{a@1:1=\"x\\u{2028}y\"}\nf.yaml:1:6: this character ends a line in YAML 1.1",
    );
}

#[test]
fn tags_that_do_not_fit() {
    let wrong = |tag: &str| format!("f.yaml:1:1: the tag \"!!{tag}\" does not fit the value");
    check("!!int \"12\"", "12");
    check("!!float 3", &format!("3\n{}", wrong("float")));
    let text = "f.yaml:1:3: this is text because of the `!`, but not in YAML 1.1";
    check("!<tag:yaml.org,2002:str> 1", "\"1\"");
    check("! 1", &format!("\"1\"\n{text}"));
    check("! [a]", "[a]");
    check("!!map [a]", &format!("[a]\n{}", wrong("map")));
    check("!!seq {a: b}", &format!("{{a@1:8=b}}\n{}", wrong("seq")));
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
        ("-0x1F", "-31 habit"),
        ("0x_", "-"),
        ("00", "0"),
        ("4_0.0", "40 habit"),
        ("1_0:30", "630 habit"),
        ("60685_23000:00", "364111380000 habit"),
        ("9223372036854775808", "-"),
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
        ("-.5", None),
        ("685_230.15", None),
        (".inf", None),
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
        ("0644", number(644, true)),
        ("089", number(89, true)),
        ("0b1", TextInYaml12),
        ("1:2:3.5", TextInYaml12),
        ("685_230.15", TextInYaml12),
        ("-.5", Fraction),
        ("99999999999999999999", Fraction),
        ("=", TextInYaml12),
        ("2026-1-2 3:04:05.6 +7", TextInYaml12),
        ("2026-1-2", Text),
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

/// What a long text takes, as a value and as a key, and the nodes of a short one.
#[test]
fn aliases_expand_to_a_limited_size() {
    let fact = |value: &str, aliases: usize| {
        let text = format!("a: &a {value}\nb: [{}]\n", vec!["*a"; aliases].join(", "));
        let mut sources = Sources::new("");
        let file =
            sources.add(SourceFile::new("", "f.yaml", Ok(text)).with_mask(Masked::default()));
        let mut report = Report::new();
        let is_read = parse(&sources, file, &mut report).is_some();
        let facts: Vec<&str> = report.entries().iter().map(|e| &*e.fact).collect();
        (is_read, facts.concat())
    };
    let long = "x".repeat(1 << 20);
    let too_long = (false, "aliases expand to more than 8 MiB of text".to_owned());
    assert_eq!(fact(&long, 8), (true, String::new()));
    assert_eq!(fact(&long, 9), too_long);
    assert_eq!(fact(&format!("{{? \"{long}\" : y}}"), 9), too_long);
    assert_eq!(fact("x", 100_000), (true, String::new()));
    let too_many = (false, "aliases expand to more than 100000 values".to_owned());
    assert_eq!(fact("x", 100_001), too_many);
}
