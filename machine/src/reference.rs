//! The rows as Markdown tables. Does no I/O.

use crate::kind::Kind;
use crate::need::{Need, On, When};
use crate::row::{Effect, Feature, Form, Key, Part};
use crate::rows::{KEYS, REFUSED, REFUSED_OPTIONS};
use crate::version::Version;
use std::fmt::Write as _;

/// Returns all tables: the keys, their options, and what is refused.
pub fn reference() -> String {
    let mut text = String::from("## Keys\n\n");
    let values = KEYS.iter().filter(|key| key.is_scalar());
    text.push_str(&table("key", &values.map(|key| row(&name(key), key, &key.part)).collect()));
    for key in KEYS.iter().filter(|key| !key.is_scalar() && !is_bus(key)) {
        let rows = key.parts().iter().map(|part| row(part.name, key, part)).collect();
        section(&mut text, &[key], &table("option", &rows));
    }
    let buses: Vec<&'static Key> = KEYS.iter().copied().filter(|key| is_bus(key)).collect();
    section(&mut text, &buses, &table("option", &of_buses(&buses)));
    refused(&mut text);
    text
}

type Row = [String; 7];

fn is_bus(key: &Key) -> bool {
    matches!(key.form, Form::Drive(_)) && key.slots.is_some()
}

/// Returns the name of a key, such as `net0` to `net31`.
fn name(key: &Key) -> String {
    let name = key.part.name;
    key.slots
        .map_or_else(|| format!("`{name}`"), |count| format!("`{name}0` to `{name}{}`", count - 1))
}

