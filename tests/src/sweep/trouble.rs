//! The faults of a sweep: what goes wrong, at which requests, for how long, and how it ends.

use super::asked::Asked;
use crate::pve_sim::World;
use serde_json::{Value, json};

/// How long a fault lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// For one request.
    Once,
    /// For this request and all of the same path.
    Here,
    /// For this request and all after it.
    Onwards,
}

/// A kind of fault.
#[derive(Debug)]
pub(super) struct Trouble {
    /// Its name.
    pub(super) name: &'static str,
    /// What happens at a request; nothing where it cannot.
    thens: fn(&Asked) -> Vec<Value>,
    reach: Reach,
    /// What PVE says: a run that fails repeats it, or says the other.
    pub(super) says: &'static [&'static str],
}

const LOCK: &str = "can't lock file '/var/lock/qemu-server/lock-100.conf' - got timeout";
const NO_ROUTE: &str = "No route to host";
const TIMED_OUT: &str = "Connection timed out";
const BROKEN_PIPE: &str = "Broken pipe";
const NO_TOKEN: &str = "invalid token value!";
const FORBIDDEN: &str = "Permission check failed (/vms/100, VM.Everything)";
const FAILS: &str = "command '/usr/bin/qemu-img convert' failed: got signal 9";

/// A task whose end is not seen.
pub(super) const ENDLESS: &str = "task-endless";
/// A VM of somebody else appears at the vmid.
pub(super) const TAKEN: &str = "vm-exists";
/// A node goes offline.
pub(super) const AWAY: &str = "node-away";

const fn trouble(
    name: &'static str,
    reach: Reach,
    says: &'static [&'static str],
    thens: fn(&Asked) -> Vec<Value>,
) -> Trouble {
    Trouble { name, thens, reach, says }
}

/// All of them.
pub(super) const ALL: [Trouble; 26] = [
    trouble("lock", Reach::Once, &[LOCK], |_| answer(500, LOCK)),
    trouble("lock-held", Reach::Here, &[LOCK], |asked| of_write(asked, answer(500, LOCK))),
    trouble(TAKEN, Reach::Once, &["already exists", "File exists"], taken),
    trouble("595", Reach::Once, &[NO_ROUTE, "does not answer"], |_| answer(595, NO_ROUTE)),
    trouble("596-done", Reach::Once, &[TIMED_OUT], |_| answer_after(596, TIMED_OUT)),
    trouble("596-done-again", Reach::Here, &[TIMED_OUT], |asked| {
        of_write(asked, answer_after(596, TIMED_OUT))
    }),
    trouble("599", Reach::Once, &[BROKEN_PIPE], |_| answer(599, BROKEN_PIPE)),
    trouble("401", Reach::Onwards, &[NO_TOKEN], |_| answer(401, NO_TOKEN)),
    trouble("403", Reach::Here, &[FORBIDDEN, "the token cannot read", "the token lacks"], |_| {
        answer(403, FORBIDDEN)
    }),
    trouble("refused", Reach::Once, &[], |_| vec![json!({"gone_ms": 0})]),
    trouble("refused-briefly", Reach::Once, &[], |_| vec![json!({"gone_ms": 300})]),
    trouble("reset", Reach::Once, &[], |_| idle_and("reset")),
    trouble("reset-done", Reach::Once, &[], |_| wire("reset")),
    trouble("slow", Reach::Once, &[], |_| wire("slow")),
    trouble("broken-off", Reach::Once, &[], |_| wire("broken_off")),
    trouble("truncated", Reach::Once, &[], |_| wire("truncated")),
    trouble("html", Reach::Once, &[], |_| idle_and("html")),
    trouble("html-504-done", Reach::Once, &[], |_| [answer_after(504, ""), wire("html")].concat()),
    trouble("huge", Reach::Once, &[], |_| wire("huge")),
    // Where the answer has no data anyway, it says that the work is done.
    trouble("null", Reach::Once, &[], |asked| {
        let is_empty = asked.is_write() && !asked.starts_task;
        if is_empty { Vec::new() } else { vec![json!({"body": {"data": null}})] }
    }),
    trouble("task-fails", Reach::Once, &[FAILS], |asked| {
        of_task(asked, json!({"exitstatus": FAILS, "log": ["transferred 1.0 GiB"]}))
    }),
    trouble("task-warns", Reach::Once, &[], |asked| of_task(asked, json!({"warnings": 2}))),
    trouble(ENDLESS, Reach::Once, &[], |asked| of_task(asked, json!({"length": 1_000_000_000}))),
    trouble("task-forgotten", Reach::Once, &[], |asked| of_task(asked, json!({"vanish": true}))),
    trouble("task-idle", Reach::Once, &[], |asked| of_task(asked, json!({"exitstatus": "OK"}))),
    trouble(AWAY, Reach::Once, &[], |asked| {
        asked.node.iter().map(|node| json!({"offline": node})).collect()
    }),
];

