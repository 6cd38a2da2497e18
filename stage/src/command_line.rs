//! The command line as a stage takes it: flags before variables, empty variables as unset ones, and
//! options before or after their subcommand.
//!
//! DOOR: reads the environment, for the variables of `env = "…"`.

use crate::environment::is_set_to_nothing;
use crate::gather::Gather as _;
use crate::option_order::subcommand_first;
use crate::usage;
use clap::builder::Resettable;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command, Id, Parser};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;

/// Which variable gave the value of which option: `--node` → `PVE_NODE`.
pub(crate) type Variables = BTreeMap<String, String>;

/// Parses a command line.
///
/// # Errors
/// What clap says, with the name of the variable in place of an option that came from there, and
/// without what may be a secret.
pub(crate) fn parse<C: Parser>(args: Vec<OsString>) -> Result<(C, Variables), Box<clap::Error>> {
    let command = effective(C::command(), &|_, arg| is_empty(arg));
    let args = subcommand_first(&command, args);
    let given = given(&command, &args);
    let plain = effective(command.clone(), &|_, _| true);
    let mut command = effective(command, &|command, arg| is_overruled(command, arg, &given));
    let result = command.try_get_matches_from_mut(&args).and_then(|matches| {
        let cli = C::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
        Ok((cli, from_variables(&command, &matches)))
    });
    result.map_err(|mut error| {
        if error.use_stderr() {
            usage::name_variables(&mut error, &command, &given);
            usage::without_variables(&mut error, &plain, &args);
        }
        usage::hide_secrets(&mut error);
        usage::suggest_stdin(&mut error, &plain);
        Box::new(error)
    })
}

/// Returns the command without the variables of those options that `without` names.
fn effective(command: Command, without: &dyn Fn(&Command, &Arg) -> bool) -> Command {
    let ids: BTreeSet<Id> = command
        .get_arguments()
        .filter(|arg| arg.get_env().is_some() && without(&command, arg))
        .map(|arg| arg.get_id().clone())
        .gather();
    command
        .mut_args(|arg| if ids.contains(arg.get_id()) { arg.env(Resettable::Reset) } else { arg })
        .mut_subcommands(|sub| effective(sub, without))
}

fn is_empty(arg: &Arg) -> bool {
    let name = arg.get_env().and_then(|name| name.to_str());
    name.is_some_and(is_set_to_nothing)
}

/// Returns whether an option on the command line excludes this one.
fn is_overruled(command: &Command, arg: &Arg, given: &BTreeSet<Id>) -> bool {
    let excludes = |one: &Arg, other: &Arg| {
        command.get_arg_conflicts_with(one).iter().any(|arg| arg.get_id() == other.get_id())
    };
    let mut others = command.get_arguments().filter(|other| given.contains(other.get_id()));
    others.any(|other| excludes(arg, other) || !other.is_global_set() && excludes(other, arg))
}

/// Returns the options that stand on the command line, right or wrong.
fn given(command: &Command, args: &[OsString]) -> BTreeSet<Id> {
    let lenient = effective(command.clone(), &|_, _| true).ignore_errors(true);
    let matches = lenient.try_get_matches_from(args);
    matches.map_or_else(|_| BTreeSet::new(), |matches| ids(&matches, ValueSource::CommandLine))
}

/// Returns the options of all levels whose value comes from `source`.
fn ids(matches: &ArgMatches, source: ValueSource) -> BTreeSet<Id> {
    let from = |id: &&Id| matches.value_source(id.as_str()) == Some(source);
    let own = matches.ids().filter(from).cloned();
    let below = matches.subcommand().map(|(_, sub)| ids(sub, source)).unwrap_or_default();
    own.chain(below).gather()
}

fn from_variables(command: &Command, matches: &ArgMatches) -> Variables {
    let ids = ids(matches, ValueSource::EnvVariable);
    let all = std::iter::once(command).chain(command.get_subcommands());
    let args = all.flat_map(Command::get_arguments).filter(|arg| ids.contains(arg.get_id()));
    args.filter_map(|arg| {
        let name = arg.get_env()?.to_str()?;
        Some((format!("--{}", arg.get_long()?), name.to_owned()))
    })
    .gather()
}
