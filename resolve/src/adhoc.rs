//! One VM from the command line, as if an env described it. Does no I/O.
//!
//! Its "file" is the command line, so that findings point into it.

use crate::selection::AdHocVm;
use crate::source::{FileId, SourceFile, Sources, Span};
use crate::yaml::{Key, Map, Node, NodeKind, Scalar};
use stage::shown::{self, Masked};

const SHOWN: &str = "command line";

/// Adds the command line to the sources.
pub(crate) fn add(ad_hoc: &AdHocVm, sources: &mut Sources) -> FileId {
    let text = words(ad_hoc).map(|(_, option, value)| format!("--{option} {}", shown::text(value)));
    let text = text.collect::<Vec<_>>().join(" ");
    // It is no YAML, and each word has been shown as it may be.
    sources.add(SourceFile::new("", SHOWN, Ok(text)).with_mask(Masked::default()))
}

/// The env that holds this VM alone.
pub(crate) fn tree(ad_hoc: &AdHocVm, file: FileId) -> Node {
    let mut column = 1;
    let at = |column: usize, width: usize| Span {
        file,
        line: 1,
        column: u32::try_from(column).unwrap_or(u32::MAX),
        width: u32::try_from(width).unwrap_or(1).max(1),
    };
    let mut entries = Vec::new();
    for (key, option, value) in words(ad_hoc) {
        let width = shown::text(value).chars().count();
        let start = column + option.len() + "-- ".len();
        // Whoever types 010 or nothing at all does not think of YAML.
        let number = value.parse::<i64>().ok().filter(|_| matches!(key, "vmid" | "disk"));
        let text = number.map_or_else(|| value.into(), |number| number.to_string().into());
        let scalar = NodeKind::Scalar(Scalar { text, plain: number.is_some() });
        let key = Key { text: key.into(), at: at(column, option.len() + 2) };
        entries.push((key, Node { at: at(start, width), kind: scalar }));
        column = start + width + 1;
    }
    let whole = at(1, column.saturating_sub(2));
    let vm = Node { at: whole, kind: NodeKind::Map(Map(entries)) };
    let vms = Node { at: whole, kind: NodeKind::List(vec![vm]) };
    let key = Key { text: "vms".into(), at: whole };
    Node { at: whole, kind: NodeKind::Map(Map(vec![(key, vms)])) }
}

/// Key of a VM, its option, its value.
fn words(ad_hoc: &AdHocVm) -> impl Iterator<Item = (&'static str, &'static str, &str)> {
    let name = std::iter::once(("name", "vm", ad_hoc.name.as_str()));
    name.chain(ad_hoc.values.iter().map(|(key, value)| {
        let option = if *key == "vm_preset" { "preset" } else { *key };
        (*key, option, value.as_str())
    }))
}
