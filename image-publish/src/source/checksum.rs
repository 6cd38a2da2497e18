//! Checksums of images, `sha256:HEX`, and the lists that contain them. Does no I/O.

use std::fmt;

use pve_client::Downgrade;
use serde::{Deserialize, Serialize};

/// The algorithm of a checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Algorithm {
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl Algorithm {
    /// Returns the name that PVE uses.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    /// Returns the algorithm for a number of digits.
    fn of_length(digits: usize) -> Option<Self> {
        match digits {
            64 => Some(Self::Sha256),
            128 => Some(Self::Sha512),
            _ => None,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sha256 => "SHA-256",
            Self::Sha512 => "SHA-512",
        })
    }
}

/// A checksum, in lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawSum")]
pub(crate) struct Sum {
    /// Its algorithm.
    pub(crate) algorithm: Algorithm,
    /// Its digits.
    pub(crate) hex: String,
}

/// A checksum as read from a file, not yet validated.
#[derive(Deserialize)]
struct RawSum {
    algorithm: Algorithm,
    hex: String,
}

impl TryFrom<RawSum> for Sum {
    type Error = &'static str;

    fn try_from(written: RawSum) -> Result<Self, Self::Error> {
        let sum = Self::of_hex(&written.hex).filter(|sum| sum.algorithm == written.algorithm);
        sum.ok_or("its digits are not those of its algorithm")
    }
}

impl Sum {
    /// Reads `sha256:HEX` or `sha512:HEX`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (name, hex) = text.split_once(':')?;
        let sum = Self::of_hex(hex)?;
        (sum.algorithm.name() == name.to_ascii_lowercase()).then_some(sum)
    }

    /// Parses digits alone; their number determines the algorithm.
    pub(crate) fn of_hex(hex: &str) -> Option<Self> {
        let algorithm = Algorithm::of_length(hex.len())?;
        let digits = hex.bytes().all(|b| b.is_ascii_hexdigit());
        digits.then(|| Self { algorithm, hex: hex.to_ascii_lowercase() })
    }
}

/// The checksum that an image must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExpectedSum {
    /// The checksum.
    pub(crate) sum: Sum,
    /// Where it comes from, for messages.
    pub(crate) by: String,
    /// It is next to the image's URL in the site, so it was not fetched.
    pub(crate) pinned: bool,
}

impl ExpectedSum {
    /// Returns whether the image may come over `http://`: only if its checksum did not come over
    /// the network too.
    pub(crate) fn downgrade(&self) -> Downgrade {
        if self.pinned { Downgrade::Allowed } else { Downgrade::Refused }
    }
}

/// The result of looking up a file in a checksum list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LookUp {
    /// Its checksum.
    Sum(Sum),
    /// Files of this name in several directories, with different checksums.
    Ambiguous,
    /// Checksums of other files only.
    NotListed,
    /// No checksums at all.
    NoSums,
}

/// Looks a file up in a checksum list: `HEX  NAME`, `HEX *NAME`, `SHA256 (NAME) = HEX`, or digits alone.
///
/// Other lines, such as those of a signature, are skipped. A file in another directory counts if the list does
/// not have the exact name.
/// With `for_this_alone` (a file `NAME.sha256`), a single checksum counts whatever its name, because builders
/// may have used another name or path. If a file has checksums of both algorithms, the stronger one counts.
pub(crate) fn look_up(list: &str, file: &str, for_this_alone: bool) -> LookUp {
    let lines: Vec<(Option<&str>, Sum)> = list.lines().filter_map(line).collect();
    let of = |is_meant: &dyn Fn(&str) -> bool| -> Vec<&Sum> {
        let named = lines.iter().filter(|(name, _)| name.is_some_and(is_meant));
        named.map(|(_, sum)| sum).collect()
    };
    let mut named = of(&|name| name.trim_start_matches("./") == file);
    if named.is_empty() {
        named = of(&|name| base(name) == file);
    }
    if let Some(strongest) = named.iter().max_by_key(|sum| sum.algorithm) {
        let other = |sum: &&Sum| sum.algorithm == strongest.algorithm && sum.hex != strongest.hex;
        let is_sure = !named.iter().any(other);
        return if is_sure { LookUp::Sum((*strongest).clone()) } else { LookUp::Ambiguous };
    }
    match &lines[..] {
        [] => LookUp::NoSums,
        [(name, sum)] if for_this_alone || name.is_none() => LookUp::Sum(sum.clone()),
        _ => LookUp::NotListed,
    }
}

/// Parses a line of a list. Where lists were joined, each may begin with a byte order mark.
fn line(line: &str) -> Option<(Option<&str>, Sum)> {
    let line = line.trim_start_matches('\u{feff}').trim();
    if let Some(labelled) = labelled(line) {
        return Some(labelled);
    }
    match line.split_once(char::is_whitespace) {
        None => Some((None, Sum::of_hex(line)?)),
        Some((hex, name)) => {
            Some((Some(name.trim_start().trim_start_matches('*')), Sum::of_hex(hex)?))
        }
    }
}

