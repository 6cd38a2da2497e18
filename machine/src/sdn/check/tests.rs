//! Each rule, on the smallest networks that break it.

use super::problems;
use crate::sdn::Network;
use serde_json::{Map, Value, json};

fn object(json: &Value) -> Map<String, Value> {
    json.as_object().cloned().unwrap_or_default()
}

/// Reads networks in a short notation: `[zone, type, config, {vnet: [config, {cidr: config}]}]`.
fn read(networks: &Value) -> Vec<Network> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let subnet = |(cidr, config): (&String, &Value)| stage::Subnet {
        subnet: cidr.clone(),
        config: object(config),
    };
    let vnet = |(id, vnet): (&String, &Value)| stage::Vnet {
        vnet: id.clone(),
        config: object(&vnet[0]),
        subnets: object(&vnet[1]).iter().map(subnet).collect(),
    };
    let network = |json: &Value| stage::Network {
        zone: text(&json[0]),
        ty: text(&json[1]),
        config: object(&json[2]),
        vnets: object(&json[3]).iter().map(vnet).collect(),
    };
    let networks: Vec<_> = networks.as_array().unwrap().iter().map(network).collect();
    let (networks, faults) = Network::read(&networks);
    assert_eq!(faults, []);
    networks
}

/// Compares the places and codes; a warning's code ends in `?`.
fn check(networks: Value, expected: &[(&str, &str)]) {
    let faults = problems(&read(&networks), "home");
    let found: Vec<(String, String)> = faults
        .iter()
        .map(|fault| {
            let sign = if fault.problem.is_warning { "?" } else { "" };
            let path = fault.at.path(fault.problem.option.as_deref());
            (path.replace("networks", ""), format!("{}{sign}", fault.problem.code))
        })
        .collect();
    let expected: Vec<_> =
        expected.iter().map(|(path, code)| ((*path).to_owned(), (*code).to_owned())).collect();
    assert_eq!(found, expected, "{networks}");
}

const PEERS: &str = "10.0.0.2,10.0.0.3";
const REFUSED: &str = "refused-combination";

#[test]
fn right_networks_have_no_problems() {
    check(
        json!([
            ["lab", "vxlan", {"peers": PEERS, "mtu": 1450}, {"lan": [{"tag": 100, "alias": "Lab"}, {"10.0.0.0/24": {"snat": false}}]}],
            ["dmz", "vlan", {"bridge": "vmbr0"}, {"dmz": [{"tag": 100, "vlanaware": true}, {}]}],
            ["one", "simple", {"dhcp": "dnsmasq", "ipam": "pve"}, {"solo": [{}, {"10.1.0.0/24": {
                "gateway": "10.1.0.1", "snat": true,
                "dhcp-range": ["start-address=10.1.0.9,end-address=10.1.0.20", "start-address=10.1.0.21,end-address=10.1.0.21"],
            }, "192.0.2.1/32": {"gateway": "198.51.100.1"}}]}],
            ["given", "evpn", {}, {"routed": [{"tag": 101}, {"fd00::/64": {"gateway": "fd00::1", "snat": true}}]}],
        ]),
        &[],
    );
}

#[test]
fn zones() {
    let zone = |ty: &str, config: Value, expected: &[(&str, &str)]| {
        check(json!([["z1", ty, config, {}]]), expected);
    };
    zone("vxlan", json!({}), &[("[0]", "missing-field")]);
    zone(
        "vxlan",
        json!({"peers": PEERS, "fabric": "fab"}),
        &[("[0].config.fabric", "exclusive-keys")],
    );
    zone("vxlan", json!({"peers": PEERS, "bridge": "vmbr0"}), &[("[0].config.bridge", REFUSED)]);
    zone("vlan", json!({}), &[("[0]", "missing-field")]);
    zone("simple", json!({"peers": PEERS}), &[("[0].config.peers", REFUSED)]);
    zone("simple", json!({"dhcp": "dnsmasq"}), &[("[0].config.dhcp", "no-effect?")]);
    zone("simple", json!({"dnszone": "a.example"}), &[("[0].config.dnszone", REFUSED)]);
    zone("qinq", json!({"mtu": 1500}), &[("[0].config.mtu", REFUSED)]);
    zone("evpn", json!({}), &[]);
}

#[test]
fn vnets() {
    let vnet = |ty: &str, zone: Value, name: &str, vnet: Value, expected: &[(&str, &str)]| {
        check(json!([["z1", ty, zone, {name: vnet}]]), expected);
    };
    let (vxlan, vlan) = (json!({"peers": PEERS}), json!({"bridge": "vmbr0"}));
    let at = "[0].vnets[0]";
    let tag = "[0].vnets[0].config.tag";
    vnet("vxlan", vxlan.clone(), "lan", json!([{}]), &[(at, "missing-field")]);
    vnet("vlan", vlan.clone(), "lan", json!([{}]), &[(at, "missing-field")]);
    vnet("qinq", json!({}), "lan", json!([{}]), &[]);
    vnet("vlan", vlan, "lan", json!([{"tag": 4095}]), &[(tag, "invalid-value")]);
    vnet("qinq", json!({}), "lan", json!([{"tag": 4095}]), &[(tag, "invalid-value")]);
    vnet("vxlan", vxlan, "lan", json!([{"tag": 16_777_215}]), &[]);
    vnet("simple", json!({}), "lan", json!([{"tag": 5}]), &[(tag, REFUSED)]);
    for name in ["vmbr0", "eth1", "bond0", "lo", "vlan5"] {
        vnet("simple", json!({}), name, json!([{}]), &[(at, "invalid-name")]);
    }
    vnet("simple", json!({}), "vmbrlan", json!([{}]), &[]);
    let aware = json!([{"vlanaware": true}, {"10.0.0.0/24": {}}]);
    vnet("simple", json!({}), "lan", aware, &[("[0].vnets[0].config.vlanaware", REFUSED)]);
}

