//! Uploads a file in the only form that PVE's parser accepts.
//!
//! PVE: facts 38 to 41 and reference 8. The parser is strict: the parts must come in the order content,
//! checksum-algorithm, checksum, file; the file part has no Content-Type; nothing may follow it. A read
//! boundary inside the file part's header corrupts the stored file, so all part headers and the first
//! bytes of the file are sent in one write; every upload includes the checksum, so that PVE detects
//! any corruption that remains. Uses constant memory, whatever the size.

use std::io::{self, Read};

use ureq::http::Method;

use crate::client::{Client, Payload};
use crate::error::Error;
use crate::exchange;
use crate::ids::{NodeName, StorageId};
use crate::params::path;
use crate::upid::Upid;

/// Separates the parts. Fixed: it cannot occur in a header, and PVE only looks for it at the end of the file.
const BOUNDARY: &str = "----pve-pipeline-8c1d6f0e4b7a2953";
/// The first write must fit into one TLS record of 16 KiB.
const FIRST_WRITE: usize = 12 * 1024;

/// A file to upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload<'a> {
    /// The content type: `import`, `iso` or `vztmpl`.
    pub content: &'a str,
    /// The name in the storage.
    pub filename: &'a str,
    /// The file's exact length in bytes.
    pub length: u64,
    /// The file's SHA-256 in hexadecimal digits.
    pub sha256: &'a str,
}

impl Client {
    /// Uploads a file and returns the task that puts it into the storage.
    ///
    /// `on_progress` gets the number of bytes of the file written to the connection so far.
    /// Reads exactly `length` bytes from `reader`; if it has fewer, or fails, the upload is aborted
    /// within the file, which PVE then discards.
    pub fn upload(
        &self,
        node: &NodeName,
        storage: &StorageId,
        upload: &Upload<'_>,
        reader: &mut dyn Read,
        on_progress: &mut dyn FnMut(u64),
    ) -> Result<Upid, Error> {
        let mut form = Form::new(upload, reader, on_progress);
        let length = form.total();
        let payload = Payload::Stream {
            reader: &mut form,
            length,
            content_type: format!("multipart/form-data; boundary={BOUNDARY}"),
        };
        let path = path(&["nodes", node.as_str(), "storage", storage.as_str(), "upload"]);
        let answer = self.call(Method::POST, &path, payload);
        match (answer, form.fault) {
            (Err(Error::NeverSent { .. } | Error::MaybeSent { .. }), Some(source)) => {
                Err(Error::Source { source })
            }
            (answer, _) => answer?.parse(Upid::RULE),
        }
    }
}

/// The whole body: part headers, file, closing boundary.
struct Form<'a> {
    head: Vec<u8>,
    head_sent: usize,
    reader: &'a mut dyn Read,
    length: u64,
    file_sent: u64,
    tail: Vec<u8>,
    tail_sent: usize,
    on_progress: &'a mut dyn FnMut(u64),
    fault: Option<io::Error>,
}

impl<'a> Form<'a> {
    fn new(
        upload: &Upload<'_>,
        reader: &'a mut dyn Read,
        on_progress: &'a mut dyn FnMut(u64),
    ) -> Self {
        Self {
            head: head(upload).into_bytes(),
            head_sent: 0,
            reader,
            length: upload.length,
            file_sent: 0,
            tail: format!("\r\n--{BOUNDARY}--\r\n").into_bytes(),
            tail_sent: 0,
            on_progress,
            fault: None,
        }
    }

    /// Returns the length of the whole body.
    fn total(&self) -> u64 {
        (self.head.len() + self.tail.len()) as u64 + self.length
    }

    /// Reads as much of the file as fits; an early end is an error because the length has been announced.
    fn file(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.length - self.file_sent).unwrap_or(usize::MAX);
        let end = room.len().min(left);
        let room = &mut room[..end];
        if exchange::is_cut_short() {
            // The peer has already answered and discards the rest: nothing more of the file arrives.
            self.file_sent += room.len() as u64;
            return Ok(room.len());
        }
        let read = self.reader.read(room)?;
        if read == 0 && !room.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the file has become shorter",
            ));
        }
        self.file_sent += read as u64;
        (self.on_progress)(self.file_sent);
        Ok(read)
    }

    /// Fills the buffer from head, file and tail, in this order.
    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        if self.head_sent < self.head.len() {
            filled = copy(&self.head, &mut self.head_sent, buffer);
            // Headers and first bytes together: loop until the first write is full.
            let first = buffer.len().min(FIRST_WRITE.max(filled));
            while filled < first && self.file_sent < self.length {
                filled += self.file(&mut buffer[filled..first])?;
            }
            return Ok(filled);
        }
        if self.file_sent < self.length {
            return self.file(buffer);
        }
        filled += copy(&self.tail, &mut self.tail_sent, buffer);
        Ok(filled)
    }
}

