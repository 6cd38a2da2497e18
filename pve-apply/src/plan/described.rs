//! The description and the pool of a VM. Does no I/O.
//!
//! Our mark is a line of the description. The document sets all lines but that one.

use super::context::Context;
use super::difference::Difference;
use super::quiet;
use crate::blocked::BlockReason;
use crate::desired::{Definition, OWNED_POOL};
use crate::mark::{self, Mark};
use machine::ConfigKey;

/// PVE: facts-4, 63: the limit in characters.
const LONGEST: usize = 8192;

/// Returns the document's description; empty when it sets none.
pub(super) fn description(definition: &Definition) -> Option<&str> {
    ConfigKey::find("description").and_then(|key| definition.new.value(key, "")).map(str::trim_end)
}

/// Returns why a description cannot be written with a mark.
pub(super) fn too_long(text: &str, mark: &Mark) -> Option<BlockReason> {
    // vmid, uuid and digests may be unknown yet: their greatest length.
    let open = mark.owns.iter().chain(&mark.seed.parts);
    let open = open.filter(|entry| entry.ends_with([':', '?'])).count();
    let mark = mark.line().chars().count() + 9 + 36 + 8 * open;
    let (has, left) = (text.chars().count(), LONGEST.saturating_sub(mark + 1));
    (has > left || mark > LONGEST).then_some(BlockReason::DescriptionTooLong { has, left })
}

impl Difference {
    pub(super) fn description(&mut self, c: &Context<'_>) {
        let Some(key) = ConfigKey::find("description") else { return };
        let (want, reason) = match c.intents.intent(key, &key.key.part) {
            super::intent::Intent::Enforce(text) => (text.unwrap_or_default().trim_end(), None),
            super::intent::Intent::Reset(_) => ("", Some(c.reset_reason())),
            super::intent::Intent::Leave => return,
        };
        let has = mark::of_people(c.config().next("description").unwrap_or_default());
        if has == want {
            return;
        }
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let mut change = quiet("description", some(&has), some(want));
        change.reason = reason;
        self.changes.push(change);
        self.params.insert("description".to_owned(), want.to_owned());
    }

    pub(super) fn pool(&mut self, c: &Context<'_>) {
        let vmid = c.ours.seen.vmid;
        let has = c.observed.pools.get(&vmid);
        let want = match &c.definition.pool {
            Some(pool) => Some(pool),
            None if c.definition.remembers && c.ours.mark.owns.contains(OWNED_POOL) => None,
            None => return,
        };
        if has == want {
            return;
        }
        let mut change = quiet("pool", has.cloned(), want.cloned());
        change.reason = want.is_none().then(|| c.reset_reason());
        self.changes.push(change);
        self.pool = Some(want.cloned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::worlds;

    #[test]
    fn the_longest_description_is_as_long_as_pves() {
        let mut mark = worlds::mark("edge", 101);
        let Some(BlockReason::DescriptionTooLong { left, .. }) =
            too_long(&"x".repeat(LONGEST), &mark)
        else {
            panic!("it has room for a text of {LONGEST}")
        };
        assert_eq!(too_long(&"x".repeat(left), &mark), None);
        assert!(too_long(&"x".repeat(left + 1), &mark).is_some());
        // Then the mark alone: it may fill the description, and no more.
        mark.run.push_str(&"f".repeat(left + 1));
        assert_eq!(too_long("", &mark), None);
        assert!(too_long("x", &mark).is_some());
        mark.run.push('f');
        assert!(too_long("", &mark).is_some());
    }
}
