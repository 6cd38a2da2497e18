//! A VM that is not ours and yet seems to be one of the document: it has its name, or is a copy of it, and
//! it has its MAC. Two guests with one MAC disturb each other. Does no I/O.

use super::new_vm::NewVm;
use crate::blocked::{BlockReason, Blocked};
use crate::desired::Definition;
use crate::mark::{NotOurs, Owner};
use crate::observed::VmState;
use machine::{ConfigKey, Form, Parts};

/// Returns why a VM that does not exist cannot be created.
pub(super) fn of(new: NewVm<'_>) -> Option<Blocked> {
    let NewVm { desired, vm, definition, observed } = new;
    // A template never runs.
    let mut others = observed.seen().filter(|seen| !seen.config.is_template());
    others.find_map(|seen| {
        let mac = shared_mac(definition, seen)?;
        let is_named =
            seen.config.next("name").is_some_and(|name| name.eq_ignore_ascii_case(&vm.name));
        let is_copy = |is: &NotOurs| {
            let of = is.copied_from();
            of.is_some_and(|(of, name)| {
                of == desired.deployment && desired.name_now(name) == vm.name
            })
        };
        let reason = match seen.owner(&desired.site, &desired.deployment) {
            Owner::NotOurs(NotOurs::Unmarked) if is_named => {
                BlockReason::Namesake { vmid: seen.vmid.get(), mac }
            }
            Owner::NotOurs(is @ NotOurs::Untagged { .. }) if is_named => {
                BlockReason::NotOurs { is }
            }
            Owner::NotOurs(is) if is_copy(&is) => BlockReason::NotOurs { is },
            _ => return None,
        };
        Some(super::blocked(vm, Some(seen.vmid), &seen.node, reason))
    })
}

/// Returns the MAC of a NIC that the document also has.
fn shared_mac(definition: &Definition, seen: &VmState) -> Option<String> {
    let is_nic = |key: &&ConfigKey| matches!(key.key.form, Form::Nic(_));
    let wanted = definition.new.0.keys().filter(is_nic);
    let wanted: Vec<&str> =
        wanted.filter_map(|key| definition.new.value(*key, "macaddr")).collect();
    let nics = seen.config.keys().filter_map(ConfigKey::find);
    let mut macs = nics.filter(|key| is_nic(&key)).filter_map(|key| {
        let nic = Parts::read(key.key, seen.config.next(&key.to_string())?);
        nic.get("macaddr").map(str::to_owned)
    });
    macs.find(|mac| wanted.iter().any(|wanted| wanted.eq_ignore_ascii_case(mac)))
}

#[cfg(test)]
mod tests {
    use super::super::plan;
    use super::super::worlds::{desired, desired_vm, mark, put, world};
    use crate::blocked::BlockReason;
    use crate::mark::{Mark, NotOurs};
    use crate::observed::{Config, Power};

    /// Checks why `edge` is not created beside a VM of this name, with this NIC.
    fn check(name: &str, net0: &str, description: &str, expected: &[BlockReason]) {
        let mut world = world();
        let pairs = [("name", name), ("net0", net0), ("description", description)];
        put(&mut world, 120, "pve1", Power::Running, Config::settled(pairs));
        let plan = plan(&desired(vec![desired_vm("edge", None)]), &world);
        let reason: Vec<_> = plan.blocked.iter().map(|blocked| blocked.reason.clone()).collect();
        assert_eq!(reason, expected, "{name} {net0}");
        assert_eq!(plan.vms.len(), usize::from(expected.is_empty()), "{name} {net0}");
    }

    #[test]
    fn a_vm_with_the_same_name_and_mac_is_not_created_twice() {
        let mac = "02:AA:00:00:00:01".to_owned();
        let namesake = [BlockReason::Namesake { vmid: 120, mac }];
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
            let reasons: Vec<_> = plan.blocked.iter().map(|blocked| &blocked.reason).collect();
            let of_us = |is: &NotOurs| is.copied_from() == Some(("dev", "edge"));
            let blocked = matches!(reasons.as_slice(), [BlockReason::NotOurs { is }] if of_us(is));
            assert_eq!(blocked, is_blocked, "{copied} {net0}: {reasons:?}");
        };
        check("edge", "virtio=02:AA:00:00:00:01,bridge=vmbr0", true);
        check("edge", "virtio=BC:24:11:00:00:01,bridge=vmbr0", false);
        check("db", "virtio=02:AA:00:00:00:01,bridge=vmbr0", false);
    }
}
