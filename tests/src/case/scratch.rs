//! The folder that a case runs in, thrown away afterwards, so that no case dirties the tree.

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
    /// Makes the folder for a case.
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

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The case's stdin with the variables' values put in, as a file; none when there is none.
    pub(super) fn stdin(&self, stdin: &Path, variables: &[(&str, String)]) -> Result<Option<File>> {
        if !stdin.exists() {
            return Ok(None);
        }
        let mut bytes = std::fs::read(stdin)?;
        // Bytes that are no text are some case's bad input: they pass as they are.
        if let Ok(text) = std::str::from_utf8(&bytes) {
            let put = |text: String, (name, value): &(&str, String)| {
                text.replace(&format!("${name}"), value)
            };
            bytes = variables.iter().fold(text.to_owned(), put).into_bytes();
        }
        let path = self.path().join("stdin");
        std::fs::write(&path, bytes)?;
        File::open(path).map(Some)
    }

    /// The text with everything replaced that differs from run to run or from machine to machine.
    pub fn normal(&self, text: &str) -> String {
        let text = text.replace(&self.folder.path().display().to_string(), "$SCRATCH");
        normal::text(&text.replace(&self.root.display().to_string(), "$ROOT"))
    }
}

/// Copies a folder's files; none when there is no folder.
fn copy(from: &Path, to: &Path) -> Result<()> {
    for file in files(from)? {
        let target = to.join(&file);
        std::fs::create_dir_all(target.parent().unwrap_or(to))?;
        std::fs::copy(from.join(&file), &target)?;
        // A checkout cannot say that secrets are readable by their owner alone.
        if file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("secrets.yaml")) {
            std::fs::set_permissions(&target, PermissionsExt::from_mode(0o600))?;
        }
    }
    Ok(())
}

/// All files under a folder, as relative paths, in order; none when there is no folder.
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
