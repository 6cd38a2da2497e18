//! Replays PVE's recorded answers: sends a request and compares status, message, errors, data.

use std::collections::BTreeMap;

use serde_json::Value;

use super::answers::Answer;
use super::wire::{Wire, escape};
use crate::pve_sim::{Options, PveSim, World};

const SECRET: &str = "00000000-0000-4000-8000-000000000001";

/// Starts a simulator whose tokens have the secret of a replay.
pub(super) fn start(mut world: World) -> PveSim {
    for token in world.access.tokens.values_mut() {
        SECRET.clone_into(&mut token.secret);
    }
    PveSim::start(world, Options::default()).unwrap()
}

/// Sends one request, and compares the answer with PVE's; `different` are requests with another
/// answer, and why.
pub(super) fn compare(
    sim: &PveSim,
    answer: &Answer,
    lock: &mut String,
    different: &[(&str, &str)],
) -> Result<(), String> {
    let form = |plain: bool| {
        let pairs = answer.parameters.iter().map(|(key, value)| {
            let value = value.replace("{lock-token}", lock);
            format!("{key}={}", if plain { value } else { escape(&value) })
        });
        pairs.collect::<Vec<_>>().join(if plain { " " } else { "&" })
    };
    let request = format!("{} {} {}", answer.method, answer.path, form(true));
    if different.iter().any(|(other, _)| *other == request) {
        return Ok(());
    }
    let token = format!("{}={SECRET}", answer.token.as_str().unwrap_or_default());
    let mut wire = Wire::connect(sim).with_token(&token);
    let got = match answer.method.as_str() {
        "POST" | "PUT" => wire.ask(&answer.method, &answer.path, form(false).as_bytes()),
        method => wire.ask(method, &format!("{}?{}", answer.path, form(false)), b""),
    };
    let body: Value = serde_json::from_str(&got.body).map_err(|e| format!("{request}: {e}"))?;
    if let (true, Some(made)) = (answer.path.ends_with("/lock"), body["data"].as_str()) {
        made.clone_into(lock);
    }
    let status = got.status.split(' ').next().unwrap_or_default().to_owned();
    for (what, wanted, seen) in [
        ("status", Value::from(answer.status.to_string()), Value::from(status)),
        ("message", answer.message.clone(), body["message"].clone()),
        ("errors", answer.errors.clone(), body["errors"].clone()),
        ("data", answer.data.clone(), body["data"].clone()),
    ] {
        let (wanted, seen) = (plain(&wanted), plain(&seen));
        if wanted != seen {
            return Err(format!("{request}: {what}\n  PVE: {wanted}\n  sim: {seen}"));
        }
    }
    Ok(())
}

/// Replaces what changes between runs: digests, tokens, tasks, lines of Perl. A number of the first
/// world is a text in PVE's answers, because the world was written to PVE as text. Lists are sorted.
fn plain(value: &Value) -> Value {
    match value {
        Value::String(text) if text.starts_with("UPID:") => "<upid>".into(),
        Value::String(text) if text.len() == 36 && text.matches('-').count() == 4 => {
            "<uuid>".into()
        }
        Value::String(text) => {
            let text = text.trim_end();
            let text = match text.rsplit_once(" line ") {
                Some((head, _)) => format!("{head} line"),
                None => text.to_owned(),
            };
            text.into()
        }
        Value::Number(number) => number.to_string().into(),
        Value::Array(rows) => {
            let mut rows: Vec<Value> = rows.iter().map(plain).collect();
            rows.sort_by_key(Value::to_string);
            rows.into()
        }
        Value::Object(fields) => {
            let field = |(key, value): (&String, &Value)| {
                let is_digest = key == "digest" && !value.is_null();
                (key.clone(), if is_digest { "<digest>".into() } else { plain(value) })
            };
            let sorted: BTreeMap<String, Value> = fields.iter().map(field).collect();
            sorted.into_iter().collect()
        }
        other => other.clone(),
    }
}