/// Parses a line that names its algorithm. Others have as many digits: BLAKE2b as many as SHA-512.
fn labelled(line: &str) -> Option<(Option<&str>, Sum)> {
    // BSD: `SHA256 (NAME) = HEX`; openssl: `SHA2-256(NAME)= HEX`.
    let (label, hex) = line.rsplit_once(") = ").or_else(|| line.rsplit_once(")= "))?;
    let (label, name) = label.split_once('(')?;
    let sum = Sum::of_hex(hex)?;
    let label = label.trim_end().to_ascii_lowercase();
    let label = label.replace("sha2-", "sha").replace("sha-", "sha");
    (label == sum.algorithm.name()).then_some((Some(name), sum))
}

/// Returns the last part of a path.
fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB";

    fn check(list: &str, alone: bool, expected: Option<&str>) {
        let got = look_up(list, "x.qcow2", alone);
        let hex = if let LookUp::Sum(sum) = &got { Some(sum.hex.as_str()) } else { None };
        assert_eq!(hex, expected, "{list:?}: {got:?}");
    }

    #[test]
    fn every_usual_form() {
        check(&format!("{B}  y.qcow2\n{A}  x.qcow2\n"), false, Some(A));
        check(&format!("{A} *./images/x.qcow2\n"), false, Some(A));
        check(&format!("SHA256 (x.qcow2) = {A}\n"), false, Some(A));
        check(&format!("# comment\n\n{A}\n"), false, Some(A));
        check(&format!("{B}\n"), true, Some(&B.to_lowercase()));
        check(&format!("SHA256(x.qcow2)= {A}\n"), false, Some(A));
        check(&format!("SHA2-256(./x.qcow2)= {A}\n"), false, Some(A));
        check(&format!("SHA-256 (x.qcow2) = {A}\n"), false, Some(A));
        check(&format!("\u{feff}{A}  x.qcow2\r\n{B}  y.qcow2\r\n"), false, Some(A));
        check(&format!("{B}  y.qcow2\n\u{feff}{A}  x.qcow2\n"), false, Some(A));
        check(&format!("{A}\t x.qcow2\n"), false, Some(A));
        check(&format!("{A}  a (1) = x.qcow2\n{B}  x.qcow2\n"), false, Some(&B.to_lowercase()));
        let signed = format!(
            "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n{B} *y.qcow2\n{A} *x.qcow2\n\
             -----BEGIN PGP SIGNATURE-----\n\niQIzBAEBCgAdFiEE1KOn\n=abcd\n-----END PGP SIGNATURE-----\n"
        );
        check(&signed, false, Some(A));
        let strong = "c".repeat(128);
        check(&format!("{A}  x.qcow2\n{strong}  x.qcow2"), false, Some(&strong));
    }

    #[test]
    fn the_exact_name_counts_before_other_directories() {
        check(&format!("{A}  x.qcow2\n{B}  arm64/x.qcow2\n"), false, Some(A));
        check(&format!("{A}  ./x.qcow2\n{B}  arm64/x.qcow2\n"), false, Some(A));
        check(&format!("{B}  amd64/x.qcow2\n{A}  arm64/x.qcow2\n"), false, None);
        check(&format!("{A}  amd64/x.qcow2\n{A}  arm64/x.qcow2\n"), false, Some(A));
    }

    #[test]
    fn checksums_of_other_files_do_not_count() {
        let list = format!("{A}  y.qcow2\n");
        check(&list, false, None);
        check(&list, true, Some(A));
        check(&format!("{A}  y.qcow2\n{B}  z.qcow2\n"), true, None);
        for other in [
            format!("BLAKE2b (x.qcow2) = {}", "c".repeat(128)),
            format!("SHA512-256(x.qcow2)= {B}"),
        ] {
            assert_eq!(look_up(&other, "x.qcow2", true), LookUp::NoSums);
            check(&format!("SHA256 (x.qcow2) = {A}\n{other}\n"), false, Some(A));
        }
        assert_eq!(look_up("<html>Not Found</html>", "x.qcow2", true), LookUp::NoSums);
        assert_eq!(look_up(&list, "x.qcow2", false), LookUp::NotListed);
    }

    #[test]
    fn an_invalid_checksum_in_the_cache_is_rejected() {
        let read = |text: &str| serde_json::from_str::<Sum>(text).ok();
        let whole = format!(r#"{{"algorithm":"sha256","hex":"{A}"}}"#);
        assert_eq!(read(&whole), Sum::of_hex(A));
        assert_eq!(read(&whole.replace("sha256", "sha512")), None);
        assert_eq!(read(&whole.replace(A, "12")), None);
    }

    #[test]
    fn sums_in_the_document() {
        assert_eq!(Sum::parse(&format!("sha256:{B}")).unwrap().hex, B.to_lowercase());
        for text in [A, "sha256:12", &format!("sha512:{A}"), &format!("md5:{A}"), ""] {
            assert_eq!(Sum::parse(text), None, "{text}");
        }
    }
}
