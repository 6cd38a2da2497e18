//! The rows of networks as Markdown tables. Does no I/O.

use super::object::Object;
use super::row::{Change, Row, ZoneType};
use crate::version::Version;

/// Returns the options of zones, vnets and subnets.
pub fn reference() -> String {
    let section = |(title, object): (&str, Object)| {
        let rows: String = object.rows().iter().map(row).collect();
        format!(
            "### {title}\n\n| option | value | zone types | default | a change | since | meaning |\n|---|---|---|---|---|---|---|\n{rows}"
        )
    };
    let sections = [("Zones", Object::Zone), ("Vnets", Object::Vnet), ("Subnets", Object::Subnet)];
    sections.map(section).join("\n")
}

fn row(row: &Row) -> String {
    let part = &row.part;
    let since = if part.since > Version::OLDEST { part.since.to_string() } else { String::new() };
    let default = part.absent.map(|value| format!("`{}`", part.kind.shown(value)));
    let change = match row.change {
        Change::InPlace => "in place",
        Change::WithoutSubnets => "only while the zone has no subnets",
    };
    format!(
        "| `{}` | {} | {} | {} | {change} | {since} | {} |\n",
        part.name,
        part.kind.must().replace('|', "\\|"),
        zones(row),
        default.unwrap_or_default(),
        part.help
    )
}

/// Returns where the option has an effect, where PVE refuses it, and where it is required.
fn zones(row: &Row) -> String {
    let names =
        |zones: &[ZoneType]| zones.iter().map(|zone| zone.name()).collect::<Vec<_>>().join(", ");
    let mut text = match row.effective.len() == ZoneType::ALL.len() {
        true => "all".to_owned(),
        false => names(row.effective),
    };
    if !row.required.is_empty() {
        text.push_str(&format!("; required: {}", names(row.required)));
    }
    if row.zones.len() > row.effective.len() {
        text.push_str("; no effect in others");
    }
    text
}
