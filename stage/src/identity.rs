//! What identifies the owner of a VM: names of sites and deployments, and the range of vmids. Does
//! no I/O.

use serde::{Serialize, Serializer};
use std::fmt;

/// The name of the site in `examples/site`. Everyone who starts from the example has it, so it does
/// not identify a site: `pve-apply` refuses it outside tests.
pub const EXAMPLE_SITE: &str = "example";

/// Completes "must be …" for a name that [`is_site_name`] refuses.
pub const SITE_NAME: &str =
    "a site name: at most 64 letters, digits, ., _ and -, starting with a letter or digit";

/// Completes "must be …" for a name that [`is_deployment_name`] refuses.
pub const DEPLOYMENT_NAME: &str =
    "a deployment name: at most 64 letters, digits, ., _ and -, not starting with a dot";

/// The maximum length of a name in a mark.
const LONGEST: usize = 64;

/// Returns whether a site may have this name: one word of a mark.
pub fn is_site_name(text: &str) -> bool {
    is_word(text) && text.starts_with(|c: char| c.is_ascii_alphanumeric())
}

/// Returns whether a deployment may have this name: one word of a mark, and the stem of a file.
pub fn is_deployment_name(text: &str) -> bool {
    is_word(text) && !text.starts_with('.')
}

fn is_word(text: &str) -> bool {
    let part = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    (1..=LONGEST).contains(&text.len()) && text.chars().all(part)
}

/// The range of vmids for a site's VMs that set none: `FIRST-LAST`, inclusive.
///
/// Invariant: 100 ≤ first ≤ last ≤ 999999999.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VmidRange {
    first: u32,
    last: u32,
}

impl VmidRange {
    /// The range of a site that sets none.
    pub const DEFAULT: Self = Self { first: 10_000, last: 99_999 };

    /// Completes "must be …" for what [`VmidRange::parse`] refuses.
    pub const FORM: &str =
        "a range of vmids such as 10000-99999: two numbers from 100 to 999999999, the lower first";

    /// PVE: a vmid is at least 100 and at most 999999999.
    const LIMITS: Self = Self { first: 100, last: 999_999_999 };

    /// Reads `FIRST-LAST`: digits only, no leading zero. `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (first, last) = text.split_once('-')?;
        let range = Self { first: vmid(first)?, last: vmid(last)? };
        (range.first <= range.last).then_some(range)
    }

    /// Returns the lowest vmid.
    pub fn first(self) -> u32 {
        self.first
    }

    /// Returns the highest vmid.
    pub fn last(self) -> u32 {
        self.last
    }

    /// Returns whether a vmid is in the range.
    pub fn contains(self, vmid: u32) -> bool {
        (self.first..=self.last).contains(&vmid)
    }
}

fn vmid(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|vmid| digits && VmidRange::LIMITS.contains(*vmid))
}

impl Default for VmidRange {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl fmt::Display for VmidRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

impl Serialize for VmidRange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let longest = "a".repeat(64);
        for good in ["a", "0", "Dev.eu_1-x", &longest] {
            assert!(is_site_name(good) && is_deployment_name(good), "{good:?}");
        }
        for bad in ["", ".a", "a b", "a/b", "a=b", "é", "a\n", &"a".repeat(65)] {
            assert!(!is_site_name(bad) && !is_deployment_name(bad), "{bad:?}");
        }
        for only_deployment in ["-a", "_a"] {
            assert!(is_deployment_name(only_deployment) && !is_site_name(only_deployment));
        }
        assert!(is_site_name(EXAMPLE_SITE));
    }

    #[test]
    fn ranges() {
        for good in ["100-999999999", "10000-99999", "200-200"] {
            assert_eq!(VmidRange::parse(good).unwrap().to_string(), good);
        }
        for bad in [
            "",
            "-",
            "100",
            "100-",
            "-100",
            "99-200",
            "100-1000000000",
            "201-200",
            "+100-200",
            "0100-200",
            "100 - 200",
            "100-200-300",
            "100-99999999999",
            "a-b",
            "100–200",
        ] {
            assert_eq!(VmidRange::parse(bad), None, "{bad:?}");
        }
        let range = VmidRange::parse("200-300").unwrap();
        assert_eq!((range.first(), range.last()), (200, 300));
        let inside = [199, 200, 300, 301].map(|vmid| range.contains(vmid));
        assert_eq!(inside, [false, true, true, false]);
        assert_eq!(VmidRange::default().to_string(), "10000-99999");
    }
}