fn answer(status: u16, message: &str) -> Vec<Value> {
    vec![json!({"answer": {"status": status, "message": message}})]
}

fn answer_after(status: u16, message: &str) -> Vec<Value> {
    vec![json!({"answer_after": {"status": status, "message": message}})]
}

fn wire(wire: &str) -> Vec<Value> {
    vec![json!({"wire": wire})]
}

/// The work is not done.
fn idle_and(spoiled: &str) -> Vec<Value> {
    [vec![json!({"body": {"data": null}})], wire(spoiled)].concat()
}

fn of_write(asked: &Asked, thens: Vec<Value>) -> Vec<Value> {
    if asked.is_write() { thens } else { Vec::new() }
}

fn of_task(asked: &Asked, task: Value) -> Vec<Value> {
    if asked.starts_task { vec![json!({"task": task})] } else { Vec::new() }
}

/// Returns the vmid of the VM that a request creates.
fn new_vmid(asked: &Asked) -> Option<u32> {
    let key = match asked.kind.as_str() {
        "POST /nodes/*/qemu" => "vmid",
        "POST /nodes/*/qemu/*/clone" => "newid",
        _ => return None,
    };
    asked.params.get(key)?.parse().ok()
}

/// Somebody else creates a VM at the same vmid.
fn taken(asked: &Asked) -> Vec<Value> {
    let create = |vmid| {
        let config = json!({"name": "somebody-elses", "tags": "prod", "cores": "8"});
        json!({"create": {"vmid": vmid, "node": asked.node, "config": config}})
    };
    new_vmid(asked).map(create).into_iter().collect()
}

impl Trouble {
    /// Returns it at a request, as in `faults.json`; empty if it cannot happen there.
    pub(super) fn faults(&self, asked: &Asked) -> Vec<Value> {
        let (when, nth) = match self.reach {
            Reach::Onwards => ("* /**", asked.at),
            _ => (asked.pattern.as_str(), asked.nth),
        };
        let times = u8::from(self.reach == Reach::Once);
        let fault = |then| json!({"when": when, "nth": nth, "times": times, "then": then});
        (self.thens)(asked).into_iter().map(fault).collect()
    }

    /// Returns the vmid at which it creates a VM, if it does.
    pub(super) fn creates(&self, asked: &Asked) -> Option<u32> {
        new_vmid(asked).filter(|_| self.name == TAKEN)
    }

    /// Ends what outlasts the fault in the world.
    pub(super) fn end(&self, asked: &Asked, world: &mut World) {
        if let Some(vmid) = self.creates(asked) {
            world.vms.remove(&vmid);
        }
        let away = asked.node.as_ref().filter(|_| self.name == AWAY);
        if let Some(node) = away.and_then(|node| world.nodes.get_mut(node)) {
            node.online = true;
            // PVE: pve-manager, bin/pve-sdn-commit: a node that boots loads what is committed.
            world.sdn.stale_on.clear();
        }
    }
}
