//! Waiting for a task.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use pve_client::{Client, Clock, Error, Finished};

use crate::server::{Server, Step, answer, ok};
use crate::{UPID, client, endpoint, pinned};

/// A clock that jumps instead of waiting.
#[derive(Debug)]
struct Jumping(Mutex<(Instant, Vec<Duration>)>);

impl Clock for Jumping {
    fn now(&self) -> Instant {
        self.0.lock().unwrap().0
    }

    fn sleep(&self, duration: Duration) {
        let mut state = self.0.lock().unwrap();
        state.0 += duration;
        state.1.push(duration);
    }
}

/// Waits for a task on a server that plays `steps`; returns the outcome, the pauses and the requests.
fn wait(
    steps: Vec<Step>,
    limit: Duration,
) -> (Result<Finished, Error>, Vec<Duration>, Vec<String>) {
    let server = Server::start(vec![steps]);
    #[expect(clippy::disallowed_methods, reason = "the start of the jumping clock")]
    let clock = Arc::new(Jumping(Mutex::new((Instant::now(), Vec::new()))));
    let client = Client::with_clock(endpoint(&server, pinned(&server)), clock.clone());
    let outcome = client.wait(&UPID.parse().unwrap(), limit, &mut |_, _| ControlFlow::Continue(()));
    let pauses = clock.0.lock().unwrap().1.clone();
    (outcome, pauses, server.requests())
}

fn running() -> Step {
    ok(r#"{"data":{"status":"running"}}"#)
}

fn stopped(exitstatus: &str) -> Step {
    ok(&format!(r#"{{"data":{{"status":"stopped","exitstatus":"{exitstatus}"}}}}"#))
}

#[test]
fn polls_start_at_50_ms_and_slow_down_to_a_second() {
    let steps = (0..50).map(|_| running()).chain([stopped("OK")]).collect();
    let (outcome, pauses, _) = wait(steps, Duration::from_secs(60));
    assert_eq!(outcome.unwrap(), Finished::Clean);
    assert_eq!(pauses.first(), Some(&Duration::from_millis(50)));
    assert_eq!(pauses.last(), Some(&Duration::from_secs(1)));
    assert!(pauses.is_sorted(), "{pauses:?}");
    let mut waited = Duration::ZERO;
    for pause in pauses {
        assert!(pause <= Duration::from_millis(50).max(waited / 10), "{pause:?} after {waited:?}");
        waited += pause;
    }
}

#[test]
fn a_task_that_is_not_known_yet_is_polled_again() {
    let unknown = || {
        Step::Answer(answer(
            "400 Parameter verification failed.",
            r#"{"data":null,"errors":{"upid":"no such task"}}"#,
        ))
    };
    let (outcome, ..) =
        wait(vec![unknown(), unknown(), running(), stopped("OK")], Duration::from_secs(60));
    assert_eq!(outcome.unwrap(), Finished::Clean);
    let (outcome, pauses, _) = wait((0..60).map(|_| unknown()).collect(), Duration::from_secs(60));
    assert!(outcome.unwrap_err().is_task_unknown());
    assert!(pauses.iter().sum::<Duration>() < Duration::from_secs(7), "{pauses:?}");
}

#[test]
fn a_failed_task_includes_the_end_of_its_log() {
    let log = r#"{"data":[{"n":1,"t":"importing"},{"n":2,"t":"TASK ERROR: no space left on device"}],"total":2}"#;
    let (outcome, _, requests) =
        wait(vec![stopped("no space left on device"), ok(log)], Duration::from_secs(60));
    let Error::TaskFailed(failure) = outcome.unwrap_err() else { panic!("another error") };
    assert_eq!(failure.log, ["importing", "TASK ERROR: no space left on device"]);
    assert_eq!(failure.exitstatus, "no space left on device");
    assert!(
        requests[1].starts_with("GET /api2/json/nodes/pve1/tasks/UPID:pve1:0003A1F2:01C9D0E4:68FF2B10:qmcreate:100:root@pam!iac:/log?"),
        "{requests:?}"
    );
}

#[test]
fn warnings_are_not_a_failure() {
    let log = r#"{"data":[{"n":1,"t":"x"},{"n":2,"t":"WARN: disk stays"},{"n":3,"t":"TASK WARNINGS: 1"}],"total":3}"#;
    let (outcome, ..) = wait(vec![stopped("WARNINGS: 1"), ok(log)], Duration::from_secs(60));
    assert_eq!(
        outcome.unwrap(),
        Finished::WithWarnings { count: 1, lines: vec!["disk stays".to_owned()] }
    );
}

#[test]
fn a_wait_ends_at_its_limit() {
    let (outcome, pauses, _) = wait((0..60).map(|_| running()).collect(), Duration::from_secs(5));
    assert!(matches!(outcome, Err(Error::TaskStillRuns { .. })), "{outcome:?}");
    assert_eq!(pauses.iter().sum::<Duration>(), Duration::from_secs(5));
}

#[test]
fn an_aborted_wait_sends_no_more_requests() {
    let server = Server::start(vec![vec![running(), running(), stopped("OK")]]);
    let mut polls = 0;
    let outcome =
        client(&server).wait(&UPID.parse().unwrap(), Duration::from_secs(60), &mut |_, _| {
            polls += 1;
            if polls == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
    assert!(matches!(outcome, Err(Error::TaskStillRuns { .. })), "{outcome:?}");
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn a_wait_can_be_aborted_while_the_state_cannot_be_read() {
    let server = Server::start(vec![vec![running(), away(), away(), stopped("OK")]]);
    let mut lost = Vec::new();
    let outcome =
        client(&server).wait(&UPID.parse().unwrap(), Duration::from_secs(60), &mut |_, error| {
            lost.push(error.and_then(Error::status));
            if lost.len() == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
    assert!(matches!(outcome, Err(Error::TaskStillRuns { .. })), "{outcome:?}");
    assert_eq!(lost, [None, Some(596), Some(596)]);
}

fn away() -> Step {
    Step::Answer(answer("596 Connection timed out", ""))
}

#[test]
fn polls_may_go_unanswered_for_a_while() {
    let short = (0..40).map(|_| away());
    let (outcome, pauses, _) =
        wait(short.chain([running(), away(), stopped("OK")]).collect(), Duration::from_secs(60));
    assert_eq!(outcome.unwrap(), Finished::Clean);
    assert!(pauses.iter().sum::<Duration>() > Duration::from_secs(3), "{pauses:?}");
}

#[test]
fn half_a_minute_without_an_answer_ends_the_wait() {
    let (outcome, pauses, _) = wait((0..200).map(|_| away()).collect(), Duration::from_secs(600));
    assert_eq!(outcome.unwrap_err().status(), Some(596));
    let silence = pauses.iter().sum::<Duration>();
    assert!((30..32).contains(&silence.as_secs()), "{silence:?}");
}
