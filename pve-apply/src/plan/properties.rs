//! Properties of `plan`, for any world: no step touches a VM without our mark; after an apply the plan
//! is empty; also after a crash anywhere and a second apply.

use super::model::carry_out;
use super::worlds::{
    TEMPLATE, config, definition_of, desired, desired_vm, mark, put, put_template,
    the_same_each_time, vmid, world,
};
use super::{Adoption, Removal, Verb, left_over, plan, plan_adopt, plan_power, plan_release};
use crate::action::{Action, Plan};
use crate::blocked::{BlockReason, Blocked};
use crate::desired::{Consent, Creation, Desired, Source};
use crate::mark::{Mark, NotOurs, Owner, Stage};
use crate::observed::{Observation, Observed, Power};
use proptest::prelude::*;
use pve_client::Vmid;
use serde::Deserialize as _;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

const NAMES: [&str; 3] = ["edge", "db", "app"];
const FORMER: [&str; 3] = ["edge0", "db0", "app0"];

/// The name that the documents of these tests give a VM with this name.
pub(super) fn name_now(name: &str) -> &str {
    FORMER.iter().position(|former| *former == name).map_or(name, |index| NAMES[index])
}

/// The owner of a VM of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum VmOwner {
    Ours,
    Unfinished,
    OtherDeployment,
    OtherSite,
    SiteLess,
    Clone,
    Restored,
    OtherNode,
    Earlier,
    Later,
    ByHand,
}

impl VmOwner {
    const ALL: [Self; 11] = [
        Self::Ours,
        Self::Unfinished,
        Self::OtherDeployment,
        Self::OtherSite,
        Self::SiteLess,
        Self::Clone,
        Self::Restored,
        Self::OtherNode,
        Self::Earlier,
        Self::Later,
        Self::ByHand,
    ];

    pub(super) fn description(self, name: &str, vmid: u32) -> String {
        let ours = mark(name, vmid);
        let text = |s: &str| s.to_owned();
        match self {
            Self::Ours => ours.line(),
            Self::Unfinished => Mark { stage: Stage::Making, ..ours }.line(),
            Self::OtherDeployment => Mark { deployment: text("prod"), ..ours }.line(),
            Self::OtherSite => Mark { site: text("other"), ..ours }.line(),
            Self::SiteLess => Mark { site: text(""), ..ours }.line(),
            Self::Clone => {
                Mark { uuid: text("99999999-2222-4333-8444-555555555555"), ..ours }.line()
            }
            Self::Restored => Mark { vmid: Some(vmid + 1000), ..ours }.line(),
            Self::OtherNode => Mark { node: text("pve9"), ..ours }.line(),
            Self::Earlier => format!("pve-pipeline: deployment=dev vm={name} run=1 seed=5eed"),
            Self::Later => ours.line().replace("v=1", "v=7"),
            Self::ByHand => text("by hand"),
        }
    }
}

/// One VM of the world: what its mark says, and what differs.
#[derive(Clone, Debug)]
pub(super) struct WorldVm {
    vmid: u32,
    name: usize,
    /// Whether it has its former name.
    former: bool,
    owner: VmOwner,
    tagged: bool,
    node: &'static str,
    running: bool,
    drift: Vec<(&'static str, &'static str)>,
    pending: Vec<(&'static str, &'static str)>,
    away: bool,
}

fn drift() -> impl Strategy<Value = (&'static str, &'static str)> {
    prop::sample::select(vec![
        ("cores", "8"),
        ("cores", ""),
        ("memory", "512"),
        ("name", "other"),
        ("cpu", "kvm64,flags=+aes"),
        ("net0", "e1000=BC:24:11:00:00:09,bridge=vmbr9,tag=9,firewall=1"),
        ("net0", ""),
        ("virtio0", "local-lvm:d,size=2G"),
        ("virtio0", "local-lvm:d,discard=on,iothread=1,size=64G"),
        ("virtio0", "other:d,size=10G"),
        ("virtio0", ""),
        ("virtio1", ""),
        ("virtio1", "local-lvm:d,size=500G"),
        ("scsihw", "lsi"),
        ("agent", "enabled=0,type=virtio"),
        ("serial0", ""),
        ("ostype", "win11"),
        ("boot", "order=ide2;net0"),
        ("onboot", "0"),
        ("tags", "pve-pipeline;x"),
        ("lock", "backup"),
        ("template", "1"),
        ("protection", "1"),
        ("balloon", "0"),
        ("startup", "9"),
        ("startup", "up=5,order=1"),
    ])
}

