//! A [`Shape`] as a table for people: docs/site-config.md. Does no I/O.

use super::{Blank, Field, Rule, Shape, Type, own_options, vm};
use machine::sdn::{Row, ZoneType};
use machine::{Form, KEYS, Kind, Part, Version};

const HEAD: &str = "| key | value | meaning |\n|---|---|---|\n";

/// Returns the keys of a kind of files as a Markdown table, without the shared keys of VMs.
pub(crate) fn reference(shape: &Shape) -> String {
    let mut out = String::from(HEAD);
    rows(&mut out, shape.fields, "");
    options(&mut out, shape, "");
    out
}

/// Adds the options of a zone, vnet or subnet.
fn options(out: &mut String, shape: &Shape, prefix: &str) {
    for row in shape.rows() {
        let (name, holds) = (row.part.name, kind_holds(row.part.kind));
        let meaning = format!("{}{}", part_meaning(&row.part, ""), zones(row));
        out.push_str(&format!("| `{prefix}{name}` | {holds} | {meaning} |\n"));
    }
}

/// Returns in which zones an option has an effect, unless it has one in all that it may be set in.
fn zones(row: &Row) -> String {
    let of = |zones: &[ZoneType]| zones.iter().map(|zone| zone.name()).collect::<Vec<_>>();
    let all = ZoneType::ALL.into_iter().filter(|zone| zone.is_made());
    let made: Vec<ZoneType> = row.effective.iter().copied().filter(|z| z.is_made()).collect();
    let mut text = String::new();
    if made.len() < all.count() {
        text = format!(" Only in {} zones.", of(row.effective).join(", "));
    }
    if !row.required.is_empty() {
        text.push_str(&format!(" Required in {} zones.", of(row.required).join(", ")));
    }
    text
}

/// Returns the shared keys of VMs.
pub(crate) fn shared() -> String {
    let mut out = String::from(HEAD);
    rows(&mut out, &vm::SHARED, "");
    out
}

/// Returns PVE's config keys and their options.
pub(crate) fn config() -> String {
    let mut out = String::from(HEAD);
    for key in KEYS {
        let name = match key.slots {
            Some(count) => format!("{}0` … `{}{}", key.part.name, key.part.name, count - 1),
            None => key.part.name.to_owned(),
        };
        let holds = match key.form {
            Form::Scalar => kind_holds(key.part.kind),
            _ => "text or mapping".to_owned(),
        };
        out.push_str(&format!("| `{name}` | {holds} | {} |\n", part_meaning(&key.part, "")));
        let stem = if key.slots.is_some() { format!("{}N", key.part.name) } else { name };
        for part in key.parts().iter().filter(|_| !key.is_scalar()) {
            let (holds, meaning) = (kind_holds(part.kind), part_meaning(part, &also(part)));
            out.push_str(&format!("| `{stem}.{}` | {holds} | {meaning} |\n", part.name));
        }
        rows(&mut out, own_options(key), &format!("{stem}."));
    }
    out
}

fn kind_holds(kind: Kind) -> String {
    kind.must().replace('|', "\\|")
}

fn also(part: &Part) -> String {
    let names: Vec<String> = part.aliases.iter().map(|name| format!("`{name}`")).collect();
    if names.is_empty() { String::new() } else { format!(" Alias: {}.", names.join(", ")) }
}

fn part_meaning(part: &Part, also: &str) -> String {
    let mut text = format!("{}{also}", part.help.replace('|', "\\|"));
    if let Some(new) = part.at_create.map(|new| part.kind.to_json(new)) {
        let new = new.as_str().map_or_else(|| new.to_string(), str::to_owned);
        text.push_str(&format!(" New VMs get `{new}`."));
    }
    if part.since > Version::OLDEST {
        text.push_str(&format!(" Since PVE {}.", part.since));
    }
    text
}

fn rows(out: &mut String, fields: &[Field], prefix: &str) {
    for field in fields {
        let name = format!("{prefix}{}", field.name);
        let blank = if field.blank == Blank::Value { "" } else { ", or empty" };
        out.push_str(&format!("| `{name}` | {}{blank} | {} |\n", holds(&field.ty), meaning(field)));
        if let Some((below, shape)) = inner(&field.ty) {
            rows(out, shape.fields, &format!("{name}{below}."));
            options(out, shape, &format!("{name}{below}."));
        }
    }
}

fn meaning(field: &Field) -> String {
    let mut text = field.doc.replace('|', "\\|");
    if field.required {
        text.push_str(" Required.");
    }
    if !field.former.is_empty() {
        let names: Vec<String> = field.former.iter().map(|name| format!("`{name}`")).collect();
        text.push_str(&format!(" Formerly {}.", names.join(", ")));
    }
    text
}

/// Returns the mapping within a type, and how to reach its keys.
fn inner(ty: &Type) -> Option<(&'static str, &'static Shape)> {
    match ty {
        Type::Object(shape) => Some(("", shape)),
        Type::List(Type::Object(shape)) | Type::Filled(Type::Object(shape)) => Some(("[]", shape)),
        Type::Named(Type::Object(shape)) => Some((".NAME", shape)),
        Type::Keyed(rule, Type::Object(shape)) => Some((key_name(rule), shape)),
        _ => None,
    }
}

fn key_name(rule: &Rule) -> &'static str {
    if std::ptr::eq(rule, &machine::sdn::rule::CIDR) { ".CIDR" } else { ".ID" }
}

fn holds(ty: &Type) -> String {
    match ty {
        Type::Text(rule) | Type::Written(rule) => rule.must.replace('|', "\\|"),
        Type::Reference(target) => target.rule().must.replace('|', "\\|"),
        Type::Word(words) => machine::Kind::Word(words).must().into_owned(),
        Type::Short(slot, option) => format!("same as `{slot}.{option}`"),
        Type::Number(least, i64::MAX) => format!("number, {least} or more"),
        Type::Number(least, most) if least == most => format!("{least}"),
        Type::Number(least, most) => format!("number, {least} to {most}"),
        Type::Flag => "true or false".to_owned(),
        Type::List(Type::Object(_)) | Type::Filled(Type::Object(_)) => {
            "list of mappings".to_owned()
        }
        Type::List(item) | Type::Filled(item) => format!("list; each item: {}", holds(item)),
        Type::Object(_) => "mapping".to_owned(),
        Type::Named(Type::Object(_)) => "mapping by name".to_owned(),
        Type::Named(item) => format!("mapping by name; each value: {}", holds(item)),
        Type::Keyed(rule, _) => format!("mapping; each key: {}", rule.must),
        Type::Either(one, other) => format!("{}, or {}", holds(one), holds(other)),
        Type::Or(word, other) => format!("{}, or {word}", holds(other)),
        Type::Any => "anything".to_owned(),
    }
}
