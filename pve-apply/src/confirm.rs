//! DOOR: asks the person at the terminal. stdin is the document's, so the terminal is opened itself.

use stage::{Entry, Failure, Place};
use std::io::{BufRead, BufReader, Write};

/// Asks until the person types `expected`, once; anything else is a no.
///
/// # Errors
/// There is no terminal, or the answer is another.
pub(crate) fn ask(question: &str, expected: &str) -> Result<(), Failure> {
    let no_terminal = || -> Failure {
        Entry::error(Place::Run, "destroy must be confirmed, and there is no terminal to ask on")
            .hint("--yes confirms it in a script")
            .into()
    };
    let mut terminal = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/tty")
        .map_err(|_| no_terminal())?;
    write!(terminal, "{question} ").map_err(|_| no_terminal())?;
    let mut answer = String::new();
    BufReader::new(terminal).read_line(&mut answer).map_err(|_| no_terminal())?;
    if answer.trim() == expected {
        return Ok(());
    }
    Err(Entry::error(Place::Run, "not confirmed; nothing was destroyed").into())
}
