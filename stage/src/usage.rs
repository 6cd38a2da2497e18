//! A command line that cannot be understood, as clap says it or as a finding. Does no I/O.

use crate::gather::Gather as _;
use crate::report::{Entry, Place};
use crate::shown;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, Id};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;

/// The longest word that a usage mistake may repeat: a mistyped word is short, a key or a token
/// that somebody has put on the command line is not, and must not get into a log as well.
const SHOWN: usize = 32;

/// Masks what may be a secret in the words that an error repeats.
pub(crate) fn hide_secrets(usage: &mut clap::Error) {
    for kind in [ContextKind::InvalidArg, ContextKind::InvalidSubcommand, ContextKind::InvalidValue]
    {
        // Elsewhere it is clap's own text, such as `--vm <NAME>`.
        if kind == ContextKind::InvalidArg && usage.kind() != ErrorKind::UnknownArgument {
            continue;
        }
        let Some(ContextValue::String(word)) = usage.get(kind) else { continue };
        let shown = printable_word(word);
        if shown != *word && kind == ContextKind::InvalidArg {
            // "to pass 'WORD' as a value, use '-- WORD'"
            usage.remove(ContextKind::Suggested);
        }
        usage.insert(kind, ContextValue::String(shown));
    }
}

/// Names of options and files are public, but `--token=SECRET` and URLs contain secrets.
pub(crate) fn printable_word(word: &str) -> String {
    let option = word.starts_with('-').then(|| word.split('=').next().unwrap_or_default());
    match option {
        Some(option) if is_option_name(option) => option.to_owned(),
        Some(_) => "[not shown]".to_owned(),
        None if word.contains('/') => shown::address(word),
        None if word.len() > SHOWN || looks_secret(word) => "[not shown]".to_owned(),
        None => word.to_owned(),
    }
}

/// Returns whether a word is spelled like an option: a private key in PEM begins with dashes too.
fn is_option_name(word: &str) -> bool {
    word.len() <= SHOWN && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
}

/// `user:password@host`, a token, a hash.
fn looks_secret(word: &str) -> bool {
    word.contains(['!', '$']) || word.contains(':') && word.contains('@')
}

/// Puts the variable's name in place of an option that nobody wrote on the command line.
pub(crate) fn name_variables(error: &mut clap::Error, command: &Command, given: &BTreeSet<Id>) {
    // An argument can be shown only when its command is built.
    let mut command = command.clone();
    command.build();
    let all = std::iter::once(&command).chain(command.get_subcommands());
    let args = all.flat_map(Command::get_arguments).filter(|arg| !given.contains(arg.get_id()));
    let names: BTreeMap<String, String> = args
        .filter_map(|arg| Some((arg.to_string(), arg.get_env()?.to_str()?.to_owned())))
        .gather();
    let name = |text: &String| names.get(text).unwrap_or(text).clone();
    for kind in [ContextKind::InvalidArg, ContextKind::PriorArg] {
        let named = match error.get(kind) {
            // What is missing is an option to give; a variable is only one way to give it.
            _ if error.kind() == ErrorKind::MissingRequiredArgument => continue,
            Some(ContextValue::String(text)) => ContextValue::String(name(text)),
            Some(ContextValue::Strings(texts)) => {
                ContextValue::Strings(texts.iter().map(name).collect())
            }
            _ => continue,
        };
        error.insert(kind, named);
    }
}

/// Replaces the usage by that of a command line alone: clap's also has what comes from variables, as if
/// it were required.
pub(crate) fn without_variables(error: &mut clap::Error, plain: &Command, args: &[OsString]) {
    let Err(other) = plain.clone().try_get_matches_from(args) else { return };
    if other.kind() == error.kind()
        && let Some(usage) = other.get(ContextKind::Usage)
    {
        error.insert(ContextKind::Usage, usage.clone());
    }
}

/// Says where a document belongs that somebody has given as an argument.
pub(crate) fn suggest_stdin(error: &mut clap::Error, command: &Command) {
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidArg) else { return };
    let is_document = error.kind() == ErrorKind::UnknownArgument && word.ends_with(".json");
    // Only resolve knows the site's YAML; all others read a document.
    if !is_document || word.starts_with('-') || command.get_name() == "resolve" {
        return;
    }
    let usage = error.get(ContextKind::Usage).map(ToString::to_string).unwrap_or_default();
    let usage = usage.trim_start_matches("Usage: ").split(" [").next().unwrap_or_default();
    let tip = format!("the document is read from stdin: `{} <{word}`", usage.trim());
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
}

/// Returns clap's error as a finding: its message as the fact, its tip as the hint, its usage as a
/// note.
pub(crate) fn finding(error: &clap::Error) -> Entry {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return Entry::error("usage", Place::Run, "no command is given").hint("try '--help'");
    }
    let text = error.render().to_string();
    let mut parts = text.trim_start_matches("error: ").split("\n\n");
    let fact = one_line(parts.next().unwrap_or_default());
    let mut entry = Entry::error("usage", Place::Run, fact);
    let mut tips = Vec::new();
    for part in parts {
        if let Some(usage) = part.strip_prefix("Usage: ") {
            entry = entry.note(format!("usage: {}", one_line(usage)));
        }
        tips.extend(part.lines().filter_map(|line| line.trim().strip_prefix("tip: ")));
    }
    let hint = if tips.is_empty() { "try '--help'".to_owned() } else { tips.join("; ") };
    entry.hint(hint)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::printable_word;

    #[test]
    fn a_mistyped_word_is_shown_and_a_secret_is_not() {
        for word in ["plna", "--all-vms", "-x", "--dry_run"] {
            assert_eq!(printable_word(word), word);
        }
        assert_eq!(printable_word("--token=s3cret"), "--token");
        let secrets = [
            "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk\n-----END",
            "--me@pve!token=s3cret",
            "--token s3cret",
            "-0123456789abcdef0123456789abcdef",
            "me@pve!token=s3cret",
            "0123456789abcdef0123456789abcdef0",
        ];
        for word in secrets {
            assert_eq!(printable_word(word), "[not shown]", "{word}");
        }
    }
}
