//! Writes NoCloud folders and seed images.
//!
//! DOOR: writes files, readable by their owner alone: a seed holds a password hash and a token.

use crate::render::{Rendered, Texts};
use stage::{Entry, Failure, Place};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// Writes `DIR/NAME/{user-data,meta-data,network-config}` for each VM.
pub(crate) fn folders(folder: &Path, vms: &[(&str, &Rendered)]) -> Result<(), Failure> {
    for (name, rendered) in vms {
        let folder = folder.join(name);
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.map_err(|e| refused(&folder, "cannot be made", &e))?;
        let files = rendered.texts.files();
        for (name, text) in [
            ("user-data", files.user_data),
            ("meta-data", files.meta_data),
            ("network-config", files.network_config),
        ] {
            write(&folder.join(name), text.as_bytes())?;
        }
    }
    Ok(())
}

/// Writes a seed image.
pub(crate) fn image(file: &Path, texts: &Texts) -> Result<(), Failure> {
    let image =
        stage::seed::image(&texts.files()).map_err(|e| refused(file, "cannot be made", &e))?;
    write(file, &image)
}

/// Writes a file whole or not at all: beside its place first, then moved there. A link is
/// followed; what is no plain file, such as a device or a pipe, is written to as it is.
fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let there = std::fs::metadata(path);
    let written = if there.is_ok_and(|there| !there.is_file()) {
        let open = std::fs::OpenOptions::new().write(true).open(path);
        open.and_then(|mut file| file.write_all(bytes))
    } else {
        // Not the link itself: what it points to is what was named.
        replace(&path.canonicalize().unwrap_or_else(|_| path.to_owned()), bytes)
    };
    written.map_err(|e| refused(path, "cannot be written", &e))
}

#[expect(clippy::disallowed_methods, reason = "door: seeds are written here")]
fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.tmp", std::process::id()));
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(&beside)?;
    let written = file.write_all(bytes).and_then(|()| std::fs::rename(&beside, path));
    if written.is_err() {
        // The message is about the first error; a leftover is the lesser evil.
        let _ = std::fs::remove_file(&beside);
    }
    written
}

fn refused(path: &Path, fact: &str, cause: &dyn std::error::Error) -> Failure {
    Entry::error(Place::file(path.display().to_string()), fact).cause(cause).into()
}
