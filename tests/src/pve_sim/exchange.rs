//! One request from head to answer: the caller, the faults that apply, the answer of the world.
//! Does no I/O itself except a line on stderr for unsupported requests.

use std::time::Duration;

use super::answer::{Answer, Refusal, Reply};
use super::connection::Received;
use super::faults::wire::Wire;
use super::faults::{self, Cut, Plan, Scripted};
use super::params::Params;
use super::request::{self, Head};
use super::requests::Request;
use super::routes;
use super::server::{Shared, State};
use super::world::access::Who;

/// What to do after the head.
pub(super) enum Step {
    /// Drop the connection.
    Cut,
    /// Answer without reading the body.
    Answer(Reply, Duration),
    /// Read the body and continue.
    Serve(Box<Pending>),
}

/// A request whose body has not been read.
pub(super) struct Pending {
    pub(super) path: String,
    pub(super) query: String,
    pub(super) method: String,
    pub(super) connection: u64,
    pub(super) host: String,
    pub(super) delay_ms: u64,
    pub(super) upload_boundary: Option<String>,
    who: Who,
    plan: Plan,
}

impl Pending {
    pub(super) fn cuts_midway(&self) -> bool {
        self.plan.cut == Some(Cut::Midway)
    }

    /// Returns what happens to the answer on its way.
    pub(super) fn wire(&self) -> Option<Wire> {
        self.plan.wire
    }
}

/// Decides what to do with a head.
pub(super) fn begin(shared: &Shared, head: &Head, connection: u64) -> Step {
    let Some((path, query)) = head.api_path() else {
        return now(Refusal::plain(501, "no such uri"));
    };
    let mut state = shared.state();
    state.world.advance(shared.now());
    state.sync_folder();
    pass_time(&mut state, &head.method, &path);
    let plan = faults::plan(&mut state.faults, &head.method, &path);
    state.faults_met += plan.met;
    for hand in &plan.hands {
        faults::hand::apply(&mut state.world, hand);
    }
    let mut pending = Box::new(Pending {
        path,
        query,
        method: head.method.clone(),
        connection,
        host: head.host().to_owned(),
        delay_ms: plan.delay_ms,
        upload_boundary: None,
        who: Who { authid: String::new() },
        plan,
    });
    if pending.plan.cut == Some(Cut::Before) || pending.plan.gone_ms.is_some() {
        note_in(&mut state, &pending, &Params::default(), 0);
        drop(state);
        pending.plan.gone_ms.into_iter().for_each(|ms| shared.go_away(ms));
        return Step::Cut;
    }
    match admit(&state, head, &mut pending) {
        Ok(()) => Step::Serve(pending),
        Err(refusal) => {
            let query = request::decode_form(&pending.query);
            note_in(&mut state, &pending, &query, refusal.status);
            let delay = match refusal.status {
                401 => shared.options.auth_delay,
                _ => Duration::from_millis(pending.delay_ms),
            };
            Step::Answer(Err(refusal), delay)
        }
    }
}

fn now(refusal: Refusal) -> Step {
    Step::Answer(Err(refusal), Duration::ZERO)
}

/// Refuses what pveproxy refuses before it reads a body; PVE: process_header and
/// authenticate_and_handle_request.
fn admit(state: &State, head: &Head, pending: &mut Pending) -> Result<(), Refusal> {
    if !["GET", "POST", "PUT", "DELETE"].contains(&head.method.as_str()) {
        let text = format!("method '{}' not available", head.method);
        return Err(Refusal::bare(501, text));
    }
    if let Some(encoding) = head.header("transfer-encoding") {
        // PVE: facts 39.
        let text = match encoding.eq_ignore_ascii_case("chunked") {
            true => "chunked transfer encoding not supported".to_owned(),
            false => format!("Unknown transfer encoding '{encoding}'"),
        };
        return Err(Refusal::plain(501, text));
    }
    // PVE: facts 50 and 3.
    let (id, secret) = head.token().ok_or_else(|| Refusal::bare(401, "No ticket"))?;
    pending.who = state
        .world
        .authenticate(&id, &secret)
        .ok_or_else(|| Refusal::bare(401, "Authentication failed!"))?;
    let length = head.length().unwrap_or(0);
    if length > 0 && !matches!(head.method.as_str(), "PUT" | "POST") {
        // PVE: facts 7.
        let text = format!("Unexpected content for method '{}'", head.method);
        return Err(Refusal::plain(501, text));
    }
    let pieces: Vec<&str> = pending.path.split('/').collect();
    let ["", "nodes", _, "storage", storage, "upload"] = pieces[..] else {
        return Ok(());
    };
    // PVE: APIServer/AnyEvent.pm: without a body it is an ordinary request.
    if head.method != "POST" || length == 0 {
        return Ok(());
    }
    // PVE: facts 40 and 3: refused before the body is read, without a body.
    let path = format!("/storage/{storage}");
    let rights = state.world.check(&pending.who, &path, &["Datastore.AllocateTemplate"]);
    rights.map_err(|refusal| Refusal::bare(403, refusal.message))?;
    let (kind, boundary) = head.content_type();
    let boundary = boundary.filter(|_| kind == "multipart/form-data");
    pending.upload_boundary = Some(boundary.ok_or_else(|| {
        Refusal::plain(501, "upload without content length header or multipart body not supported")
    })?);
    Ok(())
}

