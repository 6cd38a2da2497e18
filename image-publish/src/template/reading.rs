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
            Err(error) if is_lost(&error) && !interrupt::is_requested() => pause(tries),
            answer => return answer,
        }
    }
    read()
}

/// Returns whether the answer was lost on the way. 595 is not such an error: the node is offline.
fn is_lost(error: &Error) -> bool {
    let never_sent = matches!(error, Error::NeverSent { .. }) && error.certificate().is_none();
    let gateway =
        error.status().is_some_and(|status| matches!(status, 502..=504 | 596 | 597 | 599));
    never_sent || gateway || matches!(error, Error::MaybeSent { .. })
}
