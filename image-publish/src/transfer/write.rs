//! DOOR: writes an image into the storage's directory.

use std::io::{self, Read};

use stage::{Entry, Place};

use crate::folder::{Folder, WriteOutcome};
use crate::prepare::Bytes;
use crate::published::Failed;
use crate::show;
use crate::source::examine::Summing;
use crate::work::Work;

/// Writes an image into the storage's directory.
pub(crate) fn write(
    work: &Work<'_>,
    folder: &Folder,
    bytes: Bytes,
    name: &str,
) -> Result<String, Failed> {
    let Bytes { file, length, sha256, local } = bytes;
    let shown = folder.path_of(&file).display().to_string();
    let mut transfer =
        work.transfer(name, format!("writing {} to {shown}", show::bytes(length)), Some(length));
    let summing =
        std::cell::RefCell::new(Summing::new(local.compression.unpack(local.files.open()), false));
    let mut reader = Shared(&summing);
    let is_right =
        || summing.replace(Summing::new(Box::new(io::empty()), false)).finish().sha256 == sha256;
    let written = folder.write(&file, &mut reader, &mut |bytes| transfer.at(bytes), is_right);
    match written {
        Ok(WriteOutcome::Complete) => Ok(file),
        Ok(WriteOutcome::WrongSum) => {
            let fact = format!("changed while it was being copied, for image \"{name}\"");
            Err(Entry::error("file-changed", Place::file(local.files.shown()), fact)
                .hint("wait until it is completely written")
                .into())
        }
        Err(error) => Err(Entry::error("unwritable", Place::file(shown), "cannot be written")
            .cause(&error)
            .into()),
    }
}

/// A reader that can be inspected after its bytes were read.
struct Shared<'a, R>(&'a std::cell::RefCell<R>);

impl<R: Read> Read for Shared<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.borrow_mut().read(buffer)
    }
}
