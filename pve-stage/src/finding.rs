//! PVE's errors as findings: place, fact, PVE's own text, the task, and a hint. Does no I/O.

use pve_client::{CertificateProblem, Error, Fingerprint, Refusal, Unreachable};
use stage::{Entry, Place};
use std::io::ErrorKind;

/// Turns an error of a read, or of a write with a known place, into a finding.
pub fn of_error(place: Place, error: &Error) -> Entry {
    match error {
        Error::NeverSent { endpoint, reason } => never_sent(endpoint, reason),
        error if error.lacks_quorum() => {
            with_pve_details(Entry::error(NO_QUORUM, place, "the cluster has no quorum"), error)
                .hint(NO_QUORUM_HINT)
        }
        error if error.is_token_refused() => {
            let fact = "PVE rejects the API token";
            with_pve_details(Entry::error("permission", place, fact), error).hint(
                "compare its ID and expiry with Datacenter > Permissions > API Tokens; if its secret is lost, make a new token",
            )
        }
        Error::Status(refusal) if error.is_permission() => {
            let fact = format!("the API token is not allowed to call {}", refusal.call);
            with_pve_details(Entry::error("permission", place, fact), error).hint(
                "`pve-apply privileges` prints what the token needs; grant it to the token and to its user",
            )
        }
        Error::Status(refusal) if error.is_node_unreachable() => {
            let fact = format!("the node did not answer {}", refusal.call);
            with_pve_details(Entry::error("node-away", place, fact), error)
        }
        Error::Status(refusal) => {
            let fact = format!("{} was refused with status {}", refusal.call, refusal.status);
            let entry = with_pve_details(Entry::error("refused-by-pve", place, fact), error);
            match hint_by_status(refusal) {
                Some(hint) => entry.hint(hint),
                None => with_hint(entry, &refusal.message),
            }
        }
        Error::TaskFailed(failure) => {
            let fact = format!("task {} ended with an error", failure.upid.kind());
            with_pve_details(Entry::error("task-failed", place, fact), error)
        }
        Error::TaskStillRuns { upid, .. } => {
            Entry::error("task-still-running", place, error.to_string())
                .note(format!("task {upid}"))
        }
        Error::MaybeSent { source, .. } | Error::Source { source } => {
            Entry::error("connection-lost", place, error.to_string()).cause(source)
        }
        Error::BadAnswer { .. } => Entry::error("unexpected-answer", place, error.to_string()),
    }
}

/// The code of findings about a cluster without quorum: nothing in it can be changed.
pub const NO_QUORUM: &str = "no-quorum";
/// What to do about a cluster without quorum.
// PVE: pve-cluster, CLI/pvecm.pm.
pub const NO_QUORUM_HINT: &str = "`pvecm status` on a node shows which nodes are missing; run again when enough of them are back";

/// Like [`of_error`], for a call that was part of something larger; `context` says what.
pub fn while_doing(place: Place, context: &str, error: &Error) -> Entry {
    let mut entry = of_error(place, error);
    entry.fact = format!("{context}: {}", entry.fact);
    entry
}

/// Adds PVE's own text, verbatim, and where to find more.
pub fn with_pve_details(entry: Entry, error: &Error) -> Entry {
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
            for line in relevant_lines(&failure.log, &failure.exitstatus) {
                entry = entry.note(format!("log: {line}"));
            }
            with_hint(entry.note(format!("task {}", failure.upid)), &failure.exitstatus)
        }
        Error::TaskStillRuns { upid, .. } => entry.note(format!("task {upid}")),
        _ => entry,
    }
}

/// Returns a hint for answers that do not come from the API of the requested node.
fn hint_by_status(refusal: &Refusal) -> Option<&'static str> {
    match refusal.status {
        // PVE itself never redirects.
        300..400 => Some("`api_endpoint` must be the address of a Proxmox VE API"),
        // PVE accepts uploads of any size (pve-http-server); web servers in front of it may not.
        413 => Some(
            "a reverse proxy limits the size of uploads (nginx: `client_max_body_size 0;`); raise the limit, or connect to port 8006 of the node",
        ),
        // PVE: pve-http-server forwards a call to its node over TLS, and answers 596 if that fails.
        596 if refusal.message.contains("certificate verify failed") => Some(
            "the nodes of the cluster do not trust each other's certificates; run on each node: pvecm updatecerts",
        ),
        // PVE: pve-cluster, PVE::Cluster::remote_node_ip, for a name that no cluster member has.
        500 if refusal.message.starts_with("hostname lookup '") => Some(
            "the cluster has no node of that name (names are case-sensitive); `pvesh get /nodes` on a node lists its nodes",
        ),
        _ => None,
    }
}

/// Hints for texts of PVE that do not explain what to do.
const HINTS: [(&str, &str); 4] = [
    // PVE collects an upload in /var/tmp before it copies it into the storage.
    (
        "No space left on device",
        "free some space on the storage; an upload also needs space in the node's /var/tmp",
    ),
    // PVE: qemu-server, QemuServer.pm, config_to_command.
    (
        "vcpus allowed per VM on this node",
        "lower `cores` or `sockets` and apply again: the VM itself exists",
    ),
    // PVE: pve-network, Network/SDN/Zones/Plugin.pm, tap_plug.
    (
        "vm vlans are not allowed on vnet",
        "remove the VLAN, or make the vnet VLAN-aware in Datacenter > SDN > VNets; then apply again",
    ),
    // PVE: facts-4, 65: the list of tags that tokens may set refuses ours.
    (
        "for modifying tag",
        "the cluster's option `user-tag-access` allows only some tags: allow `pve-pipeline` and those of your VMs",
    ),
];

