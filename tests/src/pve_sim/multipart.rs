//! Parses the multipart body of an upload exactly as PVE does, including its bugs.
//! A pure module: does no I/O. Memory is constant whatever the file's size.
// PVE: pve-http-server, APIServer/AnyEvent.pm, file_upload_multipart (facts 38, reference 8).

use std::collections::BTreeMap;
use std::sync::Arc;

use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

use super::answer::Refusal;

/// The maximum size of part headers and small fields; real ones are a few hundred bytes.
const MAX_HEAD: usize = 1 << 20;
/// How many bytes of every file are kept, for its header.
const KEPT_HEAD: usize = 512;

/// A received file.
#[derive(Debug, Clone)]
pub(crate) struct Upload {
    pub(crate) size: u64,
    pub(crate) head: Vec<u8>,
    /// All bytes, for a small file.
    pub(crate) bytes: Option<Arc<[u8]>>,
    sums: BTreeMap<&'static str, String>,
}

impl Upload {
    /// Returns a checksum by PVE's name for the algorithm.
    pub(crate) fn sum(&self, algorithm: &str) -> Option<String> {
        self.sums.get(algorithm).cloned()
    }
}

/// A checksum being computed.
enum Sum {
    Sha1(Sha1),
    Sha224(Sha224),
    Sha256(Sha256),
    Sha384(Sha384),
    Sha512(Sha512),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Preamble,
    Fields,
    File,
    Done,
}

/// The state of a running upload.
pub(crate) struct Multipart {
    boundary: Vec<u8>,
    phase: Phase,
    buffer: Vec<u8>,
    pub(crate) fields: BTreeMap<String, String>,
    size: u64,
    head: Vec<u8>,
    bytes: Option<Vec<u8>>,
    keep: usize,
    /// Free bytes in `/var/tmp`.
    room: u64,
    sums: Vec<(&'static str, Sum)>,
}

impl Multipart {
    /// Creates a parser. Files up to `keep` bytes are kept whole.
    pub(crate) fn new(boundary: &str, keep: usize, room: u64) -> Self {
        Self {
            boundary: format!("--{boundary}").into_bytes(),
            phase: Phase::Preamble,
            buffer: Vec::new(),
            fields: BTreeMap::new(),
            size: 0,
            head: Vec::new(),
            bytes: Some(Vec::new()),
            keep,
            room,
            sums: Vec::new(),
        }
    }

    /// Processes the bytes of one read. As in PVE, the boundaries of reads matter.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        self.buffer.extend_from_slice(bytes);
        if self.phase == Phase::Preamble
            && let Some((at, _)) = self.delimiter(0)
        {
            self.buffer.drain(..at);
            self.phase = Phase::Fields;
        }
        if self.phase == Phase::Fields {
            for name in ["content", "checksum-algorithm", "checksum"] {
                self.field(name)?;
            }
            self.file_header()?;
        }
        if self.phase == Phase::File {
            self.file_bytes();
        }
        if self.size > self.room {
            return Err(Refusal::plain(
                500,
                "write to temporary file failed - No space left on device",
            ));
        }
        if self.phase != Phase::File && self.phase != Phase::Done && self.buffer.len() > MAX_HEAD {
            return Err(failed("upload failed", 1370));
        }
        Ok(())
    }

    /// Returns the file after the whole body has been read.
    pub(crate) fn finish(mut self) -> Result<(BTreeMap<String, String>, Upload), Refusal> {
        if self.phase != Phase::Done {
            return Err(failed("upload failed", 1370));
        }
        let sums = std::mem::take(&mut self.sums);
        let upload = Upload {
            size: self.size,
            head: self.head,
            bytes: self.bytes.map(Into::into),
            sums: sums.into_iter().map(|(name, sum)| (name, sum.finish())).collect(),
        };
        Ok((self.fields, upload))
    }

    /// Returns start and end of the next delimiter line at or after a position.
    fn delimiter(&self, from: usize) -> Option<(usize, usize)> {
        let mut from = from;
        loop {
            let at = find(&self.buffer, &self.boundary, from)?;
            let after = at + self.boundary.len();
            match self.buffer.get(after..) {
                Some([b'\n', ..]) => return Some((at, after + 1)),
                Some([b'\r', b'\n', ..]) => return Some((at, after + 2)),
                _ => from = at + 1,
            }
        }
    }

    fn field(&mut self, name: &str) -> Result<(), Refusal> {
        let Some((0, after)) = self.delimiter(0) else {
            return Ok(());
        };
        let disposition = b"Content-Disposition: ";
        let needle = format!("; name=\"{name}\"").into_bytes();
        let Some(at) = find(&self.buffer, disposition, after) else {
            return Ok(());
        };
        let Some(named) = find(&self.buffer, &needle, at + disposition.len()) else {
            return Ok(());
        };
        let value_at = named + needle.len();
        if self.delimiter(value_at).is_none() {
            return Ok(());
        }
        let kind = self.buffer[at + disposition.len()..named].to_vec();
        form_data(&kind)?;
        self.buffer.drain(..value_at);
        self.drop_part_header();
        let Some((end, _)) = self.delimiter(0) else {
            return Ok(());
        };
        let value: Vec<u8> = self.buffer.drain(..end).collect();
        let value = String::from_utf8_lossy(&value).trim().to_owned();
        self.fields.insert(name.to_owned(), value);
        Ok(())
    }

