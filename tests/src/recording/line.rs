//! The lines of a recording: worlds, requests, answers.
//! A pure module: does no I/O.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A world that scenes start with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Definition {
    /// Its name.
    pub world: String,
    /// Its content, in the form of the simulator's `world.json`.
    pub definition: Value,
}

/// A request, whether it has been answered or not.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Request {
    /// Requests of one scene are sent in order, each to the state left by the previous ones.
    pub scene: u32,
    /// The world that the scene starts with.
    pub world: String,
    /// The token; null without one, `wrong` for one that PVE does not know.
    pub token: Option<String>,
    /// GET, POST, PUT or DELETE.
    pub method: String,
    /// The path below `/api2/json`, before any escaping.
    pub path: String,
    /// The parameters, before any escaping.
    pub parameters: BTreeMap<String, String>,
    /// An upload's file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<File>,
}

/// A file to upload.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct File {
    /// Its name.
    pub name: String,
    /// Its content, or `<URL>` for the content of that URL.
    pub bytes: String,
}

/// A request and its answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Recorded {
    /// The request.
    #[serde(flatten)]
    pub request: Request,
    /// The answer.
    #[serde(flatten)]
    pub answer: Answer,
}

/// An answer, without what changes between runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The text of the status line.
    pub reason: String,
    /// The message in the body of a refusal.
    pub message: Value,
    /// The message for each parameter.
    pub errors: Value,
    /// What PVE returns.
    pub data: Value,
    /// If the answer is a UPID, how the task ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<Task>,
}

/// The end of a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// `OK`, or PVE's error.
    pub exitstatus: String,
    /// Its lines, without progress.
    pub log: Vec<String>,
}

/// Worlds by name, and the rest of a recording in order.
pub type Parsed<T> = (BTreeMap<String, Value>, Vec<T>);

/// Parses worlds and requests, or worlds and answered requests.
pub fn parse<T: for<'a> Deserialize<'a>>(text: &str) -> Result<Parsed<T>, String> {
    let (mut worlds, mut rows) = (BTreeMap::new(), Vec::new());
    for (number, line) in text.lines().enumerate() {
        let place = |error| format!("line {}: {error}", number + 1);
        if line.starts_with("{\"world\"") && line.contains("\"definition\"") {
            let world: Definition = serde_json::from_str(line).map_err(place)?;
            worlds.insert(world.world, world.definition);
        } else {
            rows.push(serde_json::from_str(line).map_err(place)?);
        }
    }
    Ok((worlds, rows))
}
