//! DOOR: takes random bytes from the kernel.

use stage::{Entry, Place};

/// Returns `N` random bytes as hexadecimal digits, two for each byte.
///
/// # Errors
/// The kernel gives no random bytes.
pub(crate) fn hex<const N: usize>() -> Result<String, Entry> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|e| {
        Entry::error("no-random-bytes", Place::Run, "the system provides no random bytes").cause(&e)
    })?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
