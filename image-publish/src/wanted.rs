//! The document's VMs → the images that they need, and where each comes from. Does no I/O.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use machine::rule::IMAGE;
use pve_client::Volid;
use stage::{Deployment, Entry, ImageSource, Place, Report, shown};

use crate::image_use::{self, Disk, ImageUse};
use crate::show;
use crate::source::address::Address;
use crate::source::checksum::{ExpectedSum, Sum};
use crate::source::format::Format;

/// An image that VMs of the document use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Its name in the document.
    pub(crate) name: String,
    /// Where it comes from.
    pub(crate) origin: Origin,
    /// Its expected checksum.
    pub(crate) sum: Option<ExpectedSum>,
    /// The list that has its checksum.
    pub(crate) sum_list: Option<SumList>,
    /// The format in its source.
    pub(crate) format: Option<Format>,
    /// The disks that are created from it.
    pub(crate) disks: Vec<Disk>,
}

impl Wanted {
    /// Returns where it comes from, for messages.
    pub(crate) fn origin_shown(&self) -> String {
        match &self.origin {
            Origin::Volid(volid) => volid.to_string(),
            Origin::File(path) => shown::address(&path.display().to_string()),
            Origin::Url { url, .. } => url.to_string(),
        }
    }
}

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

/// Returns the images that the VMs use, sorted by name; problems are added to the report.
pub(crate) fn wanted(
    deployment: &Deployment,
    image_dir: &Path,
    report: &mut Report,
) -> Vec<Wanted> {
    let mut disks: BTreeMap<String, (String, Vec<Disk>)> = BTreeMap::new();
    let vms = deployment.vms.iter().enumerate();
    for ImageUse { image, place, disk } in vms.flat_map(|(index, vm)| image_use::images(index, vm))
    {
        if image.is_empty() {
            report.error("missing-field", Place::input(place), "is required: the name of an image");
        } else {
            disks.entry(image).or_insert_with(|| (place, Vec::new())).1.push(disk);
        }
    }
    let mut all = Vec::new();
    for (name, (first, disks)) in disks {
        if !IMAGE.accepts(&name) {
            let fact = format!("\"{name}\" must be {}", IMAGE.must);
            report.error("invalid-name", Place::input(first), fact);
            continue;
        }
        let found = match deployment.image_sources.get(&name) {
            Some(source) => from_source(&name, source),
            None => from_map_or_folder(&name, deployment, image_dir),
        };
        match found {
            Ok(ResolvedSource { origin, sum, sum_list, format }) => {
                all.push(Wanted { name, origin, sum, sum_list, format, disks });
            }
            Err(entry) => report.push(entry),
        }
    }
    all
}

/// Where an image comes from, and what its source says about it.
struct ResolvedSource {
    origin: Origin,
    sum: Option<ExpectedSum>,
    sum_list: Option<SumList>,
    format: Option<Format>,
}

impl ResolvedSource {
    fn at(origin: Origin) -> Self {
        Self { origin, sum: None, sum_list: None, format: None }
    }
}

/// Reads an entry of `image_sources`.
fn from_source(name: &str, source: &ImageSource) -> Result<ResolvedSource, Entry> {
    let place = |key: &str| {
        let dot = if key.is_empty() { "" } else { "." };
        Place::input(format!("image_sources.{name}{dot}{key}"))
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
    Ok(ResolvedSource { origin, sum, sum_list, format })
}

/// Finds an image that has no source: in `images`, or in packer's directory layout.
fn from_map_or_folder(
    name: &str,
    deployment: &Deployment,
    image_dir: &Path,
) -> Result<ResolvedSource, Entry> {
    // An entry from a dry run is not published yet, so its source counts.
    let is_there = |_: &&String| !deployment.images_pending.contains_key(name);
    let Some(text) = deployment.images.get(name).filter(is_there) else {
        let file = image_dir.join(name).join(format!("{name}.qcow2"));
        return Ok(ResolvedSource::at(Origin::File(file)));
    };
    let place = Place::input(format!("images.{name}"));
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
        _ => Ok(ResolvedSource::at(Origin::Volid(volid))),
    }
}

