//! Generated files that are committed: man pages, completions, schemas.

use std::error::Error;
use std::path::Path;

/// Compares a committed file with its generated content; with `UPDATE=1` writes it.
/// `path` is relative to the project's root.
///
/// # Errors
/// The file is out of date.
pub fn check(path: &str, generated: &[u8]) -> Result<(), Box<dyn Error>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    if std::fs::read(&file).is_ok_and(|bytes| bytes == generated) {
        return Ok(());
    }
    if std::env::var_os("UPDATE").is_none_or(|v| v != "1") {
        return Err(format!("{path} is out of date; run `make docs`").into());
    }
    std::fs::create_dir_all(file.parent().ok_or("a file has a folder")?)?;
    Ok(std::fs::write(file, generated)?)
}

/// The exit codes in each man page: the table of docs/pipeline.md.
const EXIT_STATUS: &str = r#".SH "EXIT STATUS"
.TP
0
Done.
.TP
1
The input is invalid, or nothing was changed.
.TP
2
The command line is invalid.
.TP
3
Partial: something has changed or may have. stderr lists what was done, failed or not reached.
.TP
4
\fBpve\-apply plan \-\-detailed\-exitcode\fR only: there are changes.
.TP
141
The reader of stdout has closed it.
.SH "SEE ALSO"
The document, field by field: docs/pipeline.md.
"#;

/// Compares a tool's man pages and shell completions with its command line.
///
/// # Errors
/// As [`check`], for the first file that differs.
pub fn command_line(command: clap::Command) -> Result<(), Box<dyn Error>> {
    use clap_complete::Shell::{Bash, Fish, Zsh};
    let name = command.get_name().to_owned();
    let mut command = command.disable_help_subcommand(true);
    for (shell, file) in [
        (Bash, format!("completions/{name}.bash")),
        (Fish, format!("completions/{name}.fish")),
        (Zsh, format!("completions/_{name}")),
    ] {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut command, &name, &mut script);
        check(&file, &script)?;
    }
    command.build();
    man_pages(&command, &name)
}

fn man_pages(command: &clap::Command, name: &str) -> Result<(), Box<dyn Error>> {
    let mut text = Vec::new();
    // A built subcommand has its full name, such as `pve-apply-plan`.
    clap_mangen::Man::new(command.clone()).date("").render(&mut text)?;
    text.extend_from_slice(EXIT_STATUS.as_bytes());
    check(&format!("man/{name}.1"), &text)?;
    for sub in command.get_subcommands() {
        man_pages(sub, &format!("{name}-{}", sub.get_name()))?;
    }
    Ok(())
}
