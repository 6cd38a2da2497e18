//! The man pages and shell completions are those of the command line.

use clap::CommandFactory;

#[test]
fn man_pages_and_completions() -> Result<(), Box<dyn std::error::Error>> {
    test_support::generated::command_line(resolve::cli::Cli::command())
}
