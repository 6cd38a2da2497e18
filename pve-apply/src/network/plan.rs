//! Plans how the document's networks become what it says. Does no I/O.

use super::context::Context;
use super::draft::Draft;
use super::find::{Finder, Zone};
use super::finding::{NetworkNoticeKind, NetworkReason as Reason};
use super::model::{NetworkStatus, Networks};
use super::normal::{Compared, Difference, change, differences, of_config};
use super::observed::{Kind, NodeSdn, Object, Sdn, Values};
use super::{commit, edits, left_over, vnet};
use crate::desired::Desired;
use machine::sdn;

/// Plans the document's networks.
pub(crate) fn plan(desired: &Desired, sdn: &Sdn) -> Networks {
    let networks = &desired.networks;
    let finder = Finder { site: &desired.site, sdn };
    let drafts = networks.list.iter().map(|network| {
        let run = &desired.run;
        draft(&Context { networks, finder, sdn, run, network })
    });
    let mut plan = commit::joined(networks, sdn, drafts.collect());
    left_over::list(&mut plan, networks, finder);
    plan
}

/// Compares one network.
fn draft(c: &Context<'_>) -> Draft {
    let mut draft = Draft::new(&c.network.zone);
    match c.finder.zone(c.network) {
        Zone::Missing if !c.sdn.sees_all() => hidden(c, &mut draft),
        Zone::Missing if !c.network.ty.is_made() => {
            draft.block(None, Reason::ZoneMissing { ty: c.network.ty.name().to_owned() })
        }
        Zone::Missing => {
            create_zone(c, &mut draft, None);
            vnet::compare_all(c, &mut draft);
        }
        Zone::BeingRemoved(seen) if c.finder.is_our_zone(&c.network.zone) => {
            create_zone(c, &mut draft, Some(seen));
            vnet::compare_all(c, &mut draft);
        }
        Zone::BeingRemoved(_) => draft.block(None, Reason::BeingRemoved),
        Zone::Ours(seen) => {
            change_zone(c, &mut draft, seen);
            vnet::compare_all(c, &mut draft);
        }
        Zone::Given(seen) => {
            use_zone(c, &mut draft, seen);
            vnet::compare_all(c, &mut draft);
        }
    }
    if !draft.is_blocked() {
        draft.reload_if_needed(c);
    }
    draft
}

/// A zone that the token cannot see: it is used if some node has it, else nothing is known.
fn hidden(c: &Context<'_>, draft: &mut Draft) {
    let has = |node: &NodeSdn| node.zones.contains_key(&c.network.zone);
    if c.sdn.nodes.values().any(has) {
        draft.status = NetworkStatus::Hidden;
        draft.notices.push(NetworkNoticeKind::Hidden);
    } else {
        draft.block(None, Reason::MayNotSeeAll);
    }
}

fn create_zone(c: &Context<'_>, draft: &mut Draft, seen: Option<&Object>) {
    let object = sdn::Object::Zone;
    let options = of_config(object, &c.network.config);
    let mut params = edits::params_of(object, &options);
    params.insert("zone".to_owned(), edits::one(&c.network.zone));
    params.insert("type".to_owned(), edits::one(c.network.ty.name()));
    draft.created = true;
    draft.changes.push(change("type", None, Some(c.network.ty.name().to_owned())));
    let differ = differences(object, &c.network.config, &Values::new(), Compared::All);
    draft.changes.extend(differ.iter().map(|difference| difference.change(object, "")));
    let of = (Kind::Zone, c.network.zone.as_str(), None);
    draft.edits.push(edits::create(&c.network.zone, of, params, seen));
}

/// Brings a zone of ours to what the document says.
fn change_zone(c: &Context<'_>, draft: &mut Draft, seen: &Object) {
    let object = sdn::Object::Zone;
    draft.created |= seen.is_new();
    let ty = c.network.ty.name();
    if seen.value("type") != Some(ty) {
        let from = seen.value("type").map(str::to_owned);
        let changes = vec![change("type", from, Some(ty.to_owned()))];
        return draft.block(None, Reason::NotInPlace { changes });
    }
    let edited = differences(object, &c.network.config, &seen.edited, Compared::All);
    let fixed = |difference: &&Difference| {
        let row = object.row(difference.name);
        let has_subnets = || {
            c.finder.vnets_in(&c.network.zone).any(|v| c.finder.subnets_of(&v.id).next().is_some())
        };
        row.is_some_and(|row| row.change == sdn::Change::WithoutSubnets) && has_subnets()
    };
    let fixed: Vec<_> = edited.iter().filter(fixed).map(|d| d.change(object, "")).collect();
    if !fixed.is_empty() {
        return draft.block(None, Reason::NotInPlace { changes: fixed });
    }
    let running = differences(object, &c.network.config, &seen.running, Compared::All);
    if seen.is_new() {
        draft.changes.push(change("type", None, Some(ty.to_owned())));
    }
    draft.changes.extend(running.iter().map(|difference| difference.change(object, "")));
    draft.compare(seen, &running, &edited, |differ| {
        edits::update(&c.network.zone, seen, edits::params_to(object, differ))
    });
}

/// Uses a zone that is not ours, if it is as the document says.
fn use_zone(c: &Context<'_>, draft: &mut Draft, seen: &Object) {
    let object = sdn::Object::Zone;
    let ty = c.network.ty.name();
    draft.status = NetworkStatus::Used;
    let differ = |values: &Values| {
        let mut changes = Vec::new();
        let has = values.get("type").map(String::as_str);
        if has != Some(ty) {
            changes.push(change("type", has.map(str::to_owned), Some(ty.to_owned())));
        }
        let options = differences(object, &c.network.config, values, Compared::OnlySet);
        changes.extend(options.iter().map(|difference| difference.change(object, "")));
        changes
    };
    if seen.is_new() || !differ(&seen.running).is_empty() {
        let changes = differ(&seen.edited);
        if changes.is_empty() {
            // It is as the document says once somebody commits it.
            draft.needs_others = true;
        } else {
            draft.block(None, Reason::ForeignDiffers { owner: None, changes });
        }
    }
}
