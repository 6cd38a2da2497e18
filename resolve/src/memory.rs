//! resolve without a disk: texts in, findings or a document out. Does no I/O.
//!
//! For the tests that need thousands of sites, and for the fuzzer.

use crate::choose::choose;
use crate::selection::{Choice, How, Selection, What};
use crate::shape;
use crate::site::Site;
use crate::source::{SourceFile, Sources};
use crate::yaml;
use stage::{Document, Report};

/// Judges the text of one file of a kind that `resolve schema` knows; `None` for another kind.
pub fn judge(kind: &str, text: &str) -> Option<Report> {
    let (_, shape) = shape::KINDS.iter().find(|(name, _)| *name == kind)?;
    let mut sources = Sources::new("");
    let file = sources.add(SourceFile::new("", kind, Ok(text.to_owned())).of_kind(shape));
    let mut report = Report::new();
    if let Some(node) = yaml::parse(&sources, file, &mut report) {
        shape::walk(&sources, &node, shape, &mut report);
    }
    Some(report)
}

/// Resolves an env or a manifest of a site of texts, by their paths.
pub fn document(files: &[(&str, &str)], what: What, node: &str) -> (Document, Report) {
    let mut sources = Sources::new("");
    for (path, text) in files {
        sources.add(SourceFile::new("", path, Ok((*text).to_owned())));
    }
    let how = How { parent: None, endpoint: None, secrets: true };
    let node = Choice { value: node.to_owned(), by: "--node".to_owned() };
    let selection = Selection { what, node: Some(node), deployment: None, how };
    let mut site = Site::open(&sources, true);
    let chosen = choose(&mut site, &selection, None);
    let made = chosen
        .map(|(group, node)| crate::resolve::resolve(&mut site, &group, &node, &selection.how));
    let bytes = made.and_then(|made| made.to_bytes().ok()).unwrap_or_default();
    let document = Document::parse(&bytes).unwrap_or_default();
    (document, crate::in_order(site.report))
}

/// Checks a site of texts.
pub fn check(files: &[(&str, &str)]) -> Report {
    let mut sources = Sources::new("");
    for (path, text) in files {
        sources.add(SourceFile::new("", path, Ok((*text).to_owned())));
    }
    let mut site = Site::open(&sources, true);
    crate::command::check(&mut site, true);
    crate::in_order(site.report)
}
