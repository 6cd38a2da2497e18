//! Files that are generated and checked in: man pages, completions, schemas.

mod completions;
mod man;

use crate::command_line::Manual;
use std::error::Error;
use std::path::Path;

/// Compares a checked-in file with what is generated now; with `UPDATE=1` writes it.
/// `path` starts at the project's root.
///
/// # Errors
/// The file is not what is generated now.
pub fn check(path: &str, generated: &[u8]) -> Result<(), Box<dyn Error>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    if std::fs::read(&file).is_ok_and(|bytes| bytes == generated) {
        return Ok(());
    }
    if std::env::var_os("UPDATE").is_none_or(|v| v != "1") {
        return Err(format!("{path} is not what is generated now; run `make docs`").into());
    }
    std::fs::create_dir_all(file.parent().ok_or("a file has a folder")?)?;
    Ok(std::fs::write(file, generated)?)
}

/// Compares a tool's man pages and shell completions with its command line and its manual.
///
/// # Errors
/// As [`check`], for the first file that differs.
pub fn command_line(command: clap::Command, manual: &Manual) -> Result<(), Box<dyn Error>> {
    let name = command.get_name().to_owned();
    let mut command = command.disable_help_subcommand(true);
    for (file, script) in completions::scripts(&mut command, &name) {
        check(&file, script.as_bytes())?;
    }
    // Its tables are sections of their own in a man page.
    let mut command = command.after_long_help(clap::builder::Resettable::Reset);
    command.build();
    for (page, text) in man::pages(&command, &name, manual)? {
        check(&format!("man/{page}.1"), &text)?;
    }
    Ok(())
}
