//! `keygen`: a new signing key.

use data_encoding::HEXLOWER;
use stage::{Failure, Output, Report, random};
use zeroize::Zeroizing;

/// Prints a new key of 256 bits as 64 hexadecimal digits.
pub(crate) fn print() -> Result<Output, Failure> {
    let mut key = Zeroizing::new([0; 32]);
    random::fill(key.as_mut_slice())?;
    let hex = Zeroizing::new(HEXLOWER.encode(key.as_slice()));
    Ok(Output::bytes(format!("{}\n", hex.as_str()), Report::new()))
}
