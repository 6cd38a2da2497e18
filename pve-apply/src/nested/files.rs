//! The files that describe a nested node in the site: `nodes/NAME.yaml` and `secrets.d/NAME.yaml`.
//!
//! DOOR: reads and writes them. A file that a person wrote is never changed.

use super::NestedNode;
use pve_client::ApiUrl;
use stage::presence::is_present;
use stage::{Entry, Place, Report, whole_file};
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The first line of every file that is written here, and of no other.
const FIRST_LINE: &str = "# Written by pve-apply wait --pve. Changes are lost.";

const NODES: &str = "nodes";
const SECRETS: &str = "secrets.d";

/// The directory of a site.
#[derive(Debug)]
pub(crate) struct SiteFiles {
    site: PathBuf,
}

impl SiteFiles {
    /// Checks that the files of these nodes can be written, and creates their directories.
    ///
    /// # Errors
    /// The site is not a directory, or a file cannot be written.
    pub(crate) fn open(site: &Path, names: &[&str]) -> Result<Self, Report> {
        let files = Self { site: site.to_owned() };
        if !site.is_dir() {
            let fact = format!("\"{}\" is not a directory", site.display());
            return Err(
                Entry::error("not-a-directory", Place::Named("--site".to_owned()), fact).into()
            );
        }
        if names.is_empty() {
            return Ok(files);
        }
        let prepared = [(NODES, 0o777), (SECRETS, 0o700)].map(|(folder, mode)| {
            let folder = site.join(folder);
            create_folder(&folder, mode).map_err(|error| unwritable(&folder, &error))
        });
        let mut report = Report::new();
        prepared.into_iter().filter_map(Result::err).for_each(|entry| report.push(entry));
        if report.has_errors() {
            return Err(report);
        }
        let ignore = site.join(SECRETS).join(".gitignore");
        // What a program wrote on one machine is for no other.
        if !is_present(&ignore)
            && let Err(error) = whole_file::write(&ignore, b"*\n")
        {
            report.push(unwritable(&ignore, &error));
        }
        for path in names.iter().flat_map(|name| [files.node(name), files.token(name)]) {
            if let Err(error) = whole_file::WholeFile::open(&path) {
                report.push(unwritable(&path, &error));
            }
        }
        if report.has_errors() { Err(report) } else { Ok(files) }
    }

    /// Returns whether the site describes a node.
    pub(crate) fn has_node(site: &Path, name: &str) -> bool {
        is_present(&site.join(NODES).join(format!("{name}.yaml")))
    }

    /// Writes the files of a node where they differ, and returns what was written. Files of a person
    /// stay as they are if they have this endpoint.
    ///
    /// # Errors
    /// A person wrote one of the files for something else, or it cannot be written.
    pub(crate) fn write(
        &self,
        name: &str,
        outer: &str,
        node: &NestedNode,
    ) -> Result<Vec<PathBuf>, Box<Entry>> {
        let (node_path, token_path) = (self.node(name), self.token(name));
        let there = read(&node_path)?;
        if let Some(text) = there.as_deref().filter(|text| !is_ours(text)) {
            return match endpoint(text) == Some(node.url.clone()) {
                true => Ok(Vec::new()),
                false => {
                    let address = address(&node.url);
                    Err(foreign(&node_path, &format!("set `api_endpoint: {address}` in it")))
                }
            };
        }
        let known = read(&token_path)?;
        if known.as_deref().is_some_and(|text| !is_ours(text)) {
            return Err(foreign(&token_path, "move its tokens to another file"));
        }
        let mut written = Vec::new();
        let token = token_text(name, node.token.expose());
        // The token first: a node file without it would stop every run of the site.
        for (path, was, text) in
            [(token_path, known, token), (node_path, there, node_text(outer, node))]
        {
            if was.as_deref() != Some(&text) || is_open(&path) {
                whole_file::write(&path, text.as_bytes())
                    .map_err(|error| Box::new(unwritable(&path, &error)))?;
                written.push(path);
            }
        }
        Ok(written)
    }

