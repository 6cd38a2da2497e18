//! `Sources`: the files of a site, and places in them. Does no I/O.

use crate::shape::{self, Shape, ShapeOutline};
use stage::shown::Masked;
use stage::{Entry, Excerpt, Place, Position, Report};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;
use std::sync::OnceLock;

/// Longer lines are not shown: they would fill the screen, and memory if they have many findings.
const MAX_LINE: usize = 500;

/// Identifies a file in [`Sources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FileId(u32);

/// A range within one line of a file.
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
    /// What is wrong.
    pub fact: String,
    /// Where it is, if it is at one place.
    pub position: Option<Position>,
    /// What to do.
    pub hint: Option<String>,
}

/// A file or directory that looks like one of the site and is not read.
#[derive(Clone, Debug)]
pub(crate) struct Ignored {
    /// Path in the site, such as `envs/dev.yml` or `env`.
    pub path: String,
    /// What its name must be.
    pub must: String,
    /// The directory that is meant, if it is one.
    pub folder: Option<&'static str>,
    /// The stems of the YAML files in it, if it is one.
    pub stems: Vec<String>,
}

/// One file of a site.
#[derive(Debug)]
pub(crate) struct SourceFile {
    /// Path in the site, such as `envs/dev.yaml`.
    pub path: String,
    /// The path for messages.
    pub shown: String,
    /// Its content, or why it cannot be read.
    pub text: Result<String, Unreadable>,
    /// Whether it contains secrets: then no line of it is shown.
    pub secret: bool,
    /// Its table, which decides what may be shown; without one, no value is shown.
    shape: Option<&'static Shape>,
    lines: OnceLock<Vec<usize>>,
    masked: OnceLock<Masked>,
}

/// The files of a site by path.
#[derive(Default)]
pub(crate) struct Sources {
    /// The site directory, for messages.
    pub root: String,
    /// The same as an absolute path, for paths in the document.
    pub base: String,
    /// Findings of the loader, such as a secrets file that is readable by others.
    pub report: Report,
    /// Files and directories that are ignored because of their names, such as `envs/dev.yml`.
    pub ignored: Vec<Ignored>,
    /// Directories that cannot be read, and why.
    pub unreadable: BTreeMap<&'static str, String>,
    files: Vec<SourceFile>,
    by_path: BTreeMap<String, FileId>,
    /// Reads files that the site's YAML refers to; `None` in memory.
    door: Option<Door>,
    /// The files that were read this way.
    referenced: RefCell<BTreeMap<String, ReferencedFile>>,
}

/// Reads a file by its path.
type Door = fn(&str) -> Result<String, Unreadable>;

/// The content of such a file.
type ReferencedFile = Result<Rc<str>, Unreadable>;

impl SourceFile {
    /// Creates a file of the site at `root`.
    pub(crate) fn new(root: &str, path: &str, text: Result<String, Unreadable>) -> Self {
        let shown = if root.is_empty() { path.to_owned() } else { format!("{root}/{path}") };
        let secret = path == "secrets.yaml" || path.starts_with("secrets.d/");
        let (lines, masked) = (OnceLock::new(), OnceLock::new());
        let shape = shape::of_path(path);
        Self { path: path.to_owned(), shown, text, secret, shape, lines, masked }
    }

    /// Sets the mask instead of computing it.
    pub(crate) fn with_mask(self, mask: Masked) -> Self {
        Self { masked: OnceLock::from(mask), ..self }
    }

    /// Sets the kind, for a file whose path does not tell it.
    pub(crate) fn of_kind(self, shape: &'static Shape) -> Self {
        Self { shape: Some(shape), ..self }
    }

    /// Sets the path for messages, for a file that was decrypted from another one.
    pub(crate) fn made_of(self, root: &str, path: &str) -> Self {
        Self { shown: format!("{root}/{path}"), ..self }
    }

    fn place(&self, at: Span, excerpt: Option<Excerpt>) -> Place {
        let position = Position { line: at.line as usize, column: at.column as usize };
        Place::File { path: self.shown.clone(), position: Some(position), excerpt }
    }

    /// Returns the byte range of a line, without the line end.
    fn line(&self, number: u32) -> Option<Range<usize>> {
        let text = self.text.as_deref().ok()?;
        let starts = self.lines.get_or_init(|| {
            let ends = text.bytes().enumerate().filter(|(_, b)| *b == b'\n');
            std::iter::once(0).chain(ends.map(|(i, _)| i + 1)).collect()
        });
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        let (mut start, next) = (*starts.get(index)?, starts.get(index + 1));
        let end = next.copied().unwrap_or(text.len());
        // A byte order mark does not count as a column.
        if index == 0 && text.starts_with('\u{feff}') {
            start = '\u{feff}'.len_utf8();
        }
        let line = text.get(start..end)?.trim_end_matches(['\n', '\r']);
        Some(start..start + line.len())
    }

    fn masked(&self) -> &Masked {
        let text = self.text.as_deref().unwrap_or_default();
        self.masked.get_or_init(|| Masked::of(text, self.shape.map(ShapeOutline::file)))
    }

    fn excerpt(&self, at: Span) -> Option<Excerpt> {
        let text = self.text.as_deref().ok().filter(|_| !self.secret)?;
        let line = self.line(at.line).filter(|line| line.len() <= MAX_LINE)?;
        let (column, width) = (at.column as usize, at.width as usize);
        Some(self.masked().excerpt(text, line, column, width))
    }

