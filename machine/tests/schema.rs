//! The rows against PVE's own schema: `pve/VERSION.json` holds what each version says of the config
//! keys that its API takes, in facts alone.

#![expect(clippy::unwrap_used, reason = "tests may unwrap")]

use machine::{ConfigKey, Form, KEYS, Key, Kind, Part, Version, option_refusal, refusal};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

const VERSIONS: [(Version, &str); 4] = [
    (Version(8, 4), include_str!("pve/8.4.json")),
    (Version(9, 0), include_str!("pve/9.0.json")),
    (Version(9, 1), include_str!("pve/9.1.json")),
    (Version(9, 2), include_str!("pve/9.2.json")),
];

/// A key as PVE has it, in one version.
struct Theirs {
    version: Version,
    name: String,
    facts: Value,
}

fn all() -> Vec<Theirs> {
    let read = |(version, text): (Version, &str)| {
        let keys: Map<String, Value> = serde_json::from_str(text).unwrap();
        keys.into_iter().map(move |(name, facts)| Theirs { version, name, facts })
    };
    VERSIONS.into_iter().flat_map(read).collect()
}

impl Theirs {
    /// The row; `None` for a key that is refused.
    fn row(&self) -> Option<&'static Key> {
        let found = match self.name.strip_suffix("[n]") {
            Some(stem) => ConfigKey::find(&format!("{stem}0")),
            None => ConfigKey::find(&self.name),
        };
        found.map(|found| found.key)
    }

    /// The options with their facts; a scalar's only one has an empty name.
    fn options(&self) -> Vec<(String, Value)> {
        match self.facts.get("options") {
            Some(options) => options.as_object().unwrap().clone().into_iter().collect(),
            None => vec![(String::new(), self.facts["value"].clone())],
        }
    }
}

