//! Plans to take over vnets: only their alias is written. Does no I/O.

use super::commit::{is_of, others_too, pending, pending_of_others, refusal};
use super::edits;
use super::find::{Finder, Owner};
use super::finding::{NetworkBlocked, NetworkReason as Reason};
use super::mark::{Alias, Mark, Origin};
use super::model::{
    Edit, NetworkAction, NetworkImpact, NetworkPlan, NetworkStatus, Networks, Param, Transaction,
    UnchangedNetwork, Verify,
};
use super::normal::change;
use super::observed::{Object, Sdn, State};
use crate::change::Change;
use crate::desired::Desired;
use machine::sdn::Network;
use stage::Gather as _;

/// Plans to mark the vnets of the document's networks that exist and are nobody's; with `from_site` also
/// those of a site of this name, which this one had before.
pub(crate) fn plan_adopt(desired: &Desired, sdn: &Sdn, from_site: Option<&str>) -> Networks {
    let mut plan = Networks::default();
    let finder = Finder { site: &desired.site, sdn };
    let mut edits = Vec::new();
    for network in &desired.networks.list {
        let adoption = Adoption { desired, finder, network, from_site };
        adoption.plan(&mut plan, &mut edits);
    }
    let others = pending_of_others(sdn, &edits, &[]);
    let is_marked = |kind, id: &str| edits.iter().any(|edit: &Edit| is_of(edit, kind, id));
    let overwritten =
        sdn.all().filter(|object| object.is_pending() && is_marked(object.kind, &object.id));
    let mut others: Vec<_> =
        others.into_iter().chain(overwritten.map(|object| pending(object, false))).collect();
    if edits.is_empty() {
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

/// The adoption of one network.
struct Adoption<'a> {
    desired: &'a Desired,
    finder: Finder<'a>,
    network: &'a Network,
    from_site: Option<&'a str>,
}

impl Adoption<'_> {
    fn plan(&self, plan: &mut Networks, edits: &mut Vec<Edit>) {
        let zone = &self.network.zone;
        let (mut changes, mut any_ours) = (Vec::new(), false);
        for vnet in &self.network.vnets {
            let there = self.finder.sdn.vnets.get(&vnet.vnet).filter(|seen| seen.is_there());
            let Some(seen) = there else { continue };
            let owner = self.finder.owner(seen, zone);
            any_ours |= matches!(owner, Owner::Ours(_));
            match self.mark(seen, owner) {
                Ok(None) => {}
                Ok(Some((mark, from))) => {
                    let (field, to) = (format!("vnets.{}.site", vnet.vnet), mark.site.clone());
                    changes.push(change(&field, from, Some(to)));
                    edits.push(self.edit(seen, &mark, vnet.config.get("alias")));
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
        edits::update(
            &self.network.zone,
            seen,
            std::iter::once(("alias".to_owned(), alias)).gather(),
        )
    }
}

/// Returns the state after the adoption, for what `plan` would say then.
pub(crate) fn as_adopted(adoption: &Networks, sdn: &Sdn) -> Sdn {
    let mut after = sdn.clone();
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
