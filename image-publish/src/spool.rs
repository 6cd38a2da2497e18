//! DOOR: files that live as long as the run: a fetched image, an unpacked one, what `qemu-img` made.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::source::parts::Files;

/// A file in the cache folder; it goes when this goes.
#[derive(Debug)]
pub(crate) struct Spooled {
    path: PathBuf,
}

impl Spooled {
    /// Makes an empty file for an image.
    #[expect(clippy::disallowed_methods, reason = "door: spooled files")]
    pub(crate) fn create(folder: &Path, name: &str) -> io::Result<(Self, File)> {
        std::fs::create_dir_all(folder)?;
        sweep(folder, "spool-", "");
        let path = folder.join(format!("spool-{name}.{}", std::process::id()));
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(&path)?;
        Ok((Self { path }, file))
    }

    /// Fills the file from a reader; returns how many bytes came.
    pub(crate) fn fill(file: &mut File, reader: &mut dyn Read) -> io::Result<u64> {
        let mut buffer = vec![0; 128 * 1024];
        let mut length = 0;
        loop {
            let read = match reader.read(&mut buffer) {
                Ok(0) => return file.flush().map(|()| length),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            file.write_all(&buffer[..read])?;
            length += read as u64;
        }
    }

    /// Returns the file as a source.
    pub(crate) fn files(&self) -> Files {
        Files { path: self.path.clone(), parts: vec![self.path.clone()] }
    }

    /// Returns where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Spooled {
    #[expect(clippy::disallowed_methods, reason = "door: spooled files")]
    fn drop(&mut self) {
        // A file that cannot be removed is a file in a cache.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Removes what runs have left behind that were killed: files `PREFIX…NAME….PID` whose process is gone.
#[expect(clippy::disallowed_methods, reason = "door: left-over files")]
pub(crate) fn sweep(folder: &Path, prefix: &str, name: &str) {
    // Without /proc nobody can tell a left-over from a file in use.
    let (Ok(listing), true) = (std::fs::read_dir(folder), Path::new("/proc/self").exists()) else {
        return;
    };
    for entry in listing.flatten() {
        let file = entry.file_name();
        let Some(file) = file.to_str().filter(|f| f.starts_with(prefix) && f.contains(name)) else {
            continue;
        };
        let process = file.rsplit_once('.').and_then(|(_, pid)| pid.parse::<u32>().ok());
        if process.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

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

/// Compresses an image into a qcow2 file.
#[expect(clippy::disallowed_methods, reason = "door: runs qemu-img")]
pub(crate) fn qemu_img_compress(from: &Path, to: &Path) -> QemuImg {
    let mut command = Command::new("qemu-img");
    // `./`: a path that begins with `-` or holds a colon is no option and no protocol.
    let plain = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    command.args(["convert", "-c", "-O", "qcow2"]).arg(plain(from)).arg(plain(to));
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
