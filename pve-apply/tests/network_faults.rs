//! Whatever others do to SDN, and whatever PVE refuses, at any moment of a run that changes networks: nothing of
//! theirs is committed, changed or lost, no lock of ours remains, and once the trouble is over the next run ends
//! in the undisturbed world.
//!
//! The runs are those of case folders. Each trouble is tried at each write and, of the reads, at every fourth, at
//! others in each case; with `FAULTS=all` at each request.

#![expect(clippy::unwrap_used, reason = "a test may")]

use serde_json::{Value, json};
use test_support::stand::{Stand, compare, each, undisturbed};
use test_support::sweep;

/// The number of runs after which the work must be done once the trouble is over.
const RUNS: usize = 2;
/// The token of a stranger's lock.
const THEIRS: &str = "01900000-0000-7000-8000-00000000beef";
/// How the lock is taken.
const LOCK: &str = "POST /cluster/sdn/lock";

/// A trouble, and how it ends.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    /// Somebody edits SDN although we hold the lock, or where there is none.
    Edit,
    /// Somebody breaks the lock and edits.
    BreakAndEdit,
    /// Somebody breaks the lock and takes it.
    Lock,
    /// A node fails at each reload from now on.
    Reload,
    /// A node goes offline, and with it the quorum.
    Quorum,
    /// PVE refuses.
    Answer(u16),
    /// PVE gives us the lock whenever we ask for it, and each answer is lost.
    LostLock,
}

impl Trouble {
    fn fault(self, nth: usize) -> Value {
        let edit = json!({"zones": {"others": {"type": "simple"}}});
        let then = match self {
            Self::Edit => json!({"sdn": {"set": edit}}),
            Self::BreakAndEdit => json!({"sdn": {"unlock": true, "set": edit}}),
            Self::Lock => json!({"sdn": {"lock": THEIRS}}),
            Self::Reload => {
                json!({"sdn": {"fails": [{"node": "pve2", "log": ["ifreload failed"]}]}})
            }
            Self::Quorum => json!({"offline": "pve2"}),
            Self::Answer(status) => json!({"answer": {"status": status, "message": "no"}}),
            Self::LostLock => {
                let then = json!({"answer_after": {"status": 596, "message": "no"}});
                return json!({"when": LOCK, "times": 0, "then": then});
            }
        };
        json!({"when": "* /**", "nth": nth, "then": then})
    }

    /// Whether it may come at the nth request: an answer concerns writes only, and an edit without breaking the
    /// lock, which PVE 9 refuses, is seen only if it comes before the last look at zones. Between the last
    /// request and the commit itself there is no look at all.
    fn comes_at(self, nth: usize, requests: &[String]) -> bool {
        let request = requests[nth - 1].as_str();
        let commit = requests.iter().rposition(|request| request == "PUT /cluster/sdn").unwrap();
        let before = &requests[..commit];
        let look = before.iter().rposition(|request| request == "GET /cluster/sdn/zones").unwrap();
        match self {
            Self::Edit => nth <= look + 1,
            Self::BreakAndEdit => nth <= commit,
            Self::Answer(_) => !request.starts_with("GET "),
            Self::LostLock => request == LOCK,
            _ => true,
        }
    }

    /// Checks what a run must never do, whatever happens.
    fn check(self, stand: &Stand) -> Result<(), String> {
        let world = stand.sim.world();
        let (edited, running) = (&world.sdn.edited.zones, &world.sdn.running.zones);
        if running.contains_key("others") {
            return Err("it has committed what others have edited".to_owned());
        }
        let is_edit = matches!(self, Self::Edit | Self::BreakAndEdit);
        let theirs = edited.get("others").map(|zone| zone.get("type").map(String::as_str));
        if is_edit && theirs != Some(Some("simple")) {
            return Err(format!("what others have edited is now {theirs:?}"));
        }
        match (self, world.sdn.lock.as_deref()) {
            (Self::Lock, Some(THEIRS)) => Ok(()),
            (Self::Lock, lock) => Err(format!("the lock of others is now {lock:?}")),
            // It cannot be released without quorum.
            (Self::Quorum, _) | (_, None) => Ok(()),
            (_, Some(lock)) => Err(format!("the lock remains: {lock}")),
        }
    }

    /// Ends it.
    fn end(self, stand: &Stand) {
        stand.sim.mend();
        stand.sim.edit(|world| {
            world.sdn.edited.zones.remove("others");
            world.sdn.fails.clear();
            world.nodes.values_mut().for_each(|node| node.online = true);
            if matches!(self, Self::Quorum) {
                // PVE: pve-manager, bin/pve-sdn-commit: a node that boots loads what is committed.
                world.sdn.stale_on.clear();
            }
            if world.sdn.lock.as_deref() == Some(THEIRS) {
                world.sdn.lock = None;
            }
        });
    }
}