/// Reports the VM disks that are smaller than the image's disk (PVE cannot shrink one).
pub(crate) fn check_disks(wanted: &Wanted, virtual_size: u64, report: &mut Report) {
    const GIB: u64 = 1 << 30;
    for disk in &wanted.disks {
        let Some(bytes) = disk.bytes.filter(|bytes| *bytes < virtual_size) else { continue };
        let size = if bytes.is_multiple_of(GIB) {
            format!("{} GiB", bytes / GIB)
        } else {
            show::bytes(bytes)
        };
        let fact = format!(
            "disk is {size}, but image \"{}\" needs {}",
            wanted.name,
            show::bytes(virtual_size)
        );
        let (key, needed) = (disk.key, virtual_size.div_ceil(GIB));
        let entry = Entry::error("disk-too-small", Place::input(&*disk.place), fact);
        report.push(entry.hint(format!("set `{key}: {needed}` or more")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stage::Document;

    fn check(json: &str, expected: &[Origin], places: &[&str]) {
        let document = Document::parse(json.as_bytes()).unwrap();
        let (deployment, mut report) = Deployment::read(&document);
        let all = wanted(&deployment, Path::new("images"), &mut report);
        assert_eq!(all.into_iter().map(|w| w.origin).collect::<Vec<_>>(), expected);
        let found: Vec<_> = report.entries().iter().map(|e| e.place.to_string()).collect();
        assert_eq!(found, places);
    }

    #[test]
    fn each_image_comes_from_the_first_source() {
        check(
            r#"{"images":{"b":"local:import/b.qcow2","c":"local:import/c.qcow2"},
                "image_sources":{"c":{"url":"https://x/c.qcow2","mode":"upload"},"unused":{}},
                "vms":[{"image":"b"},{"image":"a"},{"image":"a"},{"image":"c"}]}"#,
            &[
                Origin::File("images/a/a.qcow2".into()),
                Origin::Volid("local:import/b.qcow2".parse().unwrap()),
                Origin::Url {
                    url: Address::parse("https://x/c.qcow2").unwrap(),
                    mode: Mode::Upload,
                },
            ],
            &[],
        );
    }

    #[test]
    fn volids_of_a_dry_run_do_not_count() {
        check(
            r#"{"images":{"a":"local:import/a.qcow2","b":"local:import/b.qcow2"},
                "images_pending":{"a":null},"vms":[{"image":"a"},{"image":"b"}]}"#,
            &[
                Origin::File("images/a/a.qcow2".into()),
                Origin::Volid("local:import/b.qcow2".parse().unwrap()),
            ],
            &[],
        );
    }

    #[test]
    fn every_fault_is_reported() {
        check(
            r#"{"images":{"i":"local:iso/i.img","v":"nothing"},
                "image_sources":{"n":{},"f":{"file":"a","url":"https://x"},"u":{"url":"ftp://x"},
                                 "s":{"file":"a","checksum":"md5:12"},"m":{"url":"https://x","mode":"magic"},
                                 "q":{"file":"a","format":"img"}},
                "vms":[{"image":"../x"},{},{"image":"n"},{"image":"f"},{"image":"u"},{"image":"s"},{"image":"m"},
                       {"image":"i"},{"image":"v"},{"image":"q"}]}"#,
            &[],
            &[
                "stdin: vms[1].image",
                "stdin: vms[0].image",
                "stdin: image_sources.f",
                "stdin: images.i",
                "stdin: image_sources.m.mode",
                "stdin: image_sources.n",
                "stdin: image_sources.q.format",
                "stdin: image_sources.s.checksum",
                "stdin: image_sources.u.url",
                "stdin: images.v",
            ],
        );
    }

    #[test]
    fn a_disk_must_hold_the_image() {
        let mut report = Report::new();
        let disk = |index: usize, bytes: Option<u64>| Disk {
            place: format!("vms[{index}].disk"),
            key: "disk",
            bytes,
        };
        let sizes = [Some(2 << 30), Some((2 << 30) - 1), Some(3 << 30), None];
        let disks = sizes.into_iter().enumerate().map(|(i, bytes)| disk(i, bytes)).collect();
        let wanted = Wanted {
            name: "a".into(),
            origin: Origin::File("a".into()),
            sum: None,
            sum_list: None,
            format: None,
            disks,
        };
        check_disks(&wanted, 2 << 30, &mut report);
        let found: Vec<_> = report.entries().iter().map(|e| e.place.to_string()).collect();
        assert_eq!(found, ["stdin: vms[1].disk"]);
    }
}
