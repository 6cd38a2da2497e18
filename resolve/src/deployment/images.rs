//! The image sources of a document. Does no I/O.

use super::{Nodes, ResolvedVm};
use crate::selection::DocumentOptions;
use crate::site::{Image, Images, NodeFile, Site};
use crate::source::Span;
use crate::suggest;
use stage::{Entry, ImageSource, Vm};
use std::collections::{BTreeMap, BTreeSet};

/// The sources of a document.
#[derive(Default)]
pub(super) struct Sources {
    /// By image: on the document's node or, if no VM there needs the image, on the first that does.
    pub of_head: BTreeMap<String, ImageSource>,
    /// By node and image, where a node has another source.
    pub of_nodes: BTreeMap<String, BTreeMap<String, ImageSource>>,
}

/// The images that VMs on one node can use.
struct Known<'i> {
    node: &'i NodeFile,
    site: Option<&'i Images>,
}

/// An image that does not exist on some node, and where it is named.
type Missing<'v> = BTreeMap<(Span, &'v str), Vec<(&'v NodeFile, String)>>;

/// Returns the sources of the images that the VMs use. An unknown image is reported, unless neither
/// site nor node has `images`: then images are expected on the node.
pub(super) fn sources(
    site: &mut Site<'_>,
    nodes: &Nodes<'_>,
    vms: &[ResolvedVm<'_>],
    options: &DocumentOptions,
) -> Sources {
    let mut out = Sources::default();
    let mut missing = Missing::new();
    let of_site = site.config.images.as_ref();
    let is_head = |vm: &&ResolvedVm<'_>| nodes.of(vm).name() == nodes.head.name();
    let (on_head, others): (Vec<_>, Vec<_>) = vms.iter().partition(is_head);
    let mut seen = BTreeSet::new();
    for vm in on_head.into_iter().chain(others) {
        let known = Known { node: nodes.of(vm), site: of_site };
        for (name, at) in used(vm) {
            if known.is_unchecked() || !seen.insert((known.node.name(), name, at)) {
                continue;
            }
            match (known.image(name), at) {
                (Some(Some(image)), _) => {
                    out.add(known.node, name, source(&site.sources.base, image, options));
                }
                (_, Some(at)) => {
                    missing.entry((at, name)).or_default().push((known.node, known.hint(name)));
                }
                (_, None) => {}
            }
        }
    }
    let of_several = nodes.all().nth(1).is_some();
    let entry = |((at, name), on): ((Span, &str), Vec<(&NodeFile, String)>)| {
        let names = suggest::list(on.iter().map(|(node, _)| node.name()));
        let place = match on.len() {
            _ if !of_several => String::new(),
            1 => format!(" on node \"{names}\""),
            _ => format!(" on nodes {names}"),
        };
        let fact = format!("image \"{name}\" does not exist{place}");
        let entry = site.sources.error("unknown-image", at, fact);
        on.into_iter().take(1).fold(entry, |entry, (_, hint)| entry.hint(hint))
    };
    let entries: Vec<Entry> = missing.into_iter().map(entry).collect();
    entries.into_iter().for_each(|entry| site.report.push(entry));
    out
}

/// Returns the images of a VM, and where they are named.
fn used<'v>(vm: &'v ResolvedVm<'_>) -> impl Iterator<Item = (&'v str, Option<Span>)> {
    let boot = Some((vm.vm.image.as_str(), vm.image_at)).filter(|(name, _)| *name != Vm::NO_IMAGE);
    let data = vm.imports.iter().map(|(name, at)| (name.as_str(), Some(*at)));
    boot.into_iter().chain(data).filter(|(name, _)| !name.is_empty())
}

impl Sources {
    fn add(&mut self, node: &NodeFile, name: &str, source: ImageSource) {
        match self.of_head.get(name) {
            None => _ = self.of_head.insert(name.to_owned(), source),
            Some(first) if *first == source => {}
            Some(_) => {
                let own = self.of_nodes.entry(node.name().to_owned()).or_default();
                own.insert(name.to_owned(), source);
            }
        }
    }
}

impl Known<'_> {
    fn is_unchecked(&self) -> bool {
        self.node.images.is_none() && self.site.is_none()
    }

    /// Returns the image; `Some(None)` if it is `null`.
    fn image(&self, name: &str) -> Option<Option<&Image>> {
        let lists = [self.node.images.as_ref(), self.site];
        lists.into_iter().flatten().find_map(|images| images.get(name)).map(Option::as_ref)
    }

    fn hint(&self, name: &str) -> String {
        if let Some(None) = self.image(name) {
            return format!("`images.{name}` is null: set its `file` or `url`");
        }
        let place = match (&self.node.images, self.site) {
            (None, _) => "`images` of site.yaml",
            (_, None) => "`images` of the node",
            _ => "`images` of site.yaml and of the node",
        };
        let all: BTreeSet<&str> = [self.node.images.as_ref(), self.site]
            .into_iter()
            .flatten()
            .flat_map(BTreeMap::keys)
            .map(String::as_str)
            .filter(|name| matches!(self.image(name), Some(Some(_))))
            .collect();
        suggest::reference(name, place, all.iter().copied())
    }
}

/// Returns the document's entry. Paths are absolute, so that later stages can run in any directory.
fn source(base: &str, image: &Image, options: &DocumentOptions) -> ImageSource {
    let path =
        |path: &String| match path.starts_with('/') || base.is_empty() || path.contains("://") {
            true => path.clone(),
            false => format!("{}/{path}", base.trim_end_matches('/')),
        };
    ImageSource {
        file: options.address(image.file.as_ref().map(path)),
        url: options.address(image.url.clone()),
        checksum: image.checksum.as_ref().map(|sum| sum.to_lowercase()),
        checksum_url: options.address(image.checksum_url.as_ref().map(path)),
        mode: image.mode.clone(),
        format: image.format.clone(),
    }
}
