//! `keygen`: a new signing key.
//!
//! DOOR: takes random bytes from the kernel.

use data_encoding::HEXLOWER;
use stage::{Entry, Failure, Output, Place, Report};
use zeroize::Zeroizing;

/// Prints a new key of 256 bits as 64 hexadecimal digits.
pub(crate) fn print() -> Result<Output, Failure> {
    let mut key = Zeroizing::new([0; 32]);
    getrandom::fill(key.as_mut_slice()).map_err(|e| {
        Entry::error(
            "no-random-bytes",
            Place::Named("random numbers".into()),
            "the kernel provides none",
        )
        .cause(&e)
    })?;
    let hex = Zeroizing::new(HEXLOWER.encode(key.as_slice()));
    Ok(Output::bytes(format!("{}\n", hex.as_str()), Report::new()))
}
