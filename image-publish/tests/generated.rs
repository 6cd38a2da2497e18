//! The man pages and shell completions are those of the command line, and the manual is true.

use clap::CommandFactory;
use image_publish::Cli;
use image_publish::MANUAL;
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

#[test]
fn the_manual_lists_every_variable_of_proxies() {
    let asked = std::cell::RefCell::new(std::collections::BTreeSet::new());
    pve_client::Proxies::from_variables(|name| {
        asked.borrow_mut().insert(name.to_owned());
        None
    });
    let rows = image_publish::MANUAL.environment.iter();
    let listed: Vec<&str> = rows.flat_map(|(names, _)| names.split(", ")).collect();
    for name in asked.take() {
        assert!(listed.contains(&name.as_str()), "{name}");
    }
}
