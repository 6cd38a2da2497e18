//! `Console`: what a stage says on stderr while it works.
//!
//! On a terminal a live block below the lines that stay; in a pipe plain lines; with
//! `--log-format json` one JSON object a line.
//! DOOR: writes to stderr and asks whether it is a terminal.

use crate::command_line::Variables;
use crate::event::Event;
use crate::live::Live;
use crate::log_setting::{LogFormat, LogSetting};
use crate::report::{Place, Report};
use crate::show::{self, printable};
use crate::shown;
use clap::{ArgAction, Args};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The options that every stage has.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Messages")]
pub struct ConsoleArgs {
    /// Format of messages on stderr [default: text]
    #[arg(long, global = true, value_enum, value_name = "FORMAT", alias = "message-format")]
    pub log_format: Option<LogFormat>,
    /// Whether each finding shows its code; set by `PVE_PIPELINE_LOG` alone.
    #[arg(skip)]
    pub(crate) codes: bool,
    /// Show each request; -vv also its parameters, without secrets
    ///
    /// Shown are method, path, status and time.
    /// Only image-publish and pve-apply make requests; the other tools accept the option so that one
    /// set of options fits a whole pipe.
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// Write to this file, readable only by you, instead of stdout
    ///
    /// An existing file is replaced at the end of a successful run, whole or not at all.
    /// A device, a link or a pipe is refused; `-` is stdout.
    #[arg(short, long, global = true, value_name = "FILE", help_heading = "Output")]
    pub output: Option<PathBuf>,
}

impl ConsoleArgs {
    /// Returns the options, with `PVE_PIPELINE_LOG` where the command line is silent.
    pub(crate) fn with(mut self, setting: LogSetting) -> Self {
        self.log_format = self.log_format.or(setting.format);
        self.codes = setting.codes;
        if self.verbose == 0 {
            self.verbose = setting.verbosity;
        }
        self
    }
}

/// The stage's voice. Safe to share between threads; the clones are the same voice.
#[derive(Clone)]
pub struct Console {
    tool: &'static str,
    args: ConsoleArgs,
    variables: Variables,
    live: Option<Arc<dyn Live>>,
    /// The last text of each subject, for a pipe: it is not repeated.
    lines: Arc<Mutex<BTreeMap<String, String>>>,
}

#[derive(Serialize)]
struct JsonEvent<'a> {
    v: u8,
    tool: &'a str,
    #[serde(flatten)]
    event: &'a Event<'a>,
}

impl Console {
    pub(crate) fn new(tool: &'static str, args: ConsoleArgs, variables: Variables) -> Self {
        Self { tool, args, variables, live: None, lines: Arc::default() }
    }

    /// Shows events in a live block if stderr is a terminal that can have one.
    pub(crate) fn with_live(self, open: impl FnOnce() -> Option<Arc<dyn Live>>) -> Self {
        let live = self.log_format() == LogFormat::Text && std::io::stderr().is_terminal();
        Self { live: live.then(open).flatten(), ..self }
    }

    /// Returns whether requests are to be shown.
    pub fn verbose(&self) -> bool {
        self.verbosity() > 0
    }

    /// Returns how often `-v` was given: 1 shows requests, 2 their parameters too.
    pub fn verbosity(&self) -> u8 {
        self.args.verbose
    }

    /// Returns the place of an option's value: the variable that it came from, else the option.
    pub fn option(&self, option: &str) -> Place {
        Place::Named(self.variable_of(option).unwrap_or(option).to_owned())
    }

    /// Returns the variable that an option's value came from, if it was not on the command line.
    pub fn variable_of(&self, option: &str) -> Option<&str> {
        self.variables.get(option).map(String::as_str)
    }

    /// Returns whether stdout is replaced by a file.
    pub fn writes_file(&self) -> bool {
        self.args.output.as_deref().is_some_and(|path| path != Path::new("-"))
    }

    /// How stderr is written.
    pub fn log_format(&self) -> LogFormat {
        self.args.log_format.unwrap_or_default()
    }

    /// Returns whether stderr is a terminal with live output.
    pub fn is_terminal(&self) -> bool {
        self.live.is_some()
    }

    /// Shows an event. A percentage alone makes no new line in a pipe.
    pub fn event(&self, event: &Event<'_>) {
        let (subject, text) = (shown::text(event.subject), shown::text(event.text));
        let fields = event.fields.iter().map(|(key, value)| (key.clone(), gated(value)));
        let event = Event { subject: &subject, text: &text, fields: fields.collect(), ..*event };
        self.tell(&event);
    }

    fn tell(&self, event: &Event<'_>) {
        if self.log_format() == LogFormat::Json {
            let line = JsonEvent { v: 1, tool: self.tool, event };
            return self.write(&(serde_json::to_string(&line).unwrap_or_default() + "\n"));
        }
        let line = plain_line(self.tool, event);
        if let Some(live) = &self.live {
            return live.event(event, &line);
        }
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let last = lines.entry(event.subject.to_owned()).or_default();
        if last != event.text {
            event.text.clone_into(last);
            self.write(&line);
        }
    }

    /// Begins work on `total` subjects: on a terminal, a last line counts those that are done or failed.
    pub fn expect(&self, total: usize) {
        if let Some(live) = &self.live {
            live.expect(total);
        }
    }

    /// Writes text for people as it is, such as a plan; in JSON format nothing.
    pub fn text(&self, text: &str) {
        if self.log_format() == LogFormat::Text {
            self.write(&shown::text(text));
        }
    }

    /// Writes a report.
    pub fn report(&self, report: &Report) {
        match self.log_format() {
            LogFormat::Text => self.write(&show::text(self.tool, report, self.args.codes)),
            LogFormat::Json => self.write(&show::json_lines(self.tool, report)),
        }
    }

    /// A closed stderr does not stop the run: the work matters more than its log.
    fn write(&self, text: &str) {
        if let Some(live) = &self.live {
            live.clear();
        }
        let _ = std::io::stderr().lock().write_all(text.as_bytes());
    }
}

/// Returns a figure of an event as it may be printed.
fn gated(value: &Value) -> Value {
    value.as_str().map_or_else(|| value.clone(), |text| shown::text(text).into())
}

fn plain_line(tool: &str, event: &Event<'_>) -> String {
    let subject = if event.subject.is_empty() {
        String::new()
    } else {
        format!("{}: ", printable(event.subject))
    };
    format!("{tool}: {subject}{}\n", printable(event.text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_event_can_fake_a_line() {
        let line = |subject, text| plain_line("t", &Event::new("step", subject, text));
        assert_eq!(line("", "done"), "t: done\n");
        assert_eq!(line("a\nt: b", "c\x1b[2J"), "t: a\\nt: b: c\\u{1b}[2J\n");
    }
}
