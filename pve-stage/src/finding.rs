//! PVE's errors as findings: place, fact, PVE's own words, the task, and a hint. Does no I/O.

use pve_client::{CertificateProblem, Error, Fingerprint, Unreachable};
use stage::{Entry, Place};

/// Turns an error of a read, or of a write that is told where it happened, into a finding.
pub fn of_error(place: Place, error: &Error) -> Entry {
    match error {
        Error::NeverSent { endpoint, reason } => never_sent(endpoint, reason),
        Error::Status(refusal) if error.is_permission() => {
            let fact = if refusal.status == 401 {
                "the API token is not accepted".to_owned()
            } else {
                format!("the API token may not do {}", refusal.call)
            };
            let entry = says(Entry::error(place, fact), error);
            if refusal.status == 401 {
                entry.hint("compare `api_token` with Datacenter > Permissions > API Tokens")
            } else {
                entry.hint(
                    "`pve-apply privileges` prints what the token needs; give it to the token and to its user",
                )
            }
        }
        Error::Status(refusal) if error.is_node_unreachable() => {
            let fact = format!("the node does not answer {}", refusal.call);
            says(Entry::error(place, fact), error)
        }
        Error::Status(refusal) => {
            let fact = format!("{} was refused with status {}", refusal.call, refusal.status);
            with_space_hint(says(Entry::error(place, fact), error), &refusal.message)
        }
        Error::TaskFailed(failure) => {
            let fact = format!("task {} ended with an error", failure.upid.kind());
            with_space_hint(says(Entry::error(place, fact), error), &failure.exitstatus)
        }
        Error::TaskStillRuns { upid, .. } => {
            Entry::error(place, error.to_string()).note(format!("task {upid}"))
        }
        _ => Entry::error(place, "the request ended without an answer").cause(error),
    }
}

/// The same for a call that was part of something larger; `doing` says what.
pub fn while_doing(place: Place, doing: &str, error: &Error) -> Entry {
    let mut entry = of_error(place, error);
    entry.fact = format!("{doing}: {}", entry.fact);
    entry
}

/// Adds what PVE says, word for word, and where to read on.
pub fn says(entry: Entry, error: &Error) -> Entry {
    match error {
        Error::Status(refusal) => {
            let mut entry = entry;
            for line in refusal.message.lines().filter(|line| !line.trim().is_empty()) {
                entry = entry.note(format!("PVE says: {line}"));
            }
            for (parameter, text) in &refusal.errors {
                entry = entry.note(format!("PVE says: {parameter}: {}", text.trim_end()));
            }
            entry
        }
        Error::TaskFailed(failure) => {
            let mut entry = entry.note(format!("PVE says: {}", failure.exitstatus));
            for line in worth_reading(&failure.log, &failure.exitstatus) {
                entry = entry.note(format!("log: {line}"));
            }
            entry.note(format!("task {}", failure.upid))
        }
        Error::TaskStillRuns { upid, .. } => entry.note(format!("task {upid}")),
        _ => entry,
    }
}

/// PVE gathers an upload in /var/tmp before it copies it into the storage.
fn with_space_hint(entry: Entry, said: &str) -> Entry {
    if said.contains("No space left on device") {
        return entry.hint("an upload needs room in the node's /var/tmp and again in the storage");
    }
    entry
}

/// The log's lines without the last one, which is the exitstatus again, and of the progress of a copy
/// only where it stood at the end.
fn worth_reading<'a>(log: &'a [String], exitstatus: &str) -> Vec<&'a str> {
    let last = format!("TASK ERROR: {exitstatus}");
    let is_progress = |line: &str| line.starts_with("transferred ") && line.ends_with("%)");
    let lines: Vec<&str> =
        log.iter().map(String::as_str).filter(|l| !l.is_empty() && *l != last).collect();
    let end = lines.iter().rposition(|line| is_progress(line));
    let kept = lines.iter().enumerate().filter(|(index, l)| !is_progress(l) || Some(*index) == end);
    kept.map(|(_, line)| *line).collect()
}

fn never_sent(endpoint: &str, reason: &Unreachable) -> Entry {
    let place = Place::Named(endpoint.to_owned());
    let entry = Entry::error(place, "cannot be reached").cause(reason);
    match reason {
        Unreachable::Certificate(problem) => entry.hint(certificate_hint(problem)),
        Unreachable::NoSystemRoots => {
            entry.hint("give --ca-file with the node's /etc/pve/pve-root-ca.pem, or --fingerprint")
        }
        _ => entry,
    }
}

fn certificate_hint(problem: &CertificateProblem) -> String {
    let compare = |shown: &Fingerprint| {
        format!(
            "compare it with System > Certificates on the node; if it is the same: --fingerprint {shown}"
        )
    };
    match problem {
        CertificateProblem::UnknownIssuer { shown }
        | CertificateProblem::NotPinned { shown, .. }
        | CertificateProblem::WrongName { shown, .. } => {
            format!(
                "{}, or --ca-file with the node's /etc/pve/pve-root-ca.pem",
                compare(shown)
            )
        }
        CertificateProblem::NotValidNow { .. } => {
            "look at this machine's clock; `pvecm updatecerts --force` on the node makes a new certificate"
                .to_owned()
        }
        CertificateProblem::Other { shown, .. } => compare(shown),
    }
}