    fn node(&self, name: &str) -> PathBuf {
        self.site.join(NODES).join(format!("{name}.yaml"))
    }

    fn token(&self, name: &str) -> PathBuf {
        self.site.join(SECRETS).join(format!("{name}.yaml"))
    }
}

fn create_folder(folder: &Path, mode: u32) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(mode).create(folder)
}

/// Returns a file's text; `None` if it does not exist.
#[expect(clippy::disallowed_methods, reason = "door: the site's files")]
fn read(path: &Path) -> Result<Option<String>, Box<Entry>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => {
            let place = Place::file(path.display().to_string());
            Err(Box::new(Entry::error("unreadable", place, "cannot be read").cause(&error)))
        }
    }
}

/// Returns whether others than the owner may read a file of ours, which has a token or is next to one.
fn is_open(path: &Path) -> bool {
    path.metadata().is_ok_and(|meta| meta.permissions().mode() & 0o077 != 0)
}

fn is_ours(text: &str) -> bool {
    text.lines().next() == Some(FIRST_LINE)
}

/// Returns the endpoint in a node file.
fn endpoint(text: &str) -> Option<ApiUrl> {
    let value = text.lines().find_map(|line| line.strip_prefix("api_endpoint:"))?;
    let value = value.split(" #").next().unwrap_or(value).trim();
    value.trim_matches(['"', '\'']).parse().ok()
}

fn node_text(outer: &str, node: &NestedNode) -> String {
    let lines = [
        ("node", node.node.to_string()),
        ("parent_node", outer.to_owned()),
        ("api_endpoint", address(&node.url)),
        ("api_fingerprint", node.fingerprint.to_string()),
        ("datastore", node.storages.disks.to_string()),
        ("image_datastore", node.storages.images.to_string()),
    ];
    let line = |(key, value): &(&str, String)| format!("{key}: {}\n", quoted(value));
    format!("{FIRST_LINE}\n{}", lines.iter().map(line).collect::<String>())
}

/// Returns an address with its path, which that of a proxy may have.
fn address(url: &ApiUrl) -> String {
    url.base().trim_end_matches("/api2/json").to_owned()
}

fn token_text(name: &str, token: &str) -> String {
    format!("{FIRST_LINE}\napi_tokens:\n  {}: {}\n", quoted(name), quoted(token))
}

/// Returns a text that YAML reads as this text: JSON is YAML, and a number in quotes stays a text.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn foreign(path: &Path, hint: &str) -> Box<Entry> {
    let fact = "was not written by `wait --pve`, and is left alone";
    let place = Place::file(path.display().to_string());
    Box::new(Entry::error("already-exists", place, fact).hint(format!("{hint}, or remove it")))
}

fn unwritable(path: &Path, error: &io::Error) -> Entry {
    Entry::error("unwritable", Place::file(path.display().to_string()), "cannot be written")
        .cause(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_a_proxy_is_part_of_the_address() {
        for (text, expected) in [
            ("https://[fd00::30]", "https://[fd00::30]:8006"),
            ("https://pve.lan:443/edge/api2/json", "https://pve.lan:443/edge"),
        ] {
            let url: ApiUrl = text.parse().unwrap();
            let node = NestedNode {
                node: "edge".parse().unwrap(),
                url: url.clone(),
                fingerprint: "5E".repeat(32).parse().unwrap(),
                token: stage::Secret::new("canary".to_owned()),
                storages: crate::nested::NodeStorages {
                    disks: "local-lvm".parse().unwrap(),
                    images: "local".parse().unwrap(),
                },
            };
            let file = node_text("pve1", &node);
            assert!(file.contains(&format!("\napi_endpoint: \"{expected}\"\n")), "{file}");
            assert!(!file.contains("canary") && !format!("{node:?}").contains("canary"));
            assert_eq!(endpoint(&file), Some(url), "it is the same when it is read");
        }
    }
}