#[test]
fn aliases() {
    let alias = |alias: &str, expected: &[(&str, &str)]| {
        check(json!([["z1", "simple", {}, {"lan": [{"alias": alias}]}]]), expected);
    };
    let longest = crate::sdn::longest_alias("home", "z1");
    let at = "[0].vnets[0].config.alias";
    alias(&"a".repeat(longest), &[]);
    alias(&"a".repeat(longest + 1), &[(at, "invalid-value")]);
    alias("Lab site=x", &[(at, "invalid-value")]);
    alias("a website=x", &[]);
}

#[test]
fn subnets() {
    let subnet = |ty: &str, cidr: &str, config: Value, expected: &[(&str, &str)]| {
        let (zone, vnet) = match ty {
            "vxlan" => (json!({"peers": PEERS}), json!({"tag": 1})),
            "vlan" => (json!({"bridge": "vmbr0"}), json!({"tag": 1})),
            _ => (json!({"dhcp": "dnsmasq", "ipam": "pve"}), json!({})),
        };
        check(json!([["z1", ty, zone, {"lan": [vnet, {cidr: config}]}]]), expected);
    };
    let (at, net) = ("[0].vnets[0].subnets[0]", "10.0.0.0/24");
    let option = |name: &str| format!("{at}.config.{name}");
    subnet("simple", "10.0.0.5/24", json!({}), &[(at, "invalid-value")]);
    subnet("simple", "fd00::5/64", json!({}), &[(at, "invalid-value")]);
    let gateway = option("gateway");
    subnet("simple", net, json!({"gateway": "10.0.1.1"}), &[(&gateway, "unusable-gateway")]);
    subnet("simple", net, json!({"gateway": "fd00::1"}), &[(&gateway, "unusable-gateway")]);
    subnet(
        "simple",
        "fd00::/128",
        json!({"gateway": "fd00::1"}),
        &[(&gateway, "unusable-gateway")],
    );
    subnet("simple", net, json!({"gateway": "10.0.0.255"}), &[(&gateway, "unusable-gateway")]);
    subnet("simple", "10.0.0.0/31", json!({"gateway": "10.0.0.0"}), &[]);
    subnet("vxlan", net, json!({"gateway": "10.0.0.1"}), &[(&gateway, "no-effect?")]);
    for ty in ["vlan", "vxlan"] {
        let (snat, dns) = (option("snat"), option("dhcp-dns-server"));
        subnet(ty, net, json!({"snat": true}), &[(&snat, REFUSED)]);
        subnet(ty, net, json!({"dhcp-dns-server": "10.0.0.1"}), &[(&dns, REFUSED)]);
        let range = json!({"dhcp-range": "start-address=10.0.0.9,end-address=10.0.0.9"});
        subnet(ty, net, range, &[(&option("dhcp-range"), REFUSED)]);
    }
    let range = option("dhcp-range");
    for text in ["10.0.0.9 10.0.1.9", "10.0.1.1 10.0.1.9", "10.0.0.9 10.0.0.8"] {
        let (start, end) = text.split_once(' ').unwrap();
        let text = format!("start-address={start},end-address={end}");
        subnet("simple", net, json!({"dhcp-range": text}), &[(&range, REFUSED)]);
    }
    let both =
        "start-address=10.0.0.5,end-address=10.0.0.9\nstart-address=10.0.0.9,end-address=10.0.0.12";
    subnet("simple", net, json!({"dhcp-range": both}), &[(&range, REFUSED)]);
}

#[test]
fn ranges_without_a_server() {
    let config = json!({"dhcp-range": "start-address=10.0.0.9,end-address=10.0.0.9"});
    let at = "[0].vnets[0].subnets[0].config.dhcp-range";
    check(
        json!([["z1", "simple", {}, {"lan": [{}, {"10.0.0.0/24": config}]}]]),
        &[(at, "no-effect?")],
    );
}

#[test]
fn nothing_exists_twice() {
    let peers = json!({"peers": PEERS});
    let bridge = json!({"bridge": "vmbr0"});
    let two = |a: Value, b: Value, expected: &[(&str, &str)]| check(json!([a, b]), expected);
    let duplicate = "duplicate-value";
    two(json!(["z1", "simple"]), json!(["Z1", "simple"]), &[("[1]", duplicate)]);
    for name in ["lan", "Lan"] {
        two(
            json!(["z1", "simple", {}, {"lan": [{}]}]),
            json!(["z2", "simple", {}, {name: [{}]}]),
            &[("[1].vnets[0]", duplicate)],
        );
    }
    let tag = "[1].vnets[0].config.tag";
    two(
        json!(["z1", "vxlan", peers, {"a1": [{"tag": 5}]}]),
        json!(["z2", "evpn", {}, {"a2": [{"tag": 5}]}]),
        &[(tag, duplicate)],
    );
    two(
        json!(["z1", "vlan", bridge, {"a1": [{"tag": 5}]}]),
        json!(["z2", "vlan", bridge, {"a2": [{"tag": 5}]}]),
        &[],
    );
    check(
        json!([["z1", "vlan", bridge, {"a1": [{"tag": 5}], "a2": [{"tag": 5}]}]]),
        &[("[0].vnets[1].config.tag", duplicate)],
    );
    let net = json!([{}, {"10.0.0.0/24": {}}]);
    check(
        json!([["z1", "simple", {}, {"a1": net, "a2": net}], ["z2", "simple", {}, {"a3": net}]]),
        &[("[0].vnets[1].subnets[0]", duplicate)],
    );
}
