//! What PVE accepts and refuses of zones, vnets and subnets (facts-2 1 to 12, 34 to 38).

use super::super::check;
use super::{ALL, committed, with};

const VERIFY: &str = r"400 Parameter verification failed.\n";

#[test]
fn plugins_refuse_with_500_and_an_inner_400() {
    let vnet = format!("500 create sdn vnet object failed: {VERIFY}").replace(r"\n", "");
    check(
        &committed(""),
        "[]",
        &[
            ("POST /cluster/sdn/vnets vnet=v2 zone=zvx", &vnet),
            ("POST /cluster/sdn/vnets vnet=v2 zone=zvx", r#"failed.\ntag: missing vxlan tag\n"}"#),
            ("POST /cluster/sdn/vnets vnet=v2 zone=zvlan", r"tag: missing vlan tag\n"),
            (
                "POST /cluster/sdn/vnets vnet=v2 zone=zsimp tag=5",
                r"tag: vlan tag is not allowed on simple zone\n",
            ),
            (
                "POST /cluster/sdn/vnets vnet=v2 zone=zvx tag=100",
                r"tag: vxlan tag 100 already exist in vnet v1 in zone zvx \n",
            ),
            (
                "POST /cluster/sdn/vnets vnet=v2 zone=zvlan tag=7",
                r"tag: tag 7 already exist in vnet l1\n",
            ),
            // PVE: facts-2 6. Below the schema's maximum, a VLAN zone accepts up to 4096.
            ("POST /cluster/sdn/vnets vnet=v2 zone=zvlan tag=4097", "tag max value is 4096"),
            ("POST /cluster/sdn/vnets vnet=v2 zone=zvlan tag=4095", "200 OK"),
            // A VLAN and a VNI do not clash.
            ("POST /cluster/sdn/vnets vnet=v3 zone=zvx tag=7", "200 OK"),
            (
                "POST /cluster/sdn/vnets vnet=v4 zone=nope tag=1",
                "500 create sdn vnet object failed: cannot lookup undefined type! at",
            ),
            (
                "POST /cluster/sdn/vnets vnet=v1 zone=zvx tag=9",
                "500 create sdn vnet object failed: sdn vnet object ID 'v1' already defined",
            ),
        ],
    );
}

#[test]
fn a_vni_is_unique_over_all_vxlan_zones() {
    check(
        &committed(""),
        "[]",
        &[
            ("POST /cluster/sdn/zones zone=other type=vxlan peers=10.0.0.1", "200 OK"),
            (
                "POST /cluster/sdn/vnets vnet=v2 zone=other tag=100",
                "vxlan tag 100 already exist in vnet v1 in zone zvx ",
            ),
            ("POST /cluster/sdn/vnets vnet=v2 zone=other tag=101", "200 OK"),
            (
                "PUT /cluster/sdn/vnets/v2 tag=100",
                "500 update sdn vnet object failed: 400 Parameter verification failed.",
            ),
        ],
    );
}

#[test]
fn a_vxlan_zone_has_peers_or_a_fabric() {
    let one = r"fabric: must have exactly one of peers / fabric defined\n";
    check(
        ALL,
        "[]",
        &[
            ("POST /cluster/sdn/zones zone=z1 type=vxlan", one),
            ("POST /cluster/sdn/zones zone=z1 type=vxlan peers=10.0.0.1 fabric=lab", one),
            // PVE: facts-2 4. A fabric that does not exist is accepted.
            ("POST /cluster/sdn/zones zone=z1 type=vxlan fabric=nope", "200 OK"),
            (
                "POST /cluster/sdn/zones zone=z2 type=vxlan peers=lan",
                r#"400 Parameter verification failed. {"data":null,"message":"Parameter verification failed.\n","errors":{"peers":"invalid format - value does not look like a valid IP address\n"}}"#,
            ),
            (
                "POST /cluster/sdn/zones zone=z2 type=simple peers=10.0.0.1",
                "500 unexpected property 'peers'",
            ),
            ("PUT /cluster/sdn/zones/z1 delete=fabric", one),
            ("PUT /cluster/sdn/zones/z1 delete=fabric peers=10.0.0.1", "200 OK"),
            (
                "PUT /cluster/sdn/zones/z1 bridge=vmbr0",
                "500 update sdn zone object failed: unexpected property 'bridge'",
            ),
            ("PUT /cluster/sdn/zones/z1 mtu=1400", "200 OK"),
            (
                "PUT /cluster/sdn/zones/z1 mtu=1450 delete=mtu",
                "cannot set and delete property 'mtu' at the same time!",
            ),
            ("PUT /cluster/sdn/zones/z1 delete=mtu", "200 OK"),
            (
                "PUT /cluster/sdn/zones/z1 delete=color",
                "500 update sdn zone object failed: no such option 'color'",
            ),
            ("PUT /cluster/sdn/zones/z1 dnszone=lab.example", "dnszone: missing dns server"),
            ("PUT /cluster/sdn/zones/z1 ipam=nope", "ipam: nope not existing"),
            ("POST /cluster/sdn/zones zone=z3 type=vlan bridge=vmbr7", "200 OK"),
            (
                "PUT /cluster/sdn/zones/z3 delete=bridge",
                "unable to delete required option 'bridge'",
            ),
        ],
    );
}

#[test]
fn pve_8_has_neither_fabrics_nor_tokens() {
    let unknown = "property is not defined in schema";
    check(
        &with(r#""version": "8.4.1""#),
        "[]",
        &[
            (
                "POST /cluster/sdn/zones zone=z1 type=vxlan",
                "500 missing value for required option 'peers'",
            ),
            ("POST /cluster/sdn/zones zone=z1 type=vxlan fabric=lab", unknown),
            ("POST /cluster/sdn/zones zone=z1 type=simple lock-token=x", unknown),
            ("POST /cluster/sdn/zones zone=z1 type=simple", "200 OK"),
            (
                "GET /cluster/sdn/fabrics/all",
                "501 Method 'GET /cluster/sdn/fabrics/all' not implemented",
            ),
            ("GET /cluster/sdn/dry-run node=pve1", "501"),
            ("PUT /cluster/sdn lock-token=x", "200 OK"),
        ],
    );
}

#[test]
fn subnets_are_checked_against_their_network() {
    let subnets = "POST /cluster/sdn/vnets/s1/subnets type=subnet subnet=";
    let check_subnet = |rest: &str, expected: &str| {
        check(&committed(""), "[]", &[(&format!("{subnets}{rest}"), expected)]);
    };
    check_subnet(
        "10.60.0.0/24 gateway=10.61.0.1",
        "gateway: 10.61.0.1 is not in subnet 10.60.0.0/24",
    );
    check_subnet("10.60.0.1/32 gateway=10.61.0.1", "200 OK");
    check_subnet("10.60.0.0/24 gateway=10.60.0.1 snat=1", "200 OK");
    check_subnet("10.60.0.5/24", "200 OK");
    check_subnet("fd00:60::/64", "200 OK");
    check_subnet(
        "fd00:60::/64 gateway=fd00:61::1",
        "gateway: fd00:61::1 is not in subnet fd00:60::/64",
    );
    let range = |from: &str, to: &str| {
        format!("10.60.1.0/24 dhcp-range=start-address={from},end-address={to}")
    };
    for (from, to, expected) in [
        (
            "10.70.0.100",
            "10.70.0.200",
            "dhcp-range: start-address 10.70.0.100 is not in subnet 10.60.1.0/24",
        ),
        (
            "10.60.1.9",
            "10.70.0.200",
            "dhcp-range: end-address 10.70.0.200 is not in subnet 10.60.1.0/24",
        ),
        ("10.60.1.9", "10.60.1.8", "must be smaller than end-address 10.60.1.8"),
        ("10.60.1.x", "10.60.1.8", "start-address is not a valid IP 10.60.1.x"),
        ("10.60.1.9", "10.60.1.20", "200 OK"),
    ] {
        check_subnet(&range(from, to), expected);
    }
    let two = |from: &str| {
        let first = range("10.60.1.9", "10.60.1.20");
        format!("{first} dhcp-range=start-address={from},end-address=10.60.1.40")
    };
    check_subnet(&two("10.60.1.20"), "dhcp-range: dhcp ranges must not overlap");
    check_subnet(&two("10.60.1.21"), "200 OK");
    check_subnet(
        "10.60.1.0/24 dhcp-range=start-address=10.60.1.9",
        "dhcp-range[0].end-address: property is missing and it is not optional",
    );
}

#[test]
fn names_of_subnets_keep_host_bits() {
    let subnets = "/cluster/sdn/vnets/s1/subnets";
    check(
        &committed(""),
        "[]",
        &[
            (&format!("POST {subnets} type=subnet subnet=10.60.0.0/24"), "200 OK"),
            (&format!("POST {subnets} type=subnet subnet=10.60.0.5/24"), "200 OK"),
            (
                &format!("POST {subnets} type=subnet subnet=10.60.0.5/24"),
                "500 create sdn subnet object failed: sdn subnet object ID 'zsimp-10.60.0.5-24' already defined",
            ),
            (&format!("POST {subnets} type=subnet subnet=fd00:60::/64"), "200 OK"),
            (&format!("GET {subnets}"), r#""cidr":"10.60.0.5/24","id":"zsimp-10.60.0.5-24""#),
            (&format!("GET {subnets}"), r#""subnet":"zsimp-fd00:60::-64""#),
            (
                &format!("POST {subnets} subnet=10.61.0.0/24"),
                r#""errors":{"type":"property is missing"#,
            ),
        ],
    );
}

#[test]
fn vlan_aware_vnets_have_no_subnets() {
    check(
        &committed(""),
        "[]",
        &[
            (
                "PUT /cluster/sdn/vnets/v1 vlanaware=1",
                "vlanaware: vlanaware vnet is not compatible with subnets",
            ),
            ("PUT /cluster/sdn/vnets/s1 vlanaware=1", "200 OK"),
            (
                "POST /cluster/sdn/vnets/s1/subnets type=subnet subnet=10.60.0.0/24",
                "vnet: you can't add a subnet on a vlanaware vnet",
            ),
            (
                "PUT /cluster/sdn/vnets/v1 zone=zsimp delete=tag",
                "zone: can't change zone if subnets exist",
            ),
            ("PUT /cluster/sdn/vnets/v1 delete=tag", "tag: missing vxlan tag"),
            ("PUT /cluster/sdn/vnets/v1 tag=101", "200 OK"),
            ("PUT /cluster/sdn/vnets/v1 zone=nope", "500 update sdn vnet object failed"),
        ],
    );
}

#[test]
fn only_an_alias_is_free_text() {
    let alias =
        |text: &str| format!("PUT /cluster/sdn/vnets/s1 alias={}", text.replace(' ', "\u{a0}"));
    let wrong = r#""errors":{"alias":"value does not match the regex pattern"}"#;
    for (text, expected) in [
        ("a)*+,-./09:;<=>?@[]^_(Z", "200 OK"),
        ("a#b", wrong),
        ("a!b", wrong),
        ("a|b", wrong),
        ("a{b", wrong),
        ("a\"b", wrong),
        (&"x".repeat(256), "200 OK"),
        (&"x".repeat(257), wrong),
    ] {
        check(&committed(""), "[]", &[(&alias(text), expected)]);
    }
    check(
        &committed(""),
        "[]",
        &[("PUT /cluster/sdn/zones/zvx comment=mine", "property is not defined")],
    );
}

/// Facts-2 35 and 36.
#[test]
fn objects_are_deleted_from_the_inside() {
    check(
        &committed(""),
        "[]",
        &[
            (
                "DELETE /cluster/sdn/zones/zvx",
                "500 delete sdn zone object failed: zone zvx is used by vnet v1 at",
            ),
            (
                "DELETE /cluster/sdn/vnets/v1",
                r"failed.\nvnet: Can't delete vnet if subnets exists\n",
            ),
            ("DELETE /cluster/sdn/vnets/v1/subnets/zvx-10.50.0.0-24", "200 OK"),
            ("DELETE /cluster/sdn/vnets/v1/subnets/zvx-10.50.0.0-24", "200 OK"),
            ("DELETE /cluster/sdn/vnets/v1", "200 OK"),
            ("DELETE /cluster/sdn/vnets/v1", "500 sdn vnet 'v1' does not exist"),
            ("GET /cluster/sdn/vnets/v1 pending=1", "500 sdn vnet 'v1' does not exist"),
            ("GET /cluster/sdn/vnets/v1/subnets pending=1", "500 sdn vnet 'v1' does not exist"),
            ("GET /cluster/sdn/vnets pending=1", r#""state":"deleted","pending":{}"#),
            ("DELETE /cluster/sdn/zones/zvx", "200 OK"),
            (
                "DELETE /cluster/sdn/zones/zvx",
                "500 delete sdn zone object failed: sdn 'zvx' does not exist",
            ),
        ],
    );
}

/// Facts-2 36; facts-3 3.
#[test]
fn a_zone_with_an_ipam_counts_addresses() {
    let world = with(
        r#""vms": {"100": {"config": {"net0": "virtio=BC:24:11:00:00:01,bridge=s1"}}},
        "sdn": {"committed": {"zones": {"zz": {"type": "simple", "ipam": "pve", "dhcp": "dnsmasq"}},
            "vnets": {"s1": {"zone": "zz"}, "s2": {"zone": "zz"}}, "subnets": {
                "zz-10.2.0.0-24": {"vnet": "s2", "dhcp-range": "start-address=10.2.0.9,end-address=10.2.0.20"},
                "zz-10.0.0.0-24": {"vnet": "s1", "dhcp-range": "start-address=10.0.0.9,end-address=10.0.0.20"},
                "zz-10.1.0.0-24": {"vnet": "s1"}}}}"#,
    );
    check(
        &world,
        "[]",
        &[
            (
                "DELETE /cluster/sdn/vnets/s1/subnets/zz-10.0.0.0-24",
                "500 delete sdn subnet object failed: cannot delete subnet '10.0.0.0/24', not empty",
            ),
            ("DELETE /cluster/sdn/vnets/s2/subnets/zz-10.2.0.0-24", "200 OK"),
            ("DELETE /cluster/sdn/vnets/s1/subnets/zz-10.1.0.0-24", "200 OK"),
            (
                "DELETE /cluster/sdn/vnets/s1/subnets/zz-10.1.0.0-24",
                "500 delete sdn subnet object failed: zone '' doesn't exist in IPAM DB",
            ),
            (
                "PUT /cluster/sdn/zones/zz delete=ipam",
                "ipam: can't change ipam if a subnet is already defined",
            ),
        ],
    );
}
