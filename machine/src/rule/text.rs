//! Rules for free text. Does no I/O.

use super::definition::{Rule, is_word};
use stage::guest;

/// Characters of a description that are reserved for the mark.
const MARK: usize = 700;

/// A description. PVE: facts-4, 63: 8192 characters, including the mark.
pub const NOTE: Rule = Rule::new(
    "text of at most 7492 characters",
    |s| s.chars().count() <= 8192 - MARK && !s.contains('\0'),
    r"^[\s\S]{0,7492}$",
);

/// A text that the guest's firmware reports.
pub const SMBIOS: Rule =
    Rule::new("text on one line", |s| !s.is_empty() && !s.contains(char::is_control), "^.+$");

/// A line of authorized_keys.
pub const SSH_KEY: Rule =
    Rule::new("a public SSH key", |s| guest::ssh_key(s).is_ok(), "^.+$").with_fault(guest::ssh_key);

/// A user that exists in an image, or that cloud-init creates.
pub const CI_USER: Rule = Rule::new(
    "a user name: letters, digits, ., _ and -",
    |s| is_word(s, 64, "._-") && !s.starts_with('-'),
    "^[A-Za-z0-9._][A-Za-z0-9._-]*$",
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_of_texts() {
        assert!(NOTE.accepts(&"é".repeat(7492)));
        assert!(!NOTE.accepts(&"a".repeat(7493)));
        assert!(NOTE.must.contains(&(8192 - MARK).to_string()));
        assert!(NOTE.pattern.unwrap().contains(&(8192 - MARK).to_string()));
        assert!(NOTE.accepts(""));
        assert!(SMBIOS.accepts("ACME, Inc."));
        assert!(!SMBIOS.accepts(""));
        assert!(!SMBIOS.accepts("a\nb"));
        let key =
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ7xZ0mJt5m1mSxg0aTq0oJq2rL9rN3w5yQe6uX8bVcD";
        assert!(SSH_KEY.accepts(key));
        assert!(!SSH_KEY.accepts("ssh-ed25519 AAAAC3 me"));
        assert!(!SSH_KEY.accepts("me"));
        assert!(CI_USER.accepts("debian"));
        assert!(!CI_USER.accepts("-x"));
    }
}
