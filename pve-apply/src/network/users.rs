//! DOOR (reads only): which guests of the cluster have a NIC on a vnet. PVE asks nobody when a vnet is
//! deleted (facts-2, 37).

use super::observed::{User, Users};
use crate::observed::{Guest, Observation, Observed, sees_all};
use crate::read::{read_api, read_retrying};
use pve_client::{Client, Error, GuestKind, PendingValue, PropertyString};
use pve_stage::finding;
use stage::{Entry, Place};
use std::collections::{BTreeMap, BTreeSet};

/// Reads the config of every guest that the token can see, but for those that were read already.
///
/// # Errors
/// A read failed for another reason than the guest's own.
pub(super) fn read(client: &Client, observed: &Observed, sees_all: bool) -> Result<Users, Error> {
    let mut users = Users { sees_all, ..Users::default() };
    for guest in &observed.guests {
        match observed.vms.get(&guest.vmid) {
            Some(Observation::Seen(seen)) => {
                let config = &seen.config;
                let nics = config.keys().filter(|key| is_nic(key));
                let texts = nics.flat_map(|key| [config.now(key), config.next(key)]);
                let bridges = texts.flatten().filter_map(bridge).collect();
                users.add(guest, bridges);
            }
            _ => add(client, &mut users, guest, |error| why_unread(&error).ok_or(error))?,
        }
    }
    Ok(users)
}

fn add(
    client: &Client,
    users: &mut Users,
    guest: &Guest,
    passes: impl Fn(Error) -> Result<&'static str, Error>,
) -> Result<(), Error> {
    match read_api(|| config_of(client, guest)) {
        Ok(config) => users.add(guest, bridges(&config)),
        // A guest that is moving to another node is on neither; its vmid shows that it still exists.
        Err(error) if error.is_not_found() => {
            if !read_api(|| client.is_free(guest.vmid))? {
                users.unread.insert(guest.vmid, "it is moving to another node");
            }
        }
        Err(error) => {
            users.unread.insert(guest.vmid, passes(error)?);
        }
    }
    Ok(())
}

fn config_of(client: &Client, guest: &Guest) -> Result<Vec<PendingValue>, Error> {
    match guest.kind {
        GuestKind::Qemu => client.vm_pending(&guest.node, guest.vmid),
        GuestKind::Lxc => client.container_pending(&guest.node, guest.vmid),
    }
}

/// Returns why a guest cannot be read, where that concerns it alone.
fn why_unread(error: &Error) -> Option<&'static str> {
    if error.is_permission() {
        return Some("the token cannot read it");
    }
    error.is_node_unreachable().then_some("its node does not answer")
}

impl Users {
    fn add(&mut self, guest: &Guest, bridges: BTreeSet<String>) {
        for bridge in bridges {
            let user = User::new(guest.vmid, guest.name.clone(), guest.kind);
            self.of.entry(bridge).or_default().push(user);
        }
    }
}

/// Returns the bridges of a guest's NICs, now and after its next start.
fn bridges(config: &[PendingValue]) -> BTreeSet<String> {
    let nics = config.iter().filter(|item| is_nic(&item.key));
    let texts = nics.flat_map(|item| [item.value.as_deref(), item.pending.as_deref()]);
    texts.flatten().filter_map(bridge).collect()
}

fn is_nic(key: &str) -> bool {
    key.strip_prefix("net").is_some_and(|slot| slot.parse::<u16>().is_ok())
}

fn bridge(nic: &str) -> Option<String> {
    PropertyString::parse(nic, "model").get("bridge").map(str::to_owned)
}

/// Makes sure that no guest of the cluster uses one of these vnets now.
///
/// # Errors
/// One does, or may: then nothing must be removed.
pub(crate) fn unused(client: &Client, vnets: &BTreeSet<&str>) -> Result<(), Entry> {
    let place = || Place::Named("SDN".to_owned());
    let failed = |error: Error| finding::of_error(place(), &error);
    let all = read_retrying(|| client.permissions()).map_err(failed)?;
    let rows = read_retrying(|| client.cluster_resources()).map_err(failed)?;
    let mut users = Users { sees_all: sees_all(&all), ..Users::default() };
    for guest in rows.iter().map(Guest::from) {
        add(client, &mut users, &guest, Err).map_err(failed)?;
    }
    let mut found: BTreeMap<&str, &Vec<User>> = BTreeMap::new();
    found.extend(vnets.iter().filter_map(|vnet| Some((*vnet, users.of.get(*vnet)?))));
    if let Some((vnet, by)) = found.first_key_value() {
        let fact = format!("vnet {vnet} is now used by {}", super::text::guests(by));
        return Err(Entry::error("in-use", place(), fact));
    }
    if !users.sees_all || !users.unread.is_empty() {
        let fact = "not all guests can be read: one of them may use the network";
        return Err(Entry::error("guests-hidden", place(), fact));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(key: &str, value: Option<&str>, pending: Option<&str>, expected: &[&str]) {
        let text = |text: Option<&str>| text.map(str::to_owned);
        let item = PendingValue {
            key: key.to_owned(),
            value: text(value),
            pending: text(pending),
            delete: false,
        };
        let found = bridges(&[item]);
        assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn nics_of_vms_and_containers_now_and_later() {
        let vm = "virtio=BC:24:11:00:00:01,bridge=lan,tag=5";
        check("net0", Some(vm), None, &["lan"]);
        check("net31", Some(vm), Some("virtio=BC:24:11:00:00:01,bridge=dmz"), &["dmz", "lan"]);
        check("net1", None, Some(vm), &["lan"]);
        check("net0", Some("name=eth0,bridge=lan,ip=dhcp,type=veth"), None, &["lan"]);
        check("net0", Some("virtio=BC:24:11:00:00:01"), None, &[]);
        check("netbios", Some("bridge=lan"), None, &[]);
        check("description", Some("bridge=lan"), None, &[]);
    }
}
