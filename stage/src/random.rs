//! DOOR: gets random bytes from the system.

use crate::report::{Entry, Place};
use data_encoding::HEXLOWER;

/// Fills a buffer with random bytes.
///
/// # Errors
/// The system provides none.
pub fn fill(bytes: &mut [u8]) -> Result<(), Entry> {
    getrandom::fill(bytes).map_err(|error| {
        Entry::error("no-random-bytes", Place::Run, "the system provides no random bytes")
            .cause(&error)
    })
}

/// Returns `N` random bytes as hexadecimal digits, two for each byte.
///
/// # Errors
/// As [`fill`].
pub fn hex<const N: usize>() -> Result<String, Entry> {
    let mut bytes = [0; N];
    fill(&mut bytes)?;
    Ok(HEXLOWER.encode(&bytes))
}
