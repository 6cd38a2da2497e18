//! What people do to a field: a valid value, an invalid one, a typo, a broken line next to it, the
//! field in another file.

use super::fields::{Field, KINDS, Shown, Step};

/// The text of a file with a canary in it.
pub(crate) struct Variant {
    /// The kind of file that it is written to.
    pub(crate) kind: &'static str,
    pub(crate) text: String,
    pub(crate) canary: String,
    /// What was done, for the message.
    pub(crate) what: String,
}

/// Returns all variants of all fields of a site. Each has its own canary: eight hexadecimal digits, so
/// that it fits into a UUID, a key, a hash and a URL.
///
/// In a field that may be shown, the canary is a credential in its value: a URL's password, a token.
pub(crate) fn of_site(fields: &[Field]) -> Vec<Variant> {
    let mut all = Vec::new();
    for field in fields {
        let own = KINDS.iter().find(|(kind, _)| *kind == field.kind).unwrap().0;
        let mut add = |kind, path: &[Step], value: &Value| {
            let canary = format!("ca{:06x}", all.len());
            let text = value.text(path, &canary, field);
            let what = format!("{}: {}: {}", field.kind, field.key(), text.replace('\n', "\\n"));
            all.push(Variant { kind, text, canary, what });
        };
        for value in values(field) {
            add(own, &field.path, &value);
        }
        if field.shown == Shown::Open || field.is_container {
            continue;
        }
        let leaf = field.path.iter().rposition(|step| matches!(step, Step::Key(_))).unwrap();
        for (kind, _) in KINDS.iter().filter(|(kind, _)| *kind != field.kind) {
            for value in values(field).iter().filter(|value| value.travels) {
                add(kind, &field.path, value);
                add(kind, &field.path[leaf..], value);
            }
        }
    }
    all
}

/// One way to write a field. In the texts `$C` is the canary, `$V` a valid value, `$K` the key,
/// `$T` the same with a typo, `$I` its indentation, `$D` a deeper one.
pub(crate) struct Value {
    key: &'static str,
    value: &'static str,
    after: &'static str,
    /// Whether to try it in other files too.
    travels: bool,
}

const fn value(value: &'static str) -> Value {
    Value { key: "$K: ", value, after: "", travels: false }
}

impl Value {
    const fn everywhere(self) -> Self {
        Self { travels: true, ..self }
    }

    const fn with_key(self, key: &'static str) -> Self {
        Self { key, ..self }
    }

    const fn then(self, after: &'static str) -> Self {
        Self { after, ..self }
    }

    /// Returns the file with the field at this path.
    fn text(&self, path: &[Step], canary: &str, field: &Field) -> String {
        let last = path.iter().rposition(|step| matches!(step, Step::Key(_))).unwrap();
        let mut text = String::new();
        let mut indent = 0;
        for (index, step) in path.iter().enumerate() {
            match step {
                Step::Key(key) if index == last => text.push_str(&self.key.replace("$K", key)),
                Step::Key(key) => text.push_str(&format!("{key}:")),
                Step::Name => text.push_str("n1: "),
                Step::Item => text.push_str("- "),
            }
            if index + 1 < path.len() {
                indent += 2;
                text = text.trim_end().to_owned();
                // A list item starts on the line of its dash.
                text.push_str(if *step == Step::Item { " " } else { "\n" });
                text.push_str(&" ".repeat(if *step == Step::Item { 0 } else { indent }));
            }
        }
        let key_indent = 2 * last;
        text.push_str(self.value);
        text.push_str(self.after);
        text.push('\n');
        text.replace("$V", &field.valid(canary))
            .replace("$C", canary)
            .replace("$K", field.key())
            .replace("$T", &typo(field.key()))
            .replace("$I", &" ".repeat(key_indent))
            .replace("$D", &" ".repeat(indent + 2))
    }
}

/// Returns a key as people mistype it: `signin-key`.
fn typo(key: &str) -> String {
    let middle = key.len() / 2;
    format!("{}{}", &key[..middle], &key[middle + 1..]).replace('_', "-")
}

/// Returns the ways to write a field of this kind.
pub(crate) fn values(field: &Field) -> Vec<Value> {
    let mut all = vec![
        value("$V").everywhere(),
        value("\"$V\"").then("\n$Inope: [\n"),
        value("'$V'").then("\n\t$K: 1\n"),
        value("[$V, '$V']"),
        value("$V").then("\n$Ino colon here\n"),
        value("$V").then("\n$I$K: $V"),
        value("$V: $V").everywhere(),
        value("\"$V").then("\n$I$K: $V"),
        value("\"$V\" $V"),
        value("$V # $V").then("\n$I- x\n"),
    ];
    match field.shown {
        Shown::Never => all.extend(secret_values()),
        Shown::Address => all.extend(address_values()),
        Shown::Open => all = open_values(),
    }
    all
}

fn secret_values() -> Vec<Value> {
    vec![
        value("$C").everywhere(),
        value("[$C]").everywhere(),
        value("{$C: x}").then("\n$Inope: 1"),
        value("{value: $C, nope").everywhere(),
        value("{name: $C, $K: $C}").then("\n$Inope: *x"),
        value("|\n$D$C\n$D$K: $C").then("\n$Inope: [\n").everywhere(),
        value(">-\n$D$C\n$Dname: $C").then("\n$Inope nope\n"),
        value("\n$D$C\n$Dname: $C"),
        value("!$C x"),
        value("!$C"),
        value("&$C x").then("\n$Inope: *y"),
        value("*$C"),
        value("$C").with_key("\"$K\": ").then("\n$I$K: $C"),
        value(" $C").with_key("$K").then("\n$Iname: x").everywhere(),
        value("=$C").with_key("$K").then("\n$Iname: [").everywhere(),
        value("$V").with_key("$T: ").everywhere(),
        value("\"$C\"").with_key("$T: ").then("\n$Inope: }"),
        value("$C").with_key("$Ks: "),
        value("[$C").with_key("$Kx: "),
        value("$C").with_key("- $K: "),
        value("0644").then("\n$I$C$C$C$C$C: 1\n"),
        value("2026-11-23").then(" # $C\n$Inope: [ # $C"),
        value("{{ $C }}"),
    ]
}

fn address_values() -> Vec<Value> {
    vec![
        value("u:$C@h.example/p").everywhere(),
        value("https//u:$C@h.example/p?$C").everywhere(),
        value("https:/u:$C@h.example"),
        value("\"https://u:$C x$C@h.example/p\"").everywhere(),
        value("\"https:\\/\\/u:$C@h.example/p\""),
        value("ftp://u:$C@h.example").everywhere(),
        value("https://$C@h.example/p").with_key("x$K: ").everywhere(),
        value("|\n$Dhttps://u:$C@h.example").then("\n$Inope: [\n"),
        value("{address: \"https://u:$C@h.example\"}").everywhere(),
        value("[https://u:$C@h.example]"),
    ]
}

fn open_values() -> Vec<Value> {
    vec![
        value("https://u:$C@h.example/p?sig=$C"),
        value("[\"https://u:$C@h.example/p?sig=$C#$C\""),
        value("a@pve!b=$C-0000-4000-8000-000000000001"),
        value("\"$6$saltsalt$$C$C$C$C$C$C$C$C$C$Cabcdef\""),
        value("https://u:$C@h.example").with_key("x$K: "),
    ]
}
