//! The document's VMs → the images that they need, and where each comes from. Does no I/O.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use machine::rule::IMAGE;
use stage::{Deployment, Entry, Place, Report, shown};

use crate::image_use::{self, Disk, ImageUse};
use crate::origin::{Origin, ResolvedSource, SumList, resolve};
use crate::show;
use crate::source::checksum::ExpectedSum;
use crate::source::format::Format;

/// An image that VMs of the document use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Its name in the document.
    pub(crate) name: String,
    /// The field of the document that has its source or volid; empty for an image of the command line.
    pub(crate) field: String,
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
    /// The nodes of the VMs that use it; empty for every node.
    pub(crate) nodes: BTreeSet<String>,
}

impl Wanted {
    fn new(name: &str, source: ResolvedSource, node: String, disks: Vec<Disk>) -> Self {
        let ResolvedSource { field, origin, sum, sum_list, format } = source;
        let nodes = BTreeSet::from([node]);
        Self { name: name.to_owned(), field, origin, sum, sum_list, format, disks, nodes }
    }

    /// Returns whether it comes from this source.
    fn has(&self, source: &ResolvedSource) -> bool {
        let ResolvedSource { field: _, origin, sum, sum_list, format } = source;
        self.origin == *origin
            && self.sum == *sum
            && self.sum_list == *sum_list
            && self.format == *format
    }

    /// Adds a node, and the disks that are created there.
    fn join(&mut self, node: String, disks: Vec<Disk>) {
        self.nodes.insert(node);
        self.disks.extend(disks);
    }

    /// Returns whether VMs on one of these nodes use it.
    pub(crate) fn is_for(&self, nodes: &BTreeSet<String>) -> bool {
        self.nodes.is_empty() || !self.nodes.is_disjoint(nodes)
    }

    /// Returns where it comes from, for messages.
    pub(crate) fn origin_shown(&self) -> String {
        match &self.origin {
            Origin::Volid(volid) => volid.to_string(),
            Origin::File(path) => shown::address(&path.display().to_string()),
            Origin::Url { url, .. } => url.to_string(),
        }
    }
}

/// The use of an image by all VMs of the document.
#[derive(Default)]
struct Uses {
    /// The first field that names it.
    first: String,
    /// The disks that are created from it, by node.
    disks: BTreeMap<String, Vec<Disk>>,
}

/// Returns the images that the VMs use, sorted by name; problems are added to the report.
///
/// An image that has another source on some node is there once for each source.
pub(crate) fn wanted(
    deployment: &Deployment,
    image_dir: &Path,
    report: &mut Report,
) -> Vec<Wanted> {
    let mut all = Vec::new();
    for (name, Uses { first, disks }) in uses(deployment, report) {
        if !IMAGE.accepts(&name) {
            let fact = format!("\"{name}\" must be {}", IMAGE.must);
            report.error("invalid-name", Place::input(first), fact);
            continue;
        }
        let mut of_name: Vec<Wanted> = Vec::new();
        let mut refused: Vec<Entry> = Vec::new();
        for (node, disks) in disks {
            match resolve(&name, &node, deployment, image_dir) {
                Ok(source) => match of_name.iter_mut().find(|one| one.has(&source)) {
                    Some(same) => same.join(node, disks),
                    None => of_name.push(Wanted::new(&name, source, node, disks)),
                },
                Err(entry) if refused.contains(&entry) => {}
                Err(entry) => refused.push(entry),
            }
        }
        refused.into_iter().for_each(|entry| report.push(entry));
        all.extend(of_name);
    }
    if deployment.nodes.is_empty() {
        // Whatever storage the run works on.
        all.iter_mut().for_each(|wanted| wanted.nodes.clear());
    }
    all
}

/// Returns the images that the VMs use, by name.
fn uses(deployment: &Deployment, report: &mut Report) -> BTreeMap<String, Uses> {
    let mut all: BTreeMap<String, Uses> = BTreeMap::new();
    for (index, vm) in deployment.vms.iter().enumerate() {
        let node = deployment.node_of(vm);
        for ImageUse { image, place, disk } in image_use::images(index, vm) {
            if image.is_empty() {
                let fact = "is required: the name of an image";
                report.error("missing-field", Place::input(place), fact);
                continue;
            }
            let uses = all.entry(image).or_insert_with(|| Uses { first: place, ..Uses::default() });
            uses.disks.entry(node.to_owned()).or_default().push(disk);
        }
    }
    all
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
    use crate::origin::Mode;
    use crate::source::address::Address;
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
            field: String::new(),
            nodes: BTreeSet::new(),
        };
        check_disks(&wanted, 2 << 30, &mut report);
        let found: Vec<_> = report.entries().iter().map(|e| e.place.to_string()).collect();
        assert_eq!(found, ["stdin: vms[1].disk"]);
    }
}
