//! One recording: each scene on its world, each answer with the recording's names.
//!
//! DOOR: sends requests to the node, and prints progress.

use std::collections::BTreeMap;

use serde_json::Value;

use super::line::{Answer, Definition, Recorded, Request, Task};
use super::names::{Names, TOKEN};
use super::node::{Got, Node};
use super::stage::Stage;
use super::{normal, rules};

/// Requests to send, with the worlds that they start with, and what is left out.
#[derive(Debug, Default)]
pub struct Program {
    /// Worlds by name.
    pub worlds: BTreeMap<String, Value>,
    /// Requests in order, scene by scene.
    pub requests: Vec<Request>,
    /// How many requests are left out, by reason.
    pub left_out: BTreeMap<&'static str, usize>,
}

impl Program {
    /// Chooses what may be sent to a node; every `nth` scene of the recordings.
    pub fn choose(
        worlds: BTreeMap<String, Value>,
        requests: Vec<Request>,
        networks: bool,
        nth: u32,
    ) -> Self {
        let mut program = Self { worlds, ..Self::default() };
        for mut request in requests {
            let is_network = request.world == rules::NETWORKS;
            let reason = if is_network && !networks {
                Some("networks, without --networks")
            } else if !is_network && !rules::WORLDS.contains(&request.world.as_str()) {
                Some("the API cannot build this world")
            } else if request.scene % nth != 0 {
                Some("every Nth scene only")
            } else {
                rules::refusal(&request)
            };
            if let Some(reason) = reason {
                *program.left_out.entry(reason).or_default() += 1;
                continue;
            }
            // One token asks everything, unless the request is about a wrong one.
            request.token =
                request.token.map(|token| if token == "wrong" { token } else { TOKEN.to_owned() });
            program.requests.push(request);
        }
        program
    }

    /// Records everything; returns the file's lines.
    pub fn run(
        &self,
        node: &Node,
        names: &Names,
        version: &str,
        networks: bool,
    ) -> Result<String, String> {
        let stage = Stage { node, names };
        let (mut worlds, mut rows) = (BTreeMap::new(), Vec::new());
        let mut scene = None;
        let mut last = Last::default();
        for request in &self.requests {
            if scene != Some(request.scene) {
                scene = Some(request.scene);
                last = Last::default();
                stage.clear(networks)?;
                let definition = &self.worlds[&request.world];
                stage
                    .build(definition)
                    .map_err(|e| format!("building {:?}: {e}", request.world))?;
                if !worlds.contains_key(&request.world) {
                    worlds.insert(request.world.clone(), stage.seen(definition, version)?);
                }
            }
            let answer = last.ask(node, names, request)?;
            rows.push(Recorded { request: request.clone(), answer });
        }
        stage.clear(networks)?;
        let mut text = String::new();
        for (world, definition) in worlds {
            text.push_str(&json(&Definition { world, definition })?);
        }
        for row in rows {
            text.push_str(&json(&row)?);
        }
        Ok(text)
    }
}

fn json(line: &impl serde::Serialize) -> Result<String, String> {
    serde_json::to_string(line).map(|line| line + "\n").map_err(|e| e.to_string())
}

/// What `{upid}`, `{digest}` and `{lock-token}` represent: the last one returned in the scene.
#[derive(Debug, Default)]
pub struct Last {
    upid: String,
    digest: String,
    lock: String,
}

impl Last {
    /// Sends a request and waits for its task; returns the answer with the recording's names.
    pub fn ask(&mut self, node: &Node, names: &Names, request: &Request) -> Result<Answer, String> {
        let mut sent = names.to_node(request);
        sent.path = self.filled(&sent.path);
        for value in sent.parameters.values_mut() {
            *value = self.filled(value);
        }
        let got = node.ask(&sent)?;
        self.remember(request, &got.body["data"]);
        let task = match got.body["data"].as_str() {
            Some(upid) if upid.starts_with("UPID:") => {
                let (exitstatus, log) = node.wait(upid)?;
                let is_progress = |line: &String| line.starts_with("transferred ");
                let plain = |line: &str| normal::text(&names.to_recording(line));
                let log =
                    log.iter().filter(|line| !is_progress(line)).map(|line| plain(line)).collect();
                Some(Task { exitstatus: plain(&exitstatus), log })
            }
            _ => None,
        };
        Ok(answer(names, request, &got, task))
    }

    fn filled(&self, text: &str) -> String {
        text.replace("{upid}", &self.upid)
            .replace("{digest}", &self.digest)
            .replace("{lock-token}", &self.lock)
    }

    fn remember(&mut self, request: &Request, data: &Value) {
        match data {
            Value::String(text) if text.starts_with("UPID:") => self.upid.clone_from(text),
            Value::String(text) if request.path.ends_with("/lock") => self.lock.clone_from(text),
            _ => {}
        }
        if let Some(digest) = data["digest"].as_str() {
            digest.clone_into(&mut self.digest);
        }
    }
}

fn answer(names: &Names, request: &Request, got: &Got, task: Option<Task>) -> Answer {
    let named = |value: &Value| normal::value(&renamed(names, value));
    let data = &got.body["data"];
    let field = |name: &str| named(&got.body[name]);
    Answer {
        status: got.status,
        reason: normal::text(&names.to_recording(&got.reason)),
        message: field("message"),
        errors: field("errors"),
        data: if rules::is_whole(&request.method, &request.path) {
            normal::shape(data)
        } else {
            named(data)
        },
        task,
    }
}

/// Returns a value with the recording's names.
fn renamed(names: &Names, value: &Value) -> Value {
    match value {
        Value::String(text) => names.to_recording(text).into(),
        Value::Number(number) => names
            .to_recording(&number.to_string())
            .parse::<serde_json::Number>()
            .map_or(Value::Null, Value::from),
        Value::Array(rows) => rows.iter().map(|row| renamed(names, row)).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(key, one)| (names.to_recording(key), renamed(names, one))).collect()
        }
        other => other.clone(),
    }
}
