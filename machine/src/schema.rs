//! The rows as a JSON Schema, for editors and authors of documents. Does no I/O.
//!
//! It is never stricter than [`Settings::read`](crate::Settings::read).

use crate::kind::Kind;
use crate::row::{Key, Part};
use crate::rows::KEYS;
use crate::rule::{self, Rule};
use serde_json::{Map, Value, json};

/// Returns the schema of the document's `config`.
pub fn schema() -> Value {
    let (mut single, mut families) = (Map::new(), Map::new());
    for key in KEYS {
        match key.slots {
            None => single.insert(key.part.name.to_owned(), of_key(key)),
            Some(count) => families.insert(slots(key.part.name, count), of_key(key)),
        };
    }
    json!({
        "type": "object",
        "properties": single,
        "patternProperties": families,
        "additionalProperties": false,
    })
}

/// Returns a pattern for a family's slots.
fn slots(stem: &str, count: u16) -> String {
    let slots: Vec<String> = (0..count).map(|slot| slot.to_string()).collect();
    format!("^{stem}({})$", slots.join("|"))
}

/// Returns the schema of a key: `null`, a value, PVE's text or a mapping of options.
pub fn of_key(key: &'static Key) -> Value {
    if key.is_scalar() {
        return described(or_null(key.part.kind), key.part.help);
    }
    let mut options = Map::new();
    for part in key.parts() {
        options.insert(part.name.to_owned(), of_part(part));
        for also in part.aliases {
            let help = format!("Alias of `{}`.", part.name);
            options.insert((*also).to_owned(), described(or_null(part.kind), &help));
        }
    }
    let value = json!({ "anyOf": [
        { "type": ["string", "number", "boolean", "null"] },
        { "type": "object", "properties": options, "additionalProperties": false },
    ] });
    described(value, key.part.help)
}

fn of_part(part: &Part) -> Value {
    described(or_null(part.kind), part.help)
}

fn described(mut schema: Value, help: &str) -> Value {
    schema["description"] = help.into();
    schema
}

/// `null` cancels.
fn or_null(kind: Kind) -> Value {
    let mut schema = of_kind(kind);
    for (keyword, null) in [("type", "null".into()), ("enum", Value::Null)] {
        if let Some(choices) = schema.get_mut(keyword).and_then(Value::as_array_mut) {
            choices.push(null);
        }
    }
    schema
}

/// Returns the schema of a type. Each keyword applies only to its own JSON type.
pub fn of_kind(kind: Kind) -> Value {
    match kind {
        Kind::Flag => json!({
            "type": ["boolean", "integer", "string"],
            "minimum": 0,
            "maximum": 1,
            "pattern": "^(0|1|[Oo][Nn]|[Oo][Ff][Ff]|[Yy][Ee][Ss]|[Nn][Oo]|[Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee])$",
        }),
        Kind::Int(least, most) => number("integer", least, most, "^[+-]?[0-9]+$"),
        Kind::Decimal(least, most) => number("number", least, most, "^[0-9]+([.][0-9]+)?$"),
        Kind::Word(words) => {
            json!({ "enum": words.iter().flat_map(|w| choices(w)).collect::<Vec<_>>() })
        }
        Kind::Size => json!({
            "type": ["number", "string"],
            "minimum": 0,
            "pattern": "^[0-9]+([.][0-9]+)?[KMGT]?$",
        }),
        Kind::Text(rule) => of_rule(json!(["string", "number"]), rule),
        Kind::Lines(rule) => of_rule(json!(["string"]), rule),
        Kind::Machine => of_rule(json!(["string"]), &rule::MACHINE),
        Kind::Mac => of_rule(json!(["string"]), &rule::MAC),
        // As text, items are joined as in PVE.
        Kind::List(..) | Kind::Set(..) => json!({
            "type": ["array", "string", "number"],
            "items": { "type": ["string", "number"] },
        }),
        Kind::Features(words, _) => json!({
            "type": ["array", "boolean", "integer", "string"],
            "minimum": 0,
            "maximum": 1,
            "items": { "enum": words },
        }),
    }
}

/// Returns a word, and also the number that YAML reads it as.
fn choices(word: &str) -> Vec<Value> {
    let number = word.parse::<i64>().ok().map(Value::from);
    std::iter::once(word.into()).chain(number).collect()
}

fn number(ty: &str, least: i64, most: i64, pattern: &str) -> Value {
    let mut schema = json!({ "type": [ty, "string"], "minimum": least });
    if most != i64::MAX {
        schema["maximum"] = most.into();
    }
    schema["pattern"] = pattern.into();
    schema
}

fn of_rule(types: Value, rule: &Rule) -> Value {
    let mut schema = json!({ "type": types });
    if let Some(pattern) = rule.pattern {
        schema["pattern"] = pattern.into();
    }
    schema
}