fn section(text: &mut String, keys: &[&'static Key], table: &str) {
    let names: Vec<String> = keys.iter().map(|key| name(key)).collect();
    let helps: Vec<&str> = keys.iter().map(|key| key.part.help).collect();
    let Some(first) = keys.first() else { return };
    let effects: Vec<String> = keys.iter().map(|key| effect(key.part.effect, &[])).collect();
    let effect = by_key(keys, &effects);
    let needs = needs(first);
    // Writing to a string does not fail.
    let _ = write!(
        text,
        "\n### {}\n\n{}\nAdding or removing it takes effect {effect}.\nRequires {needs}.\n\n{table}",
        names.join(", "),
        helps.join("\n"),
    );
}

fn table(first: &str, rows: &Vec<Row>) -> String {
    let mut text = format!(
        "| {first} | value | default | a new VM gets | a change takes effect | since | meaning |\n|---|---|---|---|---|---|---|\n"
    );
    for row in rows {
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
    text
}

fn row(name: &str, key: &'static Key, part: &'static Part) -> Row {
    let code = |text: &str| format!("`{text}`");
    let value = |value: Option<&str>| value.map_or_else(String::new, |text| show(part.kind, text));
    let name = if name.starts_with('`') { name.to_owned() } else { code(name) };
    let also: Vec<String> = part.aliases.iter().map(|also| code(also)).collect();
    let also = if also.is_empty() { String::new() } else { format!(" or {}", also.join(" or ")) };
    let needs = if key.is_scalar() { format!(" Requires {}.", needs(key)) } else { String::new() };
    let since = Some(part.since).filter(|since| *since > Version::OLDEST);
    [
        format!("{name}{also}"),
        part.kind.must().replace('|', "\\|"),
        value(part.absent),
        value(part.at_create) + &only(key, part),
        effect(part.effect, part.restarts),
        since.map_or_else(String::new, |since| since.to_string()),
        format!("{}{needs}", part.help),
    ]
}

/// Returns the only slot of a family that a new VM gets.
fn only(key: &Key, part: &Part) -> String {
    let slot = key.new_slot.filter(|_| key.is_scalar() && part.at_create.is_some());
    slot.map_or_else(String::new, |slot| format!(" in {}{slot}", key.part.name))
}

/// Returns a value in YAML notation.
fn show(kind: Kind, normal: &str) -> String {
    match kind.to_json(normal) {
        serde_json::Value::String(text) if text.is_empty() => "nothing".to_owned(),
        serde_json::Value::String(text) => format!("`{text}`"),
        other => format!("`{other}`"),
    }
}

fn effect(effect: Effect, restarts: &[&str]) -> String {
    let counts = match effect {
        Effect::Live => "immediately".to_owned(),
        Effect::Plug(feature) => format!("immediately with `hotplug: {}`", word(feature)),
        Effect::Restart => "at the next start".to_owned(),
        Effect::Grow => "immediately; it can only grow".to_owned(),
        Effect::AtCreate => "never; used only at creation".to_owned(),
    };
    if restarts.is_empty() {
        return counts;
    }
    format!("{counts}; at the next start when changed to or from {}", restarts.join(" or "))
}

fn word(feature: Feature) -> &'static str {
    match feature {
        Feature::Network => "network",
        Feature::Disk => "disk",
        Feature::Usb => "usb",
        Feature::Cpu => "cpu",
        Feature::Memory => "memory",
    }
}

fn needs(key: &Key) -> String {
    key.needs.iter().map(need).collect::<Vec<_>>().join(", ")
}

fn need(need: &Need) -> String {
    let on = match need.on {
        On::Vm => String::new(),
        On::Root => " on `/`".to_owned(),
        On::Bridge => " on the bridge or vnet".to_owned(),
        On::Storage => " on the storage".to_owned(),
        On::Mapping(..) => " on the mapping".to_owned(),
        On::CpuModel => " on the model's mapping".to_owned(),
        On::Path(path) => format!(" on `{path}`"),
        On::Pool => " on the pool".to_owned(),
    };
    let when = match need.when {
        When::Always => String::new(),
        When::Disk => " for disks".to_owned(),
        When::Cd => " for CD drives".to_owned(),
        When::CdVolume => " for ISO images".to_owned(),
        When::CloudInit => " for cloud-init's drive".to_owned(),
        When::Has(option) => format!(" with `{option}`"),
        When::Is(option, value) => format!(" with `{option}: {value}`"),
        When::CustomModel => " for custom models".to_owned(),
    };
    let since = Some(need.since).filter(|since| *since > Version::OLDEST);
    let since = since.map_or_else(String::new, |since| format!(" since {since}"));
    let before = need.before.map_or_else(String::new, |before| format!(" before {before}"));
    format!("{}{on}{when}{since}{before}", need.privilege)
}

/// Returns the options of all buses, each with the buses that have it.
fn of_buses(buses: &[&'static Key]) -> Vec<Row> {
    let mut names: Vec<&str> = Vec::new();
    for part in buses.iter().flat_map(|bus| bus.parts()) {
        if !names.contains(&part.name) {
            names.push(part.name);
        }
    }
    names.into_iter().filter_map(|name| of_bus(buses, name)).collect()
}

fn of_bus(buses: &[&'static Key], name: &str) -> Option<Row> {
    let have = |bus: &&'static Key| Some((*bus, bus.part(name)?));
    let (have, parts): (Vec<_>, Vec<_>) = buses.iter().filter_map(have).unzip();
    let part: &'static Part = parts.first()?;
    let mut row = row(name, have.first()?, part);
    row[4] = by_key(&have, &parts.iter().map(|p| effect(p.effect, p.restarts)).collect::<Vec<_>>());
    if let Some((key, value)) = parts.iter().find_map(|part| part.at_create_with) {
        row[3].push_str(&format!("; on scsi with `{key}: {value}`"));
    }
    if have.len() < buses.len() {
        let names: Vec<&str> = have.iter().map(|bus| bus.part.name).collect();
        row[6].push_str(&format!(" Only {}.", names.join(", ")));
    }
    Some(row)
}

/// Returns one text if all are equal, else each text with its keys.
fn by_key(keys: &[&'static Key], texts: &[String]) -> String {
    let mut groups: Vec<(&String, Vec<&str>)> = Vec::new();
    for (key, text) in keys.iter().zip(texts) {
        match groups.iter_mut().find(|(known, _)| *known == text) {
            Some((_, names)) => names.push(key.part.name),
            None => groups.push((text, vec![key.part.name])),
        }
    }
    match groups.as_slice() {
        [(text, _)] => (*text).clone(),
        groups => {
            let each = groups.iter().map(|(text, names)| format!("{}: {text}", names.join(", ")));
            each.collect::<Vec<_>>().join("; ")
        }
    }
}

fn refused(text: &mut String) {
    text.push_str("\n## Refused keys and options\n\n| key | reason |\n|---|---|\n");
    for refused in REFUSED {
        let _ = writeln!(text, "| `{}` | {} |", refused.name, refused.reason);
    }
    for refused in REFUSED_OPTIONS {
        for key in refused.keys {
            let _ = writeln!(text, "| `{key}` with `{}` | {} |", refused.name, refused.reason);
        }
    }
}
