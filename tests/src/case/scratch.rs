//! The temporary folder that a case runs in, so that no case changes the source tree.

use super::normal;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Result;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A scratch folder with copies of the case's `in/` and of the project's `examples/` and `pipeline.mk`.
pub struct Scratch {
    folder: tempfile::TempDir,
    root: PathBuf,
}

impl Scratch {
    /// Creates the folder for a case.
    ///
    /// # Errors
    /// The copy fails.
    pub fn new(case: &Path) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
        copy(&root.join("examples"), &folder.path().join("examples"))?;
        std::fs::copy(root.join("pipeline.mk"), folder.path().join("pipeline.mk"))?;
        copy(&case.join("in"), &folder.path().join("in"))?;
        Ok(Self { folder, root })
    }

    /// Returns its path.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the case's stdin as a file, with the variables replaced; `None` if the case has none.
    pub(super) fn stdin(
        &self,
        stdin: &Path,
        variables: &[(String, String)],
    ) -> Result<Option<File>> {
        if !stdin.exists() {
            return Ok(None);
        }
        let mut bytes = std::fs::read(stdin)?;
        // Bytes that are not UTF-8 are deliberately invalid input: keep them.
        if let Ok(text) = std::str::from_utf8(&bytes) {
            let put = |text: String, (name, value): &(String, String)| {
                text.replace(&format!("${name}"), value)
            };
            bytes = variables.iter().fold(text.to_owned(), put).into_bytes();
        }
        let path = self.path().join("stdin");
        std::fs::write(&path, bytes)?;
        File::open(path).map(Some)
    }

    /// Returns the text with everything replaced that differs between runs or machines.
    pub fn normal(&self, text: &str) -> String {
        let text = text.replace(&self.folder.path().display().to_string(), "$SCRATCH");
        normal::text(&text.replace(&self.root.display().to_string(), "$ROOT"))
    }
}

/// Copies a folder's files, if the folder exists.
fn copy(from: &Path, to: &Path) -> Result<()> {
    for file in files(from)? {
        let target = to.join(&file);
        std::fs::create_dir_all(target.parent().unwrap_or(to))?;
        std::fs::copy(from.join(&file), &target)?;
        // A checkout cannot make secrets readable only by their owner.
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("secrets.yaml")
            || target.parent().is_some_and(|f| f.ends_with("secrets.d"))
        {
            std::fs::set_permissions(&target, PermissionsExt::from_mode(0o600))?;
        }
    }
    Ok(())
}

/// Returns all files under a folder as sorted relative paths; empty if there is no folder.
pub(super) fn files(folder: &Path) -> Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    let mut open = vec![PathBuf::new()];
    while let Some(below) = open.pop() {
        let path = folder.join(&below);
        if !path.exists() {
            continue;
        }
        for entry in path.read_dir()? {
            let entry = entry?;
            let below = below.join(entry.file_name());
            if entry.file_type()?.is_dir() { open.push(below) } else { _ = found.insert(below) }
        }
    }
    Ok(found)
}
