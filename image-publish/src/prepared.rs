//! An image about which everything is known that the plan needs. Does no I/O.

use std::sync::Arc;

use pve_client::Volid;

use crate::source::address::Address;
use crate::source::checksum::Sum;
use crate::source::compression::Compression;
use crate::source::examine::{Facts, UrlFacts};
use crate::source::format::Format;
use crate::source::parts::{Files, Identity};
use crate::temporary::Temporary;
use crate::wanted::Wanted;

/// An image, ready to be planned.
#[derive(Debug)]
pub(crate) struct PreparedImage {
    /// Its name in the document.
    pub(crate) name: String,
    /// Its file name in the storage: `NAME-<first 12 digits of its checksum>.<format>`.
    pub(crate) file: String,
    /// The length of the stored file in bytes, when it is known.
    pub(crate) length: Option<u64>,
    /// The checksum of the stored file; `None` if the file is already on the storage.
    pub(crate) sum: Option<Sum>,
    /// Where its bytes come from.
    pub(crate) supply: Supply,
}

/// A wanted image that is prepared. They are kept together: images that cannot be prepared are left out, so a
/// place in one list says nothing about the other.
#[derive(Debug)]
pub(crate) struct Ready {
    /// What the document wants.
    pub(crate) wanted: Arc<Wanted>,
    /// What was prepared for it.
    pub(crate) image: PreparedImage,
}

/// Where an image's bytes come from.
#[derive(Debug)]
pub(crate) enum Supply {
    /// The document has their volid.
    InStorage(Volid),
    /// They are on each storage that needs them, under this file name; their checksum is unknown.
    Stored,
    /// They are read here.
    Local(Local),
    /// The node downloads them.
    Node {
        /// The source.
        remote: Remote,
        /// If the token is not allowed to ask for it, this machine fetches and uploads.
        may_send: bool,
    },
    /// This machine fetches and uploads them.
    Fetch(Remote),
    /// `qemu-img` creates them from these files, then they are uploaded.
    Compress(Plain),
}

/// A file on a web server.
#[derive(Debug)]
pub(crate) struct Remote {
    /// Its address.
    pub(crate) url: Address,
    /// Where its checksum comes from, for messages.
    pub(crate) sum_by: String,
    /// The checksum is next to the URL in the site.
    pub(crate) pinned: bool,
    /// What the first bytes show, as long as they are not verified to be those of the file with this checksum.
    pub(crate) unverified: Option<UrlFacts>,
}

/// Files as they were examined.
#[derive(Debug)]
pub(crate) struct Plain {
    /// The files.
    pub(crate) files: Files,
    /// Their identities, from before they were examined.
    pub(crate) identity: Vec<Identity>,
    /// The format of the image in them.
    pub(crate) format: Format,
}

/// Bytes that are read here.
#[derive(Debug, Clone)]
pub(crate) struct Local {
    /// The files.
    pub(crate) files: Files,
    /// How they are compressed.
    pub(crate) compression: Compression,
    /// Keeps a downloaded file until it is sent.
    #[expect(dead_code, reason = "held for its Drop, which removes the file after its last use")]
    pub(crate) spooled: Option<Arc<Temporary>>,
}

impl PreparedImage {
    /// Returns whether nothing is known about it but that it is on the storage.
    pub(crate) fn is_stored(&self) -> bool {
        matches!(self.supply, Supply::InStorage(_) | Supply::Stored)
    }

    /// Prepares a local image.
    pub(crate) fn local(
        name: &str,
        facts: &Facts,
        files: Files,
        spooled: Option<Temporary>,
    ) -> Self {
        let sum = facts.stored.sha256.clone();
        let sum = Sum { algorithm: crate::source::checksum::Algorithm::Sha256, hex: sum };
        Self {
            name: name.to_owned(),
            file: stored_name(name, &sum, facts.format.extension()),
            length: Some(facts.length),
            sum: Some(sum),
            supply: Supply::Local(Local {
                files,
                compression: facts.compression,
                spooled: spooled.map(Arc::new),
            }),
        }
    }
}

/// Returns the name under which an image is stored.
pub(crate) fn stored_name(name: &str, sum: &Sum, extension: &str) -> String {
    format!("{}-{}.{extension}", name_on_storage(name), sum.hex.get(..12).unwrap_or(&sum.hex))
}

/// Returns the name of an image as that of a file.
// PVE: pve-storage, Storage.pm, normalize_content_filename: PVE stores `a+b` as `a_b`.
pub(crate) fn name_on_storage(name: &str) -> String {
    name.replace(['+', '='], "_")
}

/// Splits a stored name into the image's name and the start of its checksum.
pub(crate) fn parse_stored_name(file: &str) -> Option<(&str, &str)> {
    let (stem, extension) = file.rsplit_once('.')?;
    let (name, digits) = stem.rsplit_once('-')?;
    let hex = digits.len() == 12
        && digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let ours = hex && !name.is_empty() && ["qcow2", "raw", "vmdk"].contains(&extension);
    ours.then_some((name, digits))
}

/// Returns whether the digits after a name may be a date and time, such as 202611231516, instead of a checksum.
pub(crate) fn is_date(digits: &str) -> bool {
    let two = |at: usize| digits.get(at..at + 2).and_then(|two| two.parse::<u8>().ok());
    let [Some(century), Some(_), Some(month), Some(day), Some(hour), Some(minute)] =
        [0, 2, 4, 6, 8, 10].map(two)
    else {
        return false;
    };
    (19..=20).contains(&century)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    #[test]
    fn dates_and_sums() {
        assert!(is_date("202611231516") && is_date("199901010000"));
        for sum in
            ["8424d4d9960a", "202613231516", "000000000000", "212611231516", "2026112315", "x"]
        {
            assert!(!is_date(sum), "{sum}");
        }
    }

    pub(crate) fn local(file: &str, length: u64) -> PreparedImage {
        let files = Files { path: file.into(), parts: vec![file.into()] };
        let supply = Supply::Local(Local { files, compression: Compression::None, spooled: None });
        PreparedImage {
            name: "a".to_owned(),
            file: file.to_owned(),
            length: Some(length),
            sum: None,
            supply,
        }
    }

    pub(crate) fn node(file: &str, length: Option<u64>) -> PreparedImage {
        let supply = Supply::Node {
            remote: Remote {
                url: Address::parse("https://x/a").unwrap(),
                sum_by: String::new(),
                pinned: false,
                unverified: None,
            },
            may_send: true,
        };
        PreparedImage { name: "a".to_owned(), file: file.to_owned(), length, sum: None, supply }
    }

    #[test]
    fn stored_names() {
        let sum = Sum::of_hex(&"0123456789abcdef".repeat(4)).unwrap();
        let name = stored_name("debian-12", &sum, "qcow2");
        assert_eq!(name, "debian-12-0123456789ab.qcow2");
        assert_eq!(parse_stored_name(&name), Some(("debian-12", "0123456789ab")));
        for foreign in [
            "debian-12.qcow2",
            "debian-12-0123456789AB.qcow2",
            "x-0123456789ab.iso",
            "-0123456789ab.raw",
            "x",
        ] {
            assert_eq!(parse_stored_name(foreign), None, "{foreign}");
        }
    }
}
