//! Turns one VM from the command line into an env. Does no I/O.
//!
//! The command line acts as its source file, so that findings can point into it.

use crate::selection::AdHocVm;
use crate::source::{FileId, SourceFile, Sources, Span};
use crate::yaml::{Key, Map, Node, NodeKind, Scalar};
use stage::shown::{self, Masked};

const SHOWN: &str = "command line";

/// Adds the command line to the sources as a file.
pub(crate) fn add(ad_hoc: &AdHocVm, sources: &mut Sources) -> FileId {
    let text = words(ad_hoc).map(|(_, option, value)| format!("--{option} {}", shown::text(value)));
    let text = text.collect::<Vec<_>>().join(" ");
    // It is not YAML, and each word is already masked.
    sources.add_outside(SourceFile::new("", SHOWN, Ok(text)).with_mask(Masked::default()))
}

/// Returns an env that contains only this VM.
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
        // On the command line, 010 is decimal and an empty value is text, unlike in YAML.
        let number = value.parse::<i64>().ok().filter(|_| matches!(key, "vmid" | "disk"));
        let text = number.map_or_else(|| value.into(), |number| number.to_string().into());
        let scalar = NodeKind::Scalar(Scalar { text, plain: number.is_some() });
        let key = Key { text: key.into(), plain: true, at: at(column, option.len() + 2) };
        entries.push((key, Node { at: at(start, width), kind: scalar }));
        column = start + width + 1;
    }
    let whole = at(1, column.saturating_sub(2));
    let vm = Node { at: whole, kind: NodeKind::Map(Map(entries)) };
    let vms = Node { at: whole, kind: NodeKind::List(vec![vm]) };
    let key = Key { text: "vms".into(), plain: true, at: whole };
    Node { at: whole, kind: NodeKind::Map(Map(vec![(key, vms)])) }
}

/// Returns key, command-line option and value of each setting.
fn words(ad_hoc: &AdHocVm) -> impl Iterator<Item = (&'static str, &'static str, &str)> {
    let name = std::iter::once(("name", "vm", ad_hoc.name.as_str()));
    name.chain(ad_hoc.values.iter().map(|(key, value)| {
        let option = if *key == "vm_preset" { "preset" } else { *key };
        (*key, option, value.as_str())
    }))
}
