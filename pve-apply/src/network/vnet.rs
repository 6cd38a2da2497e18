//! Compares a network's vnets with the cluster's. Does no I/O.

use super::context::Context;
use super::draft::Draft;
use super::edits;
use super::find::{Owner, Zone};
use super::finding::NetworkReason as Reason;
use super::mark::{Alias, Mark, Origin};
use super::normal::{Compared, Difference, change, differences, of_config};
use super::observed::{Kind, Object, Values, View};
use super::subnet;
use machine::sdn::{self, Vnet};

const OBJECT: sdn::Object = sdn::Object::Vnet;

/// Compares all vnets of a network.
pub(super) fn compare_all(c: &Context<'_>, draft: &mut Draft) {
    for vnet in &c.network.vnets {
        match c.sdn.vnets.get(&vnet.vnet) {
            None if !c.sdn.sees_all() => draft.block(Some(&vnet.vnet), Reason::MayNotSeeAll),
            None => create(c, draft, vnet, None),
            Some(seen) if !seen.is_there() => match c.owner(seen) {
                Owner::Ours(_) => create(c, draft, vnet, Some(seen)),
                _ => draft.block(Some(&vnet.vnet), Reason::BeingRemoved),
            },
            Some(seen) => compare(c, draft, vnet, seen),
        }
    }
}

fn compare(c: &Context<'_>, draft: &mut Draft, vnet: &Vnet, seen: &Object) {
    let owner = c.owner(seen);
    let zone = seen.value("zone").unwrap_or_default();
    if zone != c.network.zone {
        let (zone, ours) = (zone.to_owned(), matches!(owner, Owner::Ours(_)));
        return draft.block(Some(&vnet.vnet), Reason::WrongZone { zone, ours });
    }
    match owner {
        Owner::Ours(mark) => change_vnet(c, draft, vnet, seen, &mark),
        Owner::OtherNetwork { net } => {
            draft.block(Some(&vnet.vnet), Reason::OtherNetwork { net });
        }
        Owner::Broken => draft.block(Some(&vnet.vnet), Reason::BrokenMark),
        Owner::OtherSite { site, .. } => use_vnet(c, draft, vnet, seen, Some(site)),
        Owner::Unmarked => use_vnet(c, draft, vnet, seen, None),
    }
}

/// Creates a vnet; `seen` is one of this ID that the next commit would delete.
fn create(c: &Context<'_>, draft: &mut Draft, vnet: &Vnet, seen: Option<&Object>) {
    let zone = &c.network.zone;
    if is_tag_taken(c, draft, vnet) {
        return;
    }
    let options = of_config(OBJECT, &vnet.config);
    let mut params = edits::params_of(OBJECT, &options);
    let mark = Mark {
        site: c.finder.site.to_owned(),
        net: zone.clone(),
        zone: origin(c),
        run: c.run.to_owned(),
        other: String::new(),
    };
    params.insert("vnet".to_owned(), edits::one(&vnet.vnet));
    params.insert("zone".to_owned(), edits::one(zone));
    params.insert("alias".to_owned(), edits::one(&Alias::write(people(vnet), &mark)));
    list(draft, vnet);
    draft.ours = true;
    draft.edits.push(edits::create(zone, (Kind::Vnet, &vnet.vnet, None), params, seen));
    subnet::compare_all(c, draft, vnet, seen.is_none());
}

/// Lists a new vnet and its options.
fn list(draft: &mut Draft, vnet: &Vnet) {
    draft.changes.push(change("vnets", None, Some(vnet.vnet.clone())));
    let prefix = format!("vnets.{}.", vnet.vnet);
    let mut all = differences(OBJECT, &vnet.config, &Values::new(), Compared::All);
    all.extend(alias_difference(vnet, &Values::new()));
    draft.changes.extend(all.iter().map(|difference| difference.change(OBJECT, &prefix)));
}

/// Brings a vnet of ours to what the document says.
fn change_vnet(c: &Context<'_>, draft: &mut Draft, vnet: &Vnet, seen: &Object, mark: &Mark) {
    draft.ours = true;
    let differ = |values: &Values| {
        let mut differ = differences(OBJECT, &vnet.config, values, Compared::All);
        differ.extend(alias_difference(vnet, values));
        differ
    };
    let (running, edited) = (differ(&seen.running), differ(&seen.edited));
    if edited.iter().any(|difference| difference.name == "tag") && is_tag_taken(c, draft, vnet) {
        return;
    }
    if seen.is_new() {
        list(draft, vnet);
    } else {
        let prefix = format!("vnets.{}.", vnet.vnet);
        draft.changes.extend(running.iter().map(|difference| difference.change(OBJECT, &prefix)));
    }
    let mark = Mark { run: c.run.to_owned(), ..mark.clone() };
    draft.compare(seen, &running, &edited, |differ| {
        let mut params = edits::params_to(OBJECT, &without_alias(differ));
        if differ.iter().any(|difference| difference.name == "alias") {
            params.insert("alias".to_owned(), edits::one(&Alias::write(people(vnet), &mark)));
        }
        edits::update(&c.network.zone, seen, params)
    });
    subnet::compare_all(c, draft, vnet, false);
}

