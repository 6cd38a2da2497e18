//! NICs, and their settings on PVE's cloud-init drive. Does no I/O.

use super::view::{View, get, problem};
use crate::settings::Problem;

pub(super) fn validate(view: &View<'_>, problems: &mut Vec<Problem>) {
    for (key, options) in view.each("net") {
        let model = key.key.part("model").and_then(|part| view.value_of(key, part));
        // PVE: qemu-server, QemuServer.pm, print_netdevice_full: other models ignore these.
        for name in ["mtu", "queues", "host-tunnel"] {
            if get(options, name).is_some()
                && let Some(model) = model.filter(|model| *model != "virtio")
            {
                let fact = format!("is for virtio NICs, but this one is {model}");
                problems.push(problem(key, name, fact, None));
            }
        }
        let mtu = get(options, "mtu").and_then(|mtu| mtu.parse::<u32>().ok());
        if mtu.is_some_and(|mtu| (2..576).contains(&mtu)) {
            let fact = "must be at least 576, or 1 for the bridge's MTU";
            problems.push(problem(key, "mtu", fact, None));
        }
    }
    for (key, options) in view.each("ipconfig") {
        // PVE: qemu-server, Network.pm, parse_ipconfig.
        for (gateway, address) in [("gw", "ip"), ("gw6", "ip6")] {
            if get(options, gateway).is_none() {
                continue;
            }
            match get(options, address) {
                None if view.new.is_some() => {
                    problems.push(problem(key, gateway, format!("requires `{address}`"), None));
                }
                Some(dynamic @ ("dhcp" | "auto")) => {
                    let fact = format!("cannot be combined with `{address}: {dynamic}`");
                    problems.push(problem(key, gateway, fact, None));
                }
                _ => {}
            }
        }
    }
}