    /// Returns whether the text at a place may be shown.
    fn is_open(&self, at: Span) -> bool {
        let Some(line) = self.line(at.line).filter(|_| !self.secret) else { return false };
        let text = self.text.as_deref().unwrap_or_default().get(line.clone()).unwrap_or_default();
        let column = text.char_indices().nth((at.column as usize).saturating_sub(1));
        self.masked().is_open(line.start + column.map_or(text.len(), |(byte, _)| byte))
    }
}

impl Ignored {
    /// Creates an ignored file.
    pub(crate) fn new(path: impl Into<String>, must: impl Into<String>) -> Self {
        Self { path: path.into(), must: must.into(), folder: None, stems: Vec::new() }
    }

    /// Returns whether it is what a name of one of the directories means.
    pub(crate) fn is_meant_by(&self, folders: &[&str], name: &str) -> bool {
        match self.folder {
            Some(folder) => folders.contains(&folder) && self.stems.iter().any(|s| s == name),
            None => {
                let stem = self.path.rsplit_once('.').map(|(stem, _)| stem);
                folders.iter().any(|folder| stem == Some(&format!("{folder}/{name}")))
            }
        }
    }
}

impl std::fmt::Display for Ignored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let slash = if self.folder.is_some() { "/" } else { "" };
        write!(f, "{}{slash} is ignored: {}", self.path, self.must)
    }
}

impl From<String> for Unreadable {
    fn from(fact: String) -> Self {
        Self { fact, position: None, hint: None }
    }
}

impl Sources {
    /// Creates a site at `root`, without files.
    pub(crate) fn new(root: impl Into<String>) -> Self {
        Self { root: root.into(), ..Self::default() }
    }

    /// Adds a file, replacing one with the same path.
    pub(crate) fn add(&mut self, file: SourceFile) -> FileId {
        let path = file.path.clone();
        let id = self.add_outside(file);
        self.by_path.insert(path, id);
        id
    }

    /// Adds a file that is not part of the site, whatever its path.
    pub(crate) fn add_outside(&mut self, file: SourceFile) -> FileId {
        let id = FileId(u32::try_from(self.files.len()).unwrap_or(u32::MAX));
        self.files.push(file);
        id
    }

    /// Finds a file by its path in the site.
    pub(crate) fn find(&self, path: &str) -> Option<FileId> {
        self.by_path.get(path).copied()
    }

    /// Returns the file.
    pub(crate) fn file(&self, id: FileId) -> Option<&SourceFile> {
        self.files.get(id.0 as usize)
    }

    /// Returns all files, sorted by path.
    pub(crate) fn files(&self) -> impl Iterator<Item = (FileId, &SourceFile)> {
        self.by_path.values().filter_map(|id| Some((*id, self.file(*id)?)))
    }

    /// Returns the stems of the YAML files in a directory, sorted.
    pub(crate) fn stems<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = &'a str> {
        self.by_path.keys().filter_map(move |path| {
            let stem = path.strip_prefix(folder)?.strip_prefix('/')?.strip_suffix(".yaml")?;
            (!stem.contains('/')).then_some(stem)
        })
    }

    /// Sets the reader for files that the site's YAML refers to.
    pub(crate) fn with_door(self, door: Door) -> Self {
        Self { door: Some(door), ..self }
    }

    /// Returns the path of a file that the site's YAML refers to, relative to the site directory.
    pub(crate) fn path_of(&self, path: &str) -> String {
        match path.starts_with('/') || self.root.is_empty() {
            true => path.to_owned(),
            false => format!("{}/{path}", self.root),
        }
    }

    /// Returns the content of a file that the site's YAML refers to.
    pub(crate) fn referenced_file(&self, path: &str) -> ReferencedFile {
        if let Some(read) = self.referenced.borrow().get(path) {
            return read.clone();
        }
        let nowhere = || Err(Unreadable::from("cannot be read: there is no disk".to_owned()));
        let read = self.door.map_or_else(nowhere, |door| door(&self.path_of(path)));
        let read = read.map(Rc::from);
        self.referenced.borrow_mut().insert(path.to_owned(), read.clone());
        read
    }

    /// Returns the place of a span, with its line as far as it may be shown.
    pub(crate) fn place(&self, at: Span) -> Place {
        self.file(at.file).map_or(Place::Run, |file| file.place(at, file.excerpt(at)))
    }

    /// Returns whether a message may quote the text at a place.
    pub(crate) fn is_open(&self, at: Span) -> bool {
        self.file(at.file).is_some_and(|file| file.is_open(at))
    }

    /// Returns `envs/dev.yaml:3:7`, for a second place in a message.
    pub(crate) fn short(&self, at: Span) -> String {
        let shown = self.file(at.file).map_or("", |f| f.shown.as_str());
        format!("{shown}:{}:{}", at.line, at.column)
    }

    /// Creates an error at a place in a file.
    pub(crate) fn error(&self, code: &'static str, at: Span, fact: impl Into<String>) -> Entry {
        Entry::error(code, self.place(at), fact)
    }

    /// Creates a warning at a place in a file.
    pub(crate) fn warning(&self, code: &'static str, at: Span, fact: impl Into<String>) -> Entry {
        Entry::warning(code, self.place(at), fact)
    }
}

impl Span {
    /// Returns the first character of a file, the place of missing keys.
    pub(crate) fn start(file: FileId) -> Self {
        Self { file, line: 1, column: 1, width: 1 }
    }
}