impl Read for Form<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.fill(buffer).inspect_err(|error| {
            self.fault = Some(io::Error::new(error.kind(), error.to_string()));
        })
    }
}

/// Returns everything before the file.
fn head(upload: &Upload<'_>) -> String {
    let field = |name: &str, value: &str| {
        format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        )
    };
    [
        field("content", upload.content),
        field("checksum-algorithm", "sha256"),
        field("checksum", upload.sha256),
        format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"filename\"; filename=\"{}\"\r\n\r\n",
            quotable(upload.filename)
        ),
    ]
    .concat()
}

/// Replaces characters that would end the quotes or the header. PVE replaces others with `_` itself.
fn quotable(filename: &str) -> String {
    filename
        .chars()
        .map(|c| if c == '"' || c == '\\' || c.is_control() { '_' } else { c })
        .collect()
}

/// Copies from where the last copy stopped.
fn copy(from: &[u8], done: &mut usize, to: &mut [u8]) -> usize {
    let rest = &from[*done..];
    let amount = rest.len().min(to.len());
    to[..amount].copy_from_slice(&rest[..amount]);
    *done += amount;
    amount
}

#[cfg(test)]
mod tests {
    use super::*;

    const UPLOAD: Upload<'_> =
        Upload { content: "import", filename: "a.raw", length: 5, sha256: "ab12" };

    fn sent(
        reader: &mut dyn Read,
        length: u64,
        room: usize,
    ) -> io::Result<(Vec<u8>, usize, Vec<u64>)> {
        let mut reported = Vec::new();
        let mut on_progress = |bytes| reported.push(bytes);
        let mut form = Form::new(&Upload { length, ..UPLOAD }, reader, &mut on_progress);
        let total = form.total();
        let (mut all, mut first, mut buffer) = (Vec::new(), None, vec![0; room]);
        loop {
            let read = form.read(&mut buffer)?;
            first.get_or_insert(read);
            all.extend(&buffer[..read]);
            if read == 0 {
                assert_eq!(all.len() as u64, total);
                return Ok((all, first.unwrap(), reported));
            }
        }
    }

    #[test]
    fn parts_are_in_pves_order_with_the_file_last() {
        let (body, first, reported) = sent(&mut &b"image"[..], 5, 64 * 1024).unwrap();
        let b = BOUNDARY;
        let expected = format!(
            "--{b}\r\nContent-Disposition: form-data; name=\"content\"\r\n\r\nimport\r\n\
             --{b}\r\nContent-Disposition: form-data; name=\"checksum-algorithm\"\r\n\r\nsha256\r\n\
             --{b}\r\nContent-Disposition: form-data; name=\"checksum\"\r\n\r\nab12\r\n\
             --{b}\r\nContent-Disposition: form-data; name=\"filename\"; filename=\"a.raw\"\r\n\r\nimage\r\n--{b}--\r\n"
        );
        assert_eq!(String::from_utf8(body).unwrap(), expected);
        assert_eq!(first, expected.len() - format!("\r\n--{b}--\r\n").len());
        assert_eq!(reported, [5]);
    }

    #[test]
    fn the_first_write_fits_one_tls_record_and_has_file_bytes() {
        let file = vec![7; 300_000];
        let (body, first, reported) = sent(&mut &file[..], 300_000, 128 * 1024).unwrap();
        assert_eq!(first, FIRST_WRITE);
        assert!(body[..first].ends_with(&[7; 1000]));
        assert_eq!(reported.last(), Some(&300_000));
    }

    #[test]
    fn a_file_whose_length_changed() {
        assert_eq!(
            sent(&mut &b"imag"[..], 5, 1024).unwrap_err().kind(),
            io::ErrorKind::UnexpectedEof
        );
        let (body, _, _) = sent(&mut &b"image, grown"[..], 5, 1024).unwrap();
        assert!(!String::from_utf8(body).unwrap().contains("grown"));
    }

    #[test]
    fn a_name_cannot_end_its_header() {
        assert_eq!(quotable("a\"\r\nX: y.raw"), "a___X: y.raw");
    }
}
