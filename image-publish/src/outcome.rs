//! The result of a command, for people and as versioned JSON. Does no I/O.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::published::{Action, Published};
use crate::show;
use crate::template::line::TemplateLine;

/// The version of each command's JSON.
pub(crate) const VERSION: u8 = 1;

/// Prints a result as JSON.
pub(crate) fn to_json(result: &impl Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(result).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

/// The result of a command.
#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    /// The version of this format.
    version: u8,
    /// The command.
    command: &'static str,
    /// Nothing was written.
    dry_run: bool,
    /// The result for each image.
    images: Vec<Line>,
    /// The result for each template of an image.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    templates: Vec<TemplateLine>,
}

/// The result for one image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Line {
    /// The image's name, where its file name shows one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// The node through which the storage was used; `None` for a directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) node: Option<String>,
    /// The storage.
    pub(crate) storage: String,
    /// Where it is.
    pub(crate) volid: String,
    /// `present`, `uploaded`, `downloaded`, `verified`, `removed`, `kept`; with a dry run `would be …`.
    pub(crate) result: &'static str,
    /// Its length in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) size: Option<u64>,
    /// The start of its checksum, as in its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sum: Option<String>,
    /// A VM of the document uses it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) used: Option<bool>,
    /// Why it was removed or kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// The warnings about it.
    pub(crate) warnings: Vec<String>,
}

impl Outcome {
    /// Gathers a command's result.
    pub(crate) fn new(command: &'static str, dry_run: bool, images: Vec<Line>) -> Self {
        Self { version: VERSION, command, dry_run, images, templates: Vec::new() }
    }

    /// Adds the results for templates.
    #[must_use]
    pub(crate) fn with_templates(self, templates: Vec<TemplateLine>) -> Self {
        Self { templates, ..self }
    }

    /// Prints the result for machines or for people.
    pub(crate) fn print(&self, json: bool) -> Vec<u8> {
        if json {
            return to_json(self);
        }
        let of_images = self.images.iter().filter_map(|line| line.node.as_ref());
        let of_templates = self.templates.iter().map(|line| &line.node);
        let nodes: BTreeSet<_> = of_images.chain(of_templates).collect();
        let on_several = nodes.len() > 1;
        let row = |line: &Line| {
            let size = line.size.map(show::bytes).unwrap_or_default();
            let used = if line.used == Some(true) { "used" } else { "" };
            let last = line.reason.as_deref().unwrap_or(used);
            let mut row = vec![line.volid.clone(), size, line.result.to_owned(), last.to_owned()];
            if on_several {
                row.insert(0, line.node.clone().unwrap_or_default());
            }
            row
        };
        let template = |line: &TemplateLine| {
            let node = on_several.then(|| line.node.clone());
            node.into_iter().chain(line.row()).collect()
        };
        let images = self.images.iter().map(row);
        let rows: Vec<Vec<String>> = images.chain(self.templates.iter().map(template)).collect();
        show::table(&rows).into_bytes()
    }
}

/// Returns whether a run has written anything.
pub(crate) fn has_changed(published: &[Published], dry_run: bool) -> bool {
    !dry_run && published.iter().any(|image| image.action != Action::Present)
}

impl Line {
    /// Returns the result for a published image; in a dry run, what it would be.
    pub(crate) fn of(published: &Published, dry_run: bool, warnings: Vec<String>) -> Self {
        let sum = crate::prepared::parse_stored_name(published.volid.file());
        Self {
            name: Some(published.name.clone()),
            node: published.node.clone(),
            storage: published.volid.storage().to_string(),
            volid: published.volid.to_string(),
            result: match (published.action, dry_run) {
                (Action::Present, _) => "present",
                (Action::Sent, false) => "uploaded",
                (Action::Sent, true) => "would be uploaded",
                (Action::Downloaded, false) => "downloaded",
                (Action::Downloaded, true) => "would be downloaded",
            },
            size: published.length,
            sum: sum.map(|(_, sum)| sum.to_owned()),
            used: None,
            reason: None,
            warnings,
        }
    }
}
