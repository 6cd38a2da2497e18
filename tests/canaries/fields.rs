//! The fields of every table, from the schemas that are generated from the tables.

use serde_json::Value;
use std::path::Path;

/// How much of a field's value a message may show: the column `x-shown`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// Everything except credentials in it.
    Open,
    /// A URL or a path without credentials.
    Address,
    /// Nothing.
    Never,
}

/// One step from the root of a file to a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Key(String),
    /// Any name, such as that of an image.
    Name,
    Item,
}

/// A field of a table.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    /// The kind of the file, or `document`.
    pub(crate) kind: String,
    pub(crate) path: Vec<Step>,
    pub(crate) shown: Shown,
    /// The patterns that a text must match, if any.
    pattern: Option<regex::Regex>,
    /// Whether it holds fields of its own.
    pub(crate) is_container: bool,
}

impl Field {
    /// Returns its own key, or that of the list or mapping that contains it.
    pub(crate) fn key(&self) -> &str {
        let key = |step: &Step| matches!(step, Step::Key(_));
        match self.path.iter().rfind(|step| key(step)) {
            Some(Step::Key(key)) => key,
            _ => "",
        }
    }

    /// Returns a valid value with the canary in it, or the canary itself if there is none.
    pub(crate) fn valid(&self, canary: &str) -> String {
        let address = format!("https://u:{canary}@h.example/p?sig={canary}#{canary}");
        let candidates = [
            address.clone(),
            format!("a@pve!b={canary}-0000-4000-8000-000000000001"),
            canary.repeat(8),
            format!("$6$saltsalt${}abcdef", canary.repeat(10)),
            canary.to_owned(),
        ];
        let fits = |text: &&String| self.pattern.as_ref().is_some_and(|rule| rule.is_match(text));
        let found = candidates.iter().find(fits);
        let default = if self.shown == Shown::Address { address } else { canary.to_owned() };
        found.cloned().unwrap_or(default)
    }
}

fn schema(path: &str) -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas");
    serde_json::from_str(&std::fs::read_to_string(root.join(path)).unwrap()).unwrap()
}

/// The kinds of files of a site, each with the folder or the name of such a file.
pub(crate) const KINDS: [(&str, &str); 10] = [
    ("site", "site.yaml"),
    ("secrets", "secrets.yaml"),
    ("tokens", "secrets.d"),
    ("node", "nodes"),
    ("env", "envs"),
    ("template", "vms"),
    ("preset", "presets"),
    ("manifest", "manifests"),
    ("spec", "specs"),
    ("posture", "postures"),
];

/// Returns every field of every kind of site file.
pub(crate) fn of_site() -> Vec<Field> {
    let mut fields = Vec::new();
    for (kind, _) in KINDS {
        let schema = schema(&format!("site/{kind}.json"));
        collect(kind, &schema, &[], Shown::Open, &mut fields);
    }
    fields
}

/// Returns every field of the document.
pub(crate) fn of_document() -> Vec<Field> {
    let mut fields = Vec::new();
    collect("document", &schema("tfvars.json"), &[], Shown::Open, &mut fields);
    fields
}

/// Collects the fields below a schema. The values of a mapping are as secret as the mapping.
fn collect(kind: &str, schema: &Value, path: &[Step], outer: Shown, out: &mut Vec<Field>) {
    let to = |step| [path, &[step]].concat();
    for (key, schema) in schema["properties"].as_object().into_iter().flatten() {
        let path = to(Step::Key(key.clone()));
        let shown = if outer == Shown::Never { outer } else { shown(schema) };
        let field = Field {
            kind: kind.to_owned(),
            pattern: pattern(schema),
            is_container: has_fields(schema),
            path: leaf(schema, path.clone()),
            shown,
        };
        out.push(field);
        collect(kind, schema, &path, shown, out);
    }
    if schema["items"].is_object() {
        collect(kind, &schema["items"], &to(Step::Item), outer, out);
    }
    if schema["additionalProperties"].is_object() {
        collect(kind, &schema["additionalProperties"], &to(Step::Name), outer, out);
    }
}

fn shown(schema: &Value) -> Shown {
    match schema["x-shown"].as_str().or(schema["additionalProperties"]["x-shown"].as_str()) {
        None => Shown::Open,
        Some("address") => Shown::Address,
        Some("never") => Shown::Never,
        Some(other) => panic!("x-shown is {other}"),
    }
}

fn has_fields(schema: &Value) -> bool {
    let inner = [&schema["items"], &schema["additionalProperties"]];
    schema["properties"].is_object() || inner.iter().any(|inner| inner["properties"].is_object())
}

/// Returns the path to the text of a field, through its list or names.
fn leaf(schema: &Value, mut path: Vec<Step>) -> Vec<Step> {
    if schema["items"].is_object() {
        path.push(Step::Item);
    } else if schema["additionalProperties"].is_object() {
        path.push(Step::Name);
    }
    path
}

fn pattern(schema: &Value) -> Option<regex::Regex> {
    let places = [schema, &schema["items"], &schema["additionalProperties"]];
    let pattern = places.iter().find_map(|schema| schema["pattern"].as_str())?;
    Some(regex::Regex::new(pattern).unwrap())
}
