//! Masks secrets in the document's JSON. Does no I/O.

use crate::shape::{Shape, Type};
use serde_json::{Map, Value};
use stage::shown::{self, Exposure};

/// Masks what must not be shown, for a document that is printed for people.
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
