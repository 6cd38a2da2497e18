//! A report as text for people or as JSON Lines for machines. Does no I/O.
//!
//! Each text of a finding passes [`shown::text`] on its way out, whoever has made it.

use crate::alike::{self, Group};
use crate::report::{Entry, Place, Report, Severity};
use crate::shown;
use serde::Serialize;
use std::collections::BTreeSet;

/// The number of findings that are shown; the rest is counted. A screen is full by then, and one
/// wrong template can cause the same finding for thousands of VMs.
const SHOWN: usize = 20;

/// Returns the report as text, each finding on one line or a few, with a count at the end.
///
/// With `codes` the first line of each finding ends with its code.
pub(crate) fn text(tool: &str, report: &Report, codes: bool) -> String {
    let mut out = String::new();
    let mut hints = BTreeSet::new();
    let groups = alike::groups(report.entries());
    let (first, hidden) = groups.split_at(groups.len().min(SHOWN));
    for group in first {
        let entry = gated(group.first);
        push_entry(&mut out, tool, &entry, codes);
        if let Some(also) = group.also() {
            out.push_str(&format!("  {}\n", printable(&shown::text(&also))));
        }
        for task in group.tasks() {
            out.push_str(&format!("  {}\n", printable(&shown::text(task))));
        }
        // A hint that applies to several findings is shown with the first one.
        if let Some(hint) = entry.hint.filter(|hint| hints.insert(hint.clone())) {
            out.push_str(&format!("  hint: {}\n", printable(&hint)));
        }
    }
    let hidden: usize = hidden.iter().map(Group::len).sum();
    if hidden > 0 {
        out.push_str(&format!("{tool}: and {hidden} more findings, not shown\n"));
    }
    let errors = report.entries().iter().filter(|e| e.severity == Severity::Error).count();
    if errors > 1 {
        out.push_str(&format!("{tool}: {errors} errors\n"));
    }
    out
}

/// Returns the report as JSON Lines: all findings, one a line.
pub(crate) fn json_lines(tool: &str, report: &Report) -> String {
    let line = |entry: &Entry| {
        let finding = Finding { v: 1, event: "finding", tool, entry: &gated(entry) };
        serde_json::to_string(&finding).unwrap_or_default() + "\n"
    };
    report.entries().iter().map(line).collect()
}

#[derive(Serialize)]
struct Finding<'a> {
    v: u8,
    event: &'static str,
    tool: &'a str,
    #[serde(flatten)]
    entry: &'a Entry,
}

/// Returns a finding as it may be printed. Its excerpt has been masked where it was made.
fn gated(entry: &Entry) -> Entry {
    let texts = |texts: &[String]| texts.iter().map(|text| shown::text(text)).collect();
    Entry {
        severity: entry.severity,
        code: entry.code,
        place: match entry.place.clone() {
            Place::File { path, position, excerpt } => {
                Place::File { path: shown::text(&path), position, excerpt }
            }
            Place::Input(field) => Place::Input(shown::text(&field)),
            Place::Named(name) => Place::Named(shown::text(&name)),
            other @ (Place::Node { .. } | Place::Run) => other,
        },
        subject: entry.subject.as_deref().map(|subject| shown::text(subject).into()),
        fact: shown::shortened(&shown::text(&entry.fact)),
        causes: texts(&entry.causes),
        notes: texts(&entry.notes),
        answer: entry.answer.clone(),
        hint: entry.hint.as_deref().map(|hint| shown::shortened(&shown::text(hint))),
    }
}

fn push_entry(out: &mut String, tool: &str, entry: &Entry, codes: bool) {
    let severity = match entry.severity {
        Severity::Error => "error: ",
        Severity::Aftermath => "",
        Severity::Warning => "warning: ",
    };
    out.push_str(&format!("{tool}: {severity}"));
    if entry.place != Place::Run {
        out.push_str(&format!("{}: ", printable(&entry.place.to_string())));
    }
    out.push_str(&printable(&entry.fact));
    for cause in &entry.causes {
        out.push_str(&format!(": {}", printable(cause)));
    }
    if codes {
        out.push_str(&format!(" [{}]", entry.code));
    }
    out.push('\n');
    push_excerpt(out, &entry.place);
    for note in &entry.notes {
        for line in note.lines() {
            out.push_str(&format!("  {}\n", printable(line)));
        }
    }
}

