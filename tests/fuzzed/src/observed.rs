//! What pve-apply makes of PVE's answers: a plan to apply a document, and one to destroy it.

use crate::document::is_well_placed;
use crate::node::{Answer, Node, SECRET};
use pve_apply::memory::{Goal, plan, plan_again};
use serde_json::{Value, json};
use stage::Document;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

/// A document with one VM on a network of its own.
const DOCUMENT: &str = include_str!("observed/document.json");
/// The cluster's answers when both exist and are as the document wants them.
const ANSWERS: &str = include_str!("observed/answers.txt");

static NODE: LazyLock<Node> = LazyLock::new(Node::start);

/// The input has answers that differ from those of a cluster where nothing is to be done: lines of `PATH STATUS BODY`.
///
/// Planning only reads; a plan is the same for the same answers and can be read again; what is destroyed has a mark
/// with the site, the deployment and the vmid, and a VM is created only where no other is listed; a failure says what is wrong,
/// and nothing shows the token.
pub fn observed(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut answers = lines(ANSWERS);
    answers.extend(lines(&text));
    let answers = Arc::new(answers);
    for goal in [Goal::Apply, Goal::Destroy] {
        let planned = planned(&answers, goal);
        if let Some(plan) = &planned {
            if goal == Goal::Destroy {
                removes_only_ours(plan, &answers);
            }
            creates_only_where_nothing_is(plan, &answers);
            let again = plan_again(plan.as_bytes()).unwrap();
            assert_eq!(without_findings(&again), without_findings(plan.as_bytes()));
        }
        assert_eq!(self::planned(&answers, goal), planned);
    }
}

/// Returns a plan without what stands against it, which is judged anew and not read back.
fn without_findings(plan: &[u8]) -> Value {
    let mut plan: Value = serde_json::from_slice(plan).unwrap();
    for part in ["", "/networks"] {
        if let Some(Value::Object(part)) = plan.pointer_mut(part) {
            part.retain(|key, _| key != "blocked" && key != "notices");
        }
    }
    if let Value::Object(plan) = &mut plan {
        plan.retain(|_, value| *value != json!({"planned": []}));
    }
    plan
}

type Answers = BTreeMap<String, Answer>;

/// Reads lines of `PATH STATUS BODY`; others are left out.
fn lines(text: &str) -> Answers {
    let line = |line: &str| {
        let mut parts = line.splitn(3, ' ');
        let (path, status, body) = (parts.next()?, parts.next()?, parts.next()?);
        // After these the client waits and asks again.
        let status =
            status.parse().ok().filter(|status| matches!(status, 200 | 400..=501 | 595))?;
        Some((path.to_owned(), Answer { status, reason: String::new(), body: body.into() }))
    };
    text.lines().filter_map(line).collect()
}

fn planned(answers: &Arc<Answers>, goal: Goal) -> Option<String> {
    let answers = answers.clone();
    NODE.says(move |path| {
        let path = path.split('?').next().unwrap_or_default();
        answers.get(path).cloned().unwrap_or_else(|| absent(path))
    });
    let document = Document::parse(DOCUMENT.as_bytes()).unwrap();
    let plan = plan(&document, &NODE.client, goal);
    for (method, path) in NODE.requests() {
        assert_eq!(method, "GET", "{path}");
    }
    match plan {
        Ok(plan) => {
            let plan = String::from_utf8(plan).unwrap();
            assert!(!plan.contains(SECRET));
            Some(plan)
        }
        Err(failure) => {
            assert!(failure.report().has_errors());
            is_well_placed(failure.report());
            assert!(!format!("{failure:?}").contains(SECRET));
            None
        }
    }
}

/// Returns what a node says about what it does not have.
fn absent(path: &str) -> Answer {
    let body = if path == "/cluster/nextid" {
        r#"{"data":"100"}"#
    } else {
        r#"{"data":null,"message":"does not exist"}"#
    };
    let status = if path == "/cluster/nextid" { 200 } else { 500 };
    Answer { status, reason: String::new(), body: body.into() }
}

/// Checks the mark of each VM that is destroyed, in the answer itself.
fn removes_only_ours(plan: &str, answers: &Answers) {
    let plan: Value = serde_json::from_str(plan).unwrap();
    for vm in plan["vms"].as_array().unwrap().iter().filter(|vm| vm["action"] == "destroy") {
        let path = format!("/nodes/{}/qemu/{}/pending", vm["node"].as_str().unwrap(), vm["vmid"]);
        let config: Value = serde_json::from_slice(&answers[&path].body).unwrap();
        let rows = config["data"].as_array().unwrap().iter();
        let text = |row: &Value| format!("{}{}", row["value"], row["pending"]);
        let described: String = rows.filter(|row| row["key"] == "description").map(text).collect();
        for field in ["site=example", "deployment=lab", &format!("vmid={}", vm["vmid"])] {
            assert!(described.contains(field), "{path}: {described}");
        }
    }
}

/// Checks that no VM is created at a vmid in the cluster's list.
fn creates_only_where_nothing_is(plan: &str, answers: &Answers) {
    let plan: Value = serde_json::from_str(plan).unwrap();
    let list: Value = serde_json::from_slice(&answers["/cluster/resources"].body).unwrap();
    let number = |vmid: &Value| vmid.as_u64().or_else(|| vmid.as_str()?.parse().ok());
    let used: Vec<u64> =
        list["data"].as_array().unwrap().iter().filter_map(|row| number(&row["vmid"])).collect();
    for vm in plan["vms"].as_array().unwrap().iter().filter(|vm| vm["action"] == "create") {
        let vmid = number(&vm["vmid"]).or_else(|| number(&vm["candidate"]));
        assert!(!vmid.is_some_and(|vmid| used.contains(&vmid)), "{vmid:?} is in use");
    }
}