/// Lets time pass with requests that observe running work, so that a task also ends if its client is gone.
fn pass_time(state: &mut State, method: &str, path: &str) {
    let pieces: Vec<&str> = path.split('/').collect();
    match pieces[..] {
        ["", "nodes", _, "qemu", vmid, ..] => state.world.pass_time(Some(vmid)),
        // The task that reloads all nodes has no ID.
        ["", "nodes", _, "sdn", ..] => state.world.pass_time(Some("")),
        ["", "cluster", "resources" | "tasks"] | ["", "nodes", _, "tasks"] => {
            state.world.pass_time(None)
        }
        ["", "nodes", _, "storage", _, "content"] if method == "GET" => state.world.pass_time(None),
        _ => {}
    }
}

/// Serves a request after its body; `None` means that the answer is lost.
pub(super) fn finish(
    shared: &Shared,
    head: &Head,
    pending: &Pending,
    received: Received,
) -> Option<Reply> {
    let mut state = shared.state();
    let (mut params, upload) = match received {
        Ok(received) => received,
        Err(refusal) => {
            note_in(&mut state, pending, &Params::default(), refusal.status);
            return Some(Err(refusal));
        }
    };
    params.0.extend(request::decode_form(&pending.query).0);
    params.take("_dc");
    if let Some(scripted) = &pending.plan.answer {
        note_in(&mut state, pending, &params, scripted.status);
        return Some(Err(refusal(scripted)));
    }
    if let Some(body) = &pending.plan.body {
        note_in(&mut state, pending, &params, 200);
        return Some(Ok(Answer { body: Some(body.clone()), ..Answer::from(()) }));
    }
    state.world.clockwork.fault.clone_from(&pending.plan.task);
    state.world.advance(shared.now());
    let reply = routes::serve(
        &mut state.world,
        &pending.who,
        &head.method,
        &pending.path,
        params.clone(),
        upload,
    );
    state.world.clockwork.fault = None;
    let task = reply.as_ref().ok().and_then(|answer| answer.data.as_str());
    let task = task.filter(|text| text.starts_with("UPID:")).map(str::to_owned);
    if let Err(refusal) = &reply
        && refusal.unknown
    {
        refuse_loudly(&mut state, pending, refusal);
    }
    let reply = match &pending.plan.answer_after {
        Some(scripted) => Err(refusal(scripted)),
        None => reply.map(|mut answer| {
            pending.plan.rows.iter().for_each(|edit| edit.apply(&mut answer.data));
            answer
        }),
    };
    let lost = pending.plan.cut == Some(Cut::After);
    let status = match &reply {
        _ if lost || pending.wire() == Some(Wire::Reset) => 0,
        Ok(_) => 200,
        Err(refusal) => refusal.status,
    };
    note_in(&mut state, pending, &params, status);
    if let Some(request) = state.requests.last_mut() {
        request.task = task;
    }
    (!lost).then_some(reply)
}

fn refuse_loudly(state: &mut State, pending: &Pending, refusal: &Refusal) {
    let line = format!("{} {}: {}", pending.method, pending.path, refusal.message.trim_end());
    eprintln!("pve-sim: not served: {line}");
    state.refused.push(line);
}

/// 595 to 599 come from pveproxy itself and have no body (reference 4).
fn refusal(scripted: &Scripted) -> Refusal {
    match scripted.status {
        401 | 595.. => Refusal::bare(scripted.status, &scripted.message),
        status => Refusal {
            errors: scripted.errors.clone(),
            ..Refusal::status(status, &scripted.message)
        },
    }
}

/// Records a request that ended without an answer.
pub(super) fn note(shared: &Shared, pending: &Pending, params: &Params, status: u16) {
    note_in(&mut shared.state(), pending, params, status);
}

fn note_in(state: &mut State, pending: &Pending, params: &Params, status: u16) {
    state.requests.push(Request {
        method: pending.method.clone(),
        path: pending.path.clone(),
        query: pending.query.clone(),
        params: params.0.clone(),
        status,
        connection: pending.connection,
        task: None,
        host: pending.host.clone(),
    });
}
