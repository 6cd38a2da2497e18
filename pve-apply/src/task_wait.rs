//! DOOR (waits): waits for a task that somebody else started, or whose answer was lost.

use crate::interrupt::Interrupt;
use pve_client::{Client, Error, Upid};
use pve_stage::patience::{Patience, last_answer, poll_answer};
use std::ops::ControlFlow;
use std::time::Duration;

/// Waits until a task ends, however it ends; not beyond the limit, and not after Ctrl-C. `progress` gets a
/// line whenever the wait has been silent for long, and when the task cannot be read any more.
pub(crate) fn wait_for(
    client: &Client,
    upid: &Upid,
    limit: Duration,
    interrupt: &Interrupt,
    progress: &dyn Fn(&str),
) {
    let mut patience = Patience::default();
    let what = format!("task {}", upid.kind());
    let ended = client.wait(upid, limit, &mut |waited, lost| {
        if let Some(text) = patience.message(waited, &what, &poll_answer(lost)) {
            progress(&text);
        }
        if interrupt.is_stopping() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    if let Some(text) = ended.err().and_then(|error| unread(upid, &error)) {
        progress(&text);
    }
}

/// Returns what to report about a wait that ended because the task's state could not be read.
pub(crate) fn unread(upid: &Upid, error: &Error) -> Option<String> {
    match error {
        Error::TaskFailed(_) | Error::TaskStillRuns { .. } => None,
        error => {
            let (kind, last) = (upid.kind(), last_answer(error));
            Some(format!("cannot read the state of task {kind}: last answer: {last}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pve_client::{Clock, Endpoint, SystemClock, Timeouts, Trust};
    use std::sync::{Arc, Mutex};
    use std::time::Instant;
    use test_support::pve_sim::{Options, Pace, PveSim, World};

    /// A clock that jumps instead of waiting.
    #[derive(Debug)]
    struct Jumping(Mutex<Instant>);

    impl Clock for Jumping {
        fn now(&self) -> Instant {
            *self.0.lock().unwrap()
        }

        fn sleep(&self, duration: Duration) {
            *self.0.lock().unwrap() += duration;
        }
    }

    /// Waits for a start that takes this many polls, in a world with a fault; returns what was reported.
    fn reported(polls: u64, fault: Option<&str>) -> Vec<String> {
        let world = World::from_json(r#"{"vms": {"100": {"config": {}}}}"#).unwrap();
        let pace = Pace::Polls(polls);
        let sim = PveSim::start(world, Options { pace, ..Options::default() }).unwrap();
        if let Some(fault) = fault {
            sim.add_fault(serde_json::from_str(fault).unwrap());
        }
        let endpoint = Endpoint {
            url: sim.endpoint().parse().unwrap(),
            token: sim.token().parse().unwrap(),
            trust: Trust::CaFile(sim.ca_pem().as_bytes().to_vec()),
            timeouts: Timeouts::default(),
        };
        let clock = Arc::new(Jumping(Mutex::new(SystemClock.now())));
        let client = Client::with_clock(endpoint, clock);
        let vmid = pve_client::Vmid::new(100).unwrap();
        let upid = client.start(&"pve1".parse().unwrap(), vmid).unwrap();
        let reported = Mutex::new(Vec::new());
        let progress = |text: &str| reported.lock().unwrap().push(text.to_owned());
        wait_for(&client, &upid, Duration::from_secs(1800), &Interrupt::default(), &progress);
        reported.into_inner().unwrap()
    }

    const AWAY: &str = r#"{"answer": {"status": 596, "message": "Connection timed out"}}"#;

    #[test]
    fn a_long_task_is_not_silent() {
        let runs = |seconds| {
            format!("still waiting for task qmstart ({seconds} s): last answer: it is running")
        };
        assert_eq!(reported(110, None), [runs(30), runs(60)]);
        assert_eq!(reported(3, None), Vec::<String>::new());
    }

    #[test]
    fn a_task_whose_state_cannot_be_read_is_not_silent() {
        let fault = |nth: u32| {
            let when = "GET /nodes/*/tasks/*/status";
            format!(r#"{{"when": "{when}", "nth": {nth}, "times": 0, "then": {AWAY}}}"#)
        };
        let unread = "cannot read the state of task qmstart: \
                      last answer: status 596: Connection timed out";
        assert_eq!(reported(1000, Some(&fault(1))), [unread]);
        let still = "still waiting for task qmstart (30 s): \
                     last answer: status 596: Connection timed out";
        assert_eq!(reported(1000, Some(&fault(55))), [still, unread]);
    }
}