/// Keys that a running VM takes at once, whatever they hold.
// PVE: qemu-server, QemuServer.pm, fast_plug_option.
const NEVER_PENDING: [&str; 7] =
    ["lock", "name", "onboot", "protection", "startup", "tags", "template"];

/// A difference that PVE can hold back until the next start.
fn pending() -> impl Strategy<Value = (&'static str, &'static str)> {
    drift().prop_filter("never pending", |(key, _)| !NEVER_PENDING.contains(key))
}

pub(super) fn there() -> impl Strategy<Value = WorldVm> {
    let flags =
        (any::<bool>(), any::<bool>(), prop::bool::weighted(0.1), prop::bool::weighted(0.3));
    let who = (
        100u32..106,
        0usize..3,
        prop_oneof![Just(VmOwner::Ours), prop::sample::select(VmOwner::ALL.to_vec())],
        prop::sample::select(vec!["pve1", "pve1", "pve2"]),
    );
    let differences =
        (prop::collection::vec(drift(), 0..4), prop::collection::vec(pending(), 0..2));
    (who, flags, differences).prop_map(|(who, flags, (drift, pending))| WorldVm {
        vmid: who.0,
        name: who.1,
        owner: who.2,
        tagged: flags.0,
        node: who.3,
        running: flags.1,
        drift,
        pending,
        away: flags.2,
        former: flags.3,
    })
}

pub(super) fn build(list: &[WorldVm]) -> Observed {
    let mut all = world();
    put_template(&mut all);
    (100..110).for_each(|number| _ = all.free.insert(vmid(number), true));
    for there in list {
        if all.vms.contains_key(&vmid(there.vmid)) {
            continue;
        }
        let name = if there.former { FORMER } else { NAMES }[there.name];
        let mut config = config(name, there.vmid);
        for (key, value) in &there.drift {
            if value.is_empty() { config.remove(key) } else { config.set(key, value) }
        }
        for (key, value) in &there.pending {
            config.set_next(key, Some(value).filter(|v| !v.is_empty()).copied());
        }
        config.set("description", &there.owner.description(name, there.vmid));
        if !there.tagged {
            config.set("tags", "by-hand");
        }
        let power = if there.running { Power::Running } else { Power::Stopped };
        put(&mut all, there.vmid, there.node, power, config);
        if there.away {
            all.vms.insert(vmid(there.vmid), Observation::NodeAway(there.node.parse().unwrap()));
        }
    }
    all
}

pub(super) fn want(consent: Consent, fixed: [bool; 3]) -> Desired {
    let vm = |index: usize| {
        let number = u32::try_from(100 + index).unwrap();
        let mut vm = desired_vm(NAMES[index], fixed[index].then_some(number));
        let mac = format!("02:AA:00:00:00:0{index}");
        let net0 = json!({"bridge": "vmbr0", "tag": null, "macaddr": mac});
        let mut config = json!({"cores": 2, "memory": 2048, "net0": net0});
        if index < 2 {
            config["startup"] = json!("order=1,up=5");
        }
        let mut definition = definition_of(&config);
        // One of the three is cloned.
        if index == 1 {
            definition.creation = Creation::Clone(Source::OfImage(Some(vmid(TEMPLATE))));
        }
        vm.definition = Some(definition);
        vm
    };
    let mut desired = desired((0..3).map(vm).collect());
    desired.consent = consent;
    desired.former_names = former_names();
    desired
}

fn former_names() -> BTreeMap<String, String> {
    FORMER.iter().zip(NAMES).map(|(old, new)| ((*old).to_owned(), new.to_owned())).collect()
}

