//! Reads the signing keys and the token.
//!
//! DOOR: reads key files, descriptors and stdin, and has `sops` decrypt a secrets.yaml.

use crate::Key;
use crate::key::{KeyProblem, KeyRing, KeyText};
use crate::secrets::{NamedHex, Secrets, SecretsError};
use stage::presence::is_present;
use stage::signing_key::HINT as KEYGEN;
use stage::sops::{self, DecryptError};
use stage::{Entry, Failure, Place, Position, shell_word};
use std::io::{IsTerminal, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The maximum size of a key file or a secrets.yaml; a larger file is something else.
const LARGEST: u64 = 4 << 20;

/// Where the signing keys come from. Has no `Debug`, because one variant holds a key.
pub(crate) enum KeySource {
    /// secrets.yaml in this directory.
    Site(PathBuf),
    /// A key file.
    File(PathBuf),
    /// An open descriptor.
    Descriptor(u32),
    /// The environment.
    Environment(KeyText),
    /// No source was given.
    None,
}

/// Why no key could be loaded.
pub(crate) struct KeyError {
    entry: Box<Entry>,
    absent: bool,
}

impl KeyError {
    fn new(place: Place, problem: KeyProblem) -> Self {
        let entry = Entry::error("invalid-key", place, problem.to_string());
        let entry = match problem {
            KeyProblem::SameName | KeyProblem::BadName => entry,
            KeyProblem::Invalid(_) | KeyProblem::Absent => entry.hint(KEYGEN),
        };
        Self { entry: Box::new(entry), absent: problem == KeyProblem::Absent }
    }

    fn absent(entry: Entry) -> Self {
        Self { entry: Box::new(entry), absent: true }
    }

    /// Returns the failure of the filter, which names the first VM that needs the key.
    pub(crate) fn due_for(self, vm: &Place) -> Failure {
        self.entry.note(format!("{vm} is the first that needs a token")).into()
    }

    /// Returns the failure in the server's words: the reference's code and text, with the reason as
    /// cause.
    pub(crate) fn on_server(mut self) -> Failure {
        let text = if self.absent {
            "Signing key not configured"
        } else {
            "Invalid signing key configuration"
        };
        self.entry.causes.insert(0, std::mem::take(&mut self.entry.fact));
        self.entry.fact = format!("E500: {text}");
        self.entry.answer("E500", 500).into()
    }
}

impl From<Entry> for KeyError {
    fn from(entry: Entry) -> Self {
        Self { entry: Box::new(entry), absent: false }
    }
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        (*error.entry).into()
    }
}

/// Reads the keys.
pub(crate) fn ring(source: &KeySource) -> Result<KeyRing, KeyError> {
    match source {
        KeySource::Site(folder) => site(folder),
        KeySource::File(path) => {
            // A key given as a file name must not be shown.
            if path.to_str().is_some_and(|name| Key::parse(name).is_ok()) {
                let place = Place::Named("--key-file".into());
                return Err(Entry::error(
                    "key-instead-of-file",
                    place,
                    "expected a file name, found a key",
                )
                .into());
            }
            let text = read(path, Guard::OwnerOnly)?;
            parsed(&text, &Place::file(path.display().to_string()))
        }
        KeySource::Descriptor(number) => {
            // Opened by path: using a descriptor by number is unsafe in Rust, and this crate has no
            // unsafe code.
            let path = PathBuf::from(format!("/dev/fd/{number}"));
            parsed(&read(&path, Guard::None)?, &Place::file(path.display().to_string()))
        }
        KeySource::Environment(text) => parsed(text, &Place::Named("HOMESTAK_SIGNING_KEY".into())),
        KeySource::None => {
            let entry = Entry::error(
                "no-signing-key",
                Place::Named("signing key".into()),
                "no source given",
            )
            .hint("use --site, --key-file, --key-fd or $HOMESTAK_SIGNING_KEY");
            Err(KeyError::absent(entry))
        }
    }
}

/// Reads the token from stdin, without whitespace around it.
pub(crate) fn token() -> Result<KeyText, Failure> {
    let mut stdin = std::io::stdin().lock();
    if stdin.is_terminal() {
        return Err(Entry::error(
            "terminal-input",
            Place::input(""),
            "expected a token, found a terminal",
        )
        .hint("pipe the token in, so that it is not kept in the shell's history")
        .into());
    }
    let mut bytes = zeroize::Zeroizing::new(Vec::new());
    let read = stdin.by_ref().take(LARGEST).read_to_end(&mut bytes);
    read.map_err(|e| Entry::error("unreadable", Place::input(""), "cannot be read").cause(&e))?;
    let text = std::str::from_utf8(bytes.trim_ascii()).unwrap_or("\u{fffd}");
    if text.is_empty() {
        let fact = "E300: Provisioning token required";
        let entry = Entry::error("token-rejected", Place::input(""), fact);
        return Err(entry.answer("E300", 400).into());
    }
    Ok(KeyText::new(text.to_owned()))
}

fn parsed(text: &str, place: &Place) -> Result<KeyRing, KeyError> {
    KeyRing::parse(text).map_err(|(line, problem)| {
        let place = match place {
            Place::File { path, .. } if line > 0 => at(path, Some((line, 1))),
            other => other.clone(),
        };
        KeyError::new(place, problem)
    })
}

