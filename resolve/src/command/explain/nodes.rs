//! Explains the values of the document's `nodes`. Does no I/O.

use super::{Explained, Link, Subject, node_layer};
use crate::site::{IMAGE_DATASTORE, Level, NodeFile};
use crate::tree::{Content, Tree};
use serde_json::Value;
use std::borrow::Cow;

/// What is explained of a node.
const FIELDS: [&str; 2] = ["datastore", "image_datastore"];

/// Explains `nodes`, a node of it, or one of its fields; `None` if the document has no such node.
pub(super) fn explain(subject: &Subject<'_>, target: &str) -> Option<Vec<Explained>> {
    let below = target.strip_prefix("nodes")?;
    let all = subject.deployment.nodes.keys().filter_map(|name| subject.nodes.get(name));
    let fields = all.flat_map(|file| FIELDS.map(|field| (file, field)));
    let wanted = |(file, field): &(&NodeFile, &str)| {
        let path = format!(".{}.{field}", file.name());
        path.strip_prefix(below).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let found: Vec<Explained> =
        fields.filter(wanted).map(|(file, field)| one(subject, file, field)).collect();
    (!found.is_empty()).then_some(found)
}

/// Adds to the deciding link of a VM's `node` which item of a list it is.
pub(super) fn show_item(
    subject: &Subject<'_>,
    offset: u32,
    layers: &[(Level, Cow<'_, Tree>)],
    chain: &mut [Link],
) {
    let Some(spanned) = layers.iter().find_map(|(_, layer)| layer.get("node")) else { return };
    let Content::List(items) = &spanned.content else { return };
    let index = offset as usize % items.len().max(1);
    if let (Some(first), Some(item)) = (chain.first_mut(), items.get(index)) {
        first.layer.push_str(&format!(", item {} of {}", index + 1, items.len()));
        first.place = Some(subject.site.sources.short(item.at));
    }
}

fn one(subject: &Subject<'_>, file: &NodeFile, field: &str) -> Explained {
    let layer = node_layer(file);
    let chain = match field {
        "datastore" => vec![subject.written(layer, &file.datastore)],
        _ => vec![
            subject.written(layer, &file.image_datastore),
            Some(subject.built_in(IMAGE_DATASTORE)),
        ],
    };
    let json = serde_json::to_value(&subject.deployment.nodes).unwrap_or_default();
    let value = json.get(file.name()).and_then(|node| node.get(field)).cloned();
    Explained {
        field: format!("nodes.{}.{field}", file.name()),
        value: value.unwrap_or(Value::Null),
        chain: chain.into_iter().flatten().collect(),
    }
}
