//! Judges images, checksum lists and documents in memory: bytes in, a judgement out. Does no I/O of its own.
//!
//! For tests that need thousands of them, and for the fuzzer.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use stage::{Deployment, Report};

use crate::source::checksum::{self, LookUp};
use crate::source::format;
use crate::source::head::HEAD;

/// An image that can be published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judged {
    /// The extension of its format in PVE.
    pub format: &'static str,
    /// The size of the disk in it, in bytes.
    pub virtual_size: u64,
}

/// Judges an uncompressed image, or returns why it cannot be published.
///
/// # Errors
/// The reader's.
pub fn judge(image: &mut (impl Read + Seek)) -> io::Result<Result<Judged, String>> {
    let length = image.seek(SeekFrom::End(0))?;
    image.seek(SeekFrom::Start(0))?;
    let mut head = Vec::new();
    image.take(HEAD as u64).read_to_end(&mut head)?;
    let detected = match format::judge(&head, length) {
        Ok(detected) => detected,
        Err(unfit) => return Ok(Err(unfit.to_string())),
    };
    if let Err(unfit) = format::tables_fit(image, detected.format, &head, length)? {
        return Ok(Err(unfit.to_string()));
    }
    let (format, virtual_size) = (detected.format.extension(), detected.virtual_size);
    Ok(Ok(Judged { format, virtual_size }))
}

/// The result of looking up a file in a checksum list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listed {
    /// Its checksum, as in the document: `sha256:HEX`.
    Sum(String),
    /// Files of this name in several directories, with different checksums.
    Ambiguous,
    /// Checksums of other files only.
    NotListed,
    /// No checksums at all.
    NoSums,
}

/// Looks a file up in a checksum list; `for_this_alone` if the list is named after the file.
pub fn look_up(list: &str, file: &str, for_this_alone: bool) -> Listed {
    match checksum::look_up(list, file, for_this_alone) {
        LookUp::Sum(sum) => Listed::Sum(format!("{}:{}", sum.algorithm.name(), sum.hex)),
        LookUp::Ambiguous => Listed::Ambiguous,
        LookUp::NotListed => Listed::NotListed,
        LookUp::NoSums => Listed::NoSums,
    }
}

/// Returns the names of the images that the VMs of a document use, and the problems with their sources.
pub fn wanted(deployment: &Deployment) -> (Vec<String>, Report) {
    let mut report = Report::new();
    let wanted = crate::wanted::wanted(deployment, Path::new("images"), &mut report);
    (wanted.into_iter().map(|wanted| wanted.name).collect(), report)
}
