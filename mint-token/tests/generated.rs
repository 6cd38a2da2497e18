//! The man pages and shell completions are those of the command line, and the manual is true.

use clap::CommandFactory;
use mint_token::Cli;
use mint_token::MANUAL;
use test_support::{command_line, generated};

const TABLES: command_line::Manual = command_line::Manual {
    examples: MANUAL.examples,
    environment: MANUAL.environment,
    files: MANUAL.files,
    exit_status: MANUAL.exit_status,
};

#[test]
fn man_pages_and_completions() -> Result<(), Box<dyn std::error::Error>> {
    generated::command_line(Cli::command(), &TABLES)
}

#[test]
fn the_command_line_keeps_the_rules() -> Result<(), Box<dyn std::error::Error>> {
    command_line::check(&Cli::command(), &TABLES)
}
