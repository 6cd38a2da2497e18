//! The uuid of a VM: it tells a VM from its clones.
//!
//! DOOR: randomness.

use data_encoding::HEXLOWER;
use pve_client::PropertyString;
use stage::{Entry, random};

/// Returns a random uuid, version 4.
///
/// # Errors
/// The system has no random bytes.
pub fn new() -> Result<String, Entry> {
    let mut bytes = [0u8; 16];
    random::fill(&mut bytes)?;
    // RFC 9562, 5.4: four bits of version and two of variant.
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = HEXLOWER.encode(&bytes);
    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    Ok(parts.join("-"))
}

/// Returns the uuid in a VM's `smbios1`, in lower case, if it has one.
///
/// PVE: facts-4, 22: a clone brings the keys back in another order; hexadecimal has no case.
pub fn of_smbios1(smbios1: &str) -> Option<String> {
    let uuid = PropertyString::parse(smbios1, "uuid").get("uuid").map(str::to_ascii_lowercase);
    uuid.filter(|uuid| !uuid.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_of_version_4_and_differs_each_time() {
        let (one, two) = (new().unwrap(), new().unwrap());
        assert_ne!(one, two);
        let parts: Vec<_> = one.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12]);
        assert_eq!(one.as_bytes()[14], b'4');
        assert!(b"89ab".contains(&one.as_bytes()[19]), "{one}");
    }
}
