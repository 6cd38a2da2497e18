//! What is read of NICs, and what is refused.

use super::*;
use stage::Nic as Listed;

fn findings(vm: &Vm) -> (Vec<Nic>, Vec<String>) {
    let mut report = Report::new();
    let nics = read(vm, 0, &mut report);
    let place = |entry: &Entry| entry.place.to_string().replace("stdin: vms[0].", "");
    (nics, report.entries().iter().map(place).collect())
}

fn check(ip: &str, gateway: Option<&str>, expected: Result<bool, &str>) {
    let vm = Vm { ip: ip.into(), gateway: gateway.map(Into::into), ..Vm::default() };
    let (nics, problems) = findings(&vm);
    let kind = problems.first().map_or(Ok(!nics[0].dhcp4), |field| Err(field.as_str()));
    assert_eq!(kind, expected, "{ip} {gateway:?}");
}

#[test]
fn addresses() {
    check("dhcp", Some("10.0.0.1"), Ok(false));
    check("", None, Ok(false));
    check("10.0.0.5/24", None, Ok(true));
    check("10.0.0.5/24", Some("10.0.0.1"), Ok(true));
    check("10.0.0.0/31", Some("10.0.0.1"), Ok(true));
    check("10.0.0.5/32", None, Ok(true));
    check("fd00::5/64", Some("fd00::1"), Ok(true));
    check("fd00::5/64", Some("fe80::1"), Ok(true));
    check("fd00::5/64", Some("fd00::"), Ok(true));
    for ip in [
        "DHCP",
        "10.0.0.5",
        "10.0.0.256/24",
        "10.0.0.5/33",
        "10.0.0.0/24",
        "10.0.0.255/24",
        "0.0.0.0/0",
        "127.0.0.1/8",
        "224.0.0.5/4",
        "fd00::/64",
        "10.0.0.5/24\n",
        "１0.0.0.5/24",
    ] {
        check(ip, None, Err("ip"));
    }
    for gateway in [
        "10.0.1.1",
        "10.0.0.5",
        "10.0.0.1/24",
        "fe80::1",
        "gw",
        "0.0.0.0",
        "10.0.0.0",
        "10.0.0.255",
    ] {
        check("10.0.0.5/24", Some(gateway), Err("gateway"));
    }
}

const MAC: &str = "BC:24:11:00:00:01";

fn listed(slot: &str, mac: &str, ips: &[&str], gateways: &[&str]) -> Listed {
    let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
    let (ips, gateways) = (texts(ips), texts(gateways));
    Listed { slot: slot.into(), mac: mac.into(), ips, gateways, ..Listed::default() }
}

fn many(nics: &[Listed]) -> (Vec<Nic>, Vec<String>) {
    findings(&Vm { nics: Some(nics.to_vec()), ..Vm::default() })
}

#[test]
fn the_list_replaces_the_flat_fields() {
    let flat = Vm { ip: "nonsense".into(), mac: "nonsense".into(), ..Vm::default() };
    assert_eq!(findings(&Vm { nics: Some(Vec::new()), ..flat }), (vec![], vec![]));
    let (nics, problems) = many(&[
        listed("net10", "02:00:00:00:00:10", &["dhcp"], &["10.0.0.1"]),
        listed("net1", "", &[], &["10.0.0.1"]),
        listed("net0", MAC, &["10.0.0.5/24", "fd00::5/64", "dhcp6"], &["10.0.0.1", "fe80::1"]),
    ]);
    assert_eq!(problems, [""; 0]);
    assert_eq!(nics.iter().map(|nic| nic.slot).collect::<Vec<_>>(), [0, 10]);
    let first = &nics[0];
    assert_eq!((first.dhcp4, first.dhcp6, first.addresses.len()), (false, true, 2));
    assert_eq!(first.mac.as_deref(), Some("bc:24:11:00:00:01"));
    assert!(first.gateways.iter().all(|gateway| !gateway.on_link));
    assert_eq!((nics[1].dhcp4, nics[1].gateways.len()), (true, 0));
}

#[test]
fn a_gateway_outside_is_on_the_link() {
    for (ips, gateway, on_link, warnings) in [
        (&["10.0.0.5/32"][..], "10.9.9.1", true, 0),
        (&["10.0.0.5/24"], "10.9.9.1", true, 1),
        (&["10.0.0.5/24", "10.9.9.2/24"], "10.9.9.1", false, 0),
        (&["fd00::5/128"], "fd00::1", true, 0),
        (&["fd00::5/64"], "fe80::1", false, 0),
    ] {
        let (nics, findings) = many(&[listed("net0", MAC, ips, &[gateway])]);
        assert_eq!(nics[0].gateways[0].on_link, on_link, "{ips:?}");
        assert_eq!(findings.len(), warnings, "{ips:?}");
    }
}

#[test]
fn what_cannot_work_is_refused() {
    let other = "02:00:00:00:00:02";
    for (nic, expected) in [
        (listed("eth0", other, &["dhcp"], &[]), "nics[1].slot"),
        (listed("net", other, &["dhcp"], &[]), "nics[1].slot"),
        (listed("net0", other, &["dhcp"], &[]), "nics[1].slot"),
        (listed("net1", "", &["dhcp"], &[]), "nics[1].mac"),
        (listed("net1", "no", &["dhcp"], &[]), "nics[1].mac"),
        (listed("net1", &MAC.to_lowercase(), &["dhcp"], &[]), "nics[1].mac"),
        (listed("net1", other, &["dhcp", "10.0.0.7"], &[]), "nics[1].ips[1]"),
        (listed("net1", other, &["10.0.0.5/16"], &[]), "nics[1].ips"),
        (listed("net1", other, &["10.1.0.5/24"], &["10.1.0.1"]), "nics[1].gateways"),
        (listed("net1", other, &["fd00::5/64"], &["10.1.0.1"]), "nics[1].gateways[0]"),
        (listed("net1", other, &["fd00::5/64"], &["fe80::1", "fe80::2"]), "nics[1].gateways[1]"),
        (listed("net1", other, &["fd00::5/128"], &["ff02::1"]), "nics[1].gateways[0]"),
        (listed("net1", other, &["255.255.255.255/32"], &[]), "nics[1].ips[0]"),
        (listed("net1", other, &["10.9.0.5/32"], &["255.255.255.255"]), "nics[1].gateways[0]"),
    ] {
        let first = listed("net0", MAC, &["10.0.0.5/24"], &["10.0.0.1"]);
        assert_eq!(many(&[first, nic.clone()]).1, [expected], "{nic:?}");
    }
}

#[test]
fn the_largest_packet_has_limits() {
    for (ip, mtu, expected) in [
        ("10.0.0.5/24", 9000, Ok(Some(9000))),
        ("10.0.0.5/24", 1, Ok(None)),
        ("10.0.0.5/24", 67, Err("nics[0].mtu")),
        ("fd00::5/64", 1280, Ok(Some(1280))),
        ("fd00::5/64", 1279, Err("nics[0].mtu")),
        ("dhcp6", 1279, Err("nics[0].mtu")),
        ("dhcp", 65_521, Err("nics[0].mtu")),
    ] {
        let (nics, problems) =
            many(&[Listed { mtu: Some(mtu), ..listed("net0", MAC, &[ip], &[]) }]);
        let read = problems.first().map_or(Ok(nics[0].mtu), |field| Err(field.as_str()));
        assert_eq!(read, expected, "{ip} {mtu}");
    }
}