fn without_alias(differ: &[Difference]) -> Vec<Difference> {
    differ.iter().filter(|difference| difference.name != "alias").cloned().collect()
}

/// Returns the difference of what people wrote into the alias: our mark is not part of it.
fn alias_difference(vnet: &Vnet, values: &Values) -> Option<Difference> {
    let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let has = Alias::read(values.get("alias").map(String::as_str).unwrap_or_default()).people;
    let (from, to) = (text(&has), text(people(vnet)));
    (from != to).then_some(Difference { name: "alias", from, to })
}

/// Returns the document's alias; empty for none.
fn people(vnet: &Vnet) -> &str {
    vnet.config.get("alias").unwrap_or_default()
}

/// Returns where the zone of a new vnet comes from.
fn origin(c: &Context<'_>) -> Origin {
    let is_given = matches!(c.finder.zone(c.network), Zone::Given(_));
    if is_given && !c.finder.is_made(&c.network.zone) { Origin::Given } else { Origin::Made }
}

/// Uses a vnet that is not ours, if it is as the document says.
fn use_vnet(c: &Context<'_>, draft: &mut Draft, vnet: &Vnet, seen: &Object, owner: Option<String>) {
    let prefix = format!("vnets.{}.", vnet.vnet);
    let differ = |values: &Values| {
        let options = differences(OBJECT, &vnet.config, values, Compared::OnlySet);
        let options = without_alias(&options);
        options.iter().map(|difference| difference.change(OBJECT, &prefix)).collect::<Vec<_>>()
    };
    let mut running = differ(&seen.running);
    running.extend(subnet::missing(c, vnet, View::Running));
    if !seen.is_new() && running.is_empty() {
        return;
    }
    let mut changes = differ(&seen.edited);
    changes.extend(subnet::missing(c, vnet, View::Edited));
    if changes.is_empty() {
        // It is as the document says once somebody commits it.
        draft.needs_others = true;
    } else {
        draft.block(Some(&vnet.vnet), Reason::ForeignDiffers { owner, changes });
    }
}

/// Blocks a vnet whose tag another vnet has, unless that one gives it up in the same commit.
fn is_tag_taken(c: &Context<'_>, draft: &mut Draft, vnet: &Vnet) -> bool {
    let Some(tag) = vnet.config.get("tag") else { return false };
    let ty = c.network.ty;
    let shares = |zone: &str| {
        // PVE: facts-2, 6; pve-network, VxlanPlugin.pm: a VNI is unique among all VXLAN and EVPN zones.
        let other = c.sdn.zones.get(zone).and_then(|zone| zone.last_value("type"));
        let other = other.and_then(sdn::ZoneType::find);
        zone == c.network.zone || ty.has_vnis() && other.is_some_and(sdn::ZoneType::has_vnis)
    };
    let has_it = |other: &&Object| {
        other.id != vnet.vnet
            && other.value("tag") == Some(tag)
            && other.value("zone").is_some_and(shares)
            && !gives_up(c, other, tag)
    };
    let Some(holder) = c.sdn.vnets.values().find(has_it) else { return false };
    let (tag, by) = (tag.to_owned(), holder.id.clone());
    draft.block(Some(&vnet.vnet), Reason::TagTaken { tag, by });
    true
}

/// Returns whether the document gives a vnet of ours another tag than this one.
fn gives_up(c: &Context<'_>, other: &Object, tag: &str) -> bool {
    let Some(network) = c.networks.of_vnet(&other.id) else { return false };
    wanted_tag(c, &other.id).is_some_and(|wanted| wanted != tag)
        && c.finder.is_ours(other, &network.zone)
        && !swaps(c, other)
}

/// Returns the tag that the document gives a vnet.
fn wanted_tag<'a>(c: &Context<'a>, id: &str) -> Option<&'a str> {
    let vnets = &c.networks.of_vnet(id)?.vnets;
    vnets.iter().find(|vnet| vnet.vnet == id)?.config.get("tag")
}

/// Returns whether the tag that the document gives a vnet is one that another vnet has now: two vnets
/// cannot swap their tags in one commit, and longer chains are ordered by `edits::in_order`.
fn swaps(c: &Context<'_>, other: &Object) -> bool {
    let mut next = other;
    for _ in 0..c.sdn.vnets.len() {
        let wanted = wanted_tag(c, &next.id).filter(|wanted| next.value("tag") != Some(wanted));
        let Some(wanted) = wanted else { return false };
        let holder = |vnet: &&Object| vnet.id != next.id && vnet.value("tag") == Some(wanted);
        let Some(holder) = c.sdn.vnets.values().find(holder) else { return false };
        if holder.id == other.id {
            return true;
        }
        next = holder;
    }
    true
}
