//! Which parts of a line are shown.

use super::*;

/// A table: `open` texts, `url`, `secret`, `list` of texts, `any` name below `named`.
#[derive(Clone, Copy)]
enum Place {
    Root,
    Text(Exposure),
    List,
    Named,
}

impl Outline for Place {
    fn is_mapping(self) -> bool {
        matches!(self, Self::Root | Self::Named)
    }

    fn entry(self, key: &str) -> Option<Self> {
        match (self, key) {
            (Self::Root, "open") => Some(Self::Text(Exposure::Open)),
            (Self::Root, "url") => Some(Self::Text(Exposure::Address)),
            (Self::Root, "secret") => Some(Self::Text(Exposure::Hidden)),
            (Self::Root, "list") => Some(Self::List),
            (Self::Root, "named") => Some(Self::Named),
            (Self::Named, _) => Some(Self::Root),
            _ => None,
        }
    }

    fn item(self) -> Option<Self> {
        matches!(self, Self::List).then_some(Self::Root)
    }

    fn exposure(self) -> Exposure {
        if let Self::Text(exposure) = self { exposure } else { Exposure::Hidden }
    }
}

/// The whole text as it is shown, line by line.
fn shown(text: &str) -> String {
    let masked = Masked::of(text, Some(Place::Root));
    let mut at = 0;
    let line = |line: &str| {
        let range = at..at + line.len();
        at += line.len() + 1;
        masked.excerpt(text, range, 1, 1).text
    };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

fn check(text: &str, expected: &str) {
    assert_eq!(shown(text), expected, "{text}");
}

#[test]
fn known_keys_show_what_their_column_says() {
    check(
        "open: a b\nurl: https://u:p@x/?s\nsecret: s\n",
        "open: a b\nurl: https://…@x/?…\nsecret: …\n",
    );
    check("open: \"a\"\nsecret: \"s\"\nurl: 'u:p@x'", "open: \"a\"\nsecret: \"…\"\nurl: '…@x'");
    check(
        "list:\n  - open: a\n    secret: s\n  - open: b",
        "list:\n  - open: a\n    secret: …\n  - open: b",
    );
    check("list:\n- open: a\n- secret: s\nopen: b", "list:\n- open: a\n- secret: …\nopen: b");
    check("named:\n  n1:\n    open: a\n    secret: s", "named:\n  n1:\n    open: a\n    secret: …");
    check("open:\n  a\nsecret:\n  s\nopen: b", "open:\n  a\nsecret:\n  …\nopen: b");
}

#[test]
fn unknown_keys_hide_their_value_and_all_below() {
    check("secrt: s\nopen: a", "secrt: …\nopen: a");
    check("other:\n  open: s\n  x: {open: s}\nopen: a", "other:\n  …: …\n  …: {…: …}\nopen: a");
    check("other:\n- open: s\n- [s, s]\nopen: a", "other:\n- …: …\n- […, …]\nopen: a");
    check("a@pve!b=00: s", "…: …");
    check("open:\n  open: s", "open:\n  …: …");
    check("open: a\n  open: s", "open: a\n  …: …");
}

#[test]
fn flow_collections() {
    check(
        "{open: a, secret: s, secrt: s, url: \"https://u:p@x\"}",
        "{open: a, secret: …, secrt: …, url: \"https://…@x\"}",
    );
    check(
        "list: [{open: a, secret: s}, s,\n  {open: b}]\nopen: c",
        "list: [{open: a, secret: …}, …,\n  {open: b}]\nopen: c",
    );
    check(
        "{\"open\":a, \"secret\":s s\n s, open: a b\n c}",
        "{\"open\":a, \"secret\":…\n …, open: a b\n …}",
    );
    check("list: [{secret: s\nopen: s", "list: [{secret: …\n…");
    check(&format!("{}s", "[".repeat(99)), &format!("{}…", "[".repeat(61)));
}

#[test]
fn what_is_not_understood_is_hidden() {
    check("secret s\nopen: a", "…\nopen: a");
    check("secret s\n  open: s\nopen: a", "…\n  …: …\nopen: a");
    check("open: a: s", "open: …");
    check("\tsecret: s\nopen: a", "\t…\nopen: a");
    check("open: 'a' s", "open: 'a' …");
    check("open: \"a\n  open: s", "open: \"…\n…");
    check("secret: 's\nopen: s\n' \nopen: a", "secret: '…\n…\n' \nopen: a");
    check("open: a # s\n# s: s", "open: a # …\n# …");
    check("open: \"\\x68ttps://u:p@x\"", "open: \"…\"");
    check("? s\n: s", "…\n: …");
    check("%TAG s\n---\nopen: a\n...\nopen: b", "…\n---\nopen: a\n...\nopen: b");
    check("secret: !s &s s\nopen: !t a", "secret: … … …\nopen: !t a");
    check("open: a\rsecret: s", "open: …");
}

#[test]
fn block_scalars_are_hidden() {
    check("open: |\n  open: s\n\n  s\nopen: a", "open: |\n  …\n\n  …\nopen: a");
    check(
        "list:\n  - |-2\n    s\n  - open: >+\n     s\n    open: a",
        "list:\n  - |-2\n    …\n  - open: >+\n     …\n    open: a",
    );
}

#[test]
fn merges_bring_keys_of_the_mapping_itself() {
    check("<<: {open: a, secret: s}\nopen: a", "<<: {open: a, secret: …}\nopen: a");
}

#[test]
fn without_a_table_all_is_hidden() {
    let masked = Masked::of("open: a", None::<Place>);
    assert_eq!(masked.excerpt("open: a", 0..7, 7, 1).text, "…: …");
}

#[test]
fn carets_stay_under_what_they_mean() {
    let text = "{secrt: hunter2, url: https://u:p@x/é, open: b}";
    let masked = Masked::of(text, Some(Place::Root));
    for (word, width, under) in [
        ("secrt", 5, "secrt"),
        ("hunter2", 7, "…"),
        ("nter", 4, "…"),
        ("url", 3, "url"),
        ("b}", 1, "b"),
    ] {
        let column = text[..text.find(word).unwrap()].chars().count() + 1;
        let excerpt = masked.excerpt(text, 0..text.len(), column, width);
        let marked: String =
            excerpt.text.chars().skip(excerpt.column - 1).take(excerpt.width).collect();
        assert_eq!(marked, under, "{excerpt:?}");
    }
    assert!(
        masked.is_open(text.find("open").unwrap())
            && !masked.is_open(text.find("hunter2").unwrap())
    );
}
