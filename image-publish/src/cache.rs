//! DOOR: reads and writes the cache of what is known of images, so that an unchanged one is not read again.
//!
//! An entry is used only while each file has the size, times, inode and device that it had when it was read.
//! The cache may be deleted at any time; a broken one counts as empty; failing to write it costs only time.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::source::examine::{Facts, UrlFacts};
use crate::source::parts::{Files, Identity};

/// What is known of images, by path or URL.
#[derive(Debug)]
pub(crate) struct Cache {
    path: Option<PathBuf>,
    content: Content,
    changed: bool,
}

/// The file. Another version counts as empty.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Content {
    version: u32,
    #[serde(default)]
    files: BTreeMap<String, FileEntry>,
    #[serde(default)]
    urls: BTreeMap<String, UrlFacts>,
}

#[derive(Debug, Serialize, Deserialize)]
struct FileEntry {
    identity: Vec<Identity>,
    facts: Facts,
}

/// Changes when a new release would read an old entry wrongly.
const VERSION: u32 = 2;

impl Cache {
    /// Reads the cache in a folder; without a folder nothing is kept.
    #[expect(clippy::disallowed_methods, reason = "door: the cache")]
    pub(crate) fn load(folder: Option<&Path>) -> Self {
        let path = folder.map(|folder| folder.join("images.json"));
        let content = path
            .as_deref()
            .and_then(|path| std::fs::read(path).ok())
            .and_then(|bytes| serde_json::from_slice::<Content>(&bytes).ok())
            .filter(|content| content.version == VERSION)
            .unwrap_or_default();
        Self { path, content, changed: false }
    }

    /// Returns what is known of files that have not changed since.
    pub(crate) fn files(&self, files: &Files, variant: &str) -> Option<&Facts> {
        let entry = self.content.files.get(&key(files, variant)?)?;
        (files.identity().ok()? == entry.identity).then_some(&entry.facts)
    }

    /// Keeps what is known of files; `identity` is theirs from before they were read.
    pub(crate) fn keep_files(
        &mut self,
        files: &Files,
        variant: &str,
        identity: Vec<Identity>,
        facts: &Facts,
    ) {
        if let Some(key) = key(files, variant) {
            self.content.files.insert(key, FileEntry { identity, facts: facts.clone() });
            self.changed = true;
        }
    }

    /// Returns what is known of the file with this sum at this address.
    pub(crate) fn url(&self, url: &str, sum: &str) -> Option<&UrlFacts> {
        self.content.urls.get(&format!("{url}#{sum}"))
    }

    /// Keeps what is known of the file with this sum at this address.
    pub(crate) fn keep_url(&mut self, url: &str, sum: &str, facts: &UrlFacts) {
        self.content.urls.insert(format!("{url}#{sum}"), facts.clone());
        self.changed = true;
    }

    /// Writes the cache when it has changed: whole, under another name first.
    #[expect(clippy::disallowed_methods, reason = "door: the cache")]
    pub(crate) fn save(&mut self) {
        let Some(path) = self.path.as_deref().filter(|_| self.changed) else { return };
        self.content.version = VERSION;
        let Ok(bytes) = serde_json::to_vec(&self.content) else { return };
        let temporary = path.with_extension(format!("json.{}", std::process::id()));
        let folder = path.parent().unwrap_or(Path::new("."));
        let written = std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(&temporary, bytes))
            .and_then(|()| std::fs::rename(&temporary, path));
        if written.is_err() {
            let _ = std::fs::remove_file(&temporary);
        }
    }
}

/// Returns the key of files: their absolute path, and what is made of them.
fn key(files: &Files, variant: &str) -> Option<String> {
    let path = std::path::absolute(&files.path).ok()?;
    Some(format!("{}{variant}", path.to_str()?))
}