fn with_hint(entry: Entry, text: &str) -> Entry {
    match HINTS.iter().find(|(known, _)| text.contains(known)) {
        Some((_, hint)) => entry.hint(*hint),
        None => entry,
    }
}

/// Returns the lines of the log without the last one, which repeats the exit status, and with only
/// the last line of a copy's progress.
fn relevant_lines<'a>(log: &'a [String], exitstatus: &str) -> Vec<&'a str> {
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
    let entry = Entry::error("unreachable", place, "cannot be reached").cause(reason);
    match reason {
        Unreachable::Certificate(problem) => entry.hint(certificate_hint(problem)),
        Unreachable::NoSystemRoots => {
            entry.hint("use --ca-file with the node's /etc/pve/pve-root-ca.pem, or --fingerprint")
        }
        Unreachable::Connect { error } if error.kind() == ErrorKind::ConnectionRefused => {
            entry.hint(REFUSED)
        }
        _ => entry,
    }
}

/// What to do where nothing listens.
// PVE: pve-manager, PVE/Service/pveproxy.pm: port 8006.
const REFUSED: &str = "check host and port, which is usually 8006; on the node, \
    `systemctl status pveproxy` shows whether its API runs";

fn certificate_hint(problem: &CertificateProblem) -> String {
    let compare = |shown: &Fingerprint| {
        format!(
            "compare it with System > Certificates on the node; if they match: --fingerprint {shown}"
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
            "check this machine's clock; `pvecm updatecerts --force` on the node creates a new certificate"
                .to_owned()
        }
        CertificateProblem::Other { shown, .. } => compare(shown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pve_client::Call;

    fn call() -> Call {
        Call { method: "GET", path: "/version".to_owned() }
    }

    fn refusal(status: u16, message: &str) -> Error {
        let message = message.to_owned();
        Error::Status(Box::new(Refusal { call: call(), status, message, errors: [].into() }))
    }

    /// Checks fact, causes and notes, one per line, and whether there is a hint.
    fn check<const N: usize>(error: &Error, expected: [&str; N], hint: bool) {
        let entry = of_error(Place::node("pve1"), error);
        let lines = [vec![entry.fact], entry.causes, entry.notes].concat();
        assert_eq!(
            (lines, entry.hint.is_some()),
            (expected.map(str::to_owned).into(), hint),
            "{error:?}"
        );
    }

    #[test]
    fn each_error_becomes_a_fact_with_its_cause() {
        let lost = std::io::Error::other("the connection was closed");
        check(
            &Error::MaybeSent { call: call(), source: lost },
            ["the answer to GET /version was lost", "the connection was closed"],
            false,
        );
        check(
            &Error::BadAnswer { call: call(), what: "it is not JSON".to_owned() },
            ["the answer to GET /version cannot be used: it is not JSON"],
            false,
        );
        check(
            &refusal(401, "No ticket"),
            ["PVE rejects the API token", "PVE says: No ticket"],
            true,
        );
        check(
            &refusal(403, "Permission check failed (/, Sys.Audit)\n\nsecond line"),
            [
                "the API token is not allowed to call GET /version",
                "PVE says: Permission check failed (/, Sys.Audit)",
                "PVE says: second line",
            ],
            true,
        );
        check(&refusal(302, ""), ["GET /version was refused with status 302"], true);
        check(&refusal(413, ""), ["GET /version was refused with status 413"], true);
        check(&refusal(596, ""), ["GET /version was refused with status 596"], false);
        let untrusted = "error:0A000086:SSL routines::certificate verify failed";
        let said = format!("PVE says: {untrusted}");
        check(
            &refusal(596, untrusted),
            ["GET /version was refused with status 596", said.as_str()],
            true,
        );
        let lookup = "hostname lookup 'pve9' failed - failed to get address info for: pve9: x";
        let said = format!("PVE says: {lookup}");
        check(
            &refusal(500, lookup),
            ["GET /version was refused with status 500", said.as_str()],
            true,
        );
        check(&refusal(500, ""), ["GET /version was refused with status 500"], false);
        check(&refusal(595, ""), ["the node did not answer GET /version"], false);
    }

    #[test]
    fn a_known_text_has_a_hint() {
        for (text, hint) in HINTS {
            let entry = of_error(Place::node("pve1"), &refusal(500, &format!("start: {text} x")));
            assert_eq!(entry.hint.as_deref(), Some(hint));
        }
    }

    #[test]
    fn each_certificate_problem_has_a_hint() {
        let shown = Fingerprint::of(b"");
        for (problem, word) in [
            (CertificateProblem::UnknownIssuer { shown }, "--ca-file"),
            (
                CertificateProblem::NotPinned {
                    shown,
                    pinned: Vec::new(),
                    named_by: String::new(),
                },
                "--fingerprint",
            ),
            (CertificateProblem::WrongName { host: "pve1".to_owned(), shown }, "--fingerprint"),
            (CertificateProblem::NotValidNow { shown }, "clock"),
            (CertificateProblem::Other { what: String::new(), shown }, "--fingerprint"),
        ] {
            let reason = Unreachable::Certificate(problem);
            let entry = never_sent("https://pve1:8006", &reason);
            assert!(entry.hint.is_some_and(|hint| hint.contains(word)), "{reason:?}");
        }
    }
}
