//! Property strings: the config of a VM, and options of networks, as PVE has them and as the document sets them.

use machine::sdn::{Config, Object};
use machine::{ConfigKey, Key, Parts, Settings, problems, split};
use pve_client::{PropertyString, display_size, parse_boolean, parse_size};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The input is a VM's config as in PVE's own file: lines of `KEY: VALUE`.
///
/// What the client reads, it writes so that it is read as the same; a value has one normal form, which is read as
/// itself; the client and the table split it alike; settings are
/// read from their own JSON as the same, without problems; a problem names a key that was written.
pub fn property_string(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut config = Map::new();
    for line in text.lines() {
        let (name, value) = line.split_once(": ").unwrap_or(("net0", line));
        plain(value);
        if let Some(key) = ConfigKey::find(name) {
            assert_eq!(key.to_string(), name);
            normal_form(key.key, value);
        }
        let json = serde_json::from_str(value).unwrap_or_else(|_| value.into());
        config.insert(name.to_owned(), json);
    }
    settings(&config);
    for object in [Object::Zone, Object::Vnet, Object::Subnet] {
        network(object, &config);
    }
}

/// A text by itself, as the client reads it.
fn plain(text: &str) {
    let read = PropertyString::parse(text, "file");
    for (key, _) in read.pairs() {
        assert!(read.get(key).is_some());
    }
    assert_eq!(PropertyString::parse(&read.display_with_default("file"), "file"), read, "{text:?}");
    let mut other = read.clone();
    other.set("fuzzed", "1");
    assert_eq!(other.get("fuzzed"), Some("1"));
    other.remove("fuzzed");
    assert!(read.get("fuzzed").is_some() || other == read);
    assert_eq!(parse_boolean(text), machine::parse_flag(text));
    assert_eq!(parse_size(text), machine::parse_size(text));
    if let Some(size) = parse_size(text) {
        assert_eq!(parse_size(&display_size(size)), Some(size));
        assert_eq!(display_size(size), machine::display_size(size));
    }
}

fn normal_form(key: &'static Key, text: &str) {
    let parts = Parts::read(key, text);
    let written = parts.write(key);
    let again = Parts::read(key, &written);
    let sorted = |parts: &Parts| -> BTreeMap<String, String> {
        parts.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    assert_eq!(sorted(&again), sorted(&parts), "{} {text:?} {written:?}", key.part.name);
    assert_eq!(again.write(key), written, "{} {text:?}", key.part.name);
    assert_eq!((again.is_cd(), again.is_cloud_init()), (parts.is_cd(), parts.is_cloud_init()));
    assert!(parts.iter().count() <= split(key, text).len());
}

fn settings(json: &Map<String, Value>) {
    let (settings, refused) = Settings::read(json);
    for problem in &refused {
        assert!(json.contains_key(&problem.key), "{problem:?}");
        assert!(!problem.fact.is_empty() && !problem.code.is_empty(), "{problem:?}");
    }
    let printed = settings.to_json();
    assert_eq!(Settings::read(&printed), (settings.clone(), Vec::new()), "{printed:?}");
    for problem in problems(&settings, None) {
        assert!(!problem.fact.is_empty(), "{problem:?}");
    }
}

fn network(object: Object, json: &Map<String, Value>) {
    let (config, refused) = Config::read(object, json);
    for problem in &refused {
        assert!(problem.option.as_ref().is_some_and(|name| json.contains_key(name)), "{problem:?}");
    }
    let printed = config.to_json(object);
    assert_eq!(Config::read(object, &printed), (config, Vec::new()), "{printed:?}");
}
