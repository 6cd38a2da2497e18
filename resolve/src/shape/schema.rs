//! A [`Shape`] as a JSON Schema, for editors. Does no I/O.
//!
//! It is never stricter than the walker: what an editor marks, `resolve check` marks too.

use super::{Field, Rule, Shape, Type};
use serde_json::{Map, Value, json};
use stage::shown::Exposure;

/// Returns the schema of a kind of files.
pub(crate) fn schema(shape: &Shape) -> Value {
    let mut schema = Map::new();
    schema.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
    schema.insert("title".into(), format!("pve-pipeline: {}", shape.title.replace('`', "")).into());
    schema.extend(object(shape));
    schema.into()
}

fn object(shape: &Shape) -> Map<String, Value> {
    let mut properties = Map::new();
    let mut refused: Vec<Value> = Vec::new();
    for field in shape.fields {
        properties.insert(field.name.into(), property(field, field.doc));
        for former in field.former {
            let mut older = property(field, &format!("Older name of `{}`.", field.name));
            older["deprecated"] = true.into();
            properties.insert((*former).into(), older);
            refused.push(both(field.name, former));
        }
    }
    for group in shape.exclusive {
        let names = |name: &'static str| shape.field(name).into_iter().flat_map(Field::names);
        for (i, a) in group.iter().enumerate() {
            let others = group[i + 1..].iter().flat_map(|b| names(b));
            let pairs = others.flat_map(|b| names(a).map(move |a| both(a, b)));
            refused.extend(pairs);
        }
    }
    let required: Vec<&str> = shape.fields.iter().filter(|f| f.required).map(|f| f.name).collect();
    let mut out = Map::new();
    out.insert("type".into(), "object".into());
    out.insert("properties".into(), properties.into());
    out.insert("patternProperties".into(), json!({ "^x-": true }));
    out.insert("additionalProperties".into(), false.into());
    if !required.is_empty() {
        out.insert("required".into(), required.into());
    }
    if !shape.any_of.is_empty() {
        let one = |name: &&str| json!({ "required": [name] });
        out.insert("anyOf".into(), shape.any_of.iter().map(one).collect());
    }
    if !refused.is_empty() {
        out.insert("allOf".into(), refused.into());
    }
    out
}

/// Two keys that must not both hold something.
fn both(a: &str, b: &str) -> Value {
    let there = |name: &str| json!({ "required": [name], "properties": { name: { "not": { "type": "null" } } } });
    json!({ "not": { "allOf": [there(a), there(b)] } })
}

fn property(field: &Field, doc: &str) -> Value {
    let mut schema = of(&field.ty);
    if !field.required {
        allow_null(&mut schema);
    }
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("description".into(), doc.into());
        // For readers of the schema, tests among them; editors pass over it.
        match if matches!(field.ty, Type::Any) { Exposure::Hidden } else { field.shown } {
            Exposure::Open => {}
            Exposure::Address => _ = schema.insert("x-shown".into(), "address".into()),
            Exposure::Hidden => _ = schema.insert("x-shown".into(), "never".into()),
        }
    }
    schema
}

fn of(ty: &Type) -> Value {
    match ty {
        Type::Text(rule) => text(rule),
        Type::Number(least, i64::MAX) => json!({ "type": "integer", "minimum": least }),
        Type::Number(least, most) => {
            json!({ "type": "integer", "minimum": least, "maximum": most })
        }
        Type::Flag => json!({ "type": "boolean" }),
        Type::List(item) => json!({ "type": "array", "items": of(item) }),
        Type::Filled(item) => json!({ "type": "array", "items": of(item), "minItems": 1 }),
        Type::Object(shape) => object(shape).into(),
        Type::Named(item) => {
            let mut item = of(item);
            allow_null(&mut item);
            json!({ "type": "object", "additionalProperties": item })
        }
        Type::Either(one, other) => json!({ "anyOf": [of(one), of(other)] }),
        Type::Any => json!({}),
    }
}

fn text(rule: &Rule) -> Value {
    let mut schema = json!({ "type": "string" });
    if let Some(pattern) = rule.pattern {
        schema["pattern"] = pattern.into();
    }
    if !rule.one_of.is_empty() {
        schema["enum"] = rule.one_of.into();
    }
    schema
}

/// `null` counts as absent.
fn allow_null(schema: &mut Value) {
    let Some(map) = schema.as_object_mut() else { return };
    if let Some(ty) = map.get("type").cloned() {
        map.insert("type".into(), json!([ty, "null"]));
    }
    if let Some(values) = map.get_mut("enum").and_then(Value::as_array_mut) {
        values.push(Value::Null);
    }
    if let Some(choices) = map.get_mut("anyOf").and_then(Value::as_array_mut) {
        // Of an object: a choice of keys, which null does not have.
        let of_keys = choices.iter().any(|choice| choice.get("required").is_some());
        if !of_keys {
            choices.push(json!({ "type": "null" }));
        }
    }
}
