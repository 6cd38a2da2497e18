//! DOOR: runs `qemu-img`.

use std::io;
use std::path::Path;
use std::process::Command;

use crate::source::format::Format;

/// What came of running `qemu-img`.
#[derive(Debug)]
pub(crate) enum QemuImg {
    /// It made the file.
    Made,
    /// There is no such program.
    NotInstalled,
    /// It refused; this is the last line that it said.
    Failed(String),
}

/// Compresses an image of a known format into a qcow2 file.
#[expect(clippy::disallowed_methods, reason = "door: runs qemu-img")]
pub(crate) fn compress(from: &Path, format: Format, to: &Path) -> QemuImg {
    let mut command = Command::new("qemu-img");
    // A path that begins with `/` is no option and no protocol.
    let plain = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    // The format is said, for one that qemu-img guesses could name other files.
    command
        .args(["convert", "-f", format.extension(), "-c", "-O", "qcow2"])
        .arg(plain(from))
        .arg(plain(to));
    match command.output() {
        Ok(output) if output.status.success() => QemuImg::Made,
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            QemuImg::Failed(said.lines().last().unwrap_or("no reason given").to_owned())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => QemuImg::NotInstalled,
        Err(error) => QemuImg::Failed(error.to_string()),
    }
}