/// Each option of the schema that has a row.
fn each_option(mut validate: impl FnMut(&str, &'static Part, &Value)) {
    for theirs in all() {
        let Some(key) = theirs.row() else { continue };
        if theirs.facts.get("options").is_none() && !key.is_scalar() {
            assert!(UNLISTED.contains(&theirs.name.as_str()), "{}", theirs.name);
            continue;
        }
        for (name, facts) in theirs.options().iter().filter(|(_, f)| f.get("alias").is_none()) {
            if let Some(part) = key.part(name) {
                validate(&format!("{} {} {name}", theirs.version, theirs.name), part, facts);
            }
        }
    }
}

/// PVE checks these with a regular expression, so its schema lists no options.
const UNLISTED: [&str; 1] = ["startup"];

/// What the rows have of their own: the tools make PVE's `file` of it.
const OURS: [&str; 2] = ["storage", "import"];

#[test]
fn every_key_is_a_row_or_is_refused() {
    for theirs in all() {
        let stem = theirs.name.trim_end_matches("[n]");
        let row = theirs.row();
        assert_eq!(row.is_some(), refusal(stem).is_none(), "{}", theirs.name);
        if let Some(key) = row {
            let slots = theirs.facts.get("slots").and_then(Value::as_u64);
            assert_eq!(key.slots.map(u64::from), slots, "{}", theirs.name);
        }
    }
}

#[test]
fn every_option_is_a_part_or_is_refused() {
    let mut refused = BTreeSet::new();
    for theirs in all() {
        let Some(key) = theirs.row() else { continue };
        for (name, facts) in theirs.options() {
            let place = format!("{} {} {name}", theirs.version, theirs.name);
            if key.is_scalar() || UNLISTED.contains(&theirs.name.as_str()) {
                assert_eq!(name, "", "{place}");
                continue;
            }
            let target = facts.get("alias").map_or(name.as_str(), |alias| alias.as_str().unwrap());
            let part = key.part(&name);
            if let Some(reason) = option_refusal(key, &name) {
                assert!(part.is_none(), "{place}");
                refused.insert(reason);
                continue;
            }
            let part = part.unwrap_or_else(|| panic!("{place} is neither a part nor refused"));
            assert!(part.has_name(target), "{place} is another name of {target}");
        }
    }
    assert!(refused.len() > 5, "{refused:?}");
}

#[test]
fn no_row_is_of_our_making() {
    let all = all();
    for key in KEYS {
        let theirs = all.iter().filter(|t| t.row().is_some_and(|row| std::ptr::eq(row, *key)));
        let theirs: Vec<_> = theirs.collect();
        let first = theirs.iter().map(|t| t.version).min();
        let name = key.part.name;
        if key.is_scalar() {
            assert_eq!(first, Some(key.part.since), "{name}");
            continue;
        }
        assert_eq!(first, Some(Version::OLDEST), "{name}");
        if UNLISTED.contains(&name) {
            continue;
        }
        for part in key.parts() {
            let has = |t: &&&Theirs| t.options().iter().any(|(option, _)| part.has_name(option));
            let first = theirs.iter().filter(has).map(|t| t.version).min();
            let ours = matches!(key.form, Form::Drive(_)) && OURS.contains(&part.name);
            assert_eq!(first, (!ours).then_some(part.since), "{name} {}", part.name);
        }
    }
}

/// Where a row is not what the schema says, and why.
const DIFFERENT: [(&str, &str, &str); 14] = [
    ("cores", "maximum", "PVE starts no VM with more CPUs than its node has"),
    ("sockets", "maximum", "PVE starts no VM with more CPUs than its node has"),
    ("vcpus", "maximum", "no more than cores times sockets"),
    ("vcpus", "default", "PVE's 0 stands for all, and cannot be set"),
    ("memory current", "maximum", "what PVE can plug into a running guest"),
    ("balloon", "maximum", "no more than the memory"),
    ("cpuunits", "maximum", "PVE writes 10000 in place of more"),
    ("numa[n] memory", "minimum", "a node without memory does not count"),
    ("rng0 max_bytes", "minimum", "less than nothing means nothing"),
    ("rng0 period", "minimum", "no time means nothing"),
    ("watchdog model", "default", "only where the key is set: without it there is no watchdog"),
    ("machine aw-bits", "type", "bits are whole"),
    ("ipconfig[n] ip", "default", "only where neither address is set"),
    ("ipconfig[n] ip6", "default", "only where neither address is set"),
];

/// Rates and counts of drives, which the schema lets be negative.
fn is_rate(name: &str) -> bool {
    ["bps", "mbps", "iops"].iter().any(|stem| name.starts_with(stem))
        && !name.ends_with("_max_length")
}

fn differs(place: &str, what: &str) -> bool {
    let rate = place.rsplit(' ').next().is_some_and(is_rate);
    (rate && what == "minimum")
        || DIFFERENT
            .iter()
            .any(|(name, which, _)| (*name, *which) == (without_version(place), what))
}

fn without_version(place: &str) -> &str {
    place.split_once(' ').unwrap().1.trim_end()
}

#[test]
fn kinds_and_bounds_are_those_of_the_schema() {
    let mut used = BTreeSet::new();
    each_option(|place, part, facts| {
        let fits = match facts["type"].as_str().unwrap() {
            "boolean" => matches!(part.kind, Kind::Flag),
            "integer" => matches!(part.kind, Kind::Int(..)),
            "number" => matches!(part.kind, Kind::Decimal(..)),
            _ if facts.get("format").is_some() => matches!(part.kind, Kind::Size),
            _ if facts.get("enum").is_some() => matches!(part.kind, Kind::Word(_)),
            _ => !matches!(part.kind, Kind::Flag | Kind::Int(..) | Kind::Decimal(..) | Kind::Size),
        };
        let mut validate = |what: &'static str, fits: bool| {
            assert_ne!(fits, differs(place, what), "{place}: {what} of {:?}", part.kind);
            if !fits {
                used.insert((without_version(place).to_owned(), what));
            }
        };
        validate("type", fits);
        if let Kind::Int(least, most) | Kind::Decimal(least, most) = part.kind {
            let bound = |name, none| facts.get(name).map_or(none, |n: &Value| n.as_i64().unwrap());
            validate("minimum", bound("minimum", i64::MIN) == least);
            validate("maximum", bound("maximum", i64::MAX) == most);
        }
    });
    for (name, what, reason) in DIFFERENT.iter().filter(|(_, what, _)| *what != "default") {
        assert!(used.contains(&((*name).to_owned(), *what)), "{name}: {what}: {reason}");
    }
}

