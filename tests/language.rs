//! The words of our messages, comments, documents and test names: idiomatic English, as
//! docs/messages.md asks. A phrase in the table is always wrong, so there are no exceptions;
//! texts by PVE and other programs are recognized by rule.

use regex::Regex;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the rules hold: paths start with one of these.
const SWEPT: &[&str] = &[""];

/// A banned phrase → what to write instead. Case does not matter; words are matched whole.
const BANNED: &[(&str, &str)] = &[
    ("absent:", "[default: …]"),
    ("an own", "our own, its own"),
    ("are not there", "do not exist, are missing"),
    ("are said", "are reported"),
    ("are told", "are reported, get"),
    ("as at PVE", "as in PVE"),
    ("at this moment", "now, currently"),
    ("believe", "trust, assume"),
    ("believed", "trusted, assumed"),
    ("believes", "trusts, assumes"),
    ("by now", "now, already"),
    ("came to a good end", "finished"),
    ("capitals count", "case-sensitive"),
    ("data goes", "data loss"),
    ("failed to", "could not, cannot"),
    (", for it has", "because it has"),
    (", for it is", "because it is"),
    (", for it may", "because it may"),
    (", for they", "because they"),
    ("foreign hand", "someone else"),
    ("foreign hands", "others"),
    ("give --", "use --"),
    ("in a circle", "cycle"),
    ("in a ring", "cycle"),
    ("in small letters", "in lower case"),
    ("is not there", "does not exist, is missing"),
    ("is said", "is reported"),
    ("is so already", "already holds"),
    ("is there already", "already exists"),
    ("is told", "is reported, gets"),
    ("known anew", "known again"),
    ("lives on", "is on, runs on"),
    ("made anew", "created again"),
    ("may be absent", "is optional"),
    ("may not see", "cannot see"),
    ("must be there", "is required, must exist"),
    ("must not stand beside", "cannot be combined with"),
    ("nobody looks", "is not checked"),
    ("once more ends at once", "press Ctrl-C again to quit now"),
    ("please", "leave it out"),
    ("says whether", "returns whether"),
    ("so many", "this many, the number of"),
    ("sorry", "leave it out"),
    ("stand beside", "are next to, are combined with"),
    ("stands before", "comes before"),
    ("stands beside", "is next to, is combined with"),
    ("stands in", "is in"),
    ("tells of", "reports"),
    ("tells that", "returns whether"),
    ("tells whether", "returns whether"),
    ("unable to", "cannot, could not"),
    ("was told", "got"),
    ("were told", "got"),
];

/// "X is no Y" is "X is not a Y"; "there is no Y" is fine.
const NEGATIONS: [(&str, &str); 4] = [
    ("is no", "is not a"),
    ("is none", "is not one"),
    ("are no", "are not"),
    ("are none", "are not"),
];
/// Words before a negation that make it idiomatic: "there is none", "the default is none".
const BEFORE: [&str; 2] = ["there", "default"];
/// Words after a negation that make it idiomatic: "is no longer".
const AFTER: [&str; 9] =
    ["longer", "more", "less", "larger", "smaller", "higher", "different", "better", "newer"];