/// One in this number of reads meets a trouble.
const SHARE: usize = 4;

/// Returns the troubles of a case, each with the request at which it comes.
fn chosen(case: &str, troubles: &[Trouble], requests: &[String]) -> Vec<(Trouble, usize)> {
    let is_wished = |turn: usize, nth: usize| {
        let is_turn = (turn + nth + case.len()).is_multiple_of(SHARE);
        is_turn || !requests[nth - 1].starts_with("GET ") || sweep::tries_all_faults()
    };
    let all = troubles.iter().enumerate().flat_map(|(turn, trouble)| {
        let here = (1..=requests.len()).filter(move |nth| is_wished(turn, *nth));
        here.map(|nth| (*trouble, nth))
    });
    all.filter(|(trouble, nth)| trouble.comes_at(*nth, requests)).collect()
}

/// Tries troubles at the requests of a case, at least this many.
fn check(case: &str, troubles: &[Trouble], least: usize) {
    let (expected, requests) = undisturbed(case);
    let all = chosen(case, troubles, &requests);
    assert!(all.len() >= least, "{case}: only {} troubles", all.len());
    each(all.len(), |number| {
        let (trouble, nth) = all[number];
        let fault = json!([trouble.fault(nth)]);
        let stand = Stand::new(case, &fault.to_string());
        let what = format!("{case}: {trouble:?} at request {nth}, {}", requests[nth - 1]);
        let with_output = |text: String| format!("{what}: {text}\n{}", stand.output());
        let ended = stand.spawn_hasty().wait().unwrap();
        stand.sim.settle();
        if ended.code() == Some(101) || ended.code().is_none() {
            return Err(with_output(format!("it ended with {ended}")));
        }
        trouble.check(&stand).map_err(with_output)?;
        trouble.end(&stand);
        compare(&what, &stand, RUNS, &expected)
    });
}

const ALL: [Trouble; 8] = [
    Trouble::Edit,
    Trouble::BreakAndEdit,
    Trouble::Lock,
    Trouble::Reload,
    Trouble::Quorum,
    Trouble::Answer(500),
    Trouble::Answer(403),
    Trouble::Answer(596),
];

#[test]
fn while_a_network_is_created() {
    check("network-alone-is-created", &[&ALL[..], &[Trouble::LostLock]].concat(), 80);
}

#[test]
fn while_a_network_is_changed() {
    check("network-alone-is-changed", &ALL, 90);
}

#[test]
fn while_a_network_is_removed() {
    check("network-alone-is-removed", &ALL, 90);
}

#[test]
fn while_leftovers_are_committed() {
    check("network-leftovers-of-a-killed-run-are-committed", &ALL, 60);
}

#[test]
fn while_a_network_is_created_on_8_4() {
    let is_about_lock =
        |trouble: &Trouble| matches!(trouble, Trouble::Lock | Trouble::BreakAndEdit);
    let without_lock: Vec<Trouble> = ALL.into_iter().filter(|one| !is_about_lock(one)).collect();
    check("network-alone-is-created-on-8-4", &without_lock, 45);
}

/// A run is killed while it asks for the lock, and PVE never gets the request.
fn killed_before_the_lock() -> (Stand, String) {
    let case = "network-alone-is-created";
    let (expected, requests) = undisturbed(case);
    let ask = requests.iter().position(|request| request == LOCK).unwrap() + 1;
    let fault = json!([{"when": "* /**", "nth": ask, "then": {"cut": "before"}}]);
    let stand = Stand::new(case, &fault.to_string());
    assert!(stand.kill_after(ask));
    assert!(stand.remembers_a_lock());
    (stand, expected)
}

#[test]
fn a_lock_of_others_is_not_taken_for_the_one_of_a_killed_run() {
    let (stand, expected) = killed_before_the_lock();
    stand.sim.edit(|world| {
        world.sdn.lock = Some(THEIRS.to_owned());
        let simple = [("type".to_owned(), "simple".to_owned())].into();
        world.sdn.edited.zones.insert("others".to_owned(), simple);
    });
    assert_eq!(stand.spawn_hasty().wait().unwrap().code(), Some(1), "{}", stand.output());
    assert_eq!(stand.sim.world().sdn.lock.as_deref(), Some(THEIRS));
    assert!(!stand.remembers_a_lock());
    Trouble::Lock.end(&stand);
    compare("after the lock of others", &stand, 1, &expected).unwrap();
}

#[test]
fn a_lock_that_nobody_got_is_forgotten() {
    let (stand, expected) = killed_before_the_lock();
    compare("after the request that was lost", &stand, 1, &expected).unwrap();
}
