//! Explains what a new VM boots from: its image, or the template that it is cloned from. Does no I/O.

use super::path::Path;
use super::{Link, Subject};
use crate::shape::Shape;
use crate::site::Level;
use crate::tree::Tree;
use serde_json::{Map, Value};
use stage::{Creation, Vm};
use std::borrow::Cow;

/// The key of the template. Layers replace it as a whole, so it is explained as a whole.
pub(super) const TEMPLATE: &str = "clone_from";

/// Shortens a path below the template to the template.
pub(super) fn as_one(path: &mut Path) {
    if path.first().is_some_and(|first| first == TEMPLATE) {
        path.truncate(1);
    }
}

/// Returns the path of the template for one of its keys, or for all of them; `None` for an unknown key.
pub(super) fn path<'w>(shape: &Shape, mut below: impl Iterator<Item = &'w str>) -> Option<Path> {
    let is_known = below.next().is_none_or(|key| shape.field(key).is_some());
    (is_known && below.next().is_none()).then(|| vec![TEMPLATE.to_owned()])
}

/// Returns the value in the document of a key that it omits if it has no effect or is the default.
pub(super) fn value(path: &[&str], vm: &Map<String, Value>) -> Option<Value> {
    match path {
        ["create"] if is_without_image(vm) => Some(Value::Null),
        ["create"] => Some(vm.get("create").cloned().unwrap_or(Creation::WORDS[0].into())),
        [TEMPLATE] => Some(vm.get(TEMPLATE).cloned().unwrap_or_default()),
        _ => None,
    }
}

/// Returns a link if another key takes the place of the one at a path.
pub(super) fn left_out(
    subject: &Subject<'_>,
    path: &[&str],
    layers: &[(Level, Cow<'_, Tree>)],
    vm: &Map<String, Value>,
) -> Option<Link> {
    let highest = |key: &str| {
        let mut set = layers.iter().enumerate();
        set.find_map(|(index, (_, layer))| Some((index, layer.get(key)?)))
    };
    let (key, value) = match path {
        ["image"] if vm.contains_key(TEMPLATE) => (TEMPLATE, Value::from(Vm::NO_IMAGE)),
        ["create"] if vm.contains_key(TEMPLATE) => (TEMPLATE, Value::Null),
        ["create"] if is_without_image(vm) => ("image", Value::Null),
        [TEMPLATE] => {
            let (template, spanned) = highest(TEMPLATE)?;
            let taken_back = highest("image").filter(|(image, _)| *image < template);
            taken_back.filter(|_| !spanned.is_null() && !vm.contains_key(TEMPLATE))?;
            ("image", Value::Null)
        }
        _ => return None,
    };
    let (_, spanned) = highest(key)?;
    let why = format!("omitted: `{key}` is set");
    Some(subject.link(why, value, Some(spanned.at)))
}

fn is_without_image(vm: &Map<String, Value>) -> bool {
    vm.get("image").and_then(Value::as_str) == Some(Vm::NO_IMAGE)
}
