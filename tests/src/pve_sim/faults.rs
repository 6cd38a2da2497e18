//! Scripted faults: which requests they apply to, and what happens.
//! A pure module: does no I/O.

pub mod hand;
pub mod wire;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::world::sdn::hand::SdnHand;
use super::world::task::TaskFault;
use hand::{Create, Edit, HaEdit, Hold, MovedVm, Withdraw};
use wire::Wire;

/// One fault of `faults.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// `METHOD /path`; `*` matches one segment, `**` at the end the rest.
    pub when: String,
    /// The first matching request it applies to, counted from 1.
    #[serde(default = "one")]
    pub nth: u32,
    /// How many requests it applies to from there; 0 means all.
    #[serde(default = "one")]
    pub times: u32,
    /// What happens.
    pub then: Then,
    /// Matching requests so far.
    #[serde(skip)]
    pub(crate) seen: u32,
}

fn one() -> u32 {
    1
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Then {
    /// Returns this answer instead of doing the work.
    Answer(Scripted),
    /// Does the work and returns this answer.
    AnswerAfter(Scripted),
    /// Returns this JSON with status 200 instead of doing the work.
    Body(Value),
    /// Does the work and changes a row of the returned list.
    Row(RowEdit),
    /// Drops the connection, before or after the work.
    Cut(Cut),
    /// Spoils the answer on its way, whatever it is.
    Wire(Wire),
    /// Drops every connection without the work, and for this many milliseconds nothing listens; 0 means until
    /// the faults end.
    GoneMs(u64),
    /// Waits this many milliseconds before the work.
    DelayMs(u64),
    /// Changes how the task of the request ends.
    Task(TaskFault),
    /// Someone else edits a VM's config just before.
    Edit(Edit),
    /// Someone else creates a VM just before.
    Create(Create),
    /// Something else on the node takes a VM's lock file just before and holds it for some time.
    Hold(Hold),
    /// Someone else removes a VM and its disks just before.
    Remove(u32),
    /// A node goes offline just before.
    Offline(String),
    /// A node comes back online just before.
    Online(String),
    /// HA, or someone else, has moved a VM with its local disks just before.
    Move(MovedVm),
    /// The HA state of a VM changes just before.
    Ha(HaEdit),
    /// The cluster loses its quorum just before, or has it again.
    Quorum(bool),
    /// A storage is full from now on.
    Full(String),
    /// A privilege is revoked just before.
    Withdraw(Withdraw),
    /// Someone else changes, commits or locks SDN just before.
    Sdn(Box<SdnHand>),
}

/// A status with a text, in PVE's form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scripted {
    /// HTTP status; 595 and 596 have no body.
    pub status: u16,
    /// The text.
    #[serde(default)]
    pub message: String,
    /// Texts by parameter, as with status 400.
    #[serde(default)]
    pub errors: serde_json::Map<String, Value>,
}

/// A change to one row of a returned list.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RowEdit {
    /// Which row, counted from 0.
    pub at: usize,
    /// Fields to remove.
    pub drop: Vec<String>,
    /// Fields to add or change.
    pub set: serde_json::Map<String, Value>,
}

impl RowEdit {
    /// Changes the row, if the answer is a list that has it.
    pub(crate) fn apply(&self, data: &mut Value) {
        if let Some(row) = data.get_mut(self.at).and_then(Value::as_object_mut) {
            row.retain(|key, _| !self.drop.contains(key));
            row.extend(self.set.clone());
        }
    }
}

/// When the connection is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cut {
    /// Before the body is read; nothing was done.
    Before,
    /// After the work; the answer is lost.
    After,
    /// After half of the body.
    Midway,
}

/// What happens to one request.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) answer: Option<Scripted>,
    pub(crate) answer_after: Option<Scripted>,
    pub(crate) body: Option<Value>,
    pub(crate) rows: Vec<RowEdit>,
    pub(crate) cut: Option<Cut>,
    pub(crate) wire: Option<Wire>,
    pub(crate) gone_ms: Option<u64>,
    pub(crate) delay_ms: u64,
    pub(crate) task: Option<TaskFault>,
    pub(crate) hands: Vec<Then>,
    /// How many faults apply.
    pub(crate) met: usize,
}

