//! DOOR: asks the person at the terminal. stdin has the document, so it opens the terminal itself.

use crate::action::{Action, Plan};
use crate::interrupt::Interrupt;
use crate::network::model::NetworkImpact;
use stage::{Entry, Failure, Place};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// How often we check for Ctrl-C while the person thinks.
const CHECK_PAUSE: Duration = Duration::from_millis(100);

/// Makes sure that a plan's removals are confirmed: by an option, or by the person at the terminal.
///
/// # Errors
/// There is no terminal, or the user declined.
pub(crate) fn confirm_destroys(
    plan: &Plan,
    agreed: bool,
    interrupt: &Interrupt,
) -> Result<(), Failure> {
    let destroyed = plan.vms.iter().filter(|vm| vm.action == Action::Destroy);
    let destroyed: Vec<&str> = destroyed.map(|vm| vm.name.as_str()).collect();
    let removed = plan.networks.planned.iter().filter(|n| n.impact == NetworkImpact::Removed);
    let removed: Vec<&str> = removed.map(|network| network.name.as_str()).collect();
    if agreed || destroyed.is_empty() && removed.is_empty() {
        return Ok(());
    }
    let what = these(destroyed.len(), removed.len());
    ask(&[destroyed, removed].concat(), &what, interrupt)
}

/// Returns what is destroyed, by its numbers.
fn these(vms: usize, networks: usize) -> String {
    let vms = match vms {
        0 => None,
        1 => Some("this VM and its volumes"),
        _ => Some("these VMs and their volumes"),
    };
    let networks = match networks {
        0 => None,
        1 => Some("this network"),
        _ => Some("these networks"),
    };
    vms.into_iter().chain(networks).collect::<Vec<_>>().join(", and ")
}

/// Makes sure that breaking the SDN lock is confirmed.
///
/// # Errors
/// There is no terminal, or the user declined.
pub(crate) fn confirm_break(agreed: bool, interrupt: &Interrupt) -> Result<(), Failure> {
    let question = "Type break to break the SDN lock: ";
    let is_yes = |answer: &str| answer.trim() == "break";
    if agreed || answer(question, "breaking the SDN lock", interrupt)?.is_some_and(|a| is_yes(&a)) {
        return Ok(());
    }
    Err(Entry::error("not-confirmed", Place::Run, "not confirmed; nothing was done").into())
}

/// Asks whether to destroy these VMs and networks; anything but their count or all their names means no.
///
/// # Errors
/// There is no terminal, or the user declined.
fn ask(names: &[&str], what: &str, interrupt: &Interrupt) -> Result<(), Failure> {
    let name = if names.len() == 1 { "the name" } else { "the names" };
    let question = format!("Type {}, or {name}, to destroy {what}: ", names.len());
    match answer(&question, "destroy", interrupt)? {
        Some(answer) if is_yes(&answer, names) => Ok(()),
        _ => Err(Entry::error("not-confirmed", Place::Run, "not confirmed; nothing was destroyed")
            .into()),
    }
}

/// Returns what the person at the terminal answers; `None` after Ctrl-C.
///
/// # Errors
/// There is no terminal.
fn answer(question: &str, what: &str, interrupt: &Interrupt) -> Result<Option<String>, Failure> {
    let no_terminal = || -> Failure {
        let fact = format!("{what} must be confirmed, but there is no terminal");
        let entry = Entry::error("not-confirmed", Place::Run, fact);
        entry.hint("confirm with --yes in a script").into()
    };
    let mut terminal = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/tty")
        .map_err(|_| no_terminal())?;
    terminal.write_all(question.as_bytes()).map_err(|_| no_terminal())?;
    line(terminal, interrupt).map_err(|_| no_terminal())
}

/// Reads a line; `None` after Ctrl-C. A signal does not end a read, so another thread reads; it ends with
/// the process.
fn line(terminal: File, interrupt: &Interrupt) -> std::io::Result<Option<String>> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut answer = String::new();
        let read = BufReader::new(terminal).read_line(&mut answer);
        // The receiver is gone after Ctrl-C.
        let _ = sender.send(read.map(|_| answer));
    });
    loop {
        match receiver.recv_timeout(CHECK_PAUSE) {
            Ok(answer) => return answer.map(Some),
            Err(RecvTimeoutError::Timeout) if interrupt.is_signalled() => return Ok(None),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(Some(String::new())),
        }
    }
}

fn is_yes(answer: &str, names: &[&str]) -> bool {
    let words = |text: &str| -> BTreeSet<String> {
        text.split([' ', ',', '\t', '\n', '\r'])
            .filter(|w| !w.is_empty())
            .map(str::to_owned)
            .collect()
    };
    answer.trim() == names.len().to_string() || words(answer) == words(&names.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(answer: &str, expected: bool) {
        assert_eq!(is_yes(answer, &["edge", "db"]), expected, "{answer:?}");
    }

    #[test]
    fn one_is_named_in_the_singular() {
        for (vms, networks, expected) in [
            (1, 0, "this VM and its volumes"),
            (2, 0, "these VMs and their volumes"),
            (0, 1, "this network"),
            (1, 2, "this VM and its volumes, and these networks"),
        ] {
            assert_eq!(these(vms, networks), expected);
        }
    }

    #[test]
    fn the_count_or_all_names_are_a_yes() {
        check("2\n", true);
        check(" edge db \n", true);
        check("db, edge", true);
        check("", false);
        check("\n", false);
        check("y", false);
        check("1", false);
        check("edge", false);
        check("edge db app", false);
        check("edge db 2", false);
    }
}
