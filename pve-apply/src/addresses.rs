//! DOOR (reads only): the state and the addresses of VMs, for the result of a run and for lists.

use crate::outcome::VmResult;
use crate::plan::mac_of_net0 as mac;
use crate::read::read_retrying;
use crate::ready::is_useful;
use crate::status::Row;
use pve_client::{AgentInterface, Client, ConfigView, NodeName, Vmid};
use std::net::IpAddr;

/// Fills in status and MAC of a VM that was worked on.
pub(crate) fn complete(client: &Client, row: &mut VmResult) {
    let Some((node, vmid)) = place(row).filter(|_| row.status == "unknown") else { return };
    // A failed read leaves the row as it is: the work itself is done.
    if let Ok(status) = read_retrying(|| client.vm_status(&node, vmid)) {
        row.status = status.status;
    }
    let config = read_retrying(|| client.vm_config(&node, vmid, ConfigView::Current));
    if let Ok(config) = config {
        row.mac = config.get("net0").and_then(mac);
    }
}

/// Fills in the addresses of a running VM, if its agent answers at once.
pub(crate) fn of_running(client: &Client, row: &mut VmResult) {
    if row.status == "running" {
        // An agent that does not answer leaves the row without addresses.
        let Some((node, vmid)) = place(row) else { return };
        if let Ok(interfaces) = client.agent_interfaces(&node, vmid) {
            row.addresses = of_mac(&interfaces, row.mac.as_deref());
        }
    }
}

/// Replaces the document's addresses of a running VM by those that its agent reports, if it reports any
/// at once.
pub(crate) fn ask_agent(client: &Client, row: &mut Row) {
    let Some((node, vmid)) = at(&row.node, row.vmid).filter(|_| row.status == "running") else {
        return;
    };
    let interfaces = client.agent_interfaces(&node, vmid).unwrap_or_default();
    let reported = of_mac(&interfaces, row.mac.as_deref());
    if !reported.is_empty() {
        row.addresses = reported;
    }
}

/// Returns the node of a VM.
pub(crate) fn place(row: &VmResult) -> Option<(NodeName, Vmid)> {
    at(&row.node, row.vmid)
}

fn at(node: &str, vmid: Option<u32>) -> Option<(NodeName, Vmid)> {
    Some((node.parse().ok()?, Vmid::new(u64::from(vmid?)).ok()?))
}

/// Returns the addresses of the interface with this MAC, without link-local ones.
fn of_mac(interfaces: &[AgentInterface], mac: Option<&str>) -> Vec<IpAddr> {
    let ours = |interface: &&AgentInterface| {
        mac.is_some_and(|mac| interface.mac.as_deref().is_some_and(|m| m.eq_ignore_ascii_case(mac)))
    };
    let all =
        interfaces.iter().filter(ours).flat_map(|i| &i.addresses).map(|(address, _)| *address);
    all.filter(is_useful).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(mac: &str, addresses: &[&str]) -> AgentInterface {
        let addresses = addresses.iter().map(|a| (a.parse().unwrap(), 24)).collect();
        AgentInterface { name: "eth0".into(), mac: Some(mac.into()), addresses }
    }

    fn check(interfaces: &[AgentInterface], mac: Option<&str>, expected: &[&str]) {
        let found: Vec<_> = of_mac(interfaces, mac).iter().map(ToString::to_string).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn addresses_are_those_of_our_mac() {
        let list = [
            interface("00:00:00:00:00:00", &["127.0.0.1"]),
            interface("02:ab:00:00:00:01", &["fe80::1", "169.254.0.1", "10.0.0.5"]),
            interface("02:42:00:00:00:01", &["172.17.0.1"]),
        ];
        check(&list, Some("02:AB:00:00:00:01"), &["10.0.0.5"]);
        check(&list, Some("02:AB:00:00:00:02"), &[]);
        check(&list, None, &[]);
    }
}
