//! YAML → JSON, as the field's type has it. Does no I/O.

use crate::shape::{Shape, Type, known_as};
use crate::yaml::{Node, Reading};
use serde_json::{Map, Value};
use stage::shown::{self, Exposure};

/// A mapping with known keys, under their present names; what is null or unknown is left out.
pub(crate) fn object(node: Option<&Node>, shape: &Shape) -> Map<String, Value> {
    let Some(map) = node.and_then(Node::map) else { return Map::new() };
    // In the order of the file: the JSON is for people too.
    let mut out = Map::new();
    for (key, _) in &map.0 {
        let Some(field) = shape.field(&key.text) else { continue };
        if let Some((_, node)) = known_as(map, field).filter(|(_, node)| !node.is_null()) {
            out.insert(field.name.to_owned(), value(node, &field.ty));
        }
    }
    out
}

fn value(node: &Node, ty: &Type) -> Value {
    match ty {
        Type::Text(_) => node.text().map_or(Value::Null, Value::from),
        Type::List(item) | Type::Filled(item) => {
            node.list().unwrap_or_default().iter().map(|node| value(node, item)).collect()
        }
        Type::Object(shape) => Value::Object(object(Some(node), shape)),
        Type::Either(one, other) => value(node, if node.list().is_none() { one } else { other }),
        Type::Named(item) => named(node, |node| value(node, item)),
        Type::Number(..) | Type::Flag | Type::Any => natural(node),
    }
}

/// Takes out of a value what a message may not show: for a document that people look at.
pub(crate) fn mask(json: &mut Map<String, Value>, shape: &Shape) {
    for (key, value) in json {
        if let Some(field) = shape.field(key) {
            mask_value(value, &field.ty, field.shown);
        }
    }
}

fn mask_value(value: &mut Value, ty: &Type, exposure: Exposure) {
    match (value, ty) {
        (Value::Object(object), Type::Object(shape)) => mask(object, shape),
        (Value::Array(items), Type::List(item) | Type::Filled(item)) => {
            items.iter_mut().for_each(|value| mask_value(value, item, exposure));
        }
        (Value::String(text), _) => {
            *text = shown::value(text, exposure).unwrap_or_else(|| shown::MASK.to_owned());
        }
        (value, _) if exposure == Exposure::Hidden => *value = shown::MASK.into(),
        _ => {}
    }
}

/// What a node is by itself, read as YAML 1.1 had it.
fn natural(node: &Node) -> Value {
    if node.is_null() {
        return Value::Null;
    }
    if let Some(items) = node.list() {
        return items.iter().map(natural).collect();
    }
    let Some(scalar) = node.scalar() else { return named(node, natural) };
    match scalar.flag().or_else(|| scalar.number()) {
        Some(Reading::Flag { value, .. }) => value.into(),
        Some(Reading::Number { value, .. }) => value.into(),
        _ => match scalar.fraction().and_then(serde_json::Number::from_f64) {
            Some(number) => Value::Number(number),
            None => (*scalar.text).into(),
        },
    }
}

fn named(node: &Node, value: impl Fn(&Node) -> Value) -> Value {
    let entries = node.map().into_iter().flat_map(|map| &map.0);
    entries.map(|(key, node)| (key.text.to_string(), value(node))).collect::<Map<_, _>>().into()
}
