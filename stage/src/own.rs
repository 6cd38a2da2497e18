//! `OwnArgs`: the options of a stage that has subcommands too. Does no I/O.

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, FromArgMatches};

/// Options of the stage itself, which a subcommand does not have.
///
/// Options that a subcommand does have may also precede it (`option_order`); clap itself could only
/// refuse all options there. In the struct, this field must precede the one of the subcommand, whose
/// parsing removes the subcommand from clap's matches.
#[derive(Clone, Debug, Default)]
pub struct OwnArgs<A>(pub A);

impl<A: Args> FromArgMatches for OwnArgs<A> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        if let Some(command) = matches.subcommand_name() {
            let known = A::augment_args(clap::Command::new(""));
            let given = |arg: &&clap::Arg| {
                matches.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine)
            };
            if let Some(option) = known.get_arguments().find(given).and_then(clap::Arg::get_long) {
                let fact = format!("`{command}` has no option `--{option}`");
                return Err(clap::Error::raw(ErrorKind::ArgumentConflict, fact));
            }
        }
        A::from_arg_matches(matches).map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl<A: Args> Args for OwnArgs<A> {
    fn augment_args(command: clap::Command) -> clap::Command {
        A::augment_args(command)
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        A::augment_args_for_update(command)
    }
}
