//! DOOR: the site directory → [`Sources`]. Reads each file once.

mod discover;
mod misnamed;

pub(crate) use discover::{Environment, site_folder};

use crate::source::{Ignored, SourceFile, Sources, Unreadable};
use stage::presence::is_present;
use stage::seed;
use stage::sops::{self, DecryptError};
use stage::{Entry, Failure, Place, Position, shell_word};
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The directories of a site that contain YAML.
const FOLDERS: [&str; 14] = [
    "envs",
    "hosts",
    "manifests",
    "networks",
    "nodes",
    "postures",
    "presets",
    "specs",
    "v2",
    "v2/postures",
    "v2/presets",
    "v2/specs",
    "vms",
    "vms/presets",
];

/// The directory of secrets that programs write, one file for each.
const SECRETS_FOLDER: &str = "secrets.d";

const SITE: &str = "site.yaml";
const SECRETS: &str = "secrets.yaml";
/// The suffix of a file that SOPS has encrypted as a whole.
const ENCRYPTED: &str = ".enc";

/// Larger files are a mistake.
const MAX_BYTES: u64 = 64 << 20;

/// What a run does with secrets.yaml.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SecretsUse {
    /// It does not read it.
    None,
    /// It reads it; `--no-secrets` would prevent that.
    Optional,
    /// It reads it; the command has no such option.
    Needed,
}

impl SecretsUse {
    /// Returns what a command does that has the option `--no-secrets`.
    pub(crate) fn unless(no_secrets: bool) -> Self {
        if no_secrets { Self::None } else { Self::Optional }
    }
}

/// Reads the site's files, and secrets.yaml as far as it is used.
///
/// # Errors
/// The directory cannot be read or does not contain a site.
pub(crate) fn load(root: &Path, secrets: SecretsUse) -> Result<Sources, Failure> {
    let shown = root.display().to_string();
    let mut sources = Sources::new(shown.trim_end_matches('/')).with_door(referenced_file);
    // Without a current directory only an absolute root can be read.
    sources.base = std::path::absolute(root).unwrap_or(root.to_owned()).display().to_string();
    let others = names(root).map_err(|e| {
        Failure::from(
            Entry::error("unreadable", Place::file(&shown), "cannot read the site").cause(&e),
        )
    })?;
    sources.ignored.extend(others.iter().filter_map(|name| misnamed::site_file(name)));
    misnamed_folders(root, "", &others, &mut sources);
    if is_present(&root.join(SITE)) {
        read(root, SITE, &mut sources);
    }
    for folder in FOLDERS {
        let names = names_in(root, folder, &mut sources);
        misnamed_folders(root, folder, &names, &mut sources);
        for name in names {
            if is_yaml(&name) && name.contains(char::REPLACEMENT_CHARACTER) {
                let path = format!("{folder}/{name}");
                sources.ignored.push(Ignored::new(path, "its name must be UTF-8"));
            } else if is_yaml(&name) {
                read(root, &format!("{folder}/{name}"), &mut sources);
            }
            sources.ignored.extend(misnamed::file(folder, &name));
        }
    }
    if secrets != SecretsUse::None {
        read_secrets(root, SECRETS, secrets, &mut sources);
        read_secrets_folder(root, secrets, &mut sources);
    }
    if sources.files().next().is_none() {
        return Err(not_a_site(&sources).into());
    }
    Ok(sources)
}

/// Returns the finding for a directory without a single file of a site.
fn not_a_site(sources: &Sources) -> Entry {
    let place = Place::file(&sources.root);
    if let Some((folder, cause)) = sources.unreadable.first_key_value() {
        let place = Place::file(format!("{}/{folder}", sources.root));
        return Entry::error("unreadable", place, format!("the directory cannot be read: {cause}"));
    }
    let fact = "not a site: found no site.yaml, envs/, manifests/ or nodes/";
    let entry = Entry::error("not-a-site", place, fact);
    match sources.ignored.first() {
        Some(ignored) => entry.hint(ignored.to_string()),
        None => entry,
    }
}

/// Returns whether a file in a directory of the site is read.
fn is_yaml(name: &str) -> bool {
    name.ends_with(".yaml") && !name.starts_with('.')
}

/// Notes the directories that look like those of a site, with the files in them.
fn misnamed_folders(root: &Path, parent: &str, others: &[String], sources: &mut Sources) {
    for name in others {
        let Some(meant) = misnamed::folder(&FOLDERS, parent, name) else { continue };
        let path = if parent.is_empty() { name.clone() } else { format!("{parent}/{name}") };
        let full = root.join(&path);
        if full.is_dir() {
            let stems = names(&full).unwrap_or_default().into_iter();
            let stems = stems.filter_map(|name| Some(name.strip_suffix(".yaml")?.to_owned()));
            let must = format!("its name must be {meant}");
            let stems = stems.collect();
            sources.ignored.push(Ignored {
                folder: Some(meant),
                stems,
                ..Ignored::new(path, must)
            });
        }
    }
}

/// Reads a file from outside the site, such as for `--manifest-file`. It may be a pipe.
pub(crate) fn load_file(path: &str, sources: &mut Sources) -> crate::source::FileId {
    let text = stream(Path::new(path)).and_then(utf8);
    sources.add_outside(SourceFile::new("", path, text).of_kind(&crate::shape::MANIFEST))
}

