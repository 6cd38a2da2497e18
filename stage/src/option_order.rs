//! Options of a subcommand may come before it: `pve-apply --vm web plan`. Does no I/O.
//!
//! clap takes an option only where its command begins, or everywhere when it is global, and a global
//! option would also be taken by subcommands that have no use for it.

use clap::{Arg, ArgAction, Command};
use std::ffi::OsString;

/// Moves the options of a subcommand that come before it behind it. A command line that cannot be
/// understood stays as it is: clap says what is wrong with it.
pub(crate) fn subcommand_first(command: &Command, args: Vec<OsString>) -> Vec<OsString> {
    let Some((before, name)) = leading(command, &args) else { return args };
    let Some(sub) = command.find_subcommand(&name) else { return args };
    let (moved, stay): (Vec<_>, Vec<_>) =
        before.iter().partition(|option| known(sub, &option.key) && !is_global(command, option));
    let taken = |options: &[&Leading]| -> Vec<OsString> {
        options.iter().flat_map(|option| option.words.clone()).collect()
    };
    let end = 1 + before.iter().map(|option| option.words.len()).sum::<usize>();
    let mut out = vec![args[0].clone()];
    out.extend(taken(&stay));
    out.push(args[end].clone());
    out.extend(taken(&moved));
    out.extend_from_slice(&args[end + 1..]);
    out
}

/// An option before the subcommand.
struct Leading {
    /// Its name without dashes.
    key: String,
    /// The words that it takes of the command line.
    words: Vec<OsString>,
}

/// Returns the options before the first other word, and that word.
fn leading(command: &Command, args: &[OsString]) -> Option<(Vec<Leading>, String)> {
    let mut before = Vec::new();
    let mut rest = args.get(1..)?.iter();
    loop {
        let word = rest.next()?.to_str()?;
        let Some((key, value)) = option(word) else { return Some((before, word.to_owned())) };
        let takes_value = takes_value(command, key)?;
        let mut words = vec![OsString::from(word)];
        if takes_value && value.is_none() {
            words.push(rest.next()?.clone());
        }
        before.push(Leading { key: key.to_owned(), words });
    }
}

/// Splits `--name=value` and `-nVALUE`. Bundled flags count as the first of them with a value, which
/// no subcommand's own option is.
fn option(word: &str) -> Option<(&str, Option<&str>)> {
    if let Some(long) = word.strip_prefix("--").filter(|long| !long.is_empty()) {
        return Some(long.split_once('=').map_or((long, None), |(key, value)| (key, Some(value))));
    }
    let short =
        word.strip_prefix('-').filter(|short| !short.is_empty() && !short.starts_with('-'))?;
    let (key, value) = short.split_at(short.chars().next()?.len_utf8());
    Some((key, Some(value).filter(|value| !value.is_empty())))
}

/// Returns whether an option takes a value; `None` when no command has it.
fn takes_value(command: &Command, key: &str) -> Option<bool> {
    let all = std::iter::once(command).chain(command.get_subcommands());
    let arg = all.flat_map(Command::get_arguments).find(|arg| is(arg, key))?;
    Some(matches!(arg.get_action(), ArgAction::Set | ArgAction::Append))
}

fn known(command: &Command, key: &str) -> bool {
    command.get_arguments().any(|arg| is(arg, key))
}

fn is_global(command: &Command, option: &Leading) -> bool {
    command.get_arguments().any(|arg| is(arg, &option.key) && arg.is_global_set())
}

fn is(arg: &Arg, key: &str) -> bool {
    let longs = arg.get_long_and_visible_aliases().unwrap_or_default();
    let hidden = arg.get_all_aliases().unwrap_or_default();
    let short = arg.get_short().map(String::from);
    longs.contains(&key) || hidden.contains(&key) || short.as_deref() == Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: &str) {
        let command = Command::new("t")
            .arg(Arg::new("site").long("site").global(true))
            .arg(Arg::new("v").short('v').global(true).action(ArgAction::Count))
            .arg(Arg::new("own").long("own").action(ArgAction::SetTrue))
            .arg(Arg::new("vm").long("vm").visible_alias("host"))
            .subcommand(
                Command::new("plan")
                    .arg(Arg::new("vm").long("vm").alias("guest").visible_alias("host"))
                    .arg(Arg::new("file").short('f'))
                    .arg(Arg::new("json").long("json").action(ArgAction::SetTrue)),
            )
            .subcommand(Command::new("show"));
        let args = line.split(' ').map(OsString::from).collect();
        let words: Vec<_> = subcommand_first(&command, args)
            .iter()
            .map(|word| word.to_str().unwrap().to_owned())
            .collect();
        assert_eq!(words.join(" "), expected);
    }

    #[test]
    fn a_subcommands_options_move_behind_it() {
        check("t --vm a plan --vm b", "t plan --vm a --vm b");
        check("t --vm=a --json plan x", "t plan --vm=a --json x");
        check("t --host a --guest b plan", "t plan --host a --guest b");
        check("t -f F -fG plan", "t plan -f F -fG");
    }

    #[test]
    fn common_options_and_those_of_other_commands_stay() {
        check("t --site s -v -vv --vm a plan", "t --site s -v -vv plan --vm a");
        check("t --own --vm plan show", "t --own --vm plan show");
        check("t --vm a show", "t --vm a show");
    }

    #[test]
    fn what_cannot_be_understood_stays() {
        for line in [
            "t",
            "t plan --vm a",
            "t --nix a plan",
            "t --vm",
            "t --vm a",
            "t --vm a nix",
            "t --vm a -- plan",
            "t - plan",
        ] {
            check(line, line);
        }
    }
}
