//! A VM that is not ours and yet seems to be one of the document: it has its name, or is a copy of it, and
//! it has its MAC. Two guests with one MAC disturb each other. Does no I/O.

use crate::blocked::{Blocked, Why};
use crate::desired::{Desired, DesiredVm, Machine};
use crate::mark::{Owner, Stranger};
use crate::observed::{Look, Observed, Seen};
use machine::{ConfigKey, Form, Parts};

/// Returns why a VM that does not exist is not made.
pub(super) fn of(
    desired: &Desired,
    vm: &DesiredVm,
    machine: &Machine,
    observed: &Observed,
) -> Option<Blocked> {
    let seen = observed.looks.values().filter_map(|look| match look {
        Look::Seen(seen) => Some(&**seen),
        _ => None,
    });
    // A template never runs.
    let mut others = seen.filter(|seen| !seen.config.is_template());
    others.find_map(|seen| {
        let mac = shared_mac(machine, seen)?;
        let is_named =
            seen.config.next("name").is_some_and(|name| name.eq_ignore_ascii_case(&vm.name));
        let is_copy = |is: &Stranger| {
            let of = is.copied_from();
            of.is_some_and(|(of, name)| {
                of == desired.deployment && desired.name_now(name) == vm.name
            })
        };
        let why = match seen.owner(&desired.site, &desired.deployment) {
            Owner::Stranger(Stranger::Unmarked) if is_named => {
                Why::Namesake { vmid: seen.vmid.get(), mac }
            }
            Owner::Stranger(is @ Stranger::Untagged { .. }) if is_named => Why::NotOurs { is },
            Owner::Stranger(is) if is_copy(&is) => Why::NotOurs { is },
            _ => return None,
        };
        Some(super::blocked(vm, Some(seen.vmid), &seen.node, why))
    })
}

/// Returns the MAC that the document says and a NIC of this VM has.
fn shared_mac(machine: &Machine, seen: &Seen) -> Option<String> {
    let is_nic = |key: &&ConfigKey| matches!(key.key.form, Form::Nic(_));
    let said = machine.new.0.keys().filter(is_nic);
    let said: Vec<&str> = said.filter_map(|key| machine.new.value(*key, "macaddr")).collect();
    let nics = seen.config.keys().filter_map(ConfigKey::find);
    let mut macs = nics.filter(|key| is_nic(&key)).filter_map(|key| {
        let nic = Parts::read(key.key, seen.config.next(&key.to_string())?);
        nic.get("macaddr").map(str::to_owned)
    });
    macs.find(|mac| said.iter().any(|said| said.eq_ignore_ascii_case(mac)))
}

#[cfg(test)]
mod tests {
    use super::super::plan;
    use super::super::worlds::{desired, desired_vm, mark, put, world};
    use crate::blocked::Why;
    use crate::mark::{Mark, Stranger};
    use crate::observed::{Config, Power};

    /// The reasons why `edge` is not made beside a VM of this name, with this NIC.
    fn check(name: &str, net0: &str, description: &str, expected: &[Why]) {
        let mut world = world();
        let pairs = [("name", name), ("net0", net0), ("description", description)];
        put(&mut world, 120, "pve1", Power::Running, Config::settled(pairs));
        let plan = plan(&desired(vec![desired_vm("edge", None)]), &world);
        let why: Vec<_> = plan.blocked.iter().map(|blocked| blocked.why.clone()).collect();
        assert_eq!(why, expected, "{name} {net0}");
        assert_eq!(plan.vms.len(), usize::from(expected.is_empty()), "{name} {net0}");
    }

    #[test]
    fn a_vm_with_name_and_mac_is_not_made_twice() {
        let mac = "02:AA:00:00:00:01".to_owned();
        let namesake = [Why::Namesake { vmid: 120, mac }];
        check("edge", "virtio=02:AA:00:00:00:01,bridge=vmbr0", "", &namesake);
        check("EDGE", "e1000=02:AA:00:00:00:01,bridge=vmbr1", "by hand", &namesake);
        check("edge", "virtio=BC:24:11:00:00:01,bridge=vmbr0", "", &[]);
        check("other", "virtio=02:AA:00:00:00:01,bridge=vmbr0", "", &[]);
    }

    #[test]
    fn a_template_disturbs_nobody() {
        let mut world = world();
        let net0 = "virtio=02:AA:00:00:00:01,bridge=vmbr0";
        let config = Config::settled([("name", "edge"), ("net0", net0), ("template", "1")]);
        put(&mut world, 120, "pve1", Power::Stopped, config);
        let plan = plan(&desired(vec![desired_vm("edge", None)]), &world);
        assert_eq!((plan.blocked.len(), plan.vms.len()), (0, 1));
    }

    #[test]
    fn a_restored_copy_with_our_mac_is_not_given_a_twin() {
        let check = |copied: &str, net0: &str, is_blocked: bool| {
            let mut world = world();
            let line = Mark { vmid: Some(101), ..mark(copied, 101) }.line();
            let mut config = super::super::worlds::config("edge-restored", 900);
            config.set("description", &line);
            config.set("net0", net0);
            config.set("smbios1", "uuid=11111111-2222-4333-8444-000000000101");
            put(&mut world, 900, "pve1", Power::Stopped, config);
            let plan = plan(&desired(vec![desired_vm("edge", None)]), &world);
            let why: Vec<_> = plan.blocked.iter().map(|blocked| &blocked.why).collect();
            let of_us = |is: &Stranger| is.copied_from() == Some(("dev", "edge"));
            let blocked = matches!(why.as_slice(), [Why::NotOurs { is }] if of_us(is));
            assert_eq!(blocked, is_blocked, "{copied} {net0}: {why:?}");
        };
        check("edge", "virtio=02:AA:00:00:00:01,bridge=vmbr0", true);
        check("edge", "virtio=BC:24:11:00:00:01,bridge=vmbr0", false);
        check("db", "virtio=02:AA:00:00:00:01,bridge=vmbr0", false);
    }
}
