//! `resolve check`: every file of a site, and everything that can be made of it. Does no I/O.

use crate::resolve::resolve;
use crate::selection::How;
use crate::shape::{self, Shape};
use crate::site::{
    ENVS, Group, HOSTS, Kind, MANIFESTS, NODES, NodeFile, POSTURES, PRESETS, SPECS, Site, TEMPLATES,
};
use crate::source::FileId;
use crate::suggest;
use stage::{Entry, Place};

/// Files of these kinds are there to be named by others.
const NAMED_BY_OTHERS: [(&Kind, &Shape); 4] = [
    (&PRESETS, &shape::PRESET),
    (&TEMPLATES, &shape::TEMPLATE),
    (&SPECS, &shape::SPEC),
    (&POSTURES, &shape::POSTURE),
];

/// Checks the site and returns a summary; what is wrong goes into the site's report.
pub(crate) fn check(site: &mut Site<'_>, secrets: bool) -> String {
    let nodes: Vec<NodeFile> =
        site.names(&NODES).into_iter().filter_map(|n| site.node(n)).collect();
    let mut groups: Vec<Group> = Vec::new();
    groups.extend(site.names(&ENVS).into_iter().filter_map(|name| site.env(name)));
    groups.extend(site.names(&MANIFESTS).into_iter().filter_map(|name| site.manifest(name)));
    for group in &groups {
        nodes.iter().for_each(|node| check_group(site, group, node, secrets));
    }
    for name in site.names(&SPECS) {
        super::spec(site, name);
    }
    let unused = unused(site);
    check_rest(site);
    for path in &site.sources.passed_over {
        let place = Place::file(format!("{}/{path}", site.sources.root));
        let entry = Entry::warning(place, "is not read: its name must end in .yaml");
        site.report.push(entry);
    }
    summary(site, &unused)
}

fn check_group(site: &mut Site<'_>, group: &Group, node: &NodeFile, secrets: bool) {
    let nested = group.machines.iter().filter(|m| m.kind.value().is_some_and(|k| k == "pve"));
    let parents = nested.filter_map(|machine| machine.name.value());
    for parent in std::iter::once(None).chain(parents.map(Some)) {
        let how = How { parent: parent.cloned(), endpoint: None, secrets };
        resolve(site, group, node, &how);
    }
}

/// The files that nothing names, and that have not been read for that reason.
fn unused(site: &mut Site<'_>) -> Vec<String> {
    let mut unused = Vec::new();
    for (kind, shape) in NAMED_BY_OTHERS {
        for folder in kind.folders {
            for file in files(site, folder) {
                if site.is_named(file) {
                    continue;
                }
                let Some(node) = site.parse(file, shape) else { continue };
                // A template that nothing names must still lead somewhere.
                if let Some(preset) = node.get("preset").filter(|_| kind == &TEMPLATES) {
                    let name = preset.text().unwrap_or_default().to_owned();
                    site.find(&PRESETS, &name, Some(preset.at));
                }
                // Whoever names no posture has this one.
                let default = kind == &POSTURES && path(site, file).ends_with("/dev.yaml");
                if !default {
                    unused.push(path(site, file).to_owned());
                }
            }
        }
    }
    unused
}

fn check_rest(site: &mut Site<'_>) {
    for (folder, shape) in [(HOSTS.folders[0], &shape::HOST), ("v2/postures", &shape::POSTURE)] {
        for file in files(site, folder) {
            site.parse(file, shape);
        }
    }
}

fn files(site: &Site<'_>, folder: &str) -> Vec<FileId> {
    let paths = site.sources.stems(folder).map(|stem| format!("{folder}/{stem}.yaml"));
    paths.filter_map(|path| site.sources.find(&path)).collect()
}

fn path<'s>(site: &Site<'s>, file: FileId) -> &'s str {
    site.sources.file(file).map_or("", |f| f.path.as_str())
}

fn summary(site: &Site<'_>, unused: &[String]) -> String {
    let counts = [&ENVS, &MANIFESTS, &NODES, &PRESETS, &TEMPLATES, &SPECS, &POSTURES].map(|kind| {
        let count = site.names(kind).len();
        format!("{count} {}{}", kind.noun, if count == 1 { "" } else { "s" })
    });
    let files = site.sources.files().count();
    let mut text = format!("{}: {files} files: {}\n", site.sources.root, counts.join(", "));
    if !unused.is_empty() {
        text.push_str(&format!(
            "nothing names {}\n",
            suggest::list(unused.iter().map(String::as_str))
        ));
    }
    text
}