/// Reads a file that the site's YAML refers to and that is passed to a guest unchanged.
fn referenced_file(path: &str) -> Result<String, Unreadable> {
    let bytes = bytes(Path::new(path))?;
    if bytes.len() > seed::MAX_IMAGE {
        return Err(format!("is larger than {} MiB", seed::MAX_IMAGE >> 20).into());
    }
    utf8(bytes)
}

/// Returns the names in a directory, sorted. What is not UTF-8 in them is replaced.
#[expect(clippy::disallowed_methods, reason = "door: the site's folder")]
fn names(folder: &Path) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort_unstable();
    Ok(names)
}

/// Returns the names in a directory of the site; none if it does not exist. One that cannot be read
/// is noted: most runs do not need most directories.
fn names_in(root: &Path, folder: &'static str, sources: &mut Sources) -> Vec<String> {
    let full = root.join(folder);
    names(&full).unwrap_or_else(|e| {
        if is_present(&full) {
            sources.unreadable.insert(folder, e.to_string());
        }
        Vec::new()
    })
}

fn read(root: &Path, path: &str, sources: &mut Sources) {
    let text = text(&root.join(path));
    sources.add(SourceFile::new(&sources.root.clone(), path, text));
}

fn text(path: &Path) -> Result<String, Unreadable> {
    utf8(bytes(path)?)
}

fn utf8(bytes: Vec<u8>) -> Result<String, Unreadable> {
    String::from_utf8(bytes).map_err(|error| {
        let position = Position::of_invalid_utf8(error.as_bytes());
        Unreadable { fact: "is not UTF-8".to_owned(), position, hint: None }
    })
}

#[expect(clippy::disallowed_methods, reason = "door: the site's files")]
fn bytes(path: &Path) -> Result<Vec<u8>, Unreadable> {
    let meta = std::fs::metadata(path).map_err(cannot)?;
    // Reading a pipe could block forever.
    if !meta.is_file() {
        return Err("is not a file".to_owned().into());
    }
    if meta.len() > MAX_BYTES {
        return Err(too_large());
    }
    std::fs::read(path).map_err(cannot)
}

#[expect(clippy::disallowed_methods, reason = "door: the file that the user names")]
fn stream(path: &Path) -> Result<Vec<u8>, Unreadable> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(cannot)?;
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(cannot)?;
    // Reading a device could go on forever.
    if bytes.len() as u64 > MAX_BYTES { Err(too_large()) } else { Ok(bytes) }
}

fn cannot(error: std::io::Error) -> Unreadable {
    format!("cannot be read: {error}").into()
}

fn too_large() -> Unreadable {
    format!("is larger than {} MiB", MAX_BYTES >> 20).into()
}

/// Reads a file of secrets, decrypted by SOPS if needed, or the same with the suffix `.enc`.
fn read_secrets(root: &Path, name: &str, secrets: SecretsUse, sources: &mut Sources) {
    let clear = root.join(name);
    let mut from = name.to_owned();
    let text = if is_present(&clear) {
        match text(&clear) {
            Ok(text) if sops::is_encrypted(&text) => decrypted(&clear, secrets),
            other => {
                warn_of_mode(&clear, sources);
                other
            }
        }
    } else {
        from.push_str(ENCRYPTED);
        let encrypted = root.join(&from);
        if !is_present(&encrypted) {
            return;
        }
        decrypted(&encrypted, secrets)
    };
    let root = sources.root.clone();
    sources.add(SourceFile::new(&root, name, text).made_of(&root, &from));
}

/// Reads the files in secrets.d/.
fn read_secrets_folder(root: &Path, secrets: SecretsUse, sources: &mut Sources) {
    let names = names_in(root, SECRETS_FOLDER, sources);
    let clear = names.iter().map(|name| name.strip_suffix(ENCRYPTED).unwrap_or(name));
    let files: BTreeSet<&str> = clear.filter(|name| is_yaml(name)).collect();
    for name in files {
        read_secrets(root, &format!("{SECRETS_FOLDER}/{name}"), secrets, sources);
    }
    sources.ignored.extend(names.iter().filter_map(|name| misnamed::file(SECRETS_FOLDER, name)));
}

fn decrypted(path: &Path, secrets: SecretsUse) -> Result<String, Unreadable> {
    sops::decrypt(path).map_err(|problem| match problem {
        DecryptError::NotStarted(e) if e.kind() == ErrorKind::NotFound => Unreadable {
            fact: "is encrypted, but `sops` is not on PATH".to_owned(),
            position: None,
            hint: Some(match secrets {
                SecretsUse::Needed => "install sops".to_owned(),
                _ => "install sops, or use `--no-secrets`".to_owned(),
            }),
        },
        DecryptError::NotStarted(e) => {
            format!("is encrypted, but `sops` could not be started: {e}").into()
        }
        DecryptError::Refused(said) => {
            let said = said.lines().next().unwrap_or("nothing");
            format!("cannot be decrypted; sops says: {said}").into()
        }
        DecryptError::NotText => "is not UTF-8 after decryption".to_owned().into(),
    })
}

fn warn_of_mode(path: &Path, sources: &mut Sources) {
    let Ok(meta) = std::fs::metadata(path) else { return };
    if meta.permissions().mode() & 0o044 != 0 {
        let shown = path.display();
        let entry = Entry::warning(
            "readable-by-others",
            Place::file(shown.to_string()),
            "is readable by other users",
        );
        sources.report.push(entry.hint(format!("chmod 600 {}", shell_word(&shown.to_string()))));
    }
}
