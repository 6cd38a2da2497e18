//! DOOR: the site directory → [`Sources`]. Reads each file once.

mod discover;

pub(crate) use discover::{Environment, site_folder};

use crate::source::{SourceFile, Sources, Unreadable};
use stage::seed;
use stage::sops::{self, DecryptError};
use stage::{Entry, Failure, Place};
use std::io::ErrorKind;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The directories of a site that contain YAML.
const FOLDERS: [&str; 13] = [
    "envs",
    "hosts",
    "manifests",
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

const SITE: &str = "site.yaml";

/// Larger files are a mistake.
const MAX_BYTES: u64 = 64 << 20;

/// Reads the site's files, including secrets.yaml if `secrets` is set.
///
/// # Errors
/// The directory cannot be read or does not contain a site.
pub(crate) fn load(root: &Path, secrets: bool) -> Result<Sources, Failure> {
    let shown = root.display().to_string();
    let mut sources = Sources::new(shown.trim_end_matches('/')).with_door(referenced_file);
    // Without a current directory only an absolute root can be read.
    sources.base = std::path::absolute(root).unwrap_or(root.to_owned()).display().to_string();
    let others = names(root).map_err(|e| {
        Failure::from(
            Entry::error("unreadable", Place::file(&shown), "cannot read the site").cause(&e),
        )
    })?;
    let lost = |name: &String| matches!(name.as_str(), "site.yml" | "secrets.yml");
    sources.ignored.extend(others.into_iter().filter(lost));
    if is_named(&root.join(SITE)) {
        read(root, SITE, &mut sources);
    }
    for folder in FOLDERS {
        for name in names_in(root, folder, &mut sources) {
            let path = format!("{folder}/{name}");
            if name.ends_with(".yaml") && !name.starts_with('.') {
                read(root, &path, &mut sources);
            } else if name.ends_with(".yml") {
                sources.ignored.push(path);
            }
        }
    }
    if secrets {
        read_secrets(root, &mut sources);
    }
    if sources.files().next().is_none() {
        let fact = "not a site: found no site.yaml, envs/, manifests/ or nodes/";
        return Err(Entry::error("not-a-site", Place::file(&shown), fact).into());
    }
    Ok(sources)
}

/// Reads a file from outside the site, such as for `--manifest-file`. It may be a pipe.
pub(crate) fn load_file(path: &str, sources: &mut Sources) -> crate::source::FileId {
    let text = stream(Path::new(path)).and_then(utf8);
    sources.add(SourceFile::new("", path, text).of_kind(&crate::shape::MANIFEST))
}

/// Reads a file that the site's YAML refers to and that is passed to a guest unchanged.
fn referenced_file(path: &str) -> Result<String, Unreadable> {
    let bytes = bytes(Path::new(path))?;
    if bytes.len() > seed::MAX_IMAGE {
        return Err(format!("is larger than {} MiB", seed::MAX_IMAGE >> 20).into());
    }
    utf8(bytes)
}

#[expect(clippy::disallowed_methods, reason = "door: the site's folder")]
fn names(folder: &Path) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        names.extend(entry?.file_name().into_string());
    }
    names.sort_unstable();
    Ok(names)
}

/// Returns the names in a directory of the site; none if it does not exist.
fn names_in(root: &Path, folder: &str, sources: &mut Sources) -> Vec<String> {
    let full = root.join(folder);
    names(&full).unwrap_or_else(|e| {
        // A dangling link: the user meant a directory. This is only a warning, since most runs do
        // not need most directories, and a missing file is reported anyway.
        if is_named(&full) {
            let place = Place::file(format!("{}/{folder}", sources.root));
            sources
                .report
                .push(Entry::warning("unreadable", place, "cannot read the directory").cause(&e));
        }
        Vec::new()
    })
}

/// Returns whether a path exists, even as a dangling link.
fn is_named(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

fn read(root: &Path, path: &str, sources: &mut Sources) {
    let text = text(&root.join(path));
    sources.add(SourceFile::new(&sources.root.clone(), path, text));
}

fn text(path: &Path) -> Result<String, Unreadable> {
    utf8(bytes(path)?)
}

fn utf8(bytes: Vec<u8>) -> Result<String, Unreadable> {
    String::from_utf8(bytes).map_err(|_| Unreadable::from("is not UTF-8".to_owned()))
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

/// Reads secrets.yaml, decrypted by SOPS if needed, or secrets.yaml.enc.
fn read_secrets(root: &Path, sources: &mut Sources) {
    const CLEAR: &str = "secrets.yaml";
    const ENCRYPTED: &str = "secrets.yaml.enc";
    let clear = root.join(CLEAR);
    let mut from = CLEAR;
    let text = if is_named(&clear) {
        match text(&clear) {
            Ok(text) if sops::is_encrypted(&text) => decrypted(&clear),
            other => {
                warn_of_mode(&clear, sources);
                other
            }
        }
    } else {
        let encrypted = root.join(ENCRYPTED);
        from = ENCRYPTED;
        if !is_named(&encrypted) {
            return;
        }
        decrypted(&encrypted)
    };
    let root = sources.root.clone();
    sources.add(SourceFile::new(&root, CLEAR, text).made_of(&root, from));
}

fn decrypted(path: &Path) -> Result<String, Unreadable> {
    sops::decrypt(path).map_err(|problem| match problem {
        DecryptError::NotStarted(e) if e.kind() == ErrorKind::NotFound => Unreadable {
            fact: "is encrypted, but `sops` is not on PATH".to_owned(),
            hint: Some("install sops, or use `--no-secrets`".to_owned()),
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
        sources.report.push(entry.hint(format!("chmod 600 {shown}")));
    }
}
