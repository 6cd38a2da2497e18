//! PVE's recorded answers: each line can be parsed, and each route of the simulator has
//! an answer and a refusal. `tests/answers/README.md` describes the form.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::pve_sim::World;
use crate::pve_sim::routes::ROUTES;
use crate::pve_sim::schema;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Definition {
    world: String,
    definition: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only presence and type of some fields are checked")]
pub(super) struct Answer {
    pub(super) scene: u32,
    pub(super) world: String,
    pub(super) token: Value,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) parameters: BTreeMap<String, String>,
    file: Option<File>,
    pub(super) status: u16,
    reason: String,
    pub(super) message: Value,
    pub(super) errors: Value,
    pub(super) data: Value,
    total: Option<u64>,
    changes: Option<String>,
    pub(super) task: Option<Task>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only presence and type of the fields are checked")]
struct File {
    name: String,
    bytes: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Task {
    pub(super) exitstatus: String,
    pub(super) log: Vec<String>,
}

/// Fields that are required even if `null`, so that none is forgotten.
const ALWAYS: [&str; 11] = [
    "scene",
    "world",
    "token",
    "method",
    "path",
    "parameters",
    "status",
    "reason",
    "message",
    "errors",
    "data",
];

/// Returns version, worlds and answers of each file.
pub(super) fn recorded() -> Vec<(String, BTreeMap<String, World>, Vec<Answer>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("answers");
    let files = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let files: BTreeSet<_> =
        files.filter(|file| file.extension().is_some_and(|ending| ending == "jsonl")).collect();
    assert!(!files.is_empty(), "no file in {}", folder.display());
    let read = |file: &Path| {
        let version = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let (worlds, answers) = parse(&version, &std::fs::read_to_string(file).unwrap());
        (version, worlds, answers)
    };
    files.iter().map(|file| read(file)).collect()
}

fn parse(version: &str, text: &str) -> (BTreeMap<String, World>, Vec<Answer>) {
    let (mut worlds, mut answers) = (BTreeMap::new(), Vec::new());
    for (number, line) in text.lines().enumerate() {
        let place = format!("{version}.jsonl:{}", number + 1);
        let fields: Map<String, Value> =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{place}: {error}"));
        if fields.contains_key("definition") {
            let Definition { world, definition } =
                serde_json::from_value(fields.into()).unwrap_or_else(|e| panic!("{place}: {e}"));
            let read = World::from_json(&definition.to_string());
            worlds.insert(world, read.unwrap_or_else(|error| panic!("{place}: {error}")));
            continue;
        }
        for name in ALWAYS {
            assert!(fields.contains_key(name), "{place}: `{name}` is missing");
        }
        let answer: Answer =
            serde_json::from_value(fields.into()).unwrap_or_else(|e| panic!("{place}: {e}"));
        assert!(worlds.contains_key(&answer.world), "{place}: no world {:?}", answer.world);
        let refused = answer.status >= 400;
        assert!(
            (200..600).contains(&answer.status) && (refused || answer.reason == "OK"),
            "{place}"
        );
        assert!(!refused || answer.data.is_null(), "{place}: refused, and yet there is data");
        answers.push(answer);
    }
    (worlds, answers)
}

/// Returns the rows of the README's table of what is missing: version, route, outcome.
fn missing() -> Vec<(String, String, Outcome)> {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("answers/README.md");
    let text = std::fs::read_to_string(readme).unwrap();
    let (_, table) = text.split_once("<!-- missing -->\n").unwrap();
    let (table, _) = table.split_once("<!-- end of missing -->").unwrap();
    let mut rows = Vec::new();
    for row in table.lines().skip(2) {
        let columns: Vec<&str> = row.trim_matches(['|', ' ']).split(" | ").collect();
        let [versions, route, outcomes, why] = columns[..] else { panic!("{row}") };
        assert!(!why.is_empty(), "{row}");
        for outcome in outcomes.split(" and ") {
            let outcome = match outcome {
                "answer" => Outcome::Done,
                "refusal" => Outcome::Refused,
                _ => panic!("{row}"),
            };
            let route = route.trim_matches('`').to_owned();
            rows.push((versions.to_owned(), route, outcome));
        }
    }
    assert!(!rows.is_empty(), "the table is not read");
    rows
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Done,
    Refused,
}

#[test]
fn each_line_can_be_parsed() {
    for (version, worlds, answers) in recorded() {
        assert!(!worlds.is_empty() && !answers.is_empty(), "{version}");
        for (name, world) in worlds {
            assert!(
                world.version.starts_with(&version),
                "{version}: {name:?} is {}",
                world.version
            );
        }
    }
}

#[test]
fn each_route_has_an_answer_and_a_refusal() {
    let missing = missing();
    let known = |route: &String| ROUTES.iter().any(|(m, p, _)| *route == format!("{m} {p}"));
    let mut broken: Vec<String> =
        missing.iter().map(|(_, route, _)| route).filter(|route| !known(route)).cloned().collect();
    for (version, _, answers) in recorded() {
        let met: BTreeSet<_> = answers.iter().filter_map(route_and_outcome).collect();
        for (method, path, _) in ROUTES {
            for outcome in [Outcome::Done, Outcome::Refused] {
                let route = format!("{method} {path}");
                let is_missing = missing.iter().any(|(v, r, o)| {
                    *r == route && *o == outcome && (v == "every" || *v == version)
                });
                if met.contains(&(method, path, outcome)) == is_missing {
                    broken.push(format!("{version}: {method} {path} {outcome:?}"));
                }
            }
        }
    }
    assert!(
        broken.is_empty(),
        "not recorded, or needlessly listed as missing in tests/answers/README.md:\n  {}",
        broken.join("\n  ")
    );
}

/// Returns the route of an answer and its outcome.
fn route_and_outcome(answer: &Answer) -> Option<(&'static str, &'static str, Outcome)> {
    let (endpoint, _) = schema::find(&answer.method, &answer.path)?;
    let outcome = if answer.status < 300 { Outcome::Done } else { Outcome::Refused };
    Some((&endpoint.method, &endpoint.path, outcome))
}
