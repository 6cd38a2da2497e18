//! Writes NoCloud folders and seed images.
//!
//! DOOR: writes files, readable only by their owner: a seed holds a password hash and a token.

use crate::render::{Rendered, Texts};
use stage::{Entry, Failure, Place, whole_file};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

/// Writes `DIR/NAME/{user-data,meta-data,network-config}` for each VM, and vendor-data if the VM has
/// any.
pub(crate) fn folders(folder: &Path, vms: &[(&str, &Rendered)]) -> Result<(), Failure> {
    for (name, rendered) in vms {
        let folder = folder.join(name);
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.map_err(|e| file_error(&folder, "cannot be created", &e))?;
        let files = rendered.texts.files();
        for (name, text) in [
            ("user-data", files.user_data),
            ("meta-data", files.meta_data),
            ("network-config", files.network_config),
        ] {
            write(&folder.join(name), text.as_bytes())?;
        }
        let vendor_data = folder.join("vendor-data");
        if rendered.texts.vendor_data.is_some() {
            write(&vendor_data, files.vendor_data.as_bytes())?;
        } else {
            remove(&vendor_data)?;
        }
    }
    Ok(())
}

/// Returns a seed image for `file`.
pub(crate) fn image(file: &Path, texts: &Texts) -> Result<Vec<u8>, Failure> {
    stage::seed::image(&texts.files()).map_err(|e| file_error(file, "cannot be created", &e))
}

/// Removes a file of an earlier run, which cloud-init would read.
#[expect(clippy::disallowed_methods, reason = "door: a folder's files are written here")]
fn remove(path: &Path) -> Result<(), Failure> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(file_error(path, "cannot be removed", &e)),
        _ => Ok(()),
    }
}

/// Writes a file whole or not at all.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    whole_file::write(path, bytes).map_err(|e| file_error(path, "cannot be written", &e))
}

fn file_error(path: &Path, fact: &str, cause: &dyn std::error::Error) -> Failure {
    Entry::error("unwritable", Place::file(path.display().to_string()), fact).cause(cause).into()
}
