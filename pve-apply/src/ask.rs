//! DOOR: waits. Reads that got no answer are asked again: a read changes nothing.

use crate::execute::pause;
use pve_client::Error;
use std::time::Duration;

/// Tries in all.
const TRIES: u32 = 4;
/// The first pause; each is twice the one before, so that all together last 3.5 s.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// Asks before the work: an endpoint that cannot be reached is said at once.
pub(crate) fn ask<T>(read: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
    repeat(read, is_lost)
}

/// Asks in the midst of the work: pveproxy may be starting anew.
pub(crate) fn ask_patiently<T>(read: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
    repeat(read, |error| is_lost(error) || matches!(error, Error::NeverSent { .. }))
}

fn repeat<T>(
    mut read: impl FnMut() -> Result<T, Error>,
    passes: impl Fn(&Error) -> bool,
) -> Result<T, Error> {
    let mut wait = FIRST_PAUSE;
    for _ in 1..TRIES {
        match read() {
            Err(error) if passes(&error) => pause(wait),
            answer => return answer,
        }
        wait *= 2;
    }
    read()
}

/// The answer was lost on the way. 595 is not of these: it says that the node is away.
fn is_lost(error: &Error) -> bool {
    // PVE: reference 4, the table of retries.
    let gateway =
        error.status().is_some_and(|status| matches!(status, 502..=504 | 596 | 597 | 599));
    gateway || matches!(error, Error::MaybeSent { .. })
}
