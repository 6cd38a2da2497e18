//! Plans to take over vnets: only their alias is written. Does no I/O.

use super::commit::{is_of, others_too, pending, pending_of_others, refusal};
use super::edits;
use super::find::{Finder, Owner};
use super::finding::{NetworkBlocked, NetworkReason as Reason};
use super::mark::{Alias, Mark, Origin, Words};
use super::model::{
    Edit, NetworkAction, NetworkImpact, NetworkPlan, NetworkStatus, Networks, Param, Transaction,
    UnchangedNetwork, Verify,
};
use super::normal::change;
use super::observed::{Object, Sdn, State, Values};
use crate::change::Change;
use crate::desired::Desired;
use machine::sdn::Network;

/// Plans to mark the vnets of the document's networks that exist and are nobody's; with `from_site` also
/// those of a site of this name, which this one had before.
pub(crate) fn plan_adopt(desired: &Desired, sdn: &Sdn, from_site: Option<&str>) -> Networks {
    let mut plan = Networks::default();
    let finder = Finder { site: &desired.site, sdn };
    let mut writes = Writes::default();
    for network in &desired.networks.list {
        let adoption = Adoption { desired, finder, network, from_site };
        adoption.plan(&mut plan, &mut writes);
    }
    let Writes { edits, staged } = writes;
    let needs_commit = !edits.is_empty() || !staged.is_empty();
    // What somebody else has changed of such a vnet is theirs.
    let staged: Vec<&Object> = staged.into_iter().filter(|seen| is_only_marked(seen)).collect();
    let others = pending_of_others(sdn, &edits, &staged);
    let is_marked = |kind, id: &str| edits.iter().any(|edit: &Edit| is_of(edit, kind, id));
    let overwritten =
        sdn.all().filter(|object| object.is_pending() && is_marked(object.kind, &object.id));
    let mut others: Vec<_> =
        others.into_iter().chain(overwritten.map(|object| pending(object, false))).collect();
    if !needs_commit {
        return plan;
    }
    if let Some(reason) = refusal(&desired.networks, sdn, &others) {
        let planned = std::mem::take(&mut plan.planned);
        plan.blocked.extend(planned.into_iter().map(|network| NetworkBlocked {
            name: network.name,
            object: None,
            reason: reason.clone(),
            changes: network.changes,
        }));
        return plan;
    }
    if let Some(network) = plan.planned.first().filter(|_| !others.is_empty()) {
        plan.notices.push(others_too(&network.name, &others));
    }
    others.retain(|pending| !is_marked(pending.kind, &pending.id));
    others.extend(staged.into_iter().map(|object| pending(object, true)));
    plan.commit = Some(Transaction {
        edits,
        pending: others,
        with_others: desired.networks.with_pending,
        verify: plan.planned.iter().map(|network| verify(sdn, network)).collect(),
    });
    plan
}

/// The vnets stay as they are: they must be available wherever their zone is available now.
fn verify(sdn: &Sdn, network: &NetworkPlan) -> Verify {
    let available = |zone: &String| zone == "available";
    let nodes = sdn
        .nodes
        .iter()
        .filter(|(_, node)| node.is_online && node.zones.get(&network.name).is_some_and(available));
    let vnet = |change: &Change| Some(change.field.split('.').nth(1)?.to_owned());
    Verify {
        zone: network.name.clone(),
        nodes: nodes.map(|(name, _)| name.clone()).collect(),
        vnets: network.changes.iter().filter_map(vnet).collect(),
        gone: Vec::new(),
        zone_gone: false,
    }
}

/// What is written to take over vnets.
#[derive(Default)]
struct Writes<'a> {
    edits: Vec<Edit>,
    /// Vnets that a killed run has marked: only the commit is missing.
    staged: Vec<&'a Object>,
}

/// The adoption of one network.
struct Adoption<'a> {
    desired: &'a Desired,
    finder: Finder<'a>,
    network: &'a Network,
    from_site: Option<&'a str>,
}

impl<'a> Adoption<'a> {
    fn plan(&self, plan: &mut Networks, writes: &mut Writes<'a>) {
        let zone = &self.network.zone;
        let (mut changes, mut any_ours) = (Vec::new(), false);
        for vnet in &self.network.vnets {
            let there = self.finder.sdn.vnets.get(&vnet.vnet).filter(|seen| seen.is_there());
            let Some(seen) = there else { continue };
            let owner = self.finder.owner(seen, zone);
            any_ours |= matches!(owner, Owner::Ours(_));
            match self.mark(seen, owner) {
                Ok(None) if !self.is_staged(seen) => {}
                Ok(None) => {
                    changes.push(self.change(&vnet.vnet, site_of(&seen.running)));
                    writes.staged.push(seen);
                }
                Ok(Some((mark, from))) => {
                    changes.push(self.change(&vnet.vnet, from));
                    writes.edits.push(self.edit(seen, &mark, vnet.config.get("alias")));
                }
                Err(reason) => plan.blocked.push(NetworkBlocked {
                    name: zone.clone(),
                    object: Some(vnet.vnet.clone()),
                    reason,
                    changes: Vec::new(),
                }),
            }
        }
        if !changes.is_empty() {
            plan.planned.push(NetworkPlan {
                name: zone.clone(),
                action: NetworkAction::Adopt,
                impact: NetworkImpact::None,
                nodes: super::nodes::of(self.finder.sdn, zone),
                changes,
            });
        } else if any_ours {
            let status = NetworkStatus::Ours;
            plan.unchanged.push(UnchangedNetwork { name: zone.clone(), status });
        }
    }

