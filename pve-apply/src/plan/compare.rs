//! Compares a VM with what the document asks, option by option: what is set, and what is taken
//! back. Does no I/O.

use super::context::Context;
use super::difference::Difference;
use super::{ha, owned, quiet, seed, tags};
use crate::blocked::BlockReason;
use crate::change::{Change, Impact};
use crate::mark::Stage;
use crate::observed::Power;
use machine::ConfigKey;

impl Difference {
    /// Compares a VM with what the document asks.
    pub(super) fn of(c: &Context<'_>) -> Self {
        let mut difference = Self::default();
        difference.boot_disk(c);
        difference.name(c);
        for key in c.intents.keys() {
            difference.key(c, key);
        }
        difference.description(c);
        difference.tags(c);
        difference.pool(c);
        difference.seed(c);
        difference.power(c);
        difference.node(c);
        owned::marks(&mut difference, c);
        difference
    }

    /// Compares the boot disk, which every document sets in part.
    pub(super) fn boot_disk(&mut self, c: &Context<'_>) {
        let key = match &c.boot {
            Ok(key) => *key,
            Err(reason) => return self.blocked.push(reason.clone()),
        };
        let unknown = |part: &&str| key.key.part(part).is_none();
        let setting = c.intents.settings().0.get(&key);
        if let Some(machine::Setting::Parts(parts)) = setting
            && let Some(option) = parts.keys().find(|part| unknown(part))
        {
            let (slot, option) = (key.to_string(), (*option).to_owned());
            self.blocked.push(BlockReason::OptionUnknown { slot, option });
        }
        self.drive_options(c, key);
    }

    fn name(&mut self, c: &Context<'_>) {
        let (next, now) = (c.config().next("name"), c.config().now("name"));
        let want = c.vm.name.as_str();
        if next != Some(want) || c.runs() && now != Some(want) {
            self.changes.push(quiet("name", next.map(str::to_owned), Some(want.to_owned())));
            self.params.insert("name".to_owned(), want.to_owned());
        }
    }

    fn tags(&mut self, c: &Context<'_>) {
        let has = c.config().next("tags").unwrap_or_default();
        if let Some(tags) = tags::wanted(has, &c.definition.tags, &c.ours.mark.owns) {
            self.changes.push(tags::change(has, &tags));
            self.params.insert("tags".to_owned(), tags);
        }
    }

    /// Compares seed data: a change never replaces a VM, and reaches one only when the user asks.
    fn seed(&mut self, c: &Context<'_>) {
        let Some(parts) = c.seed_changes().filter(|_| c.desired.consent.reseed) else { return };
        if let Some(has) = seed::foreign_disk(c.config(), &c.ours.mark, &c.seed) {
            let slot = c.seed.clone();
            return self.blocked.push(BlockReason::SeedDiskForeign { slot, has: has.to_owned() });
        }
        let (cancelled, keys): (Vec<_>, Vec<_>) = seed::rivals(c.config())
            .into_iter()
            .partition(|key| ConfigKey::find(key).is_some_and(|key| c.intents.is_cancelled(key)));
        if !keys.is_empty() {
            return self.blocked.push(BlockReason::SeedRivals { keys });
        }
        for key in cancelled {
            self.changes.push(quiet(&key, c.config().next(&key).map(str::to_owned), None));
            self.deletes.insert(key);
        }
        self.reseed = true;
        self.changes.push(Change {
            field: "seed".to_owned(),
            from: None,
            to: Some(if parts.is_empty() { "new data".to_owned() } else { parts.join(", ") }),
            impact: if c.runs() { Impact::PowerOff } else { Impact::None },
            reason: Some("cloud-init runs again at the next boot".to_owned()),
        });
    }

    /// Compares the power state; a VM whose creation is not finished is started in all cases but one.
    fn power(&mut self, c: &Context<'_>) {
        let unfinished = c.ours.mark.stage != Stage::Done;
        let wants = match c.definition.power {
            stage::Power::Running => Power::Running,
            stage::Power::Stopped => Power::Stopped,
            stage::Power::Any if unfinished => Power::Running,
            stage::Power::Any => return,
        };
        if !ha::is_settled(c.ours.seen, wants) {
            let has = ha::power_word(c.ours.seen);
            let mut change = quiet("power", Some(has.into()), Some(wants.as_str().into()));
            if wants == Power::Stopped {
                change.impact = Impact::PowerOff;
            }
            self.changes.push(change);
        }
    }
}
