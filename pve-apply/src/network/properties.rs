//! Properties of the plan of networks, for any cluster: no edit touches an object without our mark; after an
//! apply the plan is empty; also after a crash anywhere; what others have edited stays as it is.

use super::find::Finder;
use super::mark::Origin;
use super::model::{Edit, EditVerb, Guard, Networks, Transaction};
use super::observed::{Kind, Object, Sdn, State, User, Values};
use super::worlds::{alias, carry_out, commit, desired, empty, params, send};
use super::{plan, plan_destroy, plan_prune};
use crate::desired::Desired;
use crate::plan::worlds::vmid;
use proptest::prelude::*;
use serde::Deserialize as _;
use serde_json::json;
use std::collections::BTreeSet;

/// One thing that somebody does to the cluster; what PVE refuses has not happened.
#[derive(Clone, Debug)]
enum Deed {
    Zone { zone: usize, ty: usize, mtu: usize, verb: EditVerb },
    Vnet { vnet: usize, zone: usize, tag: usize, owner: usize, verb: EditVerb },
    Subnet { vnet: usize, cidr: usize, gateway: bool, verb: EditVerb },
    Commit,
}

const ZONES: [&str; 3] = ["lab", "dmz", "alien"];
const VNETS: [&str; 4] = ["lan", "wan", "old", "guest"];
const TAGS: [&str; 3] = ["100", "200", "300"];
const CIDRS: [&str; 2] = ["10.50.0.0", "10.60.0.0"];

/// The documents of these tests.
fn want(which: usize) -> Desired {
    let lab = json!({"zone": "lab", "type": "vxlan",
        "config": {"peers": ["192.0.2.2", "192.0.2.1"], "mtu": 1450},
        "vnets": [
            {"vnet": "lan", "config": {"tag": 100, "alias": "Lab network"},
             "subnets": [{"subnet": "10.50.0.0/24", "config": {"gateway": "10.50.0.1"}}]},
            {"vnet": "wan", "config": {"tag": 200}, "subnets": []}]});
    let dmz = json!({"zone": "dmz", "type": "simple", "config": {},
        "vnets": [{"vnet": "guest", "config": {}, "subnets": []}]});
    desired_of(&match which {
        0 => json!([lab]),
        1 => json!([dmz]),
        _ => json!([dmz, lab]),
    })
}

/// Only the gateway of a VXLAN subnet is a warning: nobody gets it.
fn desired_of(json: &serde_json::Value) -> Desired {
    let mut json = json.clone();
    for network in json.as_array_mut().unwrap() {
        if network["type"] == "vxlan" {
            network["vnets"][0]["subnets"][0]["config"] = json!({});
        }
    }
    desired(&json)
}

fn verb() -> impl Strategy<Value = EditVerb> {
    let (create, update) = (Just(EditVerb::Create), Just(EditVerb::Update));
    prop_oneof![4 => create, 2 => update, 1 => Just(EditVerb::Delete)]
}

/// The zone with the most to compare is chosen most often.
fn any_zone() -> impl Strategy<Value = usize> {
    prop_oneof![3 => Just(0usize), 1 => Just(1), 1 => Just(2)]
}

fn deed() -> impl Strategy<Value = Deed> {
    let zone = (any_zone(), 0usize..2, 0usize..3, verb())
        .prop_map(|(zone, ty, mtu, verb)| Deed::Zone { zone, ty, mtu, verb });
    let vnet = (0usize..4, any_zone(), 0usize..3, 0usize..6, verb())
        .prop_map(|(vnet, zone, tag, owner, verb)| Deed::Vnet { vnet, zone, tag, owner, verb });
    let subnet = (0usize..4, 0usize..2, any::<bool>(), verb())
        .prop_map(|(vnet, cidr, gateway, verb)| Deed::Subnet { vnet, cidr, gateway, verb });
    prop_oneof![3 => zone, 5 => vnet, 2 => subnet, 2 => Just(Deed::Commit)]
}

