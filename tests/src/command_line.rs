//! What every tool's command line is held to: its manual, its headings, the style of its help.

use clap::Command;
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::Path;

type Rows = &'static [(&'static str, &'static str)];

/// What a tool's `--help` and man pages say besides its options; as the tools have it.
#[derive(Clone, Copy, Debug)]
pub struct Manual {
    /// What it does, and the command line for it.
    pub examples: Rows,
    /// Variables of the environment and what they set.
    pub environment: Rows,
    /// Files that are not named on the command line.
    pub files: Rows,
    /// Exit codes and what they mean.
    pub exit_status: Rows,
}

impl Manual {
    /// Returns whether an example belongs on the page of a subcommand; all are on the tool's own.
    pub(crate) fn shows(&self, line: &str, sub: Option<&str>) -> bool {
        sub.is_none_or(|sub| {
            commands(line).any(|words| words.get(1).is_some_and(|word| word == sub))
        })
    }

    /// Returns whether a command reads a variable: when it has the option, or no command has.
    pub(crate) fn reads(&self, command: &Command, name: &str) -> bool {
        let trust = ["PVE_CA_FILE", "PVE_FINGERPRINT", "PVE_NODE", "PVE_ENDPOINT", "IMAGE_DIR"];
        let of_an_option = trust.contains(&name) || name == "PVE_PIPELINE_CACHE";
        !of_an_option || variables_of_options(command).contains(name)
    }

    /// Returns whether a command ends with a code: 4 is `plan`'s.
    pub(crate) fn ends(&self, sub: Option<&str>, code: &str) -> bool {
        code != "4" || sub.is_none_or(|sub| sub == "plan")
    }
}

/// Checks a tool's command line.
///
/// # Errors
/// Each rule that is broken, one a line.
pub fn check(command: &Command, manual: &Manual) -> Result<(), Box<dyn Error>> {
    let mut broken = Vec::new();
    broken.extend(variables(command, manual)?);
    broken.extend(examples(command, manual));
    broken.extend(headings(command));
    broken.extend(arity(command));
    broken.extend(style(command));
    let long = command.get_after_long_help().map(ToString::to_string).unwrap_or_default();
    let wide = long.lines().filter(|line| line.chars().count() > 100);
    broken.extend(wide.map(|line| format!("--help would wrap: {line}")));
    if broken.is_empty() { Ok(()) } else { Err(broken.join("\n").into()) }
}

fn all(command: &Command) -> impl Iterator<Item = &Command> {
    std::iter::once(command).chain(command.get_subcommands())
}

fn variables_of_options(command: &Command) -> BTreeSet<String> {
    let args = all(command).flat_map(Command::get_arguments);
    args.filter_map(|arg| Some(arg.get_env()?.to_str()?.to_owned())).collect()
}

/// Each variable that the code reads is in the manual, and the other way round.
fn variables(command: &Command, manual: &Manual) -> Result<Vec<String>, Box<dyn Error>> {
    let mut read = variables_of_options(command);
    for folder in ["stage", "pve-stage", command.get_name()] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder).join("src");
        sources(&folder, &mut read)?;
    }
    let names = manual.environment.iter().flat_map(|(names, _)| names.split(", "));
    let listed: BTreeSet<String> = names.map(str::to_owned).collect();
    // clap reads it, and pve-client the proxies by names of its own.
    let elsewhere = |name: &&String| *name == "NO_COLOR" || name.to_lowercase().ends_with("_proxy");
    let missing =
        read.difference(&listed).map(|name| format!("{name} is read, but not in the manual"));
    let unread = listed.difference(&read).filter(|name| !elsewhere(name));
    let unread = unread.map(|name| format!("{name} is in the manual, but nothing reads it"));
    Ok(missing.chain(unread).collect())
}

/// Adds the names in `variable("NAME")`.
fn sources(folder: &Path, names: &mut BTreeSet<String>) -> Result<(), Box<dyn Error>> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            sources(&path, names)?;
            continue;
        }
        let text = std::fs::read_to_string(&path)?;
        let calls = text.split("variable(\"").skip(1);
        names.extend(calls.filter_map(|call| call.split('"').next()).map(str::to_owned));
    }
    Ok(())
}

/// Returns the commands of a shell line as words, without redirections.
fn commands(line: &str) -> impl Iterator<Item = Vec<String>> {
    line.split(['|', ';', '(', ')']).flat_map(|part| part.split("&&")).map(|part| {
        let words = part.split_whitespace().filter(|word| !word.starts_with(['<', '>']));
        words.map(str::to_owned).collect()
    })
}

fn examples(command: &Command, manual: &Manual) -> Vec<String> {
    let mut broken = Vec::new();
    for (_, line) in manual.examples {
        let own: Vec<_> = commands(line)
            .filter(|words| words.first().is_some_and(|word| word == command.get_name()))
            .collect();
        if own.is_empty() {
            broken.push(format!("this example is another tool's: {line}"));
        }
        let wrong =
            own.iter().filter_map(|words| command.clone().try_get_matches_from(words).err());
        broken.extend(wrong.map(|error| format!("{line}\n{error}")));
    }
    for sub in command.get_subcommands().map(Command::get_name) {
        if !manual.examples.iter().any(|(_, line)| manual.shows(line, Some(sub))) {
            broken.push(format!("no example shows `{sub}`"));
        }
    }
    broken
}

/// Each option has a heading, and the same one in every command.
fn headings(command: &Command) -> Vec<String> {
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    let mut broken = Vec::new();
    for arg in all(command).flat_map(Command::get_arguments) {
        let Some(long) = arg.get_long() else {
            if let Some(heading) = arg.get_help_heading() {
                broken.push(format!("<{}> is under {heading}", arg.get_id()));
            }
            continue;
        };
        let heading = arg.get_help_heading().unwrap_or("no heading");
        let first = seen.entry(long).or_insert(heading);
        if heading == "no heading" || *first != heading {
            broken.push(format!("--{long} is under {heading}, and under {first}"));
        }
    }
    broken
}

/// Options that come before their subcommand are understood without knowing which it is: an option
/// takes a value in all commands or in none.
fn arity(command: &Command) -> Vec<String> {
    let mut seen: BTreeMap<&str, bool> = BTreeMap::new();
    let args = all(command).flat_map(Command::get_arguments);
    let args = args.filter_map(|arg| Some((arg.get_long()?, arg.get_action().takes_values())));
    let differs = args.filter(|(long, takes)| *seen.entry(*long).or_insert(*takes) != *takes);
    differs.map(|(long, _)| format!("--{long} takes a value in some commands only")).collect()
}

/// Short help is one sentence without a full stop, and begins with a capital letter or a number.
fn style(command: &Command) -> Vec<String> {
    let abouts = all(command).map(|command| (command.get_name().to_owned(), command.get_about()));
    let args = all(command).flat_map(Command::get_arguments);
    let helps = args.map(|arg| (format!("{}", arg.get_id()), arg.get_help()));
    let wrong = |text: &str| {
        text.is_empty()
            || text.ends_with('.')
            || text.contains(". ")
            || text.starts_with(|c: char| c.is_lowercase() && !text.starts_with("cloud-init"))
    };
    abouts
        .chain(helps)
        .map(|(name, text)| (name, text.map(ToString::to_string).unwrap_or_default()))
        .filter(|(_, text)| wrong(text))
        .map(|(name, text)| format!("help of {name} is not in style: \"{text}\""))
        .collect()
}
