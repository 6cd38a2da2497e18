//! A [`Shape`] as a JSON Schema, for editors. Does no I/O.
//!
//! A schema is never stricter than the walker: `resolve check` reports everything that an editor
//! marks.

use super::{Blank, Field, Opt, Rule, Shape, Type, bare, own_options};
use machine::{ConfigKey, Form, KEYS, Kind};
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
    for field in shape.all() {
        properties.insert(field.name.into(), property(field, field.doc));
        for former in field.former {
            let mut older = property(field, &format!("Former name of `{}`.", field.name));
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
    let required: Vec<&str> = shape.all().filter(|f| f.required).map(|f| f.name).collect();
    let mut out = Map::new();
    out.insert("type".into(), "object".into());
    let mut patterns = Map::from_iter([("^x-".to_owned(), true.into())]);
    if shape.is_vm() {
        rows(shape, &mut properties, &mut patterns);
    }
    for row in shape.rows() {
        let mut schema = kind(row.part.kind);
        allow_null(&mut schema);
        describe(&mut schema, row.part.help);
        properties.insert(row.part.name.to_owned(), schema);
    }
    out.insert("properties".into(), properties.into());
    out.insert("patternProperties".into(), patterns.into());
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

/// PVE's keys: single keys by name, families by a pattern of their slots.
fn rows(shape: &Shape, properties: &mut Map<String, Value>, patterns: &mut Map<String, Value>) {
    for key in KEYS {
        let name = key.part.name;
        match key.slots {
            None if shape.field(name).is_none() => {
                properties.insert(name.to_owned(), row(key));
            }
            None => {}
            Some(count) => {
                let slots: Vec<String> = (0..count).map(|slot| slot.to_string()).collect();
                patterns.insert(format!("^{name}({})$", slots.join("|")), row(key));
            }
        }
    }
}

/// Returns the schema of a config key: null, a value, PVE's text or a mapping of options.
fn row(key: &'static machine::Key) -> Value {
    let mut schema = match key.form {
        Form::Scalar => kind(key.part.kind),
        _ => {
            let option = |(name, schema): (&str, Value)| (name.to_owned(), schema);
            let parts = key.parts().iter().flat_map(|part| {
                std::iter::once(part.name).chain(part.aliases.iter().copied()).map(|name| {
                    let mut schema = kind(part.kind);
                    allow_null(&mut schema);
                    describe(&mut schema, part.help);
                    (name, schema)
                })
            });
            let own = own_options(key).iter().map(|field| (field.name, property(field, field.doc)));
            let properties: Map<String, Value> = parts.chain(own).map(option).collect();
            let text = match bare(key) {
                Some(part) => vec![kind(part.kind), json!({ "type": "string", "pattern": "[,=]" })],
                None => vec![json!({ "type": ["string", "number"] })],
            };
            let mapping = json!({ "type": "object", "properties": properties, "additionalProperties": false });
            json!({ "anyOf": text.into_iter().chain([mapping]).collect::<Vec<_>>() })
        }
    };
    allow_null(&mut schema);
    describe(&mut schema, key.part.help);
    schema
}

/// Texts that YAML reads as numbers.
const NUMBERS: [&str; 5] = ["7", "1234567890", "1.5", "0x10de", "0x5000c500a1b2c3d4"];

fn describe(schema: &mut Value, help: &str) {
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("description".into(), help.into());
    }
}

fn kind(kind: Kind) -> Value {
    match kind {
        Kind::Flag => json!({ "anyOf": [
            { "type": "boolean" },
            { "enum": [0, 1] },
            { "type": "string", "pattern": "^([01]|[Oo][Nn]|[Oo][Ff][Ff]|[Yy][Ee][Ss]|[Nn][Oo]|[Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee])$" },
        ] }),
        Kind::Int(least, most) => of(&Type::Number(least, most)),
        Kind::Decimal(least, most) => json!({ "anyOf": [
            { "type": "number", "minimum": least, "maximum": most },
            { "type": "string", "pattern": "^[0-9]+([.][0-9]+)?$" },
        ] }),
        Kind::Word(words) => of(&Type::Word(words)),
        Kind::Size => json!({ "anyOf": [
            { "type": "number", "minimum": 0 },
            { "type": "string", "pattern": "^[0-9]+([.][0-9]+)?[KMGT]$" },
        ] }),
        // Text that YAML reads as a number.
        Kind::Text(rule) if NUMBERS.iter().any(|number| rule.accepts(number)) => {
            json!({ "anyOf": [text(rule), { "type": "number" }] })
        }
        Kind::Text(rule) => text(rule),
        Kind::Lines(rule) => text(rule),
        Kind::Machine => text(&machine::rule::MACHINE),
        Kind::Mac => text(&machine::rule::MAC),
        Kind::Features(..) => {
            json!({ "type": ["array", "boolean", "number", "string"] })
        }
        Kind::List(..) | Kind::Set(..) => json!({ "type": ["array", "string", "number"] }),
    }
}

/// Two keys that cannot both be set.
fn both(a: &str, b: &str) -> Value {
    let there = |name: &str| json!({ "type": "object", "required": [name], "properties": { name: { "not": { "enum": [null, ""] } } } });
    json!({ "not": { "allOf": [there(a), there(b)] } })
}

fn property(field: &Field, doc: &str) -> Value {
    let mut schema = of(&field.ty);
    if !field.required {
        allow_null(&mut schema);
    }
    if field.blank != Blank::Value {
        allow_blank(&mut schema);
    }
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("description".into(), doc.into());
        // For tools that read the schema, such as tests; editors ignore it.
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
        Type::Written(rule) => json!({ "anyOf": [text(rule), { "type": ["boolean", "number"] }] }),
        Type::Reference(target) => text(target.rule()),
        Type::Word(words) => json!({ "type": "string", "enum": words }),
        Type::Short(slot, option) => {
            let option = ConfigKey::find(slot).and_then(|slot| Opt::find(slot.key, option));
            option.map_or_else(
                || json!({}),
                |option| match option {
                    Opt::Part(part) => kind(part.kind),
                    Opt::Field(field) => of(&field.ty),
                },
            )
        }
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
        Type::Keyed(rule, item) => {
            let mut item = of(item);
            allow_null(&mut item);
            let pattern = rule.pattern.unwrap_or_default();
            json!({ "type": "object", "patternProperties": { pattern: item }, "additionalProperties": false })
        }
        Type::Either(one, other) => json!({ "anyOf": [of(one), of(other)] }),
        Type::Or(word, other) => json!({ "anyOf": [{ "const": word }, of(other)] }),
        Type::Any => json!({}),
    }
}

fn text(rule: &Rule) -> Value {
    let mut schema = json!({ "type": "string" });
    if let Some(pattern) = rule.pattern {
        schema["pattern"] = pattern.into();
    }
    schema
}

/// An empty text counts as absent.
fn allow_blank(schema: &mut Value) {
    match schema.get_mut("anyOf").and_then(Value::as_array_mut) {
        Some(choices) => choices.push(json!({ "const": "" })),
        None => *schema = json!({ "anyOf": [schema.take(), { "const": "" }] }),
    }
}

/// `null` counts as absent.
fn allow_null(schema: &mut Value) {
    let Some(map) = schema.as_object_mut() else { return };
    match map.get_mut("type") {
        Some(Value::Array(types)) => types.push("null".into()),
        Some(ty) => *ty = json!([ty.take(), "null"]),
        None => {}
    }
    if let Some(values) = map.get_mut("enum").and_then(Value::as_array_mut) {
        values.push(Value::Null);
    }
    if let Some(choices) = map.get_mut("anyOf").and_then(Value::as_array_mut) {
        // An object with a choice of required keys does not allow null.
        let of_keys = choices.iter().any(|choice| choice.get("required").is_some());
        if !of_keys {
            choices.push(json!({ "type": "null" }));
        }
    }
}
