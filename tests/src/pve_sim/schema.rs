//! The parameter schemas of PVE's API, from the files in this directory.
//! A pure module: does no I/O.
//!
//! `api-parameters.json` has only facts (types, bounds, patterns), no texts from PVE.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;
use serde_json::Value;

use super::keys;

/// One method of one path.
#[derive(Debug, Deserialize)]
pub(crate) struct Endpoint {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) parameters: BTreeMap<String, Property>,
    /// PVE's permission expression; null if every user may call it.
    #[serde(default)]
    pub(crate) permissions: Value,
    /// The parameter that names the node that requests are passed on to.
    #[serde(default)]
    pub(crate) proxyto: Option<String>,
}

/// One parameter, or one key of a property string.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Property {
    pub(crate) r#type: Option<String>,
    pub(crate) optional: Number,
    pub(crate) r#enum: Option<Vec<Value>>,
    pub(crate) pattern: Option<String>,
    pub(crate) format: Option<Format>,
    pub(crate) minimum: Option<Value>,
    pub(crate) maximum: Option<Value>,
    #[serde(rename = "minLength")]
    pub(crate) min_length: Option<Value>,
    #[serde(rename = "maxLength")]
    pub(crate) max_length: Option<Value>,
    pub(crate) requires: Option<String>,
    pub(crate) alias: Option<String>,
    #[serde(rename = "keyAlias")]
    pub(crate) key_alias: Option<String>,
    pub(crate) default_key: Number,
}

/// A flag: the schema writes them as 1, "1" or true.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct Number(Value);

impl Number {
    pub(crate) fn is_set(&self) -> bool {
        match &self.0 {
            Value::Bool(set) => *set,
            Value::Number(number) => number.as_i64() != Some(0),
            Value::String(text) => text != "0" && !text.is_empty(),
            _ => false,
        }
    }
}

/// A format by name, or the keys of a property string.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Format {
    Named(String),
    Keys(BTreeMap<String, Property>),
}

impl Endpoint {
    /// Returns the schema of a parameter; `net[n]` represents net0, net1 and so on.
    pub(crate) fn parameter(&self, name: &str) -> Option<&Property> {
        property(&self.parameters, name)
    }
}

fn property<'a>(all: &'a BTreeMap<String, Property>, name: &str) -> Option<&'a Property> {
    all.get(name).filter(|_| !name.contains("[n]")).or_else(|| {
        let (stem, number) = numbered(name)?;
        (number < most(stem)).then(|| all.get(&format!("{stem}[n]")))?
    })
}

/// Splits `virtio12` into stem and number.
pub(crate) fn numbered(name: &str) -> Option<(&str, usize)> {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = &name[stem.len()..];
    if digits.len() > 1 && digits.starts_with('0') {
        return None;
    }
    Some((stem, digits.parse().ok()?))
}

/// Returns how many of a numbered parameter PVE has; `mp` and `dev` belong to containers.
fn most(stem: &str) -> usize {
    keys::slots(stem).unwrap_or(if matches!(stem, "mp" | "dev") { 256 } else { 0 })
}

/// Returns every endpoint of the committed copy.
pub(crate) fn endpoints() -> &'static [Endpoint] {
    static ALL: OnceLock<Vec<Endpoint>> = OnceLock::new();
    ALL.get_or_init(|| {
        serde_json::from_str(include_str!("api-parameters.json")).unwrap_or_default()
    })
}

/// Returns the keys of a property string with a named format.
pub(crate) fn named(format: &str) -> Option<&'static BTreeMap<String, Property>> {
    static ALL: OnceLock<BTreeMap<String, BTreeMap<String, Property>>> = OnceLock::new();
    // The alias `cdrom` has it by name, the drive itself in full.
    if format == "pve-qm-ide" {
        let create = by_template("POST", "/nodes/{node}/qemu")?;
        return match &create.parameter("ide0")?.format {
            Some(Format::Keys(keys)) => Some(keys),
            _ => None,
        };
    }
    let all = ALL
        .get_or_init(|| serde_json::from_str(include_str!("api-formats.json")).unwrap_or_default());
    all.get(format)
}

/// Returns an endpoint by its template, such as `/nodes/{node}/qemu`.
pub(crate) fn by_template(method: &str, path: &str) -> Option<&'static Endpoint> {
    endpoints().iter().find(|endpoint| endpoint.method == method && endpoint.path == path)
}

/// Returns the endpoint for a path, and the values of its placeholders.
pub(crate) fn find(method: &str, path: &str) -> Option<(&'static Endpoint, Vec<(String, String)>)> {
    let path = path.trim_end_matches('/');
    endpoints()
        .iter()
        .filter(|endpoint| endpoint.method == method)
        .filter_map(|endpoint| Some((endpoint, matches(&endpoint.path, path)?)))
        .min_by_key(|(_, taken)| taken.len())
}

/// Matches a path with a template; `{volume}` takes the rest, including slashes,
/// as PVE's content path does.
fn matches(template: &str, path: &str) -> Option<Vec<(String, String)>> {
    let mut taken = Vec::new();
    let mut rest = path.strip_prefix('/')?;
    let mut pieces = template.strip_prefix('/')?.split('/').peekable();
    while let Some(piece) = pieces.next() {
        let last = pieces.peek().is_none();
        let (word, left) = match rest.split_once('/') {
            _ if piece == "{volume}" => (rest, ""),
            Some((word, left)) if !last => (word, left),
            None if last => (rest, ""),
            _ => return None,
        };
        match piece.strip_prefix('{').and_then(|p| p.strip_suffix('}')) {
            Some(name) if !word.is_empty() => taken.push((name.to_owned(), word.to_owned())),
            None if piece == word => {}
            _ => return None,
        }
        rest = left;
    }
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(method: &str, path: &str, expected: Option<(&str, &[&str])>) {
        let found = find(method, path);
        let seen = found.as_ref().map(|(endpoint, taken)| {
            let words: Vec<_> = taken.iter().map(|(_, word)| word.as_str()).collect();
            (endpoint.path.as_str(), words)
        });
        let expected = expected.map(|(template, words)| (template, words.to_vec()));
        assert_eq!(seen, expected, "{method} {path}");
    }

    #[test]
    fn paths_find_their_template() {
        check("GET", "/version", Some(("/version", &[])));
        check("GET", "/nodes", Some(("/nodes", &[])));
        check("GET", "/nodes/", Some(("/nodes", &[])));
        check(
            "GET",
            "/nodes/pve1/qemu/100/config",
            Some(("/nodes/{node}/qemu/{vmid}/config", &["pve1", "100"])),
        );
        check(
            "DELETE",
            "/nodes/pve1/storage/local/content/local:import/a.raw",
            Some((
                "/nodes/{node}/storage/{storage}/content/{volume}",
                &["pve1", "local", "local:import/a.raw"],
            )),
        );
        check("PATCH", "/version", None);
        check("GET", "/no/such", None);
    }

    #[test]
    fn numbered_parameters_have_pves_limits() {
        let create = by_template("POST", "/nodes/{node}/qemu").unwrap();
        for (name, known) in [
            ("virtio0", true),
            ("virtio15", true),
            ("virtio16", false),
            ("scsi30", true),
            ("scsi31", false),
            ("net31", true),
            ("net01", false),
            ("virtio[n]", false),
            ("cores", true),
            ("core", false),
        ] {
            assert_eq!(create.parameter(name).is_some(), known, "{name}");
        }
    }
}