/// A document as well as deeds: a cluster on which apply may have run before.
fn build(ran_before: Option<usize>, deeds: &[Deed]) -> Sdn {
    let mut sdn = empty();
    if let Some(which) = ran_before {
        apply(&plan(&want(which), &sdn), &mut sdn);
    }
    deeds.iter().for_each(|deed| do_it(deed, &mut sdn));
    sdn
}

fn do_it(deed: &Deed, sdn: &mut Sdn) {
    let (of, set, verb) = match deed {
        Deed::Commit => return commit(sdn),
        Deed::Zone { zone, ty, mtu, verb } => {
            let mut set = params(&[("mtu", ["1450", "1500", "9000"][*mtu])]);
            if *mtu == 2 {
                set.clear();
            }
            if *verb == EditVerb::Create {
                let vxlan = params(&[("type", "vxlan"), ("peers", "192.0.2.1,192.0.2.2")]);
                set.extend(if *ty == 0 { vxlan } else { params(&[("type", "simple")]) });
            }
            ((Kind::Zone, ZONES[*zone].to_owned(), None), set, *verb)
        }
        Deed::Vnet { vnet, zone, tag, owner, verb } => {
            let (lab, zone) = (Origin::Made, ZONES[*zone]);
            let alias = match owner {
                0 => alias("lab", zone, lab),
                1 => alias("lab", zone, Origin::Given),
                2 => alias("other", zone, lab),
                3 => alias("lab", "elsewhere", lab),
                4 => "site=lab net=lab".to_owned(),
                _ => "by hand".to_owned(),
            };
            let mut set = params(&[("alias", alias.as_str())]);
            if sdn.zones.get(zone).is_some_and(|zone| zone.value("type") == Some("vxlan")) {
                set.extend(params(&[("tag", TAGS[*tag])]));
            }
            if *verb == EditVerb::Create {
                set.extend(params(&[("zone", zone)]));
            }
            ((Kind::Vnet, VNETS[*vnet].to_owned(), None), set, *verb)
        }
        Deed::Subnet { vnet, cidr, gateway, verb } => {
            let vnet = VNETS[*vnet];
            let Some(zone) = sdn.vnets.get(vnet).and_then(|vnet| vnet.value("zone")) else {
                return;
            };
            let network = CIDRS[*cidr];
            let address = format!("{}1", network.trim_end_matches('0'));
            let set = if *gateway { params(&[("gateway", &address)]) } else { params(&[]) };
            ((Kind::Subnet, format!("{zone}-{network}-24"), Some(vnet.to_owned())), set, *verb)
        }
    };
    let (kind, id, vnet) = of;
    let params = if verb == EditVerb::Delete { params(&[]) } else { set };
    let network = String::new();
    let edit = Edit { network, kind, id, vnet, verb, params, guard: Guard::Absent, unused: false };
    // PVE refuses what makes no sense.
    let _ = send(&edit, sdn);
}

fn apply(plan: &Networks, sdn: &mut Sdn) {
    for transaction in [&plan.commit, &plan.removal].into_iter().flatten() {
        carry_out(transaction, sdn, usize::MAX);
    }
}

fn site(sdn: &Sdn) -> Finder<'_> {
    Finder { site: "lab", sdn }
}

/// Returns whether an object is this site's by the marks, for a network of these.
fn is_ours(sdn: &Sdn, object: &Object) -> bool {
    let of_site = |vnet: &Object| site(sdn).network_of(vnet).is_some();
    match object.kind {
        Kind::Vnet => of_site(object),
        Kind::Subnet => object.vnet.as_ref().and_then(|id| sdn.vnets.get(id)).is_some_and(of_site),
        _ => {
            let mut vnets = site(sdn).vnets_in(&object.id).peekable();
            let is_left_behind = vnets.peek().is_none()
                && object.state == State::New
                && Some(object.edited.clone()) == made(&object.id);
            let is_marked = |vnet: &Object| site(sdn).network_of(vnet) == Some(object.id.clone());
            is_left_behind || vnets.peek().is_some() && vnets.all(is_marked)
        }
    }
}

