//! The short fields of a VM, such as `ip`, beside the lists that have the same and are used instead.
//! Does no I/O.
//!
//! `resolve` writes both, and OpenTofu reads the short fields. Whoever changes only the short field in
//! the pipe would otherwise get a VM without the change, and no word about it.

use crate::document::Document;
use crate::report::{Entry, Place};
use serde_json::{Map, Value};

/// The address of a VM without one.
const DHCP: &str = "dhcp";

/// Returns each `ip`, `gateway` and `mac` that says something else than `nics` says of net0.
pub fn contradicted_addresses(document: &Document) -> Vec<Entry> {
    let of_vm = |(index, vm): (usize, &Value)| {
        let vm = vm.as_object()?;
        Some(Addresses { index, vm, nics: vm.get("nics")?.as_array()? }.contradictions())
    };
    vms(document).enumerate().filter_map(of_vm).flatten().collect()
}

/// Returns the document's VMs.
fn vms(document: &Document) -> impl Iterator<Item = &Value> {
    document.json().get("vms").and_then(Value::as_array).into_iter().flatten()
}

/// Returns the finding about a short field of a VM that says something else than the field that is used.
pub fn contradiction(index: usize, (short, value): (&str, &str), used: &str, says: &str) -> Entry {
    let fact = format!("\"{value}\" contradicts `vms[{index}].{used}`, which {says}");
    let place = Place::input(format!("vms[{index}].{short}"));
    Entry::error("contradicting-field", place, fact)
        .hint(format!("edit `vms[{index}].{used}` instead, which is used"))
}

/// The fields of one VM.
struct Addresses<'a> {
    index: usize,
    vm: &'a Map<String, Value>,
    nics: &'a [Value],
}

impl Addresses<'_> {
    fn contradictions(&self) -> Vec<Entry> {
        let found = self.nics.iter().enumerate().find(|(_, nic)| text(nic, "slot") == Some("net0"));
        let Some((place, nic)) = found else { return self.without_net0() };
        let list = |key: &str| -> Vec<&str> {
            let items = nic.get(key).and_then(Value::as_array).into_iter().flatten();
            items.filter_map(Value::as_str).collect()
        };
        let (ips, gateways) = (list("ips"), list("gateways"));
        let differs = |field: &str, value: &str, key: &str, says: &[&str]| {
            let used = format!("nics[{place}].{key}");
            contradiction(self.index, (field, value), &used, &stated(says))
        };
        let ip = self.short("ip").filter(|ip| !is_among(ip, &ips));
        let is_static = ip.is_some() || ips.iter().any(|ip| !ip.starts_with(DHCP));
        // With DHCP, a gateway is left over from the site's default and has no effect.
        let gateway =
            self.short("gateway").filter(|gateway| is_static && !gateways.contains(gateway));
        let mac = text(nic, "mac").unwrap_or_default();
        let own_mac = self.short("mac").filter(|own| !own.eq_ignore_ascii_case(mac));
        let ip = ip.map(|ip| differs("ip", ip, "ips", &ips));
        let gateway = gateway.map(|gateway| differs("gateway", gateway, "gateways", &gateways));
        let own_mac = own_mac.map(|own| differs("mac", own, "mac", &[mac]));
        [ip, gateway, own_mac].into_iter().flatten().collect()
    }

    /// A VM without net0 has no address there.
    fn without_net0(&self) -> Vec<Entry> {
        let ip = self.short("ip").filter(|ip| !ip.starts_with(DHCP)).map(|ip| ("ip", ip));
        let mac = self.short("mac").map(|mac| ("mac", mac));
        let has_no = |short| contradiction(self.index, short, "nics", "has no net0");
        ip.into_iter().chain(mac).map(has_no).collect()
    }

    /// Returns a short field, if it is there.
    fn short(&self, key: &str) -> Option<&str> {
        self.vm.get(key)?.as_str().filter(|text| !text.is_empty())
    }
}

fn text<'v>(nic: &'v Value, key: &str) -> Option<&'v str> {
    nic.get(key)?.as_str()
}

/// Returns whether an address is one of a list; a NIC without a list may be called one with DHCP.
fn is_among(ip: &str, ips: &[&str]) -> bool {
    ips.contains(&ip) || ip == DHCP && ips.iter().all(|ip| ip.starts_with(DHCP))
}

/// Returns what a field says, in words.
fn stated(values: &[&str]) -> String {
    match values {
        [] | [""] => "is empty".to_owned(),
        values => format!("says \"{}\"", values.join("\", \"")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(vm: &Value, expected: &[&str]) {
        let document = Document::parse(json!({ "vms": [vm] }).to_string().as_bytes()).unwrap();
        let found: Vec<_> = contradicted_addresses(&document)
            .into_iter()
            .map(|entry| format!("{}: {}", entry.place, entry.fact))
            .collect();
        assert_eq!(found, expected, "{vm}");
    }

    #[test]
    fn fields_that_agree_or_are_alone_are_fine() {
        let nic = json!({ "slot": "net0", "mac": "BC:24:11:00:00:01", "ips": ["10.0.0.2/24", "fd00::2/64"], "gateways": ["10.0.0.1"] });
        let dhcp = json!({ "slot": "net0", "mac": "BC:24:11:00:00:01", "ips": ["dhcp"] });
        for vm in [
            json!({ "ip": "10.0.0.2/24", "gateway": "10.0.0.1", "mac": "bc:24:11:00:00:01" }),
            json!({ "nics": null, "ip": "10.0.0.2/24" }),
            json!({ "nics": [nic], "ip": "10.0.0.2/24", "gateway": "10.0.0.1", "mac": "bc:24:11:00:00:01" }),
            json!({ "nics": [nic] }),
            json!({ "nics": [nic], "ip": "", "gateway": null, "mac": "" }),
            json!({ "nics": [dhcp], "ip": "dhcp", "gateway": "10.0.0.1" }),
            json!({ "nics": [{ "slot": "net0", "mac": "" }], "ip": "dhcp" }),
            json!({ "nics": [], "ip": "dhcp", "gateway": "10.0.0.1" }),
        ] {
            check(&vm, &[]);
        }
    }

    #[test]
    fn fields_that_differ_from_the_list_are_found() {
        let nic = json!({ "slot": "net0", "mac": "BC:24:11:00:00:01", "ips": ["10.0.0.2/24"] });
        let nics = json!([{ "slot": "net1", "mac": "BC:24:11:00:00:02" }, nic]);
        check(
            &json!({ "nics": nics, "ip": "dhcp", "gateway": "10.0.0.1", "mac": "02:00:00:00:00:01" }),
            &[
                "stdin: vms[0].ip: \"dhcp\" contradicts `vms[0].nics[1].ips`, which says \"10.0.0.2/24\"",
                "stdin: vms[0].gateway: \"10.0.0.1\" contradicts `vms[0].nics[1].gateways`, which is empty",
                "stdin: vms[0].mac: \"02:00:00:00:00:01\" contradicts `vms[0].nics[1].mac`, which says \"BC:24:11:00:00:01\"",
            ],
        );
        check(
            &json!({ "nics": [], "ip": "10.0.0.2/24", "mac": "02:00:00:00:00:01" }),
            &[
                "stdin: vms[0].ip: \"10.0.0.2/24\" contradicts `vms[0].nics`, which has no net0",
                "stdin: vms[0].mac: \"02:00:00:00:00:01\" contradicts `vms[0].nics`, which has no net0",
            ],
        );
    }
}
