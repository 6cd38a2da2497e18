//! When a long wait reports that it is still waiting, and how. Does no I/O.

use pve_client::{Error, Refusal};
use std::error::Error as _;
use std::time::Duration;

/// How long a wait may be silent.
const SILENCE: Duration = Duration::from_secs(30);

/// The patience of someone who watches a wait: it ends after 30 s without news, then after ever longer pauses.
#[derive(Debug)]
pub struct Patience {
    next: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { next: SILENCE }
    }
}

impl Patience {
    /// Resets the patience after news: the next report is due in 30 s.
    pub fn renew(&mut self, waited: Duration) {
        self.next = waited + SILENCE;
    }

    /// Returns the report of a wait, if one is due. The time waited doubles between
    /// two reports.
    pub fn message(&mut self, waited: Duration, what: &str, last: &str) -> Option<String> {
        if waited < self.next {
            return None;
        }
        while self.next <= waited {
            self.next *= 2;
        }
        Some(format!("still waiting for {what} ({} s): last answer: {last}", waited.as_secs()))
    }
}

/// Returns the answer to a poll of an unfinished task; `lost` is the error if there was no answer.
pub fn poll_answer(lost: Option<&Error>) -> String {
    lost.map_or_else(|| "it is running".to_owned(), last_answer)
}

/// Returns an error as a "last answer": PVE's own text if there is one.
pub fn last_answer(error: &Error) -> String {
    if let Error::Status(refusal) = error {
        let Refusal { status, message, errors, .. } = &**refusal;
        let errors = errors.iter().map(|(name, text)| format!("{name}: {}", text.trim_end()));
        let said: Vec<String> =
            message.lines().next().map(str::to_owned).into_iter().chain(errors).collect();
        return match said.join("; ") {
            said if said.is_empty() => format!("status {status}"),
            // The text of a gateway alone does not show that it is one.
            said if *status > 500 => format!("status {status}: {said}"),
            said => said,
        };
    }
    if let Error::TaskFailed(failure) = error {
        return failure.exitstatus.clone();
    }
    // PVE uses the same prefix for agent errors that it does not pass on.
    if let Some(text) = error.agent_error() {
        return format!("Agent error: {text}");
    }
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use pve_client::{Call, TaskFailure, Unreachable};

    /// Returns the seconds at which a report is due.
    fn report_times(patience: &mut Patience, until: u64) -> Vec<u64> {
        let due = |second: &u64| patience.message(Duration::from_secs(*second), "x", "y").is_some();
        (0..=until).filter(due).collect()
    }

    #[test]
    fn the_pauses_between_reports_grow() {
        assert_eq!(report_times(&mut Patience::default(), 1800), [30, 60, 120, 240, 480, 960]);
        let mut renewed = Patience::default();
        renewed.renew(Duration::from_secs(100));
        assert_eq!(report_times(&mut renewed, 300), [130, 260]);
    }

    #[test]
    fn a_report_has_the_last_answer() {
        let mut patience = Patience::default();
        let text =
            patience.message(Duration::from_millis(30_900), "the guest agent", "VM 100 is off");
        assert_eq!(
            text.as_deref(),
            Some("still waiting for the guest agent (30 s): last answer: VM 100 is off")
        );
    }

    fn refused(status: u16, message: &str, errors: &[(&str, &str)]) -> Error {
        let errors = errors.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let call = Call { method: "GET", path: "/version".to_owned() };
        Error::Status(Box::new(Refusal { call, status, message: message.to_owned(), errors }))
    }

    #[test]
    fn the_last_answer_is_pves_own_text() {
        let check = |error: Error, expected: &str| assert_eq!(last_answer(&error), expected);
        check(
            refused(500, "QEMU guest agent is not running\n", &[]),
            "QEMU guest agent is not running",
        );
        check(refused(596, "Connection timed out", &[]), "status 596: Connection timed out");
        check(refused(502, "", &[]), "status 502");
        let text = "can't lock file '/var/lock/qemu-server/lock-101.conf' - got timeout";
        let upid = "UPID:pve1:00001001:00100064:69000001:qmstart:101:root@pam:".parse().unwrap();
        let failure = TaskFailure { upid, exitstatus: text.to_owned(), log: Vec::new() };
        check(Error::TaskFailed(Box::new(failure)), text);
        check(
            refused(400, "Parameter verification failed.\n", &[("upid", "no such task\n")]),
            "Parameter verification failed.; upid: no such task",
        );
        let reason = Unreachable::NameNotFound { host: "pve".to_owned() };
        let endpoint = "https://pve:8006".to_owned();
        check(
            Error::NeverSent { endpoint, reason },
            "https://pve:8006 cannot be reached: cannot resolve the host name \"pve\"",
        );
    }
}
