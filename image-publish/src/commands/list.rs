//! `list`: the images on the storages, and their templates, as tables or as versioned JSON.

use serde::Serialize;
use stage::{Console, Deployment, Entry, Failure, Output, Report};

use super::template_census::TemplateCensus;
use super::{Users, open};
use crate::away;
use crate::cli::ListArgs;
use crate::destination::Destination;
use crate::outcome::{VERSION, to_json};
use crate::plan::StoredFile;
use crate::prepared::{is_date, parse_stored_name};
use crate::show;
use crate::template::line::{self, TemplateLine};

/// Lists the storages' images, ours and others; with a document, also which of its VMs use each.
pub(crate) fn run(args: &ListArgs, console: &Console) -> Result<Output, Failure> {
    let (destinations, deployment) =
        open(&args.connect, args.local_dir.as_deref(), "import", console)?;
    let mut report = Report::new();
    away::skipped(&destinations).into_iter().for_each(|entry| report.push(entry));
    let mut images = Vec::new();
    for one in &destinations.online {
        match listed(one, deployment.as_ref(), &mut report) {
            Ok(found) => images.extend(found),
            Err(entry) => report.push(entry),
        }
    }
    let storage = match &destinations.online[..] {
        [one] => Some(one.target.storage().to_string()),
        _ => None,
    };
    if report.has_errors() {
        return Err(report.into());
    }
    let templates = match TemplateCensus::of(&destinations, args.connect.node.as_deref()) {
        Ok(found) => {
            found.left_out().for_each(|entry| report.push(entry));
            found.lines(deployment.as_ref())
        }
        Err(entry) => {
            report.push(entry);
            return Err(report.into());
        }
    };
    let (version, command) = (VERSION, "list");
    let list = Listing { version, command, dry_run: args.dry_run, storage, images, templates };
    let bytes = if args.json { to_json(&list) } else { list.table(deployment.is_some()) };
    Ok(Output::bytes(bytes, report))
}

/// Returns the images on a storage, by volid.
fn listed(
    one: &Destination,
    deployment: Option<&Deployment>,
    report: &mut Report,
) -> Result<Vec<ListedImage>, Entry> {
    let image = |present: &StoredFile| ListedImage::new(present, one, deployment);
    let mut images: Vec<ListedImage> = one.present()?.iter().map(image).collect();
    if images.is_empty()
        && let Some(entry) = one.target.holds_no_images()
    {
        report.push(entry.as_warning());
    }
    images.sort_by(|a, b| a.volid.cmp(&b.volid));
    Ok(images)
}

/// The images on the storages.
#[derive(Debug, Serialize)]
struct Listing {
    /// The version of this format.
    version: u8,
    /// `list`.
    command: &'static str,
    /// The same as in the results of the other commands.
    dry_run: bool,
    /// The storage's name, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    storage: Option<String>,
    /// The images, by storage and volid.
    images: Vec<ListedImage>,
    /// The templates of images, by vmid; those of the document's site, if there is a document.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    templates: Vec<TemplateLine>,
}

/// An image on a storage.
#[derive(Debug, Serialize)]
struct ListedImage {
    /// The image's name, where the file's name shows one.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// The node through which the storage was listed; `None` for a directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<String>,
    /// The storage.
    storage: String,
    /// Its volid.
    volid: String,
    /// `present`, as in the results of the other commands.
    result: &'static str,
    /// The first 12 digits of its checksum, where the file's name holds them.
    #[serde(skip_serializing_if = "Option::is_none")]
    sum: Option<String>,
    /// The day, in UTC, on which the file was written, as far as the storage knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<String>,
    /// Its length in bytes.
    size: u64,
    /// Whether VMs of the document use it; absent without a document, or when that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    used: Option<bool>,
    /// The VMs of the document that use it, or may use it while `used` is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    used_by: Option<Vec<String>>,
    /// As in the results of the other commands; empty.
    warnings: [String; 0],
}

impl ListedImage {
    fn new(present: &StoredFile, one: &Destination, deployment: Option<&Deployment>) -> Self {
        let volid = one.target.volid(&present.file);
        let parts = parse_stored_name(&present.file).filter(|(_, digits)| !is_date(digits));
        let users = deployment.map(|deployment| Users::of(&volid, one, deployment));
        let names = users.as_ref().map(|users| {
            let names = if users.certain.is_empty() { &users.possible } else { &users.certain };
            names.iter().map(|name| (*name).to_owned()).collect()
        });
        Self {
            name: parts.map(|(name, _)| name.to_owned()),
            node: one.target.node().map(ToString::to_string),
            storage: one.target.storage().to_string(),
            volid: volid.to_string(),
            result: "present",
            sum: parts.map(|(_, digits)| digits.to_owned()),
            date: present.made.and_then(|made| show::day(i64::try_from(made).ok()?)),
            size: present.size,
            used: users.and_then(|users| users.any()),
            used_by: names,
            warnings: [],
        }
    }

    /// Returns the cells of its row.
    fn row(&self, has_document: bool, shows_node: bool) -> Vec<String> {
        let known = |text: Option<&str>| text.unwrap_or("-").to_owned();
        let mut row = if shows_node { vec![known(self.node.as_deref())] } else { Vec::new() };
        row.extend([
            known(self.name.as_deref()),
            known(self.sum.as_deref()),
            known(self.date.as_deref()),
            show::bytes(self.size),
            self.volid.clone(),
        ]);
        if has_document {
            let names = self.used_by.as_deref().unwrap_or_default().join(",");
            row.push(match self.used {
                Some(true) => names,
                Some(false) => "-".to_owned(),
                None => format!("{names}?"),
            });
        }
        row
    }
}

impl Listing {
    /// Prints the table; `USED BY` needs a document, and `NODE` several storages.
    fn table(&self, has_document: bool) -> Vec<u8> {
        let shows_node = self.storage.is_none();
        let mut header = if shows_node { vec!["NODE"] } else { Vec::new() };
        header.extend(["NAME", "CHECKSUM", "DATE", "SIZE", "VOLID"]);
        if has_document {
            header.push("USED BY");
        }
        let mut rows = vec![header.into_iter().map(str::to_owned).collect()];
        rows.extend(self.images.iter().map(|image| image.row(has_document, shows_node)));
        let mut tables = show::table(&rows).into_bytes();
        if !self.templates.is_empty() {
            tables.push(b'\n');
            tables.extend(line::table(&self.templates, !has_document));
        }
        tables
    }
}
