//! Compares options by meaning: the normal form of what PVE lists, and what differs. Does no I/O.

use super::observed::Values;
use crate::change::{Change, Impact};
use machine::Kind;
use machine::sdn::{Config, Object, Row};
use stage::Gather as _;
use std::collections::BTreeMap;

/// Options in normal form, without those that have PVE's default.
pub(super) type Options = BTreeMap<&'static str, String>;

/// An option that differs, in normal form; `None` is PVE's default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) name: &'static str,
    pub(super) from: Option<String>,
    pub(super) to: Option<String>,
}

/// Which options are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compared {
    /// All: the object is ours, and what the document does not set has PVE's default.
    All,
    /// Those that the document sets: the object is not ours.
    OnlySet,
}

/// Returns the options that PVE lists. The alias is compared on its own, since it has our mark.
pub(super) fn of_values(object: Object, values: &Values) -> Options {
    let known = object.rows().iter().filter(|row| row.part.name != "alias");
    let read = |row: &'static Row| {
        // PVE: facts-2, 15; pve-client joins the items of a list with `;`.
        let text = values.get(row.part.name)?;
        let text = if row.is_array() { text.replace(';', "\n") } else { text.clone() };
        let normal = row.normal(&text).unwrap_or(text);
        (!normal.is_empty() && !is_default(row, &normal)).then_some((row.part.name, normal))
    };
    known.filter_map(read).gather()
}

/// Returns the document's options.
pub(super) fn of_config(object: Object, config: &Config) -> Options {
    let said = config.rows(object).filter(|(row, _)| row.part.name != "alias");
    let said = said.filter(|(row, text)| !is_default(row, text));
    said.map(|(row, text)| (row.part.name, text.to_owned())).gather()
}

fn is_default(row: &Row, normal: &str) -> bool {
    row.part.absent == Some(normal) || matches!(row.part.kind, Kind::Flag) && normal == "0"
}

/// Returns what differs, by name.
pub(super) fn differences(
    object: Object,
    config: &Config,
    values: &Values,
    compared: Compared,
) -> Vec<Difference> {
    let (mut to, mut from) = (of_config(object, config), of_values(object, values));
    let rows = object.rows().iter().map(|row| row.part.name);
    let is_compared = |name: &&str| compared == Compared::All || config.get(name).is_some();
    rows.filter(is_compared)
        .map(|name| Difference { name, from: from.remove(name), to: to.remove(name) })
        .filter(|difference| difference.from != difference.to)
        .collect()
}

impl Difference {
    /// Returns it for people; `prefix` says of which object, such as `vnets.lan.`.
    pub(super) fn change(&self, object: Object, prefix: &str) -> Change {
        let shown = |normal: &Option<String>| {
            let text = normal.as_deref()?;
            let kind = object.row(self.name).map(|row| row.part.kind);
            let text = kind.map_or_else(|| text.to_owned(), |kind| kind.shown(text));
            Some(text.replace('\n', ", "))
        };
        change(&format!("{prefix}{}", self.name), shown(&self.from), shown(&self.to))
    }
}

/// A change of a network for people.
pub(super) fn change(field: &str, from: Option<String>, to: Option<String>) -> Change {
    Change { field: field.to_owned(), from, to, impact: Impact::None, reason: None }
}
