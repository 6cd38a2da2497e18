//! Properties of ownership: whatever two documents say in turn, and wherever a run ends, the plan is
//! empty afterwards, what only the first sets is taken back, and what neither sets stays.

use super::model::carry_out;
use super::plan;
use super::table::{Row, by_hand, config_of, is_description, rows, samples, there, value, wanting};
use crate::mark::Owner;
use crate::observed::{Observation, Observed, Power};
use machine::{ConfigKey, Form};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Rows by their number, and which of their two values is meant.
type Picks = Vec<(usize, bool)>;

/// A protected VM loses no drive, and its plan is blocked: that has its own cases.
fn unprotected_rows() -> Vec<Row> {
    rows().into_iter().filter(|row| row.key.key.part.name != "protection").collect()
}

fn picks() -> impl Strategy<Value = Picks> {
    prop::collection::vec((0..unprotected_rows().len(), any::<bool>()), 0..8)
}

/// A document that sets these.
fn says(all: &[Row], picks: &Picks) -> Value {
    let mut set = json!({});
    for (index, second) in picks {
        let value = &samples(all[*index].part.kind)[usize::from(*second)];
        for (key, value) in all[*index].setting(Some(value)).as_object().unwrap() {
            match (set.get_mut(key).and_then(Value::as_object_mut), value) {
                (Some(options), Value::Object(more)) => options.extend(more.clone()),
                _ => set[key] = value.clone(),
            }
        }
    }
    set
}

fn keys(all: &[Row], picks: &Picks) -> BTreeSet<ConfigKey> {
    picks.iter().map(|(index, _)| all[*index].key).collect()
}

/// Applies a document: a first run that ends after some steps, then one that does the rest.
fn apply(set: &Value, world: &mut Observed, steps: usize) -> Result<(), TestCaseError> {
    let desired = wanting(set);
    carry_out(&plan(&desired, world), world, steps);
    let rest = plan(&desired, world);
    prop_assert_eq!(&rest.blocked, &Vec::new());
    carry_out(&rest, world, usize::MAX);
    let empty = plan(&desired, world);
    prop_assert_eq!((&empty.vms, &empty.blocked), (&Vec::new(), &Vec::new()));
    Ok(())
}

proptest! {
    #![proptest_config(super::worlds::the_same_each_time())]

    #[test]
    fn two_documents_in_turn(
        first in picks(),
        second in picks(),
        hands in picks(),
        steps in 0usize..5,
        running in any::<bool>(),
    ) {
        let all = unprotected_rows();
        let power = if running { Power::Running } else { Power::Stopped };
        // Only its identity matters: no row is deleted.
        let mut world = there(None, power);
        let ours = &keys(&all, &first) | &keys(&all, &second);
        let foreign: Vec<&(usize, bool)> = hands
            .iter()
            .filter(|(index, _)| {
                let row = &all[*index];
                !ours.contains(&row.key) && !is_description(row) && row.key.key.part.name != "boot"
            })
            .collect();
        for (index, second) in &foreign {
            let row = &all[*index];
            by_hand(row, &mut world, &samples(row.part.kind)[usize::from(*second)]);
        }
        let before = config_of(&mut world).clone();
        apply(&says(&all, &first), &mut world, steps)?;
        apply(&says(&all, &second), &mut world, steps)?;
        for (index, _) in foreign {
            let key = all[*index].key.to_string();
            prop_assert_eq!(config_of(&mut world).next(&key), before.next(&key), "{}", key);
        }
        let again: BTreeSet<usize> = second.iter().map(|(index, _)| *index).collect();
        let still = keys(&all, &second);
        let new = wanting(&says(&all, &second)).vms[0].definition.clone().unwrap().new;
        for (index, _) in first.iter().filter(|(index, _)| !again.contains(index)) {
            let row = &all[*index];
            let placed = matches!(row.key.key.form, Form::Nic(_)) && row.part.name == "macaddr";
            let needed = row.part.required && still.contains(&row.key);
            if placed || needed || is_description(row) || row.key.key.part.name == "boot" {
                continue;
            }
            let has = value(row, &mut world).or(row.part.absent.map(str::to_owned));
            let gets = new.value(row.key, row.part.name_in(row.key.key)).or(row.part.absent);
            prop_assert_eq!(has.as_deref(), gets, "{} {}", row.key, row.part.name);
        }
        let Some(Observation::Seen(seen)) = world.vms.values().next() else { panic!() };
        let Owner::Ours(mark) = seen.owner("lab", "dev") else { panic!() };
        for entry in &mark.owns {
            let (key, _) = crate::mark::owns::key_of(entry).unwrap();
            prop_assert!(still.contains(&key), "{} is still owned", entry);
        }
    }
}
