//! `Report`: what a stage has found, in order, each finding with its place. Does no I/O.

use serde::Serialize;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The run fails.
    Error,
    /// The run fails only because the stage before has failed, and has said why; to a program this
    /// is an error like any other.
    #[serde(rename = "error")]
    Aftermath,
    /// Something the user can act on; the run goes on.
    Warning,
}

/// A line and a column, both counted from 1, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl Position {
    /// Returns the place of the first byte that is not UTF-8.
    pub fn of_invalid_utf8(bytes: &[u8]) -> Option<Self> {
        let end = std::str::from_utf8(bytes).err()?.valid_up_to();
        let valid = String::from_utf8_lossy(&bytes[..end]);
        let last = valid.rsplit('\n').next().unwrap_or_default();
        let line = valid.matches('\n').count() + 1;
        Some(Self { line, column: last.chars().count() + 1 })
    }
}

/// The line of a file that a finding is about, shown with carets under it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Excerpt {
    /// The line without its end, and without what may be a secret.
    pub text: String,
    /// Where the carets begin in `text`, in characters from 1. Not the position's column where
    /// something before it is masked.
    pub column: usize,
    /// How many characters the carets cover, at least 1.
    pub width: usize,
}

/// Where a finding is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// A file, with the position and the line when they are known.
    File {
        /// The path, as the user would type it.
        path: String,
        /// Where in the file.
        #[serde(skip_serializing_if = "Option::is_none")]
        position: Option<Position>,
        /// The line itself, as far as `shown` lets it be shown.
        #[serde(skip_serializing_if = "Option::is_none")]
        excerpt: Option<Excerpt>,
    },
    /// A field of the document on stdin, such as `vms[1].disk`; empty for the whole document.
    Input(String),
    /// A node, and a VM on it.
    Node {
        /// The node's name.
        node: String,
        /// The VM's vmid.
        #[serde(skip_serializing_if = "Option::is_none")]
        vmid: Option<u32>,
    },
    /// Anything else that has a name: a URL, a volid, an environment variable, a VM without vmid.
    Named(String),
    /// The run as a whole.
    Run,
}

impl Place {
    /// A whole file.
    pub fn file(path: impl Into<String>) -> Self {
        Self::File { path: path.into(), position: None, excerpt: None }
    }

    /// A field of the document on stdin.
    pub fn input(field: impl Into<String>) -> Self {
        Self::Input(field.into())
    }

    /// A VM on a node.
    pub fn vm(node: impl Into<String>, vmid: u32) -> Self {
        Self::Node { node: node.into(), vmid: Some(vmid) }
    }

    /// A node.
    pub fn node(node: impl Into<String>) -> Self {
        Self::Node { node: node.into(), vmid: None }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File { path, position: None, .. } => f.write_str(path),
            Self::File { path, position: Some(at), .. } => {
                write!(f, "{path}:{}:{}", at.line, at.column)
            }
            Self::Input(field) if field.is_empty() => f.write_str("stdin"),
            Self::Input(field) => write!(f, "stdin: {field}"),
            Self::Node { node, vmid: None } => write!(f, "node {node}"),
            Self::Node { node, vmid: Some(vmid) } => write!(f, "node {node}, vmid {vmid}"),
            Self::Named(name) => f.write_str(name),
            Self::Run => Ok(()),
        }
    }
}

/// What a server answers in the same case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// Its own code, such as `E301`.
    pub code: &'static str,
    /// The HTTP status.
    pub status: u16,
}

/// One finding: place, fact, cause, hint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// How bad it is.
    pub severity: Severity,
    /// The kind of finding, in kebab-case. It stays when the wording changes, for programs and tests.
    pub code: &'static str,
    /// Where it is.
    pub place: Place,
    /// What it is about, where that has a name, such as a VM: findings that differ in nothing else are
    /// printed once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<Box<str>>,
    /// What is so: lower case, no full stop.
    pub fact: String,
    /// Why, outermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
    /// Further lines: what PVE says, what was done and what was not reached, the UPID.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What a server answers in the same case; only in JSON, because the fact has its words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<Box<Answer>>,
    /// What to do, when there is something true to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Entry {
    /// A finding that fails the run.
    pub fn error(code: &'static str, place: Place, fact: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, place, fact.into())
    }

    /// A finding that fails the run and has its cause in the stage before.
    pub fn aftermath(code: &'static str, place: Place, fact: impl Into<String>) -> Self {
        Self::new(Severity::Aftermath, code, place, fact.into())
    }

    /// A finding that the user can act on.
    pub fn warning(code: &'static str, place: Place, fact: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, place, fact.into())
    }

    /// Names what it is about.
    #[must_use]
    pub fn about(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into().into_boxed_str());
        self
    }

    /// The same finding, when it stops nothing.
    #[must_use]
    pub fn as_warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// The same finding, when it fails the run.
    #[must_use]
    pub fn as_error(mut self) -> Self {
        self.severity = Severity::Error;
        self
    }

    /// Adds an error and all that caused it.
    ///
    /// The types of this project never print their source in `Display`, so the chain is walked here.
    #[must_use]
    pub fn cause(mut self, error: &dyn std::error::Error) -> Self {
        let chain = std::iter::successors(Some(error), |e| e.source());
        self.causes.extend(chain.map(ToString::to_string));
        self
    }

    /// Adds a line under the first one.
    #[must_use]
    pub fn note(mut self, line: impl Into<String>) -> Self {
        self.notes.push(line.into());
        self
    }

    /// Sets what a server answers in the same case.
    #[must_use]
    pub fn answer(mut self, code: &'static str, status: u16) -> Self {
        self.answer = Some(Box::new(Answer { code, status }));
        self
    }

    /// Sets what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    fn new(severity: Severity, code: &'static str, place: Place, fact: String) -> Self {
        debug_assert!(is_kebab_case(code), "a code is in kebab-case: {code}");
        let (causes, notes) = (Vec::new(), Vec::new());
        let (subject, answer, hint) = (None, None, None);
        Self { severity, code, place, subject, fact, causes, notes, answer, hint }
    }
}

fn is_kebab_case(code: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    code.split('-').all(is_word)
}

/// Findings in the order in which they were made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Report {
    entries: Vec<Entry>,
}

impl Report {
    /// A report with nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a finding.
    pub fn push(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    /// Adds an error.
    pub fn error(&mut self, code: &'static str, place: Place, fact: impl Into<String>) {
        self.push(Entry::error(code, place, fact));
    }

    /// Adds all of another report.
    pub fn extend(&mut self, other: Report) {
        self.entries.extend(other.entries);
    }

    /// Returns whether any finding is an error.
    pub fn has_errors(&self) -> bool {
        self.entries.iter().any(|e| e.severity != Severity::Warning)
    }

    /// The findings, in order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Puts the findings in the order of `key`; findings with the same key stay as they were.
    pub fn sort_by_key<K: Ord>(&mut self, key: impl Fn(&Entry) -> K) {
        self.entries.sort_by_key(key);
    }
}

impl From<Entry> for Report {
    fn from(entry: Entry) -> Self {
        Self { entries: vec![entry] }
    }
}