fn any_consent() -> impl Strategy<Value = Consent> {
    any::<[bool; 7]>().prop_map(|[reboot, stop, reseed, pending, detach, move_disks, migrate]| {
        Consent { reboot, stop, reseed, pending, detach, move_disks, migrate, shutdown_seconds: 1 }
    })
}

pub(super) const EVERYTHING: Consent = Consent {
    reboot: true,
    stop: true,
    reseed: true,
    pending: false,
    detach: true,
    move_disks: true,
    migrate: true,
    shutdown_seconds: 1,
};

pub(super) fn plan_destroy(desired: &Desired, world: &Observed) -> Plan {
    super::plan_destroy(&Removal::new(desired, world))
}

/// Returns the VMs that are this deployment's, by their whole mark.
fn ours(world: &Observed) -> BTreeSet<(Vmid, String)> {
    let seen = world.vms.iter().filter_map(|(vmid, observation)| match observation {
        Observation::Seen(seen) => match seen.owner("lab", "dev") {
            Owner::Ours(mark) => Some((*vmid, name_now(&mark.vm).to_owned())),
            Owner::NotOurs(_) => None,
        },
        _ => None,
    });
    seen.collect()
}

/// Returns what is blocked, as if a VM that gets its new name had it already.
fn named_now(mut blocked: Vec<Blocked>) -> Vec<Blocked> {
    for blocked in &mut blocked {
        let reason = &mut blocked.reason;
        if let BlockReason::NotOurs { is: NotOurs::OtherDeployment { vm, .. } } = reason {
            *vm = name_now(vm).to_owned();
        }
    }
    blocked
}

/// Returns everything in the world that is not ours, to check that it stays as it is.
fn foreign(world: &Observed) -> Vec<(Vmid, Observation)> {
    let ours: BTreeSet<Vmid> = ours(world).into_iter().map(|(vmid, _)| vmid).collect();
    world.vms.iter().filter(|(v, _)| !ours.contains(v)).map(|(v, l)| (*v, l.clone())).collect()
}