/// Endings of the files whose text is ours; schemas have our descriptions too.
const ENDINGS: [&str; 11] = [
    ".rs", ".md", ".toml", ".mk", ".yaml", ".sh", ".1", "/stdout", "/stderr", "Makefile", ".ci/run",
];
/// Programs whose own texts follow their name and a colon.
const PROGRAMS: [&str; 4] = ["cp: ", "curl: ", "qemu-img: ", "wget: "];
/// The recorded answers of PVE.
const ANSWERS: &str = ".jsonl";
/// The simulator: its string literals are PVE's texts, its comments are ours.
const SIMULATOR: &str = "tests/src/pve_sim/";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// Returns the tracked and new files of the project, as git lists them.
fn names() -> Vec<String> {
    let arguments = ["ls-files", "--cached", "--others", "--exclude-standard"];
    let output = Command::new("git").args(arguments).current_dir(root()).output().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn read(name: &str) -> String {
    std::fs::read(root().join(name))
        .map_or_else(|_| String::new(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// Returns whether a file has text of ours.
fn is_ours(name: &str) -> bool {
    let is_text = ENDINGS.iter().any(|ending| name.ends_with(ending));
    (is_text || name.starts_with("schemas/")) && name != "tests/language.rs"
}

/// Returns the part of a line that is ours.
fn our_part<'a>(name: &str, line: &'a str) -> &'a str {
    let trimmed = line.trim_start();
    if trimmed.starts_with("PVE says:") || trimmed.starts_with("log:") {
        return "";
    }
    // A field of a struct, such as `absent: bool`, is not text.
    if name.ends_with(".rs") && line.contains("absent:") && !line.contains(['"', '/']) {
        return "";
    }
    if name.starts_with(SIMULATOR) {
        return line.find("//").map_or("", |start| &line[start..]);
    }
    line
}

/// Returns lower-case words with single spaces; in Rust code, `_` separates words too.
fn normalized(text: &str) -> String {
    let lower = text.to_lowercase().replace("is_none", "").replace(['_', '\t'], " ");
    lower.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Returns where a phrase is in a normalized text, as whole words.
fn positions(text: &str, phrase: &str) -> Vec<usize> {
    let is_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '-');
    let edge = |c: char| c.is_alphanumeric();
    text.match_indices(phrase)
        .map(|(start, _)| start)
        .filter(|start| {
            let end = start + phrase.len();
            let before = phrase.starts_with(edge) && is_word(text[..*start].chars().next_back());
            let after = phrase.ends_with(edge) && is_word(text[end..].chars().next());
            !before && !after
        })
        .collect()
}

/// Returns a phrase with the next word, by which a text of another program is recognized.
fn with_next_word(text: &str, start: usize, phrase: &str) -> String {
    let rest = &text[start + phrase.len()..];
    let next = rest.split(' ').nth(1).unwrap_or_default();
    let next: String = next.chars().take_while(|c| c.is_alphanumeric()).collect();
    format!("{phrase} {next}")
}

/// Returns a pattern that finds the lines worth a closer look.
fn phrases() -> Regex {
    let all = BANNED.iter().chain(&NEGATIONS);
    let escaped: Vec<_> =
        all.map(|(phrase, _)| regex::escape(phrase).replace(' ', "[ _]+")).collect();
    Regex::new(&format!("(?i){}", escaped.join("|"))).unwrap()
}

/// Returns what is wrong with a line; `foreign` has what PVE and other programs say.
fn faults(line: &str, foreign: &BTreeSet<String>) -> Vec<String> {
    let text = normalized(line);
    let mut faults = Vec::new();
    for (banned, instead) in BANNED {
        let phrase = banned.to_lowercase();
        for start in positions(&text, &phrase) {
            let by_program = PROGRAMS.iter().any(|program| text[..start].ends_with(program));
            if !by_program && !foreign.contains(&with_next_word(&text, start, &phrase)) {
                faults.push(format!("\"{banned}\": write \"{instead}\""));
            }
        }
    }
    for (phrase, instead) in NEGATIONS {
        for start in positions(&text, phrase) {
            let before = text[..start].split_whitespace().next_back().unwrap_or_default();
            let after = text[start + phrase.len()..].split_whitespace().next().unwrap_or_default();
            let before = before.trim_matches(|c: char| !c.is_alphanumeric());
            let after = after.trim_matches(|c: char| !c.is_alphanumeric());
            if !BEFORE.contains(&before) && !AFTER.contains(&after) {
                faults.push(format!("\"{phrase}\": write \"{instead}\""));
            }
        }
    }
    faults
}

/// Returns each banned phrase that PVE or another program uses, with its next word: from the
/// simulator's string literals and the recorded answers.
fn foreign_phrases(names: &[String], phrases: &Regex) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let foreign = |name: &&String| name.ends_with(ANSWERS) || name.starts_with(SIMULATOR);
    for text in names.iter().filter(foreign).map(|name| read(name)) {
        for line in text.lines().filter(|line| phrases.is_match(line)) {
            let literals = normalized(line.split("//").next().unwrap_or_default());
            for phrase in BANNED.iter().map(|(banned, _)| banned.to_lowercase()) {
                let starts = positions(&literals, &phrase);
                found.extend(starts.iter().map(|start| with_next_word(&literals, *start, &phrase)));
            }
        }
    }
    found
}

#[test]
fn our_texts_are_idiomatic() {
    let names = names();
    let swept = |name: &&String| SWEPT.iter().any(|root| name.starts_with(root));
    let phrases = phrases();
    let foreign = foreign_phrases(&names, &phrases);
    let mut broken = Vec::new();
    for name in names.iter().filter(swept).filter(|name| is_ours(name)) {
        let text = read(name);
        let lines = text.lines().enumerate().filter(|(_, line)| phrases.is_match(line));
        for (number, line) in lines {
            let faults = faults(our_part(name, line), &foreign);
            broken.extend(faults.iter().map(|fault| format!("{name}:{}: {fault}", number + 1)));
        }
    }
    assert!(broken.is_empty(), "not idiomatic:\n  {}", broken.join("\n  "));
}

fn check(line: &str, expected: usize) {
    let foreign = ["unable to create", "failed to stat"].map(str::to_owned).into();
    assert_eq!(faults(line, &foreign).len(), expected, "{line}");
}

#[test]
fn a_banned_phrase_is_found_in_text_and_names() {
    check("/// Tells whether it runs.", 1);
    check("fn what_is_no_volid() {", 1);
    check("vmid; ABSENT: the next free one", 1);
    check("it is unable to read the file", 1);
}

#[test]
fn idiomatic_and_foreign_texts_pass() {
    check("if there is no VM, or it is no longer there", 0);
    check("the price is nominal, and somebody called by nowhere", 0);
    check("\"unable to create VM 100 - no space left\"", 0);
    check("failed to stat '/var/lib/vz'", 0);
    check("download failed: wget: unable to resolve host", 0);
}

#[test]
fn only_our_part_of_a_line_is_checked() {
    assert_eq!(our_part("x/stderr", "  PVE says: unable to parse"), "");
    assert_eq!(our_part("x/stderr", "  log: failed to parse"), "");
    assert_eq!(our_part("x/stderr", "  hint: log in"), "  hint: log in");
    let simulator = "tests/src/pve_sim/x.rs";
    assert_eq!(our_part(simulator, "die(\"unable to parse\"); // ours"), "// ours");
    assert_eq!(our_part(simulator, "die(\"unable to parse\");"), "");
}
