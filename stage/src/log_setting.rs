//! `PVE_PIPELINE_LOG`: format and level of messages, for all tools of a pipe at once.

use crate::environment::variable;
use crate::report::{Entry, Place};
use crate::suggest;
use crate::usage;
use clap::ValueEnum;
use std::ffi::OsString;

/// How stderr is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people
    #[default]
    Text,
    /// One JSON object per line
    Json,
}

/// What `PVE_PIPELINE_LOG` sets. Options on the command line win.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LogSetting {
    /// The format, when the variable names one.
    pub format: Option<LogFormat>,
    /// The level: 1 is `-v`, 2 is `-vv`.
    pub verbosity: u8,
    /// Whether findings in text show their codes.
    pub codes: bool,
}

/// A word that `PVE_PIPELINE_LOG` does not know.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UnknownWord(pub String);

impl UnknownWord {
    /// Returns the finding.
    pub(crate) fn finding(&self) -> Entry {
        let fact = format!("unknown word \"{}\"", usage::printable_word(&self.0));
        Entry::error("usage", Place::Named("PVE_PIPELINE_LOG".to_owned()), fact).hint(self.hint())
    }

    fn hint(&self) -> String {
        let names = WORDS.iter().map(|(name, _)| *name);
        match suggest::near(&self.0, names.clone()) {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("allowed, separated by commas: {}", suggest::list(names)),
        }
    }
}

type Set = fn(&mut LogSetting);

/// What each word sets. A later word wins over an earlier one.
const WORDS: [(&str, Set); 5] = [
    ("text", |setting| setting.format = Some(LogFormat::Text)),
    ("json", |setting| setting.format = Some(LogFormat::Json)),
    ("verbose", |setting| setting.verbosity = 1),
    ("debug", |setting| setting.verbosity = 2),
    ("codes", |setting| setting.codes = true),
];

/// Returns whether errors are written as JSON. Reads the words themselves: what clap says of a command
/// line that it does not understand has no format yet.
pub(crate) fn wants_json(args: &[OsString], setting: LogSetting) -> bool {
    let mut format = setting.format;
    let mut words = args.iter().skip(1).filter_map(|word| word.to_str()).take_while(|w| *w != "--");
    while let Some(word) = words.next() {
        let (name, value) = word.split_once('=').map_or((word, None), |(n, v)| (n, Some(v)));
        if ["--log-format", "--message-format"].contains(&name) {
            let value = value.or_else(|| words.next()).unwrap_or_default();
            format = LogFormat::from_str(value, false).ok().or(format);
        }
    }
    format == Some(LogFormat::Json)
}

/// Reads the variable.
pub(crate) fn read() -> (LogSetting, Option<UnknownWord>) {
    parse(&variable("PVE_PIPELINE_LOG").unwrap_or_default().to_string_lossy())
}

/// Reads a list such as `json,verbose`. The setting holds every known word, also after an error.
fn parse(text: &str) -> (LogSetting, Option<UnknownWord>) {
    let mut setting = LogSetting::default();
    let mut unknown = None;
    for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        match WORDS.iter().find(|(name, _)| *name == word) {
            Some((_, set)) => set(&mut setting),
            None => unknown = unknown.or_else(|| Some(UnknownWord(word.to_owned()))),
        }
    }
    (setting, unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        let set = |format, verbosity| (LogSetting { format, verbosity, codes: false }, None);
        assert_eq!(parse(""), set(None, 0));
        assert_eq!(parse("json"), set(Some(LogFormat::Json), 0));
        assert_eq!(parse(" verbose , text,"), set(Some(LogFormat::Text), 1));
        assert_eq!(parse("debug"), set(None, 2));
    }

    #[test]
    fn an_unknown_word_hides_no_known_one() {
        let (setting, unknown) = parse("verbos,json,x");
        assert_eq!(setting.format, Some(LogFormat::Json));
        assert_eq!(unknown.map(|word| word.hint()), Some("did you mean `verbose`?".to_owned()));
        let hint = parse("x").1.map(|word| word.hint()).unwrap_or_default();
        assert_eq!(hint, "allowed, separated by commas: text, json, verbose, debug, codes");
    }
}
