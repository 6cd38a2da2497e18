//! Two runs at once of every pair of verbs that write, on the same VM, image and network.
//!
//! The first run is held at one of its requests; meanwhile the second one runs to its end, or up to its own first
//! write. They know nothing of each other's locks, as on two machines. `pairs/rules.rs` says what must hold.
//!
//! Each pair is run at two offsets, which rotate from pair to pair; with `PAIRS=9` at nine, with `PAIRS=all` at all of
//! them. `PAIR=rename` runs only the pairs with a verb whose name contains `rename`, `PAIR=rename,resize` those that
//! have both.

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
/// How many offsets each pair is run at, unless `PAIRS` says otherwise.
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

/// Returns this many attempts, of each kind in turn, and others for each pair.
fn spread(all: &[Attempt], pair: usize, count: usize) -> Vec<Attempt> {
    let kinds = [Turn::BeforeWrite, Turn::BetweenWrites, Turn::Nested];
    let nth = |n: usize| {
        let kind = kinds[(pair + n) % kinds.len()];
        let of_kind: Vec<&Attempt> = all.iter().filter(|a| a.offset.turn == kind).collect();
        let steps = count.div_ceil(kinds.len());
        let at = pair * 7 + n / kinds.len() * of_kind.len() / steps;
        of_kind.get(at % of_kind.len().max(1)).map(|attempt| (*attempt).clone())
    };
    (0..count).filter_map(nth).collect()
}

/// What was tried of a pair, and what survived.
#[derive(Default)]
struct Tally {
    tried: usize,
    survived: usize,
}

/// The attempts of all pairs, with the numbers of their pairs.
fn chosen(references: &References, pairs: &[[&'static Verb; 2]]) -> Vec<(usize, Attempt)> {
    let count = std::env::var("PAIRS").unwrap_or_else(|_| OFFSETS.to_string());
    let chosen = Mutex::new(Vec::new());
    parallel::each(WORKERS, pairs.len(), |number| {
        let all = attempts(references, pairs[number]);
        let some = match count.as_str() {
            "all" => all,
            count => spread(&all, number, count.parse().unwrap()),
        };
        let [one, two] = pairs[number].map(|verb| verb.name);
        assert!(some.len() >= OFFSETS, "{one} and {two} are run at fewer than two offsets");
        chosen.lock().unwrap().extend(some.into_iter().map(|attempt| (number, attempt)));
        Ok(())
    });
    let mut chosen = chosen.into_inner().unwrap();
    chosen.sort_by_key(|(number, _)| *number);
    chosen
}

#[test]
fn two_runs_of_any_verbs_do_not_harm_each_other() {
    let references = References::default();
    let pairs = pairs();
    assert!(!pairs.is_empty(), "no verbs of these names");
    let chosen = chosen(&references, &pairs);
    let tallies: Mutex<BTreeMap<usize, Tally>> = Mutex::default();
    let sums: Mutex<BTreeMap<attempt::Came, usize>> = Mutex::default();
    let failed = parallel::each(WORKERS, chosen.len(), |n| {
        let (number, attempt) = &chosen[n];
        let came = attempt.run(&references).map_err(|text| format!("{attempt}: {text}\n"));
        // All attempts take long: what fails is shown at once.
        let _ = came.as_ref().inspect_err(|text| println!("{text}"));
        let mut tallies = tallies.lock().unwrap();
        let tally = tallies.entry(*number).or_default();
        tally.tried += 1;
        tally.survived += usize::from(came.is_ok());
        if chosen.iter().filter(|(of, _)| of == number).count() == tally.tried {
            let [one, two] = pairs[*number].map(|verb| verb.name);
            println!("{one} and {two}: tried {}, survived {}", tally.tried, tally.survived);
        }
        came.map(|came| *sums.lock().unwrap().entry(came).or_default() += 1)
    });
    println!(
        "{} pairs: tried {}, survived {}",
        pairs.len(),
        chosen.len(),
        chosen.len() - failed.len()
    );
    let sums = sums.into_inner().unwrap();
    sums.iter().for_each(|(came, count)| println!("{came}: {count}"));
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    let unheld = sums.get(interleave::NOT_HELD).copied().unwrap_or(0);
    assert!(20 * unheld <= chosen.len(), "{unheld} runs had ended before they were held");
}
