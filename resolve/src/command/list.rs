//! `resolve list`: the files of a site. Does no I/O.

use crate::site::{ENVS, FileKind, HOSTS, MANIFESTS, NODES, POSTURES, PRESETS, SPECS, TEMPLATES};
use crate::source::Sources;
use serde::Serialize;

const KINDS: [&FileKind; 8] =
    [&ENVS, &MANIFESTS, &NODES, &PRESETS, &TEMPLATES, &SPECS, &POSTURES, &HOSTS];

#[derive(Serialize)]
struct Row<'s> {
    kind: &'static str,
    name: &'s str,
    file: &'s str,
}

/// Lists the files of one kind, or of all kinds, as a table or as JSON.
pub(crate) fn list(sources: &Sources, only: Option<&str>, json: bool) -> String {
    let kinds = KINDS.into_iter().filter(|kind| only.is_none_or(|only| only == kind.noun));
    let rows: Vec<Row<'_>> = kinds.flat_map(|kind| rows(sources, kind)).collect();
    if json {
        return serde_json::to_string_pretty(&rows).unwrap_or_default() + "\n";
    }
    let width = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or_default();
    let line = |row: &Row<'_>| format!("{:9} {:width$}  {}\n", row.kind, row.name, row.file);
    rows.iter().map(line).collect()
}

fn rows<'s>(sources: &'s Sources, kind: &FileKind) -> Vec<Row<'s>> {
    let noun = kind.noun;
    let in_folder = |folder: &'static str| {
        sources.stems(folder).filter_map(move |name| {
            let file = sources.file(sources.find(&format!("{folder}/{name}.yaml"))?)?;
            Some(Row { kind: noun, name, file: &file.shown })
        })
    };
    kind.folders.iter().flat_map(|folder| in_folder(folder)).collect()
}
