//! DOOR: waits. Retries reads that got no answer, since a read changes nothing.

use pve_client::{Clock, Error, SystemClock};
use std::time::Duration;

/// The total number of tries.
const TRIES: u32 = 4;
/// The first pause; each is twice the one before, 3.5 s in total.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// Reads before the work begins: an unreachable endpoint is reported at once.
pub(crate) fn read_api<T>(read: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
    repeat(read, is_lost)
}

/// Reads while work is under way: pveproxy may be restarting.
pub(crate) fn read_retrying<T>(read: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
    repeat(read, |error| is_lost(error) || matches!(error, Error::NeverSent { .. }))
}

fn repeat<T>(
    mut read: impl FnMut() -> Result<T, Error>,
    passes: impl Fn(&Error) -> bool,
) -> Result<T, Error> {
    let mut wait = FIRST_PAUSE;
    for _ in 1..TRIES {
        match read() {
            Err(error) if passes(&error) => SystemClock.sleep(wait),
            answer => return answer,
        }
        wait *= 2;
    }
    read()
}

/// Returns whether the answer was lost on the way. 595 is not such an error: the node is offline.
fn is_lost(error: &Error) -> bool {
    // PVE: reference 4, the table of retries.
    let gateway =
        error.status().is_some_and(|status| matches!(status, 502..=504 | 596 | 597 | 599));
    gateway || matches!(error, Error::MaybeSent { .. })
}
