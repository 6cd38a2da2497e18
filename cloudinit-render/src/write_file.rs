//! `WriteFile`: one entry of cloud-init's `write_files`. Does no I/O.
//!
//! cloud-init stops at the first entry that it cannot write, so unusable entries are refused here.

use crate::field::{single, unknown_keys};
use crate::paths;
use data_encoding::BASE64_MIME_PERMISSIVE;
use serde::Serialize;
use serde_json::Value;
use stage::Fields;
use stage::guest::{self, Rule};

/// One entry of cloud-init's `write_files`.
#[derive(Clone, Serialize)]
pub(crate) struct WriteFile {
    /// Absolute.
    pub(crate) path: String,
    /// Any text.
    pub(crate) content: String,
    /// Octal, as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    permissions: Option<String>,
    /// `user:group`.
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    /// How `content` is encoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding: Option<String>,
    /// Add to the file instead of replacing it.
    #[serde(skip_serializing_if = "Option::is_none")]
    append: Option<bool>,
    /// Write it after users and packages.
    #[serde(skip_serializing_if = "Option::is_none")]
    defer: Option<bool>,
}

const KEYS: [&str; 7] = ["path", "content", "permissions", "owner", "encoding", "append", "defer"];

impl WriteFile {
    /// Returns a file owned by root.
    pub(crate) fn of_root(path: &str, permissions: &str, content: String) -> Self {
        Self {
            path: path.to_owned(),
            content,
            permissions: Some(permissions.to_owned()),
            owner: None,
            encoding: None,
            append: None,
            defer: None,
        }
    }

    /// Returns a file that only this user can read, written after users are created.
    pub(crate) fn of_user(user: &str, path: &str, content: String) -> Self {
        Self {
            owner: Some(user.to_owned()),
            defer: Some(true),
            ..Self::of_root(path, "0600", content)
        }
    }

    /// Reads an entry. `users` are those that cloud-init creates in this or another guest.
    pub(crate) fn read(f: &mut Fields<'_>, users: &[&str]) -> Self {
        unknown_keys(f, &KEYS);
        if f.json().get("path").is_none_or(Value::is_null) {
            f.problem("missing-field", "path", "is required");
        }
        let file = Self {
            path: single(f, "path", path).unwrap_or_default(),
            content: f.text("content").unwrap_or_default(),
            permissions: single(f, "permissions", guest::permissions),
            owner: single(f, "owner", guest::owner),
            encoding: single(f, "encoding", encoding),
            append: f.flag("append"),
            defer: f.flag("defer"),
        };
        let is_keys = |user: &&str| file.path == paths::authorized_keys(user);
        if file.defer != Some(true) && users.iter().any(is_keys) {
            f.problem(
                "needs-defer",
                "path",
                "needs `defer: true`: the document's keys are written to this file later",
            );
        }
        if let Err(fact) = decodes(&file.content, file.encoding.as_deref().unwrap_or_default()) {
            f.problem("invalid-value", "content", fact);
        }
        let owners = file.owner.as_deref().unwrap_or_default();
        let late = owners.split(':').find(|owner| *owner != "root" && users.contains(owner));
        if let (Some(user), false) = (late, file.defer == Some(true)) {
            let fact =
                format!("\"{user}\" is created after the file is written; set `defer: true`");
            f.problem("invalid-value", "owner", fact);
        }
        file
    }
}

fn path(text: &str) -> Rule {
    if paths::BOOTSTRAP.contains(&text) {
        return Err("must not be a file that cloudinit-render writes itself");
    }
    guest::path(text)
}

fn encoding(text: &str) -> Rule {
    if guest::ENCODINGS.contains(&text) {
        return Ok(());
    }
    Err("must be base64, b64, gz+base64, gzip+base64, gz+b64, gzip+b64 or text/plain")
}

/// Checks that cloud-init can decode the content.
fn decodes(content: &str, encoding: &str) -> Rule {
    if !encoding.contains("64") {
        return Ok(());
    }
    let digits: String = content.split_ascii_whitespace().collect();
    match BASE64_MIME_PERMISSIVE.decode(digits.as_bytes()) {
        Err(_) => Err("must be base64 to match `encoding`"),
        Ok(bytes) if encoding.starts_with("gz") && !bytes.starts_with(b"\x1f\x8b") => {
            Err("must be gzip in base64 to match `encoding`")
        }
        Ok(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cloud_init_can_decode() {
        for (content, encoding, expected) in [
            ("any", "", true),
            ("any", "text/plain", true),
            ("", "b64", true),
            ("aGk=", "b64", true),
            (" aG\nk=\n", "base64", true),
            ("aGl=", "b64", true),
            ("aGk", "b64", false),
            ("!!", "b64", false),
            ("aé==", "base64", false),
            ("H4sIAAAAAAAAA8vIBACsKpPYAgAAAA==", "gz+b64", true),
            ("aGk=", "gzip+base64", false),
            ("", "gz+base64", false),
        ] {
            assert_eq!(decodes(content, encoding).is_ok(), expected, "{content:?} {encoding}");
        }
    }
}
