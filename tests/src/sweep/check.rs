//! What must hold of every run that meets a fault, whatever the fault.
//! A pure module: does no I/O.

use super::expected::{Expected, SECRETS};
use super::trouble::Trouble;
use crate::pve_sim::World;
use crate::stand::difference;
use serde_json::Value;

/// More than any report of these runs; an answer of PVE that is repeated would be larger.
const LONGEST: usize = 64 * 1024;

/// What runs leave out with a warning: nodes that are offline, and what cannot be read.
const LEFT_OUT: [&str; 2] = ["the node is offline", "left out, because it cannot be read"];

/// A run that has met a fault.
pub(super) struct Met<'a> {
    pub(super) trouble: &'static Trouble,
    pub(super) expected: &'a Expected,
    pub(super) code: i32,
    pub(super) stdout: String,
    pub(super) stderr: String,
    /// Whether stderr is JSON, with each request.
    pub(super) is_json: bool,
    /// The world at its end.
    pub(super) world: World,
    /// The tasks that failed.
    pub(super) upids: Vec<String>,
}

/// Checks what the run said, and that others are left alone.
pub(super) fn said(met: &Met<'_>) -> Result<(), String> {
    let Met { expected, code, stdout, stderr, .. } = met;
    let allowed: &[i32] = if expected.only_reads() { &[0, 1] } else { &[0, 1, 3] };
    if !allowed.contains(code) || stderr.contains("panicked") {
        return Err(format!("exit code {code}"));
    }
    // A filter passes the document on, with its secrets.
    let shows = |secret: &&&str| {
        stderr.contains(**secret)
            || stdout.contains(**secret) && !expected.stdout.contains(**secret)
    };
    if let Some(secret) = SECRETS.iter().find(shows) {
        return Err(format!("it shows the secret {secret}"));
    }
    let said = findings(met)?.len();
    if said > LONGEST {
        return Err(format!("stderr has {said} bytes beside the list of requests"));
    }
    if *code != 0 && *code != expected.code && !stdout.is_empty() {
        return Err(format!("it failed with {code} and printed\n{stdout}"));
    }
    if !expected.spares_others(&met.world) {
        return Err("a VM of somebody else is not as it was".to_owned());
    }
    if *code == 0 || *code == expected.code { Ok(()) } else { explained(met) }
}

/// Checks that a failure repeats PVE's own words, and names the tasks that failed.
fn explained(met: &Met<'_>) -> Result<(), String> {
    let findings = findings(met)?;
    if findings.trim().is_empty() {
        return Err("it failed without a word".to_owned());
    }
    let says = met.trouble.says;
    if !says.is_empty() && !says.iter().any(|text| findings.contains(text)) {
        return Err(format!("it failed without PVE's words: {}", says[0]));
    }
    match met.upids.iter().find(|upid| !findings.contains(upid.as_str())) {
        Some(upid) => Err(format!("it failed without naming task {upid}")),
        None => Ok(()),
    }
}

/// Returns what stderr says besides the list of requests.
fn findings(met: &Met<'_>) -> Result<String, String> {
    if !met.is_json {
        return Ok(met.stderr.clone());
    }
    let mut text = String::new();
    for line in met.stderr.lines() {
        let parsed: Value = serde_json::from_str(line).map_err(|_| format!("not JSON: {line}"))?;
        if parsed["event"] != "request" {
            text.push_str(line);
            text.push('\n');
        }
    }
    Ok(text)
}

/// Returns whether the run says that it has left something out.
pub(super) fn leaves_out(met: &Met<'_>) -> bool {
    LEFT_OUT.iter().any(|text| met.stderr.contains(text))
}

/// Checks that the exit code is true of the world, now that nothing is under way.
pub(super) fn done(met: &Met<'_>, world: &str) -> Result<(), String> {
    let Met { expected, code, stdout, stderr, .. } = met;
    if expected.only_reads() {
        let is_same = *code != expected.code || stdout == &expected.stdout;
        // What is left out, or unknown, has a warning.
        return match is_same || stderr.contains("warning") {
            true => Ok(()),
            false => {
                Err(format!("it printed something else:\n{}", difference(&expected.stdout, stdout)))
            }
        };
    }
    let (wanted, claim) = match code {
        0 if leaves_out(met) => return Ok(()),
        0 => (&expected.world, "all is done"),
        1 => (&expected.start, "nothing was changed"),
        _ => return Ok(()),
    };
    match world == wanted {
        true => Ok(()),
        false => Err(format!("exit code {code}, but not: {claim}\n{}", difference(wanted, world))),
    }
}
