//! Errors of PVE and of web servers → findings of the form that `docs/messages.md` describes. Does no I/O.

use pve_client::{CertificateProblem, Error, FetchError, Unreachable};
use stage::{Entry, Place};

/// Makes the finding of a call to PVE that failed; `fact` says what was to be done.
pub(crate) fn of_pve(place: Place, fact: &str, error: &Error) -> Entry {
    let entry = Entry::error(place, fact);
    match error {
        Error::Status(refusal) => {
            let mut entry =
                entry.note(format!("PVE says: {}", said(&refusal.message, refusal.status)));
            for (name, text) in &refusal.errors {
                entry = entry.note(format!("{name}: {text}"));
            }
            with_hint(entry, refusal_hint(error))
        }
        Error::TaskFailed(failure) => {
            let mut entry = entry.note(format!("PVE says: {}", failure.exitstatus));
            for line in &failure.log {
                entry = entry.note(format!("| {line}"));
            }
            with_hint(entry.note(format!("task {}", failure.upid)), space_hint(&failure.exitstatus))
        }
        Error::TaskStillRuns { upid, .. } => entry.cause(error).note(format!("task {upid}")),
        Error::NeverSent { reason, .. } => with_hint(entry.cause(error), unreachable_hint(reason)),
        Error::MaybeSent { .. } | Error::BadAnswer { .. } | Error::Source { .. } => {
            entry.cause(error)
        }
    }
}

/// Makes the finding of a file that could not be fetched.
pub(crate) fn of_fetch(place: Place, fact: &str, error: &FetchError) -> Entry {
    Entry::error(place, fact).cause(error)
}

/// Returns PVE's text, or what stands for it when PVE says nothing.
fn said(message: &str, status: u16) -> String {
    if message.is_empty() { format!("status {status}, without a text") } else { message.to_owned() }
}

fn with_hint(entry: Entry, hint: Option<String>) -> Entry {
    match hint {
        Some(hint) => entry.hint(hint),
        None => entry,
    }
}

/// Says what to do about a refusal.
fn refusal_hint(error: &Error) -> Option<String> {
    let message = error.refusal().map(|r| r.message.as_str()).unwrap_or_default();
    match error.status() {
        Some(401) => Some("the endpoint does not know this API token; compare `api_token` with the node".to_owned()),
        _ if error.is_permission() => {
            Some("`pve-apply privileges` prints what the token needs; give it to the token and to its user".to_owned())
        }
        _ => space_hint(message),
    }
}

/// Says what to do when a node has no room.
fn space_hint(message: &str) -> Option<String> {
    let full = message.contains("No space left on device");
    full.then(|| "an upload needs room in the node's /var/tmp and again in the storage".to_owned())
}

/// Says what to do when no connection comes about.
fn unreachable_hint(reason: &Unreachable) -> Option<String> {
    let problem = match reason {
        Unreachable::Certificate(problem) => problem,
        Unreachable::NoSystemRoots => {
            return Some(
                "name the node's CA with `--ca-file`, or its certificate with `--fingerprint`"
                    .to_owned(),
            );
        }
        _ => return None,
    };
    Some(match problem {
        CertificateProblem::NotPinned { .. } => {
            "a node renews its certificate from time to time; compare with the node under System, Certificates".to_owned()
        }
        CertificateProblem::WrongName { .. } => {
            "use a name that the certificate holds, or pin it with `--fingerprint`".to_owned()
        }
        _ => {
            "name the node's CA with `--ca-file` (a node has it at /etc/pve/pve-root-ca.pem), or compare the fingerprint \
             with the node and give it to `--fingerprint`"
                .to_owned()
        }
    })
}
