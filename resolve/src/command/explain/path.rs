//! Paths in a VM's tree. Does no I/O.

use crate::tree::{Content, Tree};
use machine::{ConfigKey, Form};

/// A path in a VM's tree.
pub(super) type Path = Vec<String>;

/// Collects the paths of all leaves of a tree.
pub(super) fn leaves(tree: &Tree, path: &mut Path, all: &mut Vec<Path>) {
    for (key, spanned) in tree.iter() {
        path.push(key.to_owned());
        match &spanned.content {
            Content::Map(tree) => leaves(tree, path, all),
            _ => all.push(path.clone()),
        }
        path.pop();
    }
}

/// Extends the path of a key with a single option, such as memory, by that option.
pub(super) fn only_option(mut path: Path, key: ConfigKey) -> Path {
    if let (Form::Options { .. }, [only]) = (key.key.form, key.key.parts()) {
        path.push(only.name.to_owned());
    }
    path
}

/// Returns whether a key has a single option, such as memory.
pub(super) fn is_only(slot: &str) -> bool {
    ConfigKey::find(slot).is_some_and(|key| {
        matches!(key.key.form, Form::Options { bare: true, .. }) && key.key.parts().len() == 1
    })
}
