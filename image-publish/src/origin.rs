//! Where an image comes from: an entry of `image_sources`, a volid of the document, or packer's layout.
//! Does no I/O.

use std::path::{Path, PathBuf};

use pve_client::Volid;
use stage::{Deployment, Entry, ImageSource, Place, shown};

use crate::source::address::Address;
use crate::source::checksum::{ExpectedSum, Sum};
use crate::source::format::Format;

/// Where checksums are listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SumList {
    /// In a local file.
    File(PathBuf),
    /// On a web server.
    Url(Address),
}

/// Where an image comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// It is already on a storage; the document has its volid.
    Volid(Volid),
    /// A local file, or its parts.
    File(PathBuf),
    /// A web server.
    Url {
        /// The address.
        url: Address,
        /// Who fetches it.
        mode: Mode,
    },
}

/// Who fetches a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Mode {
    /// The node, if it can use the file as it is and the token is allowed to ask for it; otherwise this machine.
    #[default]
    Auto,
    /// The node, by PVE's download-url.
    DownloadUrl,
    /// This machine, which then uploads.
    Upload,
}

impl Mode {
    /// The names in the document.
    const NAMES: [(&str, Self); 3] =
        [("auto", Self::Auto), ("download-url", Self::DownloadUrl), ("upload", Self::Upload)];

    /// Parses a name from the document.
    fn parse(text: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(name, _)| *name == text).map(|(_, mode)| *mode)
    }
}

/// Where an image comes from, and what its source says about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ResolvedSource {
    /// The field of the document that has the source, or would have it.
    pub(crate) field: String,
    /// Where it comes from.
    pub(crate) origin: Origin,
    /// Its expected checksum.
    pub(crate) sum: Option<ExpectedSum>,
    /// The list that has its checksum.
    pub(crate) sum_list: Option<SumList>,
    /// The format in its source.
    pub(crate) format: Option<Format>,
}

impl ResolvedSource {
    fn at(origin: Origin, field: String) -> Self {
        Self { field, origin, sum: None, sum_list: None, format: None }
    }
}

/// Finds where an image comes from for the VMs on a node.
pub(crate) fn resolve(
    name: &str,
    node: &str,
    deployment: &Deployment,
    image_dir: &Path,
) -> Result<ResolvedSource, Entry> {
    match deployment.image_source_on(node, name) {
        Some((source, field)) => from_source(field, source),
        None => from_map_or_folder(name, node, deployment, image_dir),
    }
}

/// Reads an entry of `image_sources`.
fn from_source(field: String, source: &ImageSource) -> Result<ResolvedSource, Entry> {
    let place = |key: &str| {
        let dot = if key.is_empty() { "" } else { "." };
        Place::input(format!("{field}{dot}{key}"))
    };
    let mode = match &source.mode {
        None => Mode::Auto,
        Some(text) => Mode::parse(text).ok_or_else(|| {
            Entry::error(
                "invalid-value",
                place("mode"),
                format!("\"{text}\" must be auto, download-url or upload"),
            )
        })?,
    };
    let origin = match (&source.file, &source.url) {
        (Some(file), None) => Origin::File(PathBuf::from(file)),
        (None, Some(text)) => {
            let url = Address::parse(text).ok_or_else(|| {
                let fact =
                    format!("\"{}\" must begin with `https://` or `http://`", shown::address(text));
                Entry::error("invalid-value", place("url"), fact)
            })?;
            Origin::Url { url, mode }
        }
        _ => {
            return Err(Entry::error(
                "missing-field",
                place(""),
                "must have either `file` or `url`",
            ));
        }
    };
    let sum = match &source.checksum {
        None => None,
        Some(text) => Some(Sum::parse(text).ok_or_else(|| {
            Entry::error(
                "invalid-value", place("checksum"),
                format!(
                    "\"{text}\" must be `sha256:` followed by 64, or `sha512:` followed by 128, hexadecimal digits"
                ),
            )
        })?),
    };
    let sum = sum.map(|sum| ExpectedSum { sum, by: "the site".to_owned(), pinned: true });
    let sum_list = source.checksum_url.as_ref().map(|text| {
        Address::parse(text).map_or_else(|| SumList::File(PathBuf::from(text)), SumList::Url)
    });
    let format = match &source.format {
        None => None,
        Some(text) => Some(Format::parse(text).ok_or_else(|| {
            Entry::error(
                "invalid-value",
                place("format"),
                format!("\"{text}\" must be qcow2, raw or vmdk"),
            )
        })?),
    };
    Ok(ResolvedSource { field, origin, sum, sum_list, format })
}

/// Finds an image that has no source: in `images`, or in packer's directory layout.
fn from_map_or_folder(
    name: &str,
    node: &str,
    deployment: &Deployment,
    image_dir: &Path,
) -> Result<ResolvedSource, Entry> {
    let source_field = format!("image_sources.{name}");
    // An entry from a dry run is not published yet, so its source counts.
    let is_there = |_: &(&String, String)| !deployment.images_pending.contains_key(name);
    let Some((text, field)) = deployment.image_on(node, name).filter(is_there) else {
        let file = image_dir.join(name).join(format!("{name}.qcow2"));
        return Ok(ResolvedSource::at(Origin::File(file), source_field));
    };
    let place = Place::input(&*field);
    let volid: Volid = text.parse().map_err(|_| {
        Entry::error(
            "invalid-value",
            place.clone(),
            format!("\"{}\" must be {}", shown::address(text), Volid::RULE),
        )
    })?;
    match volid.content() {
        // PVE: facts 17.
        Some("iso") => Err(Entry::error("iso-content", place, format!("\"{volid}\" is content `iso`; PVE creates disks from content `import` only"))
            .hint(format!("`image-publish publish FILE --name {name}` stores it as `import`; then remove this field"))),
        _ => Ok(ResolvedSource::at(Origin::Volid(volid), field)),
    }
}