/// Returns a position in a file with secrets, without an excerpt of the line.
fn at(path: &str, position: Option<(usize, usize)>) -> Place {
    let position = position.map(|(line, column)| Position { line, column });
    Place::File { path: path.to_owned(), position, excerpt: None }
}

/// Whether a file may be readable by others.
#[derive(Clone, Copy, PartialEq)]
enum Guard {
    /// A key file: refused if other users can read it, as ssh does.
    OwnerOnly,
    /// A secrets.yaml, for which resolve warns, or a descriptor.
    None,
}

#[expect(clippy::disallowed_methods, reason = "door: keys are read here")]
fn read(path: &Path, guard: Guard) -> Result<KeyText, KeyError> {
    let place = || Place::file(path.display().to_string());
    let unread = |e: std::io::Error| {
        KeyError::from(Entry::error("unreadable", place(), "cannot be read").cause(&e))
    };
    let file = std::fs::File::open(path).map_err(unread)?;
    // Checks the open file, not the path, which could be replaced in between.
    let metadata = file.metadata().map_err(unread)?;
    if guard == Guard::OwnerOnly && metadata.is_file() && metadata.permissions().mode() & 0o077 != 0
    {
        return Err(Entry::error(
            "readable-by-others",
            place(),
            "contains signing keys and is readable by other users",
        )
        .hint(format!("chmod 600 {}", shell_word(&path.display().to_string())))
        .into());
    }
    // Large enough that the buffer never grows and leaves a copy in memory.
    let room = usize::try_from(metadata.len().min(LARGEST)).unwrap_or_default() + 4096;
    let mut bytes = zeroize::Zeroizing::new(Vec::with_capacity(room));
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(unread)?;
    if bytes.len() as u64 > LARGEST {
        return Err(Entry::error("too-large", place(), "is larger than 4 MiB").into());
    }
    String::from_utf8(std::mem::take(&mut *bytes)).map(KeyText::new).map_err(|error| {
        let bytes = zeroize::Zeroizing::new(error.into_bytes());
        let position = Position::of_invalid_utf8(&bytes).map(|at| (at.line, at.column));
        let place = at(&path.display().to_string(), position);
        Entry::error("unreadable", place, "is not UTF-8").into()
    })
}

fn site(folder: &Path) -> Result<KeyRing, KeyError> {
    let (plain, encrypted) = (folder.join("secrets.yaml"), folder.join("secrets.yaml.enc"));
    let (path, text) = match (is_present(&plain), is_present(&encrypted)) {
        (true, _) => {
            let text = read(&plain, Guard::None)?;
            let text = if sops::is_encrypted(&text) { decrypt(&plain)? } else { text };
            (plain, text)
        }
        (false, true) => {
            let text = decrypt(&encrypted)?;
            (encrypted, text)
        }
        (false, false) => {
            let place = Place::file(plain.display().to_string());
            let entry = Entry::error(
                "no-signing-key",
                place,
                "does not exist, so there is no signing key to read",
            );
            return Err(KeyError::absent(entry.hint("use another source: --key-file or --key-fd")));
        }
    };
    keys(&path, &secrets(&path, &text)?)
}

fn secrets(path: &Path, text: &str) -> Result<Secrets, KeyError> {
    Secrets::parse(text).map_err(|SecretsError { at: position, two_merges }| {
        let place = at(&path.display().to_string(), position);
        if two_merges {
            let fact = "a mapping has two `<<`, which YAML readers understand differently";
            return Entry::error("duplicate-key", place, fact)
                .hint("write one `<<` with a list; its first mapping wins")
                .into();
        }
        let fact = "is not YAML with `auth.signing_key` as a string";
        Entry::error("not-yaml", place, fact)
            .hint("run `resolve check` to see what is wrong with the file")
            .into()
    })
}

fn keys(path: &Path, secrets: &Secrets) -> Result<KeyRing, KeyError> {
    let place = Place::file(path.display().to_string());
    let mut keys = Vec::new();
    for NamedHex { field, name, hex, at: position } in secrets.keys() {
        let key = Key::parse(hex).map_err(|problem| {
            let place = at(&path.display().to_string(), position);
            let entry = Entry::error("invalid-key", place, format!("`{field}` {problem}"));
            KeyError::from(entry.hint(KEYGEN))
        })?;
        keys.push((name.map(str::to_owned), key));
    }
    if keys.is_empty() {
        let entry =
            Entry::error("no-signing-key", place, "`auth.signing_key` is missing").hint(KEYGEN);
        return Err(KeyError::absent(entry));
    }
    let named_only = keys.iter().all(|(name, _)| name.is_some());
    let ring = KeyRing::new(keys).map_err(|problem| KeyError::new(place, problem))?;
    // The first name in alphabetical order may well be the key that is being retired.
    Ok(if named_only { ring.unordered() } else { ring })
}

fn decrypt(path: &Path) -> Result<KeyText, KeyError> {
    sops::decrypt(path).map(KeyText::new).map_err(|problem| {
        let error =
            |fact| Entry::error("unreadable", Place::file(path.display().to_string()), fact);
        let entry = match problem {
            DecryptError::NotStarted(e) => error("is encrypted, and `sops` cannot be started")
                .cause(&e)
                .hint("install sops, or decrypt the file to secrets.yaml"),
            DecryptError::Refused(said) => {
                error("cannot be decrypted").note(format!("sops says: {said}"))
            }
            DecryptError::NotText => error("is not text after decryption"),
        };
        entry.into()
    })
}
