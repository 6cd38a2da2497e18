//! DOOR: waits. Retries reads that got no answer, since a read changes nothing.

use pve_client::{Clock, Error, SystemClock};
use std::time::Duration;

/// The total number of tries.
const TRIES: u32 = 4;
/// The first pause; each is twice the one before, 3.5 s in total.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// Reads before the work begins: an unreachable endpoint is reported at once.
pub(crate) fn read_api<T>(read: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
    repeat(read, Error::is_answer_lost)
}

/// Reads while work is under way: pveproxy may be restarting.
pub(crate) fn read_retrying<T>(read: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
    repeat(read, |error| error.is_answer_lost() || error.is_unreachable())
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
