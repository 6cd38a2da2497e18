//! What comes of verbs one after the other, which two at once are compared with. Each sequence is run once.

use crate::cluster::Cluster;
use crate::facts::Facts;
use crate::verbs::{KILLED_CLONE, Verb, verb};
use crate::world;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};
use test_support::pve_sim::World;

/// The names of verbs that were run one after the other.
type Past = Vec<&'static str>;

/// Something that is made once for each key, while others wait for it.
type Once<K, V> = Mutex<BTreeMap<K, Arc<OnceLock<Arc<V>>>>>;

/// Where a sequence has ended.
pub(crate) struct Course {
    pub(crate) world: World,
    pub(crate) facts: Facts,
    /// Whether its last run has succeeded.
    pub(crate) is_well: bool,
    /// `METHOD /path` of each request of its last run.
    pub(crate) requests: Vec<String>,
}

impl Course {
    fn new(world: World) -> Self {
        Self { facts: Facts::of(&world), world, is_well: true, requests: Vec::new() }
    }
}

/// The sequences so far.
#[derive(Default)]
pub(crate) struct References {
    courses: Once<Past, Course>,
    finished: Once<(Past, [&'static str; 2]), Result<Facts, String>>,
}

impl References {
    /// Returns what comes of these verbs.
    pub(crate) fn get(&self, past: &[&'static str]) -> Arc<Course> {
        once(&self.courses, past.to_vec(), || match past.split_last() {
            None => Course::new(world::world()),
            Some((last, before)) if *last == KILLED_CLONE => {
                Course::new(world::with_killed_clone(self.get(before).world.clone()))
            }
            Some((last, before)) => run(self.get(before).world.clone(), verb(last)),
        })
    }

    /// Returns the world after these verbs and the last run for a pair.
    pub(crate) fn finished(
        &self,
        past: &[&'static str],
        verbs: [&Verb; 2],
    ) -> Arc<Result<Facts, String>> {
        let mut names = verbs.map(|verb| verb.name);
        names.sort_unstable();
        once(&self.finished, (past.to_vec(), names), || {
            Cluster::new(self.get(past).world.clone()).finish(verbs)
        })
    }
}

fn once<K: Ord, V>(all: &Once<K, V>, key: K, make: impl FnOnce() -> V) -> Arc<V> {
    let cell = Arc::clone(all.lock().unwrap().entry(key).or_default());
    Arc::clone(cell.get_or_init(|| Arc::new(make())))
}

fn run(world: World, verb: &Verb) -> Course {
    let cluster = Cluster::new(world);
    let end = cluster.run(verb.command, verb.document());
    assert_eq!(cluster.sim.refused(), Vec::<String>::new());
    let requests = cluster.sim.requests();
    let requests = requests.iter().map(|r| format!("{} {}", r.method, r.path)).collect();
    cluster.sim.settle();
    Course { is_well: end.is_well(), requests, ..Course::new(cluster.sim.world()) }
}
