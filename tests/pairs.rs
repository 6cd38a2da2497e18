//! Two runs at once of every pair of verbs that write, on the same VM, image and network.
//!
//! The first run is held at one of its requests; meanwhile the second one runs to its end, or up to its own first
//! write. They know nothing of each other's locks, as on two machines. `pairs/rules.rs` says what must hold.
//!
//! Each pair is run at two offsets, which rotate from pair to pair; with `PAIRS=all` at all of them. `PAIR=rename` runs
//! only the pairs with a verb whose name contains `rename`, `PAIR=rename,resize` those that have both.

#[path = "pairs/attempt.rs"]
mod attempt;
#[path = "pairs/cluster.rs"]
mod cluster;
#[path = "pairs/facts.rs"]
mod facts;
#[path = "pairs/interleave.rs"]
mod interleave;
#[path = "pairs/reference.rs"]
mod reference;
#[path = "pairs/rules.rs"]
mod rules;
#[path = "pairs/verbs.rs"]
mod verbs;
#[path = "pairs/world.rs"]
mod world;

use attempt::Attempt;
use interleave::{Offset, Turn};
use reference::References;
use std::collections::BTreeMap;
use std::sync::Mutex;
use test_support::parallel;
use verbs::{VERBS, Verb};

/// The number of attempts at a time: they wait more than they work.
const WORKERS: usize = 12;
/// How many offsets each pair is run at.
const OFFSETS: usize = 2;

/// Returns each unordered pair, also of a verb with itself.
fn pairs() -> Vec<[&'static Verb; 2]> {
    let chosen = std::env::var("PAIR").unwrap_or_default();
    let is_chosen = |pair: &[&Verb; 2]| {
        chosen.split(',').all(|word| pair.iter().any(|verb| verb.name.contains(word)))
    };
    let all = VERBS.iter().enumerate();
    let all = all.flat_map(|(n, one)| VERBS[n..].iter().map(move |two| [one, two]));
    all.filter(is_chosen).collect()
}

/// Returns the offsets at which a verb is held: before each of its writes, and before what comes after it.
fn offsets(requests: &[String]) -> Vec<Offset> {
    let is_write = |n: &usize| *n < requests.len() && !requests[*n].starts_with("GET ");
    let points = (0..requests.len()).filter(|n| is_write(n) || *n > 0 && is_write(&(n - 1)));
    let turns = |passes| {
        let whole = if is_write(&passes) { Turn::BeforeWrite } else { Turn::BetweenWrites };
        [whole, Turn::Nested].map(|turn| Offset { passes, turn })
    };
    points.flat_map(turns).collect()
}

/// Returns all attempts of a pair: either begins first, and the world is one in which either has something to do.
fn attempts(references: &References, [one, two]: [&'static Verb; 2]) -> Vec<Attempt> {
    let mut orders = vec![[one, two], [two, one]];
    orders.dedup_by_key(|verbs| verbs[0].name);
    let mut pasts = vec![one.after, two.after];
    pasts.dedup();
    let mut all = Vec::new();
    for past in pasts {
        for verbs in &orders {
            let alone = references.get(&[past, &[verbs[0].name]].concat());
            let of = |offset| Attempt { past, verbs: *verbs, offset };
            all.extend(offsets(&alone.requests).into_iter().map(of));
        }
    }
    all
}

/// Returns attempts of some kinds, others for each pair.
fn spread(all: &[Attempt], pair: usize) -> Vec<Attempt> {
    let kinds = [Turn::BeforeWrite, Turn::BetweenWrites, Turn::Nested];
    let kinds = (0..OFFSETS).map(|n| kinds[(pair + n) % kinds.len()]);
    let of_kind = |kind| all.iter().filter(move |attempt| attempt.offset.turn == kind);
    let one = |kind| of_kind(kind).nth(pair * 7 % of_kind(kind).count().max(1));
    kinds.filter_map(one).cloned().collect()
}

/// What the attempts have come to, and how many of each.
type Counts = BTreeMap<attempt::Came, usize>;

/// Makes the attempts of a pair one after the other, and prints how many were survived.
fn try_pair(
    references: &References,
    pair: [&'static Verb; 2],
    chosen: &[Attempt],
) -> (Counts, Vec<String>) {
    let (mut counts, mut failed) = (Counts::new(), Vec::new());
    for attempt in chosen {
        match attempt.run(references) {
            Ok(came) => *counts.entry(came).or_default() += 1,
            Err(text) => failed.push(format!("{attempt}: {text}")),
        }
    }
    let survived = chosen.len() - failed.len();
    println!("{} and {}: tried {}, survived {survived}", pair[0].name, pair[1].name, chosen.len());
    failed.iter().for_each(|text| println!("{text}\n"));
    (counts, failed)
}

#[test]
fn two_runs_of_any_verbs_do_not_harm_each_other() {
    let references = References::default();
    let pairs = pairs();
    let is_all = std::env::var("PAIRS").is_ok_and(|which| which == "all");
    let sums = Mutex::new(Counts::new());
    let failed = parallel::each(WORKERS, pairs.len(), |number| {
        let all = attempts(&references, pairs[number]);
        let chosen = if is_all { all } else { spread(&all, number) };
        assert!(chosen.len() >= OFFSETS, "each pair is run at two offsets");
        let (counts, failed) = try_pair(&references, pairs[number], &chosen);
        let mut sums = sums.lock().unwrap();
        counts.into_iter().for_each(|(came, count)| *sums.entry(came).or_default() += count);
        if failed.is_empty() { Ok(()) } else { Err(failed.join("\n\n")) }
    });
    let sums = sums.into_inner().unwrap();
    let survived: usize = sums.values().sum();
    println!("{} pairs, {} not survived; {survived} attempts survived:", pairs.len(), failed.len());
    sums.iter().for_each(|(came, count)| println!("{came}: {count}"));
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
    let unheld = sums.get(interleave::NOT_HELD).copied().unwrap_or(0);
    assert!(20 * unheld <= survived, "{unheld} runs had ended before they were held");
}
