//! Resolves sites in memory: texts in, findings or a document out. Does no I/O.
//!
//! For tests that need thousands of sites, and for the fuzzer.

use crate::choose::choose;
use crate::selection::{Choice, DocumentOptions, Selection, VmSource};
use crate::shape;
use crate::site::Site;
use crate::source::{SourceFile, Sources};
use crate::yaml;
use stage::{Document, Report};

/// Validates the text of a file. `kind` is one that `resolve schema` knows; `None` for others.
pub fn validate(kind: &str, text: &str) -> Option<Report> {
    let (_, shape) = shape::KINDS.iter().find(|(name, _)| *name == kind)?;
    let mut sources = Sources::new("");
    let file = sources.add(SourceFile::new("", kind, Ok(text.to_owned())).of_kind(shape));
    let mut report = Report::new();
    if let Some(node) = yaml::parse(&sources, file, &mut report) {
        shape::walk(&sources, &node, shape, &mut report);
    }
    Some(report)
}

/// Resolves an env or a manifest of an in-memory site. `files` are paths and texts.
pub fn document(files: &[(&str, &str)], source: VmSource, node: &str) -> (Document, Report) {
    let mut sources = Sources::new("");
    for (path, text) in files {
        sources.add(SourceFile::new("", path, Ok((*text).to_owned())));
    }
    let options =
        DocumentOptions { parent: None, endpoint: None, spec_server: None, secrets: true };
    let node = Choice { value: node.to_owned(), by: "--node".to_owned() };
    let selection = Selection { source, node: Some(node), deployment: None, options };
    let mut site = Site::open(&sources, true);
    let chosen = choose(&mut site, &selection, None);
    let deployment = chosen.map(|(vm_set, node)| {
        crate::deployment::build(&mut site, &vm_set, &node, &selection.options)
    });
    let bytes = deployment.and_then(|deployment| deployment.to_bytes().ok()).unwrap_or_default();
    let document = Document::parse(&bytes).unwrap_or_default();
    (document, crate::sorted(site.report))
}

/// Checks an in-memory site.
pub fn check(files: &[(&str, &str)]) -> Report {
    let mut sources = Sources::new("");
    for (path, text) in files {
        sources.add(SourceFile::new("", path, Ok((*text).to_owned())));
    }
    let mut site = Site::open(&sources, true);
    crate::command::check(&mut site, true);
    crate::sorted(site.report)
}
