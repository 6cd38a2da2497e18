//! `Config`: the options of a zone, vnet or subnet in normal form. Does no I/O.

use super::at::At;
use super::object::{Object, refusal};
use super::row::{Row, ZoneType};
use serde_json::{Map, Value};
use stage::Gather as _;
use std::collections::BTreeMap;

/// Options by their names in PVE, in normal form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config(pub BTreeMap<&'static str, String>);

/// A problem with an option, or with the object itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The option, as written; `None` for the object itself.
    pub option: Option<String>,
    /// The code of the finding.
    pub code: &'static str,
    /// What is wrong.
    pub fact: String,
    /// How to fix it.
    pub hint: Option<String>,
    /// Whether PVE accepts it, although it probably is a mistake.
    pub is_warning: bool,
    /// The object, and its option, that had the same value first.
    pub first: Option<(At, Option<&'static str>)>,
}

impl Problem {
    /// Creates an error.
    pub(super) fn error(
        option: impl Into<Option<&'static str>>,
        code: &'static str,
        fact: impl Into<String>,
    ) -> Self {
        let option = option.into().map(str::to_owned);
        Self { option, code, fact: fact.into(), hint: None, is_warning: false, first: None }
    }

    /// Creates a warning.
    pub(super) fn warning(
        option: impl Into<Option<&'static str>>,
        code: &'static str,
        fact: impl Into<String>,
    ) -> Self {
        Self { is_warning: true, ..Self::error(option, code, fact) }
    }

    /// Adds a hint.
    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// Adds the place that had the same value first.
    pub(super) fn after(self, at: At, option: Option<&'static str>) -> Self {
        Self { first: Some((at, option)), ..self }
    }
}

impl Config {
    /// Reads the `config` of an object in the document. Returns all problems; invalid options are
    /// omitted.
    pub fn read(object: Object, json: &Map<String, Value>) -> (Self, Vec<Problem>) {
        let (mut config, mut problems) = (Self::default(), Vec::new());
        for (name, value) in json {
            let problem = |code, fact| {
                let problem = Problem::error(None, code, fact);
                Problem { option: Some(name.clone()), ..problem }
            };
            match object.row(name) {
                None => problems.push(problem("unknown-key", unknown(object, name))),
                Some(row) => match row.normal_of_json(value) {
                    Some(normal) => _ = config.0.insert(row.part.name, normal),
                    None => {
                        let fact = format!("must be {}", row.part.kind.must());
                        problems.push(problem("invalid-value", fact));
                    }
                },
            }
        }
        (config, problems)
    }

    /// Reads an object in PVE's answer. Other keys than the rows are ignored; a value that is not of
    /// its row's type, which a later PVE may have, is kept as text.
    pub fn observed(object: Object, json: &Map<String, Value>) -> Self {
        let read = |row: &'static Row| {
            let value = json.get(row.part.name).filter(|value| !value.is_null())?;
            let normal = row.normal_of_json(value).unwrap_or_else(|| match value {
                Value::String(text) => text.clone(),
                value => value.to_string(),
            });
            Some((row.part.name, normal)).filter(|(_, normal)| !normal.is_empty())
        };
        Self(object.rows().iter().filter_map(read).gather())
    }

    /// Returns the value of an option, in normal form.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Returns whether a flag is set.
    pub fn is_on(&self, name: &str) -> bool {
        self.get(name) == Some("1")
    }

    /// Returns a whole number.
    pub fn number(&self, name: &str) -> Option<u32> {
        self.get(name)?.parse().ok()
    }

    /// Returns the options with their rows.
    pub fn rows(&self, object: Object) -> impl Iterator<Item = (&'static Row, &str)> {
        self.0.iter().filter_map(move |(name, text)| Some((object.row(name)?, text.as_str())))
    }

    /// Returns it as the document's `config`.
    pub fn to_json(&self, object: Object) -> Map<String, Value> {
        self.rows(object).map(|(row, text)| (row.part.name.to_owned(), row.to_json(text))).collect()
    }

    /// Returns the options that have no effect, or are not accepted, in a zone of this type.
    pub fn without_effect(
        &self,
        object: Object,
        zone: ZoneType,
    ) -> impl Iterator<Item = &'static Row> {
        self.rows(object).map(|(row, _)| row).filter(move |row| !row.has_effect_in(zone))
    }
}

fn unknown(object: Object, name: &str) -> String {
    match refusal(object, name) {
        Some(reason) => format!("cannot be set: {reason}"),
        None => format!("is not an option of a {}", object.name()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(object: Object, json: Value) -> (Config, Vec<Problem>) {
        Config::read(object, json.as_object().unwrap())
    }

    #[test]
    fn values_are_compared_by_meaning() {
        for (object, one, other) in [
            (
                Object::Zone,
                json!({"peers": ["10.0.0.3", "10.0.0.2"]}),
                json!({"peers": "10.0.0.2,10.0.0.3"}),
            ),
            (Object::Zone, json!({"peers": "FD00::0:1"}), json!({"peers": ["fd00::1"]})),
            (Object::Zone, json!({"nodes": "b,a"}), json!({"nodes": ["a", "b"]})),
            (Object::Zone, json!({"mtu": 1450}), json!({"mtu": "1450"})),
            (Object::Vnet, json!({"vlanaware": true}), json!({"vlanaware": 1})),
            (
                Object::Subnet,
                json!({"dhcp-range": [{"end-address": "10.0.0.9", "start-address": "10.0.0.1"}]}),
                json!({"dhcp-range": ["start-address=10.0.0.1,end-address=10.0.0.9"]}),
            ),
        ] {
            let (config, problems) = read(object, one.clone());
            assert_eq!(problems, [], "{one}");
            assert_eq!(config, read(object, other.clone()).0, "{other}");
            assert_eq!(config, Config::observed(object, one.as_object().unwrap()));
            assert_eq!(config, read(object, Value::Object(config.to_json(object))).0);
        }
    }

    #[test]
    fn every_problem_is_returned() {
        let json = json!({"tag": 0, "zone": "lab", "nix": 1, "alias": "a#b", "vlanaware": true});
        let (config, problems) = read(Object::Vnet, json);
        assert_eq!(config.to_json(Object::Vnet), *json!({"vlanaware": true}).as_object().unwrap());
        let found: Vec<_> = problems.iter().map(|p| (p.option.as_deref(), p.code)).collect();
        let expected = [
            ("tag", "invalid-value"),
            ("zone", "unknown-key"),
            ("nix", "unknown-key"),
            ("alias", "invalid-value"),
        ];
        assert_eq!(found, expected.map(|(option, code)| (Some(option), code)));
    }

    #[test]
    fn an_answer_of_pve_is_read() {
        let json = json!({"zone": "lab", "type": "vxlan", "digest": null, "peers": "10.0.0.2", "mtu": 1450, "vxlan-port": 70_000});
        let config = Config::observed(Object::Zone, json.as_object().unwrap());
        let expected = [("mtu", "1450"), ("peers", "10.0.0.2"), ("vxlan-port", "70000")];
        assert_eq!(config.0, expected.map(|(name, text)| (name, text.to_owned())).into());
    }
}
