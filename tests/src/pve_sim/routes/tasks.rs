//! Tasks: lists, status, log, stop.
//! A pure module: does no I/O.
// PVE: pve-manager, API2/Tasks.pm, API2/Cluster.pm.

use serde_json::{Map, Value, json};

use super::Call;
use crate::pve_sim::answer::{Answer, Refusal, Reply};
use crate::pve_sim::formats::full;
use crate::pve_sim::world::access::user_of;
use crate::pve_sim::world::task::Task;

const UPID: &str =
    r"UPID:[a-zA-Z0-9\-]+:[0-9A-Fa-f]{8}:[0-9A-Fa-f]{8,9}:[0-9A-Fa-f]{8}:[^:\s]+:[^:\s]*:[^:\s]+:";

/// Facts 36: only for its owner, or with Sys.Audit on the node.
fn found<'a>(call: &'a Call, privilege: &str) -> Result<&'a Task, Refusal> {
    let upid = call.params.text("upid");
    let task = call.world.tasks.iter().find(|task| task.upid == upid);
    // PVE: pve-common, UPID.pm, decode.
    if !full(UPID, upid) {
        return Err(Refusal::parameter("upid", "unable to parse worker upid"));
    }
    // PVE: facts 34, reference 4.
    let task = task
        .filter(|task| !task.run.gone)
        .ok_or_else(|| Refusal::parameter("upid", "no such task"))?;
    if !owned(call, &task.user) {
        call.world.check(call.who, &format!("/nodes/{}", task.node), &[privilege])?;
    }
    Ok(task)
}

// PVE: API2/Tasks.pm, check_task_user: a token sees its own tasks; a user also those of their tokens.
fn owned(call: &Call, user: &str) -> bool {
    user == call.who.authid || user_of(user) == call.who.authid
}

/// Facts 34.
pub(super) fn status(call: &mut Call) -> Reply {
    found(call, "Sys.Audit")?;
    let upid = call.params.text("upid").to_owned();
    call.world.poll(&upid);
    let task = found(call, "Sys.Audit")?;
    let mut shown = describe(task);
    shown.insert("pid".to_owned(), task.pid().into());
    shown.insert("pstart".to_owned(), task.pstart().into());
    match &task.exitstatus {
        Some(status) => {
            shown.insert("status".to_owned(), "stopped".into());
            shown.insert("exitstatus".to_owned(), status.clone().into());
        }
        None => {
            shown.insert("status".to_owned(), "running".into());
        }
    }
    Ok(Value::Object(shown).into())
}

fn describe(task: &Task) -> Map<String, Value> {
    let user = user_of(&task.user);
    let token = task.user[user.len()..].trim_start_matches('!');
    let mut shown = Map::new();
    for (key, value) in [
        ("upid", &task.upid),
        ("node", &task.node),
        ("type", &task.kind),
        ("id", &task.id),
        ("user", &user.to_owned()),
    ] {
        shown.insert(key.to_owned(), value.clone().into());
    }
    if !token.is_empty() {
        shown.insert("tokenid".to_owned(), token.into());
    }
    shown.insert("starttime".to_owned(), task.starttime().into());
    shown
}

/// Facts 35; the default limit is 50 (reference 4).
pub(super) fn log(call: &mut Call) -> Reply {
    if call.params.flag("download") {
        return Err(Refusal::unknown("pve-sim: a log as a download is not served"));
    }
    let text = call.params.text("upid");
    let is_known = call.world.tasks.iter().any(|task| task.upid == text && !task.run.gone);
    if full(UPID, text) && !is_known {
        // PVE: API2/Tasks.pm, read_task_log: the permission depends only on the name.
        if !owned(call, text.split(':').nth(7).unwrap_or_default()) {
            let node = format!("/nodes/{}", call.params.text("node"));
            call.world.check(call.who, &node, &["Sys.Audit"])?;
        }
        return Ok(one_line("unable to open file - No such file or directory"));
    }
    let task = found(call, "Sys.Audit")?;
    if task.log.is_empty() {
        return Ok(one_line("no content"));
    }
    let start = call.params.number("start").unwrap_or(0) as usize;
    let limit = match call.params.number("limit").unwrap_or(50) as usize {
        0 => usize::MAX,
        limit => limit,
    };
    // wget ends a line of dots with the percentage; its current line has none yet.
    let wget_is_at_work = task.kind == "download"
        && task.exitstatus.is_none()
        && task.log.last().is_some_and(|line| line.contains('%'));
    let unfinished = wget_is_at_work.then(|| "  ........ ....".to_owned());
    let log: Vec<&String> = task.log.iter().chain(&unfinished).collect();
    let total = log.len();
    let lines: Vec<Value> = log
        .into_iter()
        .enumerate()
        .skip(start)
        .take(limit)
        .map(|(at, text)| json!({ "n": at + 1, "t": text }))
        .collect();
    Ok(Answer { total: Some(total), ..Answer::from(lines) })
}

