//! DOOR: waits between reads. Repeats reads that got no answer while work is under way: pveproxy may be restarting.

use pve_client::Error;

use crate::interrupt;
use crate::work::pause;

/// The total number of tries.
const TRIES: u32 = 4;

/// Reads, and reads again if no answer came.
pub(super) fn retrying<T>(mut read: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
    for tries in 1..TRIES {
        match read() {
            Err(error)
                if (error.is_unreachable() || error.is_answer_lost())
                    && !interrupt::is_requested() =>
            {
                pause(tries)
            }
            answer => return answer,
        }
    }
    read()
}
