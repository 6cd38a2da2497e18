//! A [`Shape`] as a table for people: docs/site-config.md. Does no I/O.

use super::{Field, Shape, Type};

/// Returns the keys of a kind of files, a row each, as Markdown.
pub(crate) fn reference(shape: &Shape) -> String {
    let mut out = String::from("| key | holds | meaning |\n|---|---|---|\n");
    rows(&mut out, shape, "");
    out
}

fn rows(out: &mut String, shape: &Shape, prefix: &str) {
    for field in shape.all() {
        let name = format!("{prefix}{}", field.name);
        out.push_str(&format!("| `{name}` | {} | {} |\n", holds(&field.ty), meaning(field)));
        if let Some((below, shape)) = inner(&field.ty) {
            rows(out, shape, &format!("{name}{below}."));
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
        text.push_str(&format!(" Once {}.", names.join(", ")));
    }
    text
}

/// The mapping within a type, and how its keys are reached.
fn inner(ty: &Type) -> Option<(&'static str, &'static Shape)> {
    match ty {
        Type::Object(shape) => Some(("", shape)),
        Type::List(Type::Object(shape)) | Type::Filled(Type::Object(shape)) => Some(("[]", shape)),
        Type::Named(Type::Object(shape)) => Some((".NAME", shape)),
        _ => None,
    }
}

fn holds(ty: &Type) -> String {
    match ty {
        Type::Text(rule) => rule.must.replace('|', "\\|"),
        Type::Reference(target) => target.rule().must.replace('|', "\\|"),
        Type::Word(words) => machine::Kind::Word(words).must().into_owned(),
        Type::Short(slot, option) => format!("the same as `{slot}.{option}`"),
        Type::Number(least, i64::MAX) => format!("number, {least} or more"),
        Type::Number(least, most) if least == most => format!("{least}"),
        Type::Number(least, most) => format!("number, {least} to {most}"),
        Type::Flag => "true or false".to_owned(),
        Type::List(Type::Object(_)) | Type::Filled(Type::Object(_)) => {
            "list of mappings".to_owned()
        }
        Type::List(item) | Type::Filled(item) => format!("list; an item: {}", holds(item)),
        Type::Object(_) => "mapping".to_owned(),
        Type::Named(Type::Object(_)) => "mapping by name".to_owned(),
        Type::Named(item) => format!("mapping by name; a value: {}", holds(item)),
        Type::Either(one, other) => format!("{}, or {}", holds(one), holds(other)),
        Type::Any => "anything".to_owned(),
    }
}
