//! `list`: the images on a storage, as a table or as versioned JSON.

use serde::Serialize;
use stage::{Console, Deployment, Failure, Output, Report};

use super::{Users, open};
use crate::cli::ListArgs;
use crate::outcome::{VERSION, to_json};
use crate::plan::StoredFile;
use crate::prepared::{is_date, parse_stored_name};
use crate::show;
use crate::target::Target;

/// Lists the storage's images, ours and others; with a document, also which of its VMs use each.
pub(crate) fn run(args: &ListArgs, console: &Console) -> Result<Output, Failure> {
    let (target, deployment) = open(&args.connect, args.local_dir.as_deref(), "import", console)?;
    let image = |present: &StoredFile| ListedImage::new(present, &target, deployment.as_ref());
    let mut images: Vec<ListedImage> = target.present()?.iter().map(image).collect();
    let mut report = Report::new();
    if images.is_empty()
        && let Some(entry) = target.holds_no_images()
    {
        report.push(entry.as_warning());
    }
    images.sort_by(|a, b| a.volid.cmp(&b.volid));
    let list = Listing {
        version: VERSION,
        command: "list",
        dry_run: args.dry_run,
        storage: target.storage().to_string(),
        images,
    };
    let bytes = if args.json { to_json(&list) } else { list.table(deployment.is_some()) };
    Ok(Output::bytes(bytes, report))
}

/// The images on a storage.
#[derive(Debug, Serialize)]
struct Listing {
    /// The version of this format.
    version: u8,
    /// `list`.
    command: &'static str,
    /// The same as in the results of the other commands.
    dry_run: bool,
    /// The storage's name.
    storage: String,
    /// Its images, by volid.
    images: Vec<ListedImage>,
}

/// An image on a storage.
#[derive(Debug, Serialize)]
struct ListedImage {
    /// The image's name, where the file's name shows one.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
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
    fn new(present: &StoredFile, target: &Target, deployment: Option<&Deployment>) -> Self {
        let volid = target.volid(&present.file);
        let parts = parse_stored_name(&present.file).filter(|(_, digits)| !is_date(digits));
        let users = deployment.map(|deployment| Users::of(&volid, deployment));
        let names = users.as_ref().map(|users| {
            let names = if users.certain.is_empty() { &users.possible } else { &users.certain };
            names.iter().map(|name| (*name).to_owned()).collect()
        });
        Self {
            name: parts.map(|(name, _)| name.to_owned()),
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
    fn row(&self, has_document: bool) -> Vec<String> {
        let known = |text: Option<&str>| text.unwrap_or("-").to_owned();
        let mut row = vec![
            known(self.name.as_deref()),
            known(self.sum.as_deref()),
            known(self.date.as_deref()),
            show::bytes(self.size),
            self.volid.clone(),
        ];
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
    /// Prints the table; `USED BY` needs a document.
    fn table(&self, has_document: bool) -> Vec<u8> {
        let mut header = vec!["NAME", "CHECKSUM", "DATE", "SIZE", "VOLID"];
        if has_document {
            header.push("USED BY");
        }
        let mut rows = vec![header.into_iter().map(str::to_owned).collect()];
        rows.extend(self.images.iter().map(|image| image.row(has_document)));
        show::table(&rows).into_bytes()
    }
}
