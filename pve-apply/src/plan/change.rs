//! The steps that bring a VM of ours to what the document asks, in place. Does no I/O.

use super::aspects::{self, Aspect, BOOT_DISK, SEED_DISK};
use super::{blocked, seed, unchanged};
use crate::action::{Action, Change, Impact, Plan, Step, VmPlan};
use crate::blocked::{Notice, What, Why};
use crate::desired::snippets;
use crate::desired::{Consent, Desired, DesiredVm, Machine, SeedWay};
use crate::observed::{Observed, Power, Seen};
use pve_client::{PropertyString, Volid, display_size};
use std::collections::{BTreeMap, BTreeSet};

/// What the comparison of one VM gave.
#[derive(Default)]
struct Difference {
    changes: Vec<Change>,
    params: BTreeMap<String, String>,
    resize: Option<u64>,
    reseed: bool,
    /// The VM's own snippets are gone and are written again.
    rewrite: bool,
    blocked: Vec<Why>,
}

impl Difference {
    /// The worst of its changes.
    fn impact(&self) -> Impact {
        self.changes.iter().map(|change| change.impact).max().unwrap_or_default()
    }
}

/// Plans a VM that is there.
pub(super) fn plan_one(
    plan: &mut Plan,
    desired: &Desired,
    vm: &DesiredVm,
    machine: &Machine,
    seen: &Seen,
    observed: &Observed,
) {
    if seen.config.now("template").and_then(pve_client::parse_boolean) == Some(true) {
        return plan.blocked.push(blocked(vm, Some(seen.vmid), &seen.node, Why::IsTemplate));
    }
    let mut difference = compare(desired, vm, machine, seen);
    compare_snippets(&mut difference, desired, vm, machine, seen, observed);
    let mended = difference.params.contains_key(seed::CICUSTOM);
    notices(plan, desired, vm, machine, seen, mended);
    let brought = match difference.reseed {
        true => seed::brought(desired, vm, machine, seed::way_of(desired, seen)),
        false => BTreeSet::new(),
    };
    let leftovers = seed::leftovers(desired, vm, observed, Some(seen), &brought);
    if difference.changes.is_empty() && difference.blocked.is_empty() && leftovers.is_empty() {
        return plan.unchanged.push(unchanged(vm, seen));
    }
    difference.blocked.extend(not_agreed(&difference.changes, desired.consent));
    if let Some(lock) = seen.config.lock() {
        difference.blocked.push(Why::Locked { lock: lock.to_owned() });
    }
    if !difference.blocked.is_empty() {
        let list = difference.blocked.into_iter();
        plan.blocked.extend(list.map(|why| blocked(vm, Some(seen.vmid), &seen.node, why)));
        if let Some(last) = plan.blocked.last_mut() {
            last.changes = difference.changes;
        }
        return;
    }
    let mut all = leftovers;
    all.extend(steps(desired, vm, machine, seen, observed, &difference));
    plan.vms.push(VmPlan {
        name: vm.name.clone(),
        action: Action::Change,
        vmid: Some(seen.vmid),
        node: seen.node.clone(),
        after: vm.parent.iter().cloned().collect(),
        storage: None,
        mark: desired.mark(vm),
        digest: seen.config.digest.as_ref().map(ToString::to_string),
        impact: difference.impact(),
        changes: difference.changes,
        steps: all,
    });
}

fn compare(desired: &Desired, vm: &DesiredVm, machine: &Machine, seen: &Seen) -> Difference {
    let mut difference = Difference::default();
    let bytes = boot_disk(&mut difference, machine, seen);
    for aspect in aspects::of(&vm.name, machine, bytes) {
        // Without a disk there is nothing whose options could be set.
        if aspect.key != BOOT_DISK || seen.config.next(BOOT_DISK).is_some() {
            compare_aspect(&mut difference, &aspect, seen);
        }
    }
    compare_seed(&mut difference, desired, vm, machine, seen);
    if seen.power == Power::Stopped {
        difference.changes.push(Change {
            field: "power".to_owned(),
            from: Some("stopped".to_owned()),
            to: Some("running".to_owned()),
            impact: Impact::None,
            reason: None,
        });
    }
    difference
}

fn compare_aspect(difference: &mut Difference, aspect: &Aspect<'_>, seen: &Seen) {
    let next = (aspect.read)(seen.config.next(aspect.key));
    let now = (aspect.read)(seen.config.now(aspect.key));
    let running = seen.power == Power::Running;
    let drifted = next != aspect.want;
    // A stopped VM takes what is pending at its next start, which the plan brings anyway.
    let waits = running && now != aspect.want;
    if !drifted && !waits {
        return;
    }
    let impact = if running && !aspect.live { Impact::Reboot } else { Impact::None };
    difference.changes.push(Change {
        field: aspect.field.to_owned(),
        from: if running { now } else { next },
        to: aspect.want.clone(),
        impact,
        reason: (!drifted).then(|| "pending in PVE".to_owned()),
    });
    if drifted {
        let value = (aspect.write)(seen.config.next(aspect.key));
        difference.params.insert(aspect.key.to_owned(), value);
    }
}