    fn file_header(&mut self) -> Result<(), Refusal> {
        let Some((0, after)) = self.delimiter(0) else {
            return Ok(());
        };
        let disposition = b"Content-Disposition: ";
        if !self.buffer[after..].starts_with(disposition) {
            return Ok(());
        }
        let kind_at = after + disposition.len();
        let Some(name_at) = find(&self.buffer, b"; name=\"", kind_at) else {
            return Ok(());
        };
        let Some(file_at) = find(&self.buffer, b"\"; filename=\"", name_at) else {
            return Ok(());
        };
        let text_at = file_at + b"\"; filename=\"".len();
        let Some(end) = find(&self.buffer, b"\"", text_at).filter(|end| *end > text_at) else {
            return Ok(());
        };
        let kind = self.buffer[kind_at..name_at].to_vec();
        form_data(&kind)?;
        let name = String::from_utf8_lossy(&self.buffer[name_at + 8..file_at]).into_owned();
        if name.contains(['\r', '\n']) {
            // An unknown field: PVE takes everything up to the file's own name as its text.
            return Err(Refusal::bare(400, "Bad Request"));
        }
        if name != "filename" {
            let text = format!("wrong field name '{name}' for file upload, expected 'filename'");
            return Err(failed(&text, 1325));
        }
        let filename = String::from_utf8_lossy(&self.buffer[text_at..end]).trim().to_owned();
        self.fields.insert("filename".to_owned(), filename);
        self.buffer.drain(..=end);
        // As in PVE: the rest of the part's header, if it has not arrived yet, becomes part of the file.
        self.drop_part_header();
        self.begin_sums();
        self.phase = Phase::File;
        Ok(())
    }

    fn begin_sums(&mut self) {
        self.sums.push(("sha256", Sum::Sha256(Sha256::new())));
        let other = match self.fields.get("checksum-algorithm").map(String::as_str) {
            Some("sha1") => ("sha1", Sum::Sha1(Sha1::new())),
            Some("sha224") => ("sha224", Sum::Sha224(Sha224::new())),
            Some("sha384") => ("sha384", Sum::Sha384(Sha384::new())),
            Some("sha512") => ("sha512", Sum::Sha512(Sha512::new())),
            _ => return,
        };
        self.sums.push(other);
    }

    fn drop_part_header(&mut self) {
        let ends: [&[u8]; 2] = [b"\r\n\r\n", b"\n\n"];
        let first = ends.iter().filter_map(|end| Some((find(&self.buffer, end, 0)?, end.len())));
        if let Some((at, length)) = first.min() {
            self.buffer.drain(..at + length);
        }
    }

    fn file_bytes(&mut self) {
        let close = [&self.boundary[..], b"--"].concat();
        if let Some(at) = find(&self.buffer, &close, 0) {
            let line = match &self.buffer[..at] {
                [.., b'\r', b'\n'] => at - 2,
                [.., b'\n'] => at - 1,
                _ => at,
            };
            self.take(line);
            self.buffer.clear();
            self.phase = Phase::Done;
            return;
        }
        // The close delimiter may be incomplete: \r\n--boundary--\r\n.
        let reserve = self.boundary.len() + 6;
        if self.buffer.len() > reserve {
            self.take(self.buffer.len() - reserve);
        }
    }

    fn take(&mut self, count: usize) {
        let data = &self.buffer[..count];
        for (_, sum) in &mut self.sums {
            sum.update(data);
        }
        self.size += count as u64;
        let missing = KEPT_HEAD.saturating_sub(self.head.len()).min(count);
        self.head.extend_from_slice(&data[..missing]);
        match &mut self.bytes {
            Some(kept) if kept.len() + count <= self.keep => kept.extend_from_slice(data),
            kept => *kept = None,
        }
        self.buffer.drain(..count);
    }
}

impl Sum {
    fn update(&mut self, data: &[u8]) {
        match self {
            Self::Sha1(sum) => sum.update(data),
            Self::Sha224(sum) => sum.update(data),
            Self::Sha256(sum) => sum.update(data),
            Self::Sha384(sum) => sum.update(data),
            Self::Sha512(sum) => sum.update(data),
        }
    }

    fn finish(self) -> String {
        match self {
            Self::Sha1(sum) => hex(&sum.finalize()),
            Self::Sha224(sum) => hex(&sum.finalize()),
            Self::Sha256(sum) => hex(&sum.finalize()),
            Self::Sha384(sum) => hex(&sum.finalize()),
            Self::Sha512(sum) => hex(&sum.finalize()),
        }
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A `die` without a newline: Perl appends the location.
// PVE: pve-http-server 6.0, APIServer/AnyEvent.pm.
fn failed(text: &str, line: u32) -> Refusal {
    let place = "/usr/share/perl5/PVE/APIServer/AnyEvent.pm";
    Refusal::plain(500, format!("{text} at {place} line {line}.\n"))
}

/// Checks a header; for a text with a line break PVE returns a bare 400 (facts 38).
fn form_data(kind: &[u8]) -> Result<(), Refusal> {
    if kind == b"form-data" {
        return Ok(());
    }
    let kind = String::from_utf8_lossy(kind);
    if kind.contains(['\r', '\n']) {
        return Err(Refusal::bare(400, "Bad Request"));
    }
    Err(Refusal::plain(
        500,
        format!("wrong Content-Disposition '{kind}' in multipart, expected 'form-data'"),
    ))
}

fn find(text: &[u8], needle: &[u8], from: usize) -> Option<usize> {
    let first = *needle.first()?;
    let mut at = from;
    while let Some(step) = text.get(at..)?.iter().position(|byte| *byte == first) {
        at += step;
        if text[at..].starts_with(needle) {
            return Some(at);
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests;