/// Returns what a run of this site creates a zone with.
fn made(zone: &str) -> Option<Values> {
    let pairs = match zone {
        "lab" => [("type", "vxlan"), ("peers", "192.0.2.1,192.0.2.2"), ("mtu", "1450")].as_slice(),
        "dmz" => &[("type", "simple")],
        _ => return None,
    };
    Some(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
}

/// Returns everything that is not this site's, as others see it: with what is pending.
fn foreign(sdn: &Sdn) -> Vec<Object> {
    sdn.all().filter(|object| !is_ours(sdn, object)).cloned().collect()
}

/// Returns what runs, without the runs' nonces.
fn running(sdn: &Sdn) -> Vec<String> {
    let run = |text: &str| text.split(" run=").next().unwrap_or_default().to_owned();
    let object = |object: &Object| {
        let values: Vec<String> =
            object.running.iter().map(|(name, value)| format!("{name}={}", run(value))).collect();
        format!("{:?} {} {:?} {values:?}", object.kind, object.id, object.state)
    };
    sdn.all().map(object).collect()
}

fn touches_only_ours(plan: &Networks, sdn: &Sdn) -> Result<(), TestCaseError> {
    for transaction in [&plan.commit, &plan.removal].into_iter().flatten() {
        for edit in &transaction.edits {
            let seen = sdn.get(edit.kind, &edit.id);
            if edit.verb == EditVerb::Create {
                let there = seen.is_some_and(Object::is_there);
                prop_assert!(!there, "{} is created where something is", edit.id);
            } else {
                let ours = seen.is_some_and(|seen| is_ours(sdn, seen));
                prop_assert!(ours, "{} is not ours: {:?}", edit.id, seen);
            }
        }
    }
    Ok(())
}

/// Returns the plan's own leftovers that are committed too; nothing of others without consent.
fn commits_only_ours(transaction: Option<&Transaction>) -> bool {
    transaction.is_none_or(|t| t.with_others || t.pending.iter().all(|pending| pending.ours))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, ..crate::plan::worlds::the_same_each_time() })]

    #[test]
    fn no_edit_touches_an_object_without_our_mark(
        before in prop::option::of(0usize..3),
        deeds in prop::collection::vec(deed(), 0..12),
        which in 0usize..3,
        with_pending in any::<bool>(),
    ) {
        let (mut desired, sdn) = (want(which), build(before, &deeds));
        desired.networks.with_pending = with_pending;
        let planned = plan(&desired, &sdn);
        touches_only_ours(&planned, &sdn)?;
        prop_assert!(commits_only_ours(planned.commit.as_ref()));
        let removed = plan_destroy(&desired, &sdn, &BTreeSet::new());
        touches_only_ours(&removed, &sdn)?;
        prop_assert!(commits_only_ours(removed.removal.as_ref()));
    }

    #[test]
    fn after_apply_the_plan_is_empty_and_the_rest_untouched(
        before in prop::option::of(0usize..3),
        deeds in prop::collection::vec(deed(), 0..12),
        which in 0usize..3,
        with_pending in any::<bool>(),
    ) {
        let (mut desired, mut sdn) = (want(which), build(before, &deeds));
        desired.networks.with_pending = with_pending;
        let others = foreign(&sdn);
        let first = plan(&desired, &sdn);
        apply(&first, &mut sdn);
        let second = plan(&desired, &sdn);
        // Without what others have committed by it, a network that was blocked stays so.
        if first.blocked.is_empty() || !with_pending {
            prop_assert_eq!(&second.planned, &Vec::new());
            prop_assert_eq!(&second.commit, &None);
        }
        for object in others {
            let now = sdn.get(object.kind, &object.id);
            if with_pending {
                match now {
                    Some(now) => prop_assert_eq!(&now.edited, &object.edited),
                    None => prop_assert!(!object.is_there()),
                }
            } else {
                prop_assert_eq!(now, Some(&object));
            }
        }
    }

    #[test]
    fn a_crash_anywhere_is_repaired_by_the_next_apply(
        before in prop::option::of(0usize..3),
        deeds in prop::collection::vec(deed(), 0..12),
        which in 0usize..3,
        edits in 0usize..6,
    ) {
        let (desired, mut sdn) = (want(which), build(before, &deeds));
        let first = plan(&desired, &sdn);
        let mut never_crashed = sdn.clone();
        apply(&first, &mut never_crashed);
        if let Some(transaction) = &first.commit {
            carry_out(transaction, &mut sdn, edits);
        }
        let second = plan(&desired, &sdn);
        prop_assert_eq!(&second.blocked, &first.blocked);
        apply(&second, &mut sdn);
        prop_assert_eq!(running(&sdn), running(&never_crashed));
    }

    #[test]
    fn destroy_leaves_nothing_of_ours_and_all_the_rest(
        before in prop::option::of(0usize..3),
        deeds in prop::collection::vec(deed(), 0..12),
        which in 0usize..3,
        edits in 0usize..6,
    ) {
        let (desired, mut sdn) = (want(which), build(before, &deeds));
        let others = foreign(&sdn);
        let none = BTreeSet::new();
        let first = plan_destroy(&desired, &sdn, &none);
        if let Some(transaction) = &first.removal {
            carry_out(transaction, &mut sdn, edits);
        }
        // A run that was killed is finished by the next one.
        let second = plan_destroy(&desired, &sdn, &none);
        prop_assert_eq!(&second.blocked, &first.blocked);
        apply(&second, &mut sdn);
        let third = plan_destroy(&desired, &sdn, &none);
        prop_assert_eq!(&third.planned, &Vec::new());
        for object in others {
            prop_assert_eq!(sdn.get(object.kind, &object.id), Some(&object));
        }
        if first.blocked.is_empty() {
            for network in &desired.networks.list {
                let ours =
                    |vnet: &Object| site(&sdn).network_of(vnet).as_ref() == Some(&network.zone);
                prop_assert!(!sdn.vnets.values().any(ours));
            }
        }
    }

    #[test]
    fn a_vnet_in_use_is_never_removed(
        before in 0usize..3,
        deeds in prop::collection::vec(deed(), 0..8),
        used in 0usize..4,
        leaves in any::<bool>(),
    ) {
        let (mut desired, mut sdn) = (want(2), build(Some(before), &deeds));
        let user = User { vmid: vmid(100), name: None, is_container: false };
        sdn.users.as_mut().unwrap().of.insert(VNETS[used].to_owned(), vec![user]);
        let leaving: BTreeSet<_> = leaves.then(|| vmid(100)).into_iter().collect();
        let there = sdn.vnets.contains_key(VNETS[used]);
        desired.networks.prune = true;
        let mut planned = plan(&desired, &sdn);
        plan_prune(&mut planned, &desired, &sdn, &leaving);
        for removal in [planned, plan_destroy(&desired, &sdn, &leaving)] {
            let deletes = |edit: &Edit| edit.verb == EditVerb::Delete && edit.id == VNETS[used];
            let gone = removal.removal.is_some_and(|r| r.edits.iter().any(deletes));
            prop_assert!(!gone || there && leaves);
        }
    }

    #[test]
    fn a_plan_survives_its_json_and_fits_the_schema(
        before in prop::option::of(0usize..3),
        deeds in prop::collection::vec(deed(), 0..12),
        which in 0usize..3,
    ) {
        let (desired, sdn) = (want(which), build(before, &deeds));
        let text = include_str!("../../../schemas/plan.json");
        let schema = jsonschema::validator_for(&serde_json::from_str(text).unwrap()).unwrap();
        for networks in [plan(&desired, &sdn), plan_destroy(&desired, &sdn, &BTreeSet::new())] {
            let mut plan = crate::action::Plan::empty("dev", "0af3");
            plan.networks = networks;
            let json = serde_json::to_value(&plan).unwrap();
            prop_assert!(schema.is_valid(&json), "{:?}", schema.iter_errors(&json).next());
            let read = crate::action::Plan::deserialize(&json).unwrap();
            // What is blocked and the notices are judged anew.
            (plan.networks.blocked, plan.networks.notices) = (Vec::new(), Vec::new());
            prop_assert_eq!(read, plan);
        }
    }
}
