//! The rows of networks as a JSON Schema. Does no I/O.

use super::object::Object;
use super::row::Row;
use crate::schema::of_kind;
use serde_json::{Map, Value, json};

/// Returns the schema of an object's `config` in the document.
pub fn schema(object: Object) -> Value {
    let property = |row: &Row| {
        let mut schema = of_kind(row.part.kind);
        schema["description"] = row.part.help.into();
        (row.part.name.to_owned(), schema)
    };
    let properties: Map<String, Value> = object.rows().iter().map(property).collect();
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}
