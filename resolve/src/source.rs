//! `Sources`: the texts of a site, and places in them. Does no I/O.

use stage::{Entry, Excerpt, Place, Position, Report};
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// A longer line is not shown: it would fill the screen, and memory when it has many faults.
const MAX_LINE: usize = 500;

/// Which file of [`Sources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FileId(u32);

/// A stretch of one line of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    /// The file.
    pub file: FileId,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// Characters covered, at least 1.
    pub width: u32,
}

/// Why a file cannot be read.
#[derive(Clone, Debug)]
pub(crate) struct Unreadable {
    /// What is so.
    pub fact: String,
    /// What to do.
    pub hint: Option<String>,
}

/// One file of a site.
#[derive(Debug)]
pub(crate) struct SourceFile {
    /// Path in the site, such as `envs/dev.yaml`.
    pub path: String,
    /// The path as the user would type it.
    pub shown: String,
    /// What it holds, or why it cannot be read.
    pub text: Result<String, Unreadable>,
    /// Whether it holds secrets: then no line of it is ever shown.
    pub secret: bool,
    lines: OnceLock<Vec<usize>>,
}

/// The texts of a site by path. Only what was there.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    /// The site's folder as the user would type it.
    pub root: String,
    /// Findings made while loading, such as a secrets file that others can read.
    pub report: Report,
    /// Files that look like YAML but are never read, such as `envs/dev.yml`.
    pub passed_over: Vec<String>,
    files: Vec<SourceFile>,
    by_path: BTreeMap<String, FileId>,
}

impl SourceFile {
    /// A file of the site at `root`.
    pub(crate) fn new(root: &str, path: &str, text: Result<String, Unreadable>) -> Self {
        let shown = if root.is_empty() { path.to_owned() } else { format!("{root}/{path}") };
        let secret = path == "secrets.yaml";
        Self { path: path.to_owned(), shown, text, secret, lines: OnceLock::new() }
    }

    /// The same, made of another file, such as of an encrypted one.
    pub(crate) fn made_of(self, root: &str, path: &str) -> Self {
        Self { shown: format!("{root}/{path}"), ..self }
    }

    fn place(&self, at: Span, excerpt: Option<Excerpt>) -> Place {
        let position = Position { line: at.line as usize, column: at.column as usize };
        Place::File { path: self.shown.clone(), position: Some(position), excerpt }
    }

    /// The line with this number, without its end; `None` when it must not be shown.
    fn line(&self, number: u32) -> Option<&str> {
        let text = self.text.as_deref().ok()?;
        let starts = self.lines.get_or_init(|| {
            let ends = text.bytes().enumerate().filter(|(_, b)| *b == b'\n');
            std::iter::once(0).chain(ends.map(|(i, _)| i + 1)).collect()
        });
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        let (start, next) = (*starts.get(index)?, starts.get(index + 1));
        let line = text.get(start..next.copied().unwrap_or(text.len()))?;
        // A byte order mark is no column.
        let line = if index == 0 { line.strip_prefix('\u{feff}').unwrap_or(line) } else { line };
        let shown = line.len() <= MAX_LINE && !holds_token(line);
        shown.then(|| line.trim_end_matches(['\n', '\r']))
    }
}

/// A token of PVE's API, `user@realm!id=uuid`, is a secret in the wrong file too.
fn holds_token(line: &str) -> bool {
    const UUID: usize = 36;
    let uuid = |text: &[u8]| text.iter().all(|b| b.is_ascii_hexdigit() || *b == b'-');
    line.contains('!')
        && line.split('=').skip(1).any(|text| text.as_bytes().get(..UUID).is_some_and(uuid))
}

impl From<String> for Unreadable {
    fn from(fact: String) -> Self {
        Self { fact, hint: None }
    }
}

impl Sources {
    /// The site at `root`, without files yet.
    pub(crate) fn new(root: impl Into<String>) -> Self {
        Self { root: root.into(), ..Self::default() }
    }

    /// Adds a file; one with the same path is replaced.
    pub(crate) fn add(&mut self, file: SourceFile) -> FileId {
        let id = FileId(u32::try_from(self.files.len()).unwrap_or(u32::MAX));
        self.by_path.insert(file.path.clone(), id);
        self.files.push(file);
        id
    }

    /// Finds a file by its path in the site.
    pub(crate) fn find(&self, path: &str) -> Option<FileId> {
        self.by_path.get(path).copied()
    }

    /// The file.
    pub(crate) fn file(&self, id: FileId) -> Option<&SourceFile> {
        self.files.get(id.0 as usize)
    }

    /// All files, in the order of their paths.
    pub(crate) fn files(&self) -> impl Iterator<Item = (FileId, &SourceFile)> {
        self.by_path.values().filter_map(|id| Some((*id, self.file(*id)?)))
    }

    /// The stems of the YAML files right in a folder, in order.
    pub(crate) fn stems<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = &'a str> {
        self.by_path.keys().filter_map(move |path| {
            let stem = path.strip_prefix(folder)?.strip_prefix('/')?.strip_suffix(".yaml")?;
            (!stem.contains('/')).then_some(stem)
        })
    }

    /// The place of a span, with the line unless it may hold a secret.
    pub(crate) fn place(&self, at: Span) -> Place {
        let Some(file) = self.file(at.file) else { return Place::Run };
        let line = if file.secret { None } else { file.line(at.line) };
        let excerpt = line.map(|line| {
            let room = line.chars().count().saturating_sub(at.column as usize - 1);
            let width = (at.width as usize).min(room).max(1);
            Excerpt { text: line.to_owned(), width }
        });
        file.place(at, excerpt)
    }

    /// The place of a span, for what must not be shown.
    pub(crate) fn place_without_line(&self, at: Span) -> Place {
        self.file(at.file).map_or(Place::Run, |file| file.place(at, None))
    }

    /// `envs/dev.yaml:3:7`, for messages that name a second place.
    pub(crate) fn short(&self, at: Span) -> String {
        let shown = self.file(at.file).map_or("", |f| f.shown.as_str());
        format!("{shown}:{}:{}", at.line, at.column)
    }

    /// An error at a place in a file.
    pub(crate) fn error(&self, at: Span, fact: impl Into<String>) -> Entry {
        Entry::error(self.place(at), fact)
    }

    /// A warning at a place in a file.
    pub(crate) fn warning(&self, at: Span, fact: impl Into<String>) -> Entry {
        Entry::warning(self.place(at), fact)
    }
}

impl Span {
    /// The first character of a file: the place of what is missing in it.
    pub(crate) fn start(file: FileId) -> Self {
        Self { file, line: 1, column: 1, width: 1 }
    }
}