/// Compares the boot disk's place and size; returns the size that it will have.
fn boot_disk(difference: &mut Difference, machine: &Machine, seen: &Seen) -> u64 {
    let want = u64::from(machine.disk_gib) << 30;
    let Some(text) = seen.config.next(BOOT_DISK) else {
        difference.blocked.push(Why::DiskMissing);
        return want;
    };
    let drive = PropertyString::parse(text, "file");
    let volid = drive.get("file").and_then(|file| file.parse::<Volid>().ok());
    if let Some(has) = volid.map(|v| v.storage().clone()).filter(|has| *has != machine.storage) {
        let (wanted, has) = (machine.storage.to_string(), has.to_string());
        difference.blocked.push(Why::StorageDiffers { wanted, has });
    }
    let has = drive.size("size").unwrap_or(0);
    if has > want {
        let shown = display_size(has);
        difference.blocked.push(Why::DiskWouldShrink { disk_gib: machine.disk_gib, has: shown });
    } else if has < want {
        difference.resize = Some(want);
        difference.changes.push(Change {
            field: "disk".to_owned(),
            from: Some(display_size(has)),
            to: Some(display_size(want)),
            impact: Impact::None,
            reason: None,
        });
    }
    has.max(want)
}

/// Changed seed data never replaces a VM; it reaches one only when the user asks.
fn compare_seed(
    difference: &mut Difference,
    desired: &Desired,
    vm: &DesiredVm,
    machine: &Machine,
    seen: &Seen,
) {
    let Some(old) = seed_changed(desired, vm, machine, seen) else { return };
    if !desired.consent.reseed {
        return;
    }
    let way = seed::way_of(desired, seen);
    let has = seen.config.next(SEED_DISK).filter(|text| !is_seed_disk(text));
    if let Some(has) = has.filter(|_| way == SeedWay::Disk) {
        return difference.blocked.push(Why::SeedDiskForeign { has: has.to_owned() });
    }
    if way == SeedWay::Snippets && seed::bring(desired, vm, machine, way).is_none() {
        return difference.blocked.push(Why::SnippetsNotWritable);
    }
    difference.reseed = true;
    let running = seen.power == Power::Running;
    difference.changes.push(Change {
        field: "seed".to_owned(),
        from: Some(old),
        to: Some(machine.seed.fingerprint.clone()),
        impact: match way {
            _ if !running => Impact::None,
            SeedWay::Disk => Impact::PowerOff,
            // A CD is changed while the guest runs; cloud-init looks at it when it boots.
            SeedWay::Iso | SeedWay::Snippets => Impact::Reboot,
        },
        reason: Some("cloud-init runs again at the next boot".to_owned()),
    });
}

/// The snippets that a VM was made with, and the keys that name them. Those of another seed are not
/// looked for: only `--reseed` brings that.
fn compare_snippets(
    difference: &mut Difference,
    desired: &Desired,
    vm: &DesiredVm,
    machine: &Machine,
    seen: &Seen,
    observed: &Observed,
) {
    let there = seed::snippets_of_mark(desired, vm, observed, seen);
    let named = seed::snippets_of(&seen.config);
    // A VM without a snippet of ours got its seed in another way, or from people.
    let (Some(one), Some(mark)) = (named.first().or(there.first()), seen.config.mark()) else {
        return;
    };
    if difference.reseed {
        return;
    }
    let base = desired.snippet_base(vm, &mark.seed);
    let with_network = !machine.seed.network_config.is_empty();
    let want = snippets::cicustom(one.storage(), &base, with_network);
    compare_cicustom(difference, machine, seen, &want);
    let listed = desired.snippets.as_ref().is_some_and(|s| s.storage == *one.storage());
    let whole = snippets::of_cicustom(&want).iter().all(|volid| there.contains(volid));
    let can = mark.seed == machine.seed.fingerprint
        && seed::bring(desired, vm, machine, SeedWay::Snippets).is_some();
    if listed && !whole && can {
        difference.rewrite = true;
        difference.changes.push(Change {
            field: "snippets".to_owned(),
            from: Some("missing".to_owned()),
            to: Some(base),
            impact: Impact::None,
            reason: Some("the VM does not start without them".to_owned()),
        });
    }
}