#[test]
fn words_are_those_of_the_schema() {
    let mut known: std::collections::BTreeMap<*const Part, BTreeSet<String>> = Default::default();
    each_option(|place, part, facts| {
        let Kind::Word(words) = part.kind else { return };
        let Some(list) = facts.get("enum") else {
            // A pattern, of which a token may have only this.
            assert!(matches!(words, ["socket"] | ["spice"]), "{place}: {words:?}");
            return;
        };
        for word in list.as_array().unwrap() {
            let word = word.as_str().unwrap();
            assert!(words.contains(&word), "{place}: {word}");
            known.entry(std::ptr::from_ref(part)).or_default().insert(word.to_owned());
        }
    });
    each_option(|place, part, facts| {
        let (Kind::Word(words), Some(_)) = (part.kind, facts.get("enum")) else { return };
        let known = &known[&std::ptr::from_ref(part)];
        assert!(words.iter().all(|word| known.contains(*word)), "{place}: {words:?}");
    });
}

/// What PVE's code takes for granted where its schema names no default.
const IN_CODE: [(&str, &str); 16] = [
    ("freeze", "0"),
    ("machine type", "pc"),
    ("cpuunits", "100"),
    ("description", ""),
    ("net[n] firewall", "0"),
    ("net[n] link_down", "0"),
    ("discard", "ignore"),
    ("iothread", "0"),
    ("ssd", "0"),
    ("ro", "0"),
    ("backup", "1"),
    ("snapshot", "0"),
    ("ostype", "other"),
    ("bps", "0"),
    ("bps_rd", "0"),
    ("bps_wr", "0"),
];

#[test]
fn absence_means_what_the_schema_says() {
    let mut used = BTreeSet::new();
    each_option(|place, part, facts| {
        let theirs = facts.get("default").map(|text| {
            let text = text.as_str().unwrap();
            part.kind.normal(text).unwrap_or_else(|| text.to_owned())
        });
        if theirs.as_deref() == part.absent {
            return;
        }
        let name = without_version(place);
        used.insert(name.to_owned());
        let option = name.rsplit(' ').next().unwrap();
        used.insert(option.to_owned());
        let in_code = IN_CODE.iter().any(|(known, value)| {
            (*known == name || *known == option) && Some(*value) == part.absent
        });
        let excused = differs(place, "default") || (theirs.is_none() && in_code);
        assert!(excused, "{place}: {theirs:?} is not {:?}", part.absent);
    });
    for (name, _) in IN_CODE {
        assert!(used.contains(name), "{name}");
    }
    for (name, what, reason) in DIFFERENT.iter().filter(|(_, what, _)| *what == "default") {
        assert!(used.contains(*name), "{name}: {what}: {reason}");
    }
}

/// What PVE's code requires where its schema does not.
const REQUIRED_IN_CODE: &str = "cpu cputype";

#[test]
fn what_pve_requires_is_marked() {
    each_option(|place, part, facts| {
        // PVE's `file` is made of `storage`.
        let by_schema = facts.get("required").is_some() && part.name != "file";
        let required = by_schema || place.ends_with(REQUIRED_IN_CODE);
        assert_eq!(part.required, required, "{place}");
    });
}

#[test]
fn the_first_option_may_stand_without_its_name() {
    for theirs in all() {
        let Some(key) = theirs.row() else { continue };
        let options = theirs.options();
        let theirs_first = options.iter().find(|(_, facts)| facts.get("default_key").is_some());
        let ours = match key.form {
            Form::Scalar => continue,
            _ if UNLISTED.contains(&theirs.name.as_str()) => continue,
            Form::Options { default, .. } => default,
            Form::Nic(_) => "model",
            Form::Drive(_) => "file",
        };
        assert_eq!(theirs_first.map_or("", |(name, _)| name), ours, "{}", theirs.name);
    }
}