fn touches_only_ours(plan: &Plan, world: &Observed) -> Result<(), TestCaseError> {
    let ours = ours(world);
    for vm in &plan.vms {
        let there = vm.vmid.is_some_and(|vmid| world.vms.contains_key(&vmid));
        if vm.action == Action::Create {
            prop_assert!(!there, "{} is created where something is", vm.name);
        } else if let Some(vmid) = vm.vmid.filter(|_| there) {
            let name = name_now(&vm.name).to_owned();
            prop_assert!(ours.contains(&(vmid, name)), "{} is not ours", vm.name);
            prop_assert!(vm.mark.site == "lab" && vm.mark.deployment == "dev");
            prop_assert!(name_now(&vm.mark.vm) == name_now(&vm.name));
            prop_assert!(vm.mark.vmid == Some(vmid.get()));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(the_same_each_time())]

    #[test]
    fn no_step_touches_a_vm_without_our_mark(
        list in prop::collection::vec(there(), 0..6),
        consent in any_consent(),
        fixed in any::<[bool; 3]>(),
    ) {
        let (desired, world) = (want(consent, fixed), build(&list));
        touches_only_ours(&plan(&desired, &world), &world)?;
        touches_only_ours(&plan_destroy(&desired, &world), &world)?;
        for verb in [Verb::Start, Verb::Stop, Verb::Reboot] {
            touches_only_ours(&plan_power(&desired, &world, verb), &world)?;
        }
        touches_only_ours(&plan_release(&desired, &world, true), &world)?;
    }

    #[test]
    fn after_apply_the_plan_is_empty_and_the_rest_untouched(
        list in prop::collection::vec(there(), 0..6),
        fixed in any::<[bool; 3]>(),
    ) {
        let (desired, mut world) = (want(EVERYTHING, fixed), build(&list));
        let before = foreign(&world);
        let first = plan(&desired, &world);
        carry_out(&first, &mut world, usize::MAX);
        let second = plan(&desired, &world);
        prop_assert_eq!(&second.vms, &Vec::new());
        prop_assert_eq!(named_now(second.blocked), named_now(first.blocked));
        for (vmid, observation) in before {
            prop_assert_eq!(world.vms.get(&vmid), Some(&observation));
        }
    }

    #[test]
    fn a_crash_anywhere_is_repaired_by_the_next_apply(
        list in prop::collection::vec(there(), 0..6),
        fixed in any::<[bool; 3]>(),
        steps in 0usize..7,
    ) {
        let (desired, mut world) = (want(EVERYTHING, fixed), build(&list));
        let mut never_crashed = world.clone();
        carry_out(&plan(&desired, &never_crashed), &mut never_crashed, usize::MAX);
        carry_out(&plan(&desired, &world), &mut world, steps);
        carry_out(&plan(&desired, &world), &mut world, usize::MAX);
        prop_assert_eq!(&plan(&desired, &world).vms, &Vec::new());
        prop_assert_eq!(ours(&world).len(), ours(&never_crashed).len());
        prop_assert!(world.seed_files.is_empty(), "a seed is left: {:?}", world.seed_files);
    }

    #[test]
    fn what_left_the_document_is_pruned_and_nothing_else(
        list in prop::collection::vec(there(), 0..6),
        kept in any::<[bool; 3]>(),
    ) {
        let (mut desired, mut world) = (want(EVERYTHING, [false; 3]), build(&list));
        desired.vms.clear();
        let names = NAMES.iter().zip(kept).filter(|(_, kept)| *kept);
        let names: BTreeSet<String> = names.map(|(name, _)| (*name).to_owned()).collect();
        desired.vm_names = Some(names.clone());
        desired.former_names.retain(|_, now| names.contains(now));
        let before = foreign(&world);
        let kept: Vec<_> = ours(&world).into_iter().filter(|(_, n)| names.contains(n)).collect();
        carry_out(&left_over::plan_prune(&desired, &world), &mut world, usize::MAX);
        prop_assert_eq!(&left_over::plan_prune(&desired, &world).vms, &Vec::new());
        for (vmid, observation) in before {
            prop_assert_eq!(world.vms.get(&vmid), Some(&observation));
        }
        prop_assert!(kept.iter().all(|(vmid, _)| world.vms.contains_key(vmid)));
    }

    #[test]
    fn destroy_leaves_nothing_of_ours_and_all_the_rest(
        list in prop::collection::vec(there(), 0..6),
        fixed in any::<[bool; 3]>(),
    ) {
        let (desired, mut world) = (want(EVERYTHING, fixed), build(&list));
        let before = foreign(&world);
        let plan = plan_destroy(&desired, &world);
        carry_out(&plan, &mut world, usize::MAX);
        prop_assert_eq!(&plan_destroy(&desired, &world).vms, &Vec::new());
        for (vmid, observation) in before {
            prop_assert_eq!(world.vms.get(&vmid), Some(&observation));
        }
    }

    #[test]
    fn a_plan_survives_its_json_and_fits_the_schema(
        list in prop::collection::vec(there(), 0..6),
        consent in any_consent(),
    ) {
        let (desired, world) = (want(consent, [true, true, false]), build(&list));
        let schema = schema();
        let adoption = Adoption::default();
        for plan in [
            plan(&desired, &world),
            plan_destroy(&desired, &world),
            plan_adopt(&desired, &world, &adoption),
        ] {
            let json = serde_json::to_value(&plan).unwrap();
            prop_assert!(schema.is_valid(&json), "{:?}", schema.iter_errors(&json).next());
            let read = Plan::deserialize(&json).unwrap();
            // What is blocked and the notices are judged anew.
            prop_assert_eq!(read, Plan { blocked: Vec::new(), notices: Vec::new(), ..plan });
        }
    }
}

/// The checked-in schema.
pub(super) fn schema() -> jsonschema::Validator {
    let text = include_str!("../../../schemas/plan.json");
    jsonschema::validator_for(&serde_json::from_str(text).unwrap()).unwrap()
}
