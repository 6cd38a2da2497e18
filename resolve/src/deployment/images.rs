//! The image sources of a document. Does no I/O.

use super::ResolvedVm;
use crate::selection::DocumentOptions;
use crate::site::{Image, NodeFile, Site};
use crate::suggest;
use stage::{ImageSource, Vm};
use std::collections::{BTreeMap, BTreeSet};

/// Returns the sources of the images that the VMs use. An unknown image is reported, unless neither
/// site nor node has `images`: then images are expected on the node.
pub(super) fn sources(
    site: &mut Site<'_>,
    node: &NodeFile,
    vms: &[ResolvedVm<'_>],
    options: &DocumentOptions,
) -> BTreeMap<String, ImageSource> {
    let lists = [&node.images, &site.config.images];
    let known: BTreeMap<&str, Option<&Image>> = lists
        .into_iter()
        .rev()
        .flatten()
        .flat_map(|images| images.iter().map(|(name, image)| (name.as_str(), image.as_ref())))
        .collect();
    let mut out = BTreeMap::new();
    if lists.iter().all(|list| list.is_none()) {
        return out;
    }
    let mut missing = BTreeSet::new();
    for ResolvedVm { vm, image_at, imports, .. } in vms {
        let boot = Some((vm.image.as_str(), *image_at)).filter(|_| vm.image != Vm::NO_IMAGE);
        let data = imports.iter().map(|(name, at)| (name.as_str(), Some(*at)));
        for (name, at) in boot.into_iter().chain(data) {
            if name.is_empty() || out.contains_key(name) {
                continue;
            }
            match known.get(name) {
                Some(Some(image)) => {
                    out.insert(name.to_owned(), source(&site.sources.base, image, options));
                }
                Some(None) | None => missing.extend(at.map(|at| (at, name))),
            }
        }
    }
    let place = match (&node.images, &site.config.images) {
        (None, _) => "`images` of site.yaml",
        (_, None) => "`images` of the node",
        _ => "`images` of site.yaml and of the node",
    };
    let entries = missing.into_iter().map(|(at, name)| {
        let entry =
            site.sources.error("unknown-image", at, format!("image \"{name}\" does not exist"));
        entry.hint(match known.get(name) {
            Some(None) => format!("`images.{name}` is null: set its `file` or `url`"),
            _ => {
                let set = known.iter().filter(|(_, image)| image.is_some());
                suggest::reference(name, place, set.map(|(name, _)| *name))
            }
        })
    });
    entries.collect::<Vec<_>>().into_iter().for_each(|entry| site.report.push(entry));
    out
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
