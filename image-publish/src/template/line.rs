//! What is printed about a template: a row of a table, or an object of JSON. Does no I/O.

use serde::Serialize;

use super::census::CountedTemplate;
use super::found::{FoundTemplate, TemplateState};
use crate::show;

/// A template in a result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct TemplateLine {
    /// The image that it was made from.
    pub(crate) image: String,
    /// The start of the image's checksum.
    pub(crate) sum: String,
    /// The site that made it; empty for a site without a name.
    pub(crate) site: String,
    /// Its node.
    pub(crate) node: String,
    /// The storage of its disk; without a disk, the one that it was made for.
    pub(crate) storage: String,
    /// Its vmid.
    pub(crate) vmid: u32,
    /// Its disk, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) volid: Option<String>,
    /// The day, in UTC, on which it was created, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) date: Option<String>,
    /// The size of its disk in bytes, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) size: Option<u64>,
    /// `finished`, `half made`, `not bare` or `cannot be linked`.
    pub(crate) state: &'static str,
    /// The keys of its config that its clones get although nobody asked for them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) extras: Vec<String>,
    /// How many volumes depend on its disk; `None` if that is unknown.
    pub(crate) clones: Option<usize>,
    /// The same for people.
    #[serde(skip)]
    pub(crate) clones_shown: String,
    /// As that of an image.
    pub(crate) result: &'static str,
    /// Why it was removed or kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// The warnings about it.
    pub(crate) warnings: Vec<String>,
}

impl TemplateLine {
    /// Returns the line of a template that is there.
    pub(crate) fn new(counted: &CountedTemplate) -> Self {
        let CountedTemplate { template, clones } = counted;
        let FoundTemplate { mark, disk, .. } = template;
        let storage = disk.as_ref().map(|disk| disk.volid.storage().to_string());
        let day = |made: u64| show::day(i64::try_from(made).ok()?);
        Self {
            image: mark.image.clone(),
            sum: mark.digest.clone(),
            site: mark.site.clone(),
            node: template.node.to_string(),
            storage: storage.unwrap_or_else(|| mark.storage.clone()),
            vmid: template.vmid.get(),
            volid: disk.as_ref().map(|disk| disk.volid.to_string()),
            date: template.made.and_then(day),
            size: disk.as_ref().and_then(|disk| disk.size),
            state: state(template),
            extras: template.extras.clone(),
            clones: clones.count(),
            clones_shown: clones.shown(),
            result: "present",
            reason: None,
            warnings: Vec::new(),
        }
    }

    /// Returns the cells for the table of a command that removes.
    pub(crate) fn row(&self) -> [String; 4] {
        let Self { image, sum, storage, vmid, .. } = self;
        [
            format!("template {vmid} {image}-{sum} ({storage})"),
            self.size.map(show::bytes).unwrap_or_default(),
            self.result.to_owned(),
            self.reason.clone().unwrap_or_default(),
        ]
    }
}

/// Returns the state in words.
fn state(template: &FoundTemplate) -> &'static str {
    match template.state {
        TemplateState::Created | TemplateState::Flagged => "half made",
        TemplateState::CannotLink => "cannot be linked",
        TemplateState::Finished if template.extras.is_empty() => "finished",
        TemplateState::Finished => "not bare",
    }
}

/// Prints the table of `list`; `SITE` is shown where no document names one.
pub(crate) fn table(lines: &[TemplateLine], shows_site: bool) -> Vec<u8> {
    let mut header =
        vec!["TEMPLATE", "IMAGE", "CHECKSUM", "DATE", "SIZE", "NODE", "STORAGE", "CLONES", "STATE"];
    if shows_site {
        header.push("SITE");
    }
    let mut rows: Vec<Vec<String>> = vec![header.into_iter().map(str::to_owned).collect()];
    rows.extend(lines.iter().map(|line| {
        let unknown = || "-".to_owned();
        let state = match &line.extras[..] {
            extras if line.state == "not bare" => format!("not bare: {}", extras.join(", ")),
            _ => line.state.to_owned(),
        };
        let mut row = vec![
            line.vmid.to_string(),
            line.image.clone(),
            line.sum.clone(),
            line.date.clone().unwrap_or_else(unknown),
            line.size.map_or_else(unknown, show::bytes),
            line.node.clone(),
            line.storage.clone(),
            line.clones_shown.clone(),
            state,
        ];
        if shows_site {
            row.push(if line.site.is_empty() { unknown() } else { line.site.clone() });
        }
        row
    }));
    show::table(&rows).into_bytes()
}