/// Compares `cicustom`, and whether there is a drive that it fills.
fn compare_cicustom(difference: &mut Difference, machine: &Machine, seen: &Seen, want: &str) {
    let has = seen.config.next(seed::CICUSTOM);
    if !has.is_some_and(|has| snippets::is_same_cicustom(has, want)) {
        difference.changes.push(Change {
            field: seed::CICUSTOM.to_owned(),
            from: has.map(str::to_owned),
            to: Some(want.to_owned()),
            impact: Impact::None,
            reason: Some("read at the next start".to_owned()),
        });
        difference.params.insert(seed::CICUSTOM.to_owned(), want.to_owned());
    }
    if seed::cloud_init_key(&seen.config).is_none() && seen.config.next(seed::SEED_CD).is_none() {
        let drive = seed::cloud_init_drive(machine);
        let running = seen.power == Power::Running;
        difference.changes.push(Change {
            field: seed::SEED_CD.to_owned(),
            from: None,
            to: Some(drive.clone()),
            impact: if running { Impact::Reboot } else { Impact::None },
            reason: Some("the drive that `cicustom` fills".to_owned()),
        });
        difference.params.insert(seed::SEED_CD.to_owned(), drive);
    }
}

/// The old fingerprint when the seed data has changed.
fn seed_changed(
    desired: &Desired,
    vm: &DesiredVm,
    machine: &Machine,
    seen: &Seen,
) -> Option<String> {
    let found = seen.config.mark().filter(|mark| mark.same_vm(&desired.mark(vm)))?;
    (found.seed != machine.seed.fingerprint).then_some(found.seed)
}

/// A seed image is 1 to 4 MiB, far below any disk that people make by hand.
fn is_seed_disk(text: &str) -> bool {
    let drive = PropertyString::parse(text, "file");
    drive.size("size").is_some_and(|bytes| bytes <= 4 << 20)
}

/// What the user has not agreed to.
fn not_agreed(changes: &[Change], consent: Consent) -> Option<Why> {
    let of = |impact| {
        let fields =
            changes.iter().filter(|c| c.impact == impact).map(|c| format!("`{}`", c.field));
        fields.collect::<Vec<_>>()
    };
    let (off, reboot) = (of(Impact::PowerOff), of(Impact::Reboot));
    if !off.is_empty() && !consent.stop {
        return Some(Why::NeedsPowerOff { fields: off });
    }
    let agreed = consent.reboot || consent.stop;
    (!reboot.is_empty() && !agreed).then_some(Why::NeedsReboot { fields: reboot })
}

fn steps(
    desired: &Desired,
    vm: &DesiredVm,
    machine: &Machine,
    seen: &Seen,
    observed: &Observed,
    difference: &Difference,
) -> Vec<Step> {
    let impact = difference.impact();
    let seconds = desired.consent.shutdown_seconds;
    let force = desired.consent.stop;
    let running = seen.power == Power::Running;
    let mut steps = Vec::new();
    let off = impact == Impact::PowerOff;
    if off {
        steps.push(Step::Shutdown { seconds, force });
    }
    if difference.rewrite {
        steps.extend(seed::bring(desired, vm, machine, SeedWay::Snippets));
    }
    // Grown before the options are written, which say the size too.
    if let Some(bytes) = difference.resize {
        steps.push(Step::Resize { disk: BOOT_DISK.to_owned(), bytes });
    }
    if !difference.params.is_empty() {
        let params = difference.params.clone();
        steps.push(Step::Configure { params, makes_disk: false });
    }
    let mut settle = Vec::new();
    if difference.reseed {
        let replacement = seed::replace(desired, vm, machine, seen, observed);
        steps.extend(replacement.give);
        settle = replacement.settle;
    }
    match impact {
        _ if !running || off => steps.push(Step::Start),
        Impact::Reboot if force => {
            steps.extend([Step::Shutdown { seconds, force }, Step::Start]);
        }
        Impact::Reboot => steps.push(Step::Reboot { seconds }),
        _ => {}
    }
    steps.extend(settle);
    steps
}

fn notices(
    plan: &mut Plan,
    desired: &Desired,
    vm: &DesiredVm,
    machine: &Machine,
    seen: &Seen,
    cicustom_is_mended: bool,
) {
    let mut say = |what| {
        plan.notices.push(Notice { name: vm.name.clone(), vmid: seen.vmid, what });
    };
    if seed_changed(desired, vm, machine, seen).is_some() && !desired.consent.reseed {
        say(What::SeedChanged);
    }
    let snippets = cicustom_is_mended || !seed::snippets_of(&seen.config).is_empty();
    let drive = seed::cloud_init_key(&seen.config);
    let of_snippets = |key: &str| snippets && (key == seed::CICUSTOM || Some(key) == drive);
    let foreign = |keys: &mut dyn Iterator<Item = &str>| {
        let cd = seed::attached(&seen.config).map(|(key, _)| key);
        let foreign = keys.filter(|key| {
            !aspects::is_managed(key, machine) && Some(*key) != cd && !of_snippets(key)
        });
        foreign.map(str::to_owned).collect::<Vec<_>>()
    };
    let keys = foreign(&mut seen.config.keys());
    if !keys.is_empty() {
        say(What::Unmanaged { keys });
    }
    let keys = foreign(&mut seen.config.pending_keys());
    if !keys.is_empty() {
        say(What::PendingByHand { keys });
    }
}