/// Reads `faults.json`.
pub fn from_json(text: &str) -> Result<Vec<Fault>, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// Counts the request for every fault and collects those that apply.
pub(crate) fn plan(faults: &mut [Fault], method: &str, path: &str) -> Plan {
    let mut plan = Plan::default();
    for fault in faults {
        if !matches(&fault.when, method, path) {
            continue;
        }
        fault.seen += 1;
        let past = fault.times > 0 && fault.seen >= fault.nth + fault.times;
        if fault.seen < fault.nth || past {
            continue;
        }
        plan.met += 1;
        match fault.then.clone() {
            Then::Answer(scripted) => plan.answer = Some(scripted),
            Then::AnswerAfter(scripted) => plan.answer_after = Some(scripted),
            Then::Body(body) => plan.body = Some(body),
            Then::Row(edit) => plan.rows.push(edit),
            Then::Cut(cut) => plan.cut = Some(cut),
            Then::Wire(wire) => plan.wire = Some(wire),
            Then::GoneMs(ms) => plan.gone_ms = Some(ms),
            Then::DelayMs(more) => plan.delay_ms += more,
            Then::Task(task) => plan.task = Some(task),
            hand => plan.hands.push(hand),
        }
    }
    plan
}

fn matches(when: &str, method: &str, path: &str) -> bool {
    let Some((verb, pattern)) = when.split_once(' ') else {
        return false;
    };
    if verb != "*" && verb != method {
        return false;
    }
    let mut pieces = path.split('/');
    for word in pattern.split('/') {
        match (word, pieces.next()) {
            ("**", _) => return true,
            ("*", Some(_)) => {}
            (word, Some(piece)) if word == piece => {}
            _ => return false,
        }
    }
    pieces.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(when: &str, request: &str, expected: bool) {
        let (method, path) = request.split_once(' ').unwrap();
        assert_eq!(matches(when, method, path), expected, "{when} / {request}");
    }

    #[test]
    fn patterns_match_requests() {
        check("POST /nodes/*/qemu", "POST /nodes/pve1/qemu", true);
        check("POST /nodes/*/qemu", "GET /nodes/pve1/qemu", false);
        check("* /nodes/*/qemu/**", "GET /nodes/pve1/qemu/100/config", true);
        check("GET /nodes/*/qemu", "GET /nodes/pve1/qemu/100", false);
        check("GET /nodes/*/qemu/100", "GET /nodes/pve1/qemu", false);
    }

    #[test]
    fn a_fault_applies_from_the_nth_call() {
        let text = r#"[{"when": "GET /version", "nth": 2, "times": 2, "then": {"answer": {"status": 500, "message": "x"}}}]"#;
        let mut faults = from_json(text).unwrap();
        let met: Vec<bool> =
            (0..4).map(|_| plan(&mut faults, "GET", "/version").answer.is_some()).collect();
        assert_eq!(met, [false, true, true, false]);
    }

    #[test]
    fn every_kind_is_parsed() {
        for then in [
            r#"{"answer_after": {"status": 596}}"#,
            r#"{"body": {"data": null}}"#,
            r#"{"row": {"at": 1, "drop": ["vmid"], "set": {"node": 5}}}"#,
            r#"{"cut": "after"}"#,
            r#"{"wire": "broken_off"}"#,
            r#"{"gone_ms": 300}"#,
            r#"{"delay_ms": 5}"#,
            r#"{"task": {"exitstatus": "x", "length": 3, "log": ["a"]}}"#,
            r#"{"edit": {"vmid": 100, "set": {"cores": "4"}}}"#,
            r#"{"create": {"vmid": 100, "config": {"name": "x"}}}"#,
            r#"{"hold": {"vmid": 100, "seconds": 60}}"#,
            r#"{"remove": 100}"#,
            r#"{"offline": "pve1"}"#,
            r#"{"move": {"vmid": 100, "node": "pve2"}}"#,
            r#"{"ha": {"vmid": 100, "service": "error"}}"#,
            r#"{"quorum": false}"#,
            r#"{"full": "local"}"#,
            r#"{"withdraw": {"path": "/vms", "privilege": "VM.Audit"}}"#,
            r#"{"sdn": {"set": {"zones": {"z": {"type": "simple"}}}, "lock": "x"}}"#,
            r#"{"sdn": {"delete": {"vnets": ["v"]}, "commit": true, "unlock": true}}"#,
            r#"{"sdn": {"fails": [{"node": "pve1", "zone": "z", "log": ["x"]}], "mends": true}}"#,
        ] {
            let text = format!(r#"[{{"when": "GET /x", "then": {then}}}]"#);
            from_json(&text).unwrap();
        }
    }
}