    /// Returns what changes for a vnet that had this site.
    fn change(&self, vnet: &str, from: Option<String>) -> Change {
        change(&format!("vnets.{vnet}.site"), from, Some(self.desired.site.clone()))
    }

    /// Returns whether a vnet of ours is marked by the next commit only.
    fn is_staged(&self, seen: &Object) -> bool {
        let committed = Object { edited: seen.running.clone(), ..seen.clone() };
        seen.state == State::Changed && !self.finder.is_ours(&committed, &self.network.zone)
    }

    /// Returns the mark of a vnet that is taken over, and the site that had it.
    fn mark(&self, seen: &Object, owner: Owner) -> Result<Option<(Mark, Option<String>)>, Reason> {
        let zone = seen.value("zone").unwrap_or_default();
        if zone != self.network.zone {
            let (zone, ours) = (zone.to_owned(), matches!(owner, Owner::Ours(_)));
            return Err(Reason::WrongZone { zone, ours });
        }
        let made = self.finder.is_made(zone);
        let new = || Mark {
            site: self.desired.site.clone(),
            net: self.network.zone.clone(),
            zone: if made { Origin::Made } else { Origin::Given },
            run: self.desired.run.clone(),
            other: String::new(),
        };
        match owner {
            Owner::Ours(_) => Ok(None),
            Owner::OtherNetwork { net } => Err(Reason::OtherNetwork { net }),
            Owner::Unmarked | Owner::Broken => Ok(Some((new(), None))),
            Owner::OtherSite { site, mark } if self.from_site == Some(site.as_str()) => {
                if mark.net == self.network.zone {
                    // The zone stays one that we made, under the site's new name.
                    Ok(Some((Mark { zone: mark.zone, ..new() }, Some(site))))
                } else {
                    Err(Reason::OtherNetwork { net: mark.net })
                }
            }
            Owner::OtherSite { site, .. } => {
                Err(Reason::ForeignDiffers { owner: Some(site), changes: Vec::new() })
            }
        }
    }

    /// Returns the edit that writes the mark after what people wrote, or after the document's alias where
    /// that does not fit.
    fn edit(&self, seen: &Object, mark: &Mark, said: Option<&str>) -> Edit {
        let has = Alias::read(seen.value("alias").unwrap_or_default()).people;
        let longest = machine::sdn::longest_alias(&mark.site, &mark.net);
        let fits = machine::sdn::rule::ALIAS.accepts(&has) && has.len() <= longest;
        let is_clear = !has.split(' ').any(|word| word.contains("site="));
        let people = if fits && is_clear { has.as_str() } else { said.unwrap_or_default() };
        let alias: Param = edits::one(&Alias::write(people, mark));
        edits::update(&self.network.zone, seen, [("alias".to_owned(), alias)].into())
    }
}

/// Returns whether the next commit changes nothing of a vnet but its alias.
fn is_only_marked(seen: &Object) -> bool {
    let without_alias = |values: &Values| {
        let mut values = values.clone();
        values.remove("alias");
        values
    };
    without_alias(&seen.running) == without_alias(&seen.edited)
}

/// Returns the site that values of a vnet name.
fn site_of(values: &Values) -> Option<String> {
    match Alias::read(values.get("alias")?).words {
        Words::Mark(mark) => Some(mark.site),
        Words::Unmarked | Words::Broken => None,
    }
}

/// Returns the state after the adoption, for what `plan` would say then.
pub(crate) fn as_adopted(adoption: &Networks, sdn: &Sdn) -> Sdn {
    let mut after = sdn.clone();
    for left in adoption.commit.iter().flat_map(|commit| &commit.pending).filter(|one| one.ours) {
        if let Some(vnet) = after.vnets.get_mut(&left.id) {
            vnet.running.clone_from(&vnet.edited);
            vnet.state = State::Applied;
        }
    }
    let commit = adoption.commit.iter().flat_map(|commit| &commit.edits);
    for edit in commit {
        let Some(vnet) = after.vnets.get_mut(&edit.id) else { continue };
        if let Some(Param::One(alias)) = edit.params.get("alias") {
            vnet.edited.insert("alias".to_owned(), alias.clone());
            vnet.running.insert("alias".to_owned(), alias.clone());
            if vnet.state == State::Changed && vnet.running == vnet.edited {
                vnet.state = State::Applied;
            }
        }
    }
    after
}