/// Returns the text with what a terminal would obey escaped: no value can move the cursor, fake a
/// line or turn the direction of writing.
pub fn printable(text: &str) -> String {
    let obeyed = |c: char| {
        c.is_control()
            || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if obeyed(c) { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}

fn push_excerpt(out: &mut String, place: &Place) {
    let Place::File { position: Some(at), excerpt: Some(excerpt), .. } = place else { return };
    let number = at.line.to_string();
    let indent = " ".repeat(number.len());
    // A tab becomes one space, so that the carets stand under what they mean.
    let shown: String =
        excerpt.text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let pad = " ".repeat(excerpt.column.saturating_sub(1));
    let carets = "^".repeat(excerpt.width.max(1));
    out.push_str(&format!("  {number} | {}\n", shown.trim_end()));
    out.push_str(&format!("  {indent} | {pad}{carets}\n"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Excerpt, Position};

    fn check(entry: Entry, expected: &str) {
        assert_eq!(text("resolve", &Report::from(entry), false), expected);
    }

    #[test]
    fn a_place_in_a_file_shows_its_line() {
        let place = Place::File {
            path: "manifests/n2.yaml".into(),
            position: Some(Position { line: 14, column: 5 }),
            excerpt: Some(Excerpt { text: "\tx: vm-smal".into(), column: 5, width: 7 }),
        };
        check(
            Entry::error("unknown-preset", place, "preset \"vm-smal\" does not exist")
                .hint("presets/ holds vm-small"),
            "resolve: error: manifests/n2.yaml:14:5: preset \"vm-smal\" does not exist\n  \
             14 |  x: vm-smal\n     |     ^^^^^^^\n  hint: presets/ holds vm-small\n",
        );
    }

    #[test]
    fn no_value_can_fake_a_line() {
        check(
            Entry::warning("x", Place::Run, "name \"a\nresolve: error: b\x1b[2J\u{202e}é\""),
            "resolve: warning: name \"a\\nresolve: error: b\\u{1b}[2J\\u{202e}é\"\n",
        );
    }

    #[test]
    fn no_part_of_a_finding_shows_a_password() {
        let url = || "https://me:s3cret@x/?sig=s3cret".to_owned();
        let place = Place::File { path: url(), position: None, excerpt: None };
        for place in [place, Place::Input(url()), Place::Named(url())] {
            let cause = std::io::Error::other(url());
            let entry = Entry::error("x", place, url()).cause(&cause).note(url()).hint(url());
            let report = Report::from(entry);
            let all = text("t", &report, false) + &json_lines("t", &report);
            assert_eq!(
                (all.contains("s3cret"), all.matches("https://…@x/?…").count()),
                (false, 10)
            );
        }
    }

    #[test]
    fn a_long_value_is_cut() {
        let long = "x ".repeat(100_000);
        let quoted = format!("preset \"{long}\" does not exist, \"y\" does");
        let shown = text("t", &Entry::error("x", Place::Run, quoted).into(), false);
        let start = &long[..200];
        assert_eq!(shown, format!("t: error: preset \"{start}…\" does not exist, \"y\" does\n"));
        let word = format!("a {} b", "é".repeat(501));
        let shown = text("t", &Entry::error("x", Place::Run, word).into(), false);
        assert_eq!(shown, format!("t: error: a {}… b\n", "é".repeat(200)));
    }

    #[test]
    fn equal_hints_are_printed_once() {
        let mut report = Report::new();
        for hint in ["a", "b", "a"] {
            report.push(Entry::error("x", Place::Run, "x").hint(hint));
        }
        let expected = "t: error: x\n  hint: a\nt: error: x\n  hint: b\nt: error: x\nt: 3 errors\n";
        assert_eq!(text("t", &report, false), expected);
        assert_eq!(json_lines("t", &report).matches("\"hint\":\"a\"").count(), 2);
    }

    #[test]
    fn an_aftermath_does_not_count_as_an_error() {
        let entry = Entry::aftermath("no-document", Place::input(""), "no document");
        check(entry.clone(), "resolve: stdin: no document\n");
        assert!(json_lines("t", &entry.clone().into()).contains("\"severity\":\"error\""));
        assert!(Report::from(entry).has_errors());
    }

    #[test]
    fn many_findings_are_counted() {
        let mut report = Report::new();
        for _ in 0..22 {
            report.error("x", Place::Run, "x");
        }
        let shown = text("t", &report, false);
        assert_eq!(shown.lines().count(), 22);
        assert!(shown.ends_with("t: and 2 more findings, not shown\nt: 22 errors\n"));
        assert_eq!(json_lines("t", &report).lines().count(), 22);
    }
}