/// Returns what PVE shows instead of a log.
// PVE: pve-common, Tools.pm, dump_logfile.
fn one_line(text: &str) -> Answer {
    Answer { total: Some(1), ..Answer::from(json!([{ "n": 1, "t": text }])) }
}

pub(super) fn stop(call: &mut Call) -> Reply {
    let upid = found(call, "Sys.Modify")?.upid.clone();
    call.world.stop_task(&upid);
    Ok(Value::Null.into())
}

/// Reference 4: how to find a lost task.
// PVE: API2/Tasks.pm, node_tasks: running tasks, oldest first, then the archive, most recent end
// first; without `limit` there are 50 rows, and `total` counts all matches.
pub(super) fn on_node(call: &mut Call) -> Reply {
    let node = call.node();
    let source = call.params.get("source").unwrap_or("archive");
    let there = call.world.tasks.iter().filter(|task| task.node == node && !task.run.gone);
    let (mut ended, running): (Vec<&Task>, Vec<&Task>) =
        there.partition(|task| task.exitstatus.is_some());
    ended.reverse();
    ended.sort_by_key(|task| std::cmp::Reverse(task.run.ended));
    let running = running.into_iter().filter(|_| source != "archive");
    let ended = ended.into_iter().filter(|_| source != "active");
    let mut lines: Vec<Value> = running
        .chain(ended)
        .filter(|task| fits(call, task))
        .map(|task| if task.exitstatus.is_none() { active(task) } else { line(task) })
        .collect();
    // PVE: HTTPServer.pm, rest_handler: a total of zero is left out.
    let total = Some(lines.len()).filter(|total| *total > 0);
    let start = (call.params.number("start").unwrap_or(0) as usize).min(lines.len());
    lines.drain(..start);
    lines.truncate(call.params.number("limit").unwrap_or(50) as usize);
    Ok(Answer { total, ..Answer::from(lines) })
}

/// Returns whether a task matches the filters and is visible.
fn fits(call: &Call, task: &Task) -> bool {
    let params = &call.params;
    // PVE: the active list does not distinguish a token from its user, the archive does.
    let user = match task.exitstatus {
        None => task.user.as_str(),
        Some(_) => user_of(&task.user),
    };
    let holds = |wanted: &str| user.to_lowercase().contains(&wanted.to_lowercase());
    let own = match task.exitstatus {
        None => task.user == call.who.authid,
        Some(_) => owned(call, &task.user),
    };
    (own || call.world.may(call.who, &format!("/nodes/{}", task.node), &["Sys.Audit"]))
        && params.get("vmid").is_none_or(|vmid| vmid == task.id)
        && params.get("typefilter").is_none_or(|kind| task.kind == kind)
        && params.get("userfilter").is_none_or(holds)
        && params.number("since").is_none_or(|since| task.starttime() >= since)
        && params.number("until").is_none_or(|until| task.starttime() <= until)
        && has_wanted_status(call, task)
}

/// Filters by status; `errors` leaves out OK tasks and so keeps running ones.
fn has_wanted_status(call: &Call, task: &Task) -> bool {
    let kind = status_type(task);
    if call.params.flag("errors") {
        return kind != "ok";
    }
    let wanted = call.params.list("statusfilter");
    wanted.is_empty() || wanted.iter().any(|wanted| wanted.to_lowercase() == kind)
}

// PVE: pve-common, UPID.pm, normalize_status_type.
fn status_type(task: &Task) -> &'static str {
    match task.exitstatus.as_deref() {
        None | Some("unexpected status") => "unknown",
        Some("OK") => "ok",
        Some(status) if status.starts_with("WARNINGS: ") => "warning",
        Some(_) => "error",
    }
}

/// Without Sys.Audit on /, returns only the caller's own tasks; a token's tasks are not its user's.
// PVE: API2/Cluster.pm, tasks.
pub(super) fn on_cluster(call: &mut Call) -> Reply {
    let all = call.world.may(call.who, "/", &["Sys.Audit"]);
    let lines = call
        .world
        .tasks
        .iter()
        .rev()
        .filter(|task| !task.run.gone)
        .take(25)
        .filter(|task| all || user_of(&task.user) == call.who.authid)
        .map(line);
    Ok(Value::Array(lines.collect()).into())
}

/// Returns a running task as its node lists it, without distinguishing the token from its user.
// PVE: pve-common, RESTEnvironment.pm, active_workers; API2/Tasks.pm, node_tasks.
fn active(task: &Task) -> Value {
    let mut shown = describe(task);
    shown.shift_remove("tokenid");
    shown.insert("user".to_owned(), task.user.clone().into());
    shown.insert("pid".to_owned(), task.pid().into());
    shown.insert("pstart".to_owned(), task.pstart().into());
    shown.insert("status".to_owned(), "RUNNING".into());
    shown.insert("saved".to_owned(), "0".into());
    Value::Object(shown)
}

fn line(task: &Task) -> Value {
    let mut shown = describe(task);
    if let Some(status) = &task.exitstatus {
        shown.insert("status".to_owned(), status.clone().into());
        shown.insert("endtime".to_owned(), (task.starttime() + 1).into());
    }
    Value::Object(shown)
}
