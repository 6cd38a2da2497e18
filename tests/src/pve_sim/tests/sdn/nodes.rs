//! What nodes make of a commit: the task's log, and the state of zones and vnets (facts-2 4, 11, 17,
//! 18, 27 to 30, 33 and 41).

use super::super::check;
use super::with;

/// Commits the vnet `vv` in a zone `zz` with these keys on two nodes, then sends the steps.
fn apply(node: &str, zone: &str, subnets: &str, steps: &[(&str, &str)]) {
    let world = with(&format!(
        r#""nodes": {{"pve1": {{{node}}}, "pve2": {{}}, "pve3": {{}}}},
        "sdn": {{"edited": {{"zones": {{"zz": {{{zone}}}}}, "vnets": {{"vv": {{"zone": "zz", "tag": "7"}}}},
            "subnets": {{{subnets}}}}}}}"#
    ));
    let world = if zone.contains("simple") { world.replace(r#", "tag": "7""#, "") } else { world };
    let first = [("PUT /cluster/sdn", "UPID:pve"), ("task", r#""exitstatus":"OK""#)];
    check(&world, "[]", &[&first, steps].concat());
}

const CONTENT: &str = "GET /nodes/pve1/sdn/zones/zz/content";
const ZONES: &str = "GET /nodes/pve1/sdn/zones";
const NOT_MADE: &str = "vnet is not generated. Please check the 'reload network' task log.";
const OK: (&str, &str) = ("GET /nodes/pve2/sdn/zones", r#"{"zone":"zz","status":"available"}"#);
const VXLAN: &str = r#""type": "vxlan", "peers": "10.0.0.1""#;

#[test]
fn a_node_without_a_bridge_says_so() {
    let error = r#"{"vnet":"vv","status":"error","statusmsg":"missing vmbr7"}"#;
    apply(
        "",
        r#""type": "vlan", "bridge": "vmbr7""#,
        "",
        &[(CONTENT, error), (ZONES, r#"{"zone":"zz","status":"error"}"#)],
    );
    let only = r#""interfaces": {"eno1": {"type": "eth"}}"#;
    apply(only, r#""type": "vlan", "bridge": "vmbr0""#, "", &[OK, (CONTENT, "missing vmbr0")]);
}

#[test]
fn a_node_that_cannot_reload_stays_pending() {
    let waits = "local sdn network configuration is not yet generated, please reload";
    apply(r#""lacks": ["ifupdown2"]"#, VXLAN, "", &[OK, (CONTENT, waits)]);
    apply(r#""lacks": ["dnsmasq"]"#, VXLAN, "", &[(CONTENT, "available")]);
    let dhcp = r#""type": "simple", "ipam": "pve", "dhcp": "dnsmasq""#;
    apply(r#""lacks": ["dnsmasq"]"#, dhcp, "", &[OK, (CONTENT, waits)]);
    apply(r#""online": false"#, VXLAN, "", &[OK, (CONTENT, "595")]);
}

#[test]
fn snat_needs_a_default_route() {
    let snat = r#""zz-10.0.0.0-24": {"vnet": "vv", "gateway": "10.0.0.1", "snat": "1"}"#;
    let lacks = r#""lacks": ["default-route"]"#;
    apply(lacks, r#""type": "simple""#, snat, &[OK, (CONTENT, NOT_MADE)]);
    // PVE: facts-2 10. Other zones do nothing with it.
    apply(lacks, VXLAN, snat, &[(CONTENT, "available")]);
}

#[test]
fn the_log_has_what_the_exit_status_hides() {
    for (node, zone, line) in [
        (r#""lacks": ["ifupdown2"]"#, VXLAN, "incompatible 'ifupdown2' package version"),
        (
            r#""lacks": ["ifupdown2"]"#,
            VXLAN,
            "command 'pvesh set /nodes/pve1/network --regenerate-frr 0' failed: exit code 255",
        ),
        ("", r#""type": "vlan", "bridge": "vmbr7""#, "zone zz : vnet vv : can't find bridge vmbr7"),
        (
            "",
            r#""type": "vxlan", "fabric": "lab""#,
            "zone zz : vnet vv : could not configure VXLAN zone zz: ",
        ),
    ] {
        let world = with(&format!(
            r#""nodes": {{"pve1": {{{node}}}}}, "sdn": {{"edited": {{"zones": {{"zz": {{{zone}}}}},
                "vnets": {{"vv": {{"zone": "zz", "tag": "7"}}}}}}}}"#
        ));
        check(&world, "[]", &[("PUT /cluster/sdn", "200 OK"), ("task", line)]);
    }
    let eight = with(
        r#""version": "8.4.1", "nodes": {"pve1": {"lacks": ["ifupdown2"]}},
        "sdn": {"edited": {"zones": {"zz": {"type": "simple"}}}}"#,
    );
    let line = "command 'pvesh set /nodes/pve1/network' failed: exit code 255";
    check(&eight, "[]", &[("PUT /cluster/sdn", "200 OK"), ("task", line)]);
}

/// Facts-2 4 and 41.
#[test]
fn a_fabric_needs_an_address_on_each_node() {
    let world = |nodes: &str| {
        with(&format!(
            r#""nodes": {{"pve1": {{}}, "pve2": {{}}}}, "sdn": {{
            "committed": {{"fabrics": {{"lab": {{"id": "lab", "protocol": "openfabric"}}}},
                "fabric_nodes": {{{nodes}}}}},
            "edited": {{"zones": {{"zz": {{"type": "vxlan", "fabric": "lab"}}}},
                "vnets": {{"vv": {{"zone": "zz", "tag": "7"}}}}}}}}"#
        ))
    };
    let node = |name: &str, ip: &str| {
        format!(r#""lab_{name}": {{"fabric_id": "lab", "node_id": "{name}"{ip}}}"#)
    };
    let both = [node("pve1", r#", "ip": "10.9.0.1""#), node("pve2", "")].join(", ");
    check(
        &world(&both),
        "[]",
        &[
            ("GET /cluster/sdn/fabrics/all", r#""protocol":"openfabric","digest":""#),
            (
                "GET /cluster/sdn/fabrics/all",
                r#"{"fabric_id":"lab","ip":"10.9.0.1","node_id":"pve1","#,
            ),
            ("PUT /cluster/sdn", "200 OK"),
            (
                "task",
                "zone zz : vnet vv : Node pve2 requires an IP in the fabric lab to configure the VXLAN zone zz",
            ),
            (ZONES, r#"{"zone":"zz","status":"available"}"#),
            ("GET /nodes/pve2/sdn/zones/zz/content", NOT_MADE),
        ],
    );
}

/// Facts-2 28: scripted failures, on one node and for one zone.
#[test]
fn a_scripted_failure_hits_the_next_reload() {
    let world = with(
        r#""nodes": {"pve1": {}, "pve2": {}}, "sdn": {
        "committed": {"zones": {"old": {"type": "simple"}}, "vnets": {"o": {"zone": "old"}}},
        "edited": {"zones": {"zz": {"type": "simple"}}, "vnets": {"vv": {"zone": "zz"}}},
        "fails": [{"node": "pve1", "zone": "zz", "log": ["command 'ifreload -a' failed: exit code 1"]}]}"#,
    );
    check(
        &world,
        "[]",
        &[
            (ZONES, r#"{"data":[{"zone":"old","status":"available"}]}"#),
            ("PUT /cluster/sdn", "200 OK"),
            // Until it has reloaded, a node knows that its config is too old.
            (CONTENT, "local sdn network configuration is too old, please reload"),
            ("task", "command 'ifreload -a' failed: exit code 1"),
            ("task", r#""exitstatus":"OK""#),
            (
                ZONES,
                r#"{"data":[{"zone":"old","status":"available"},{"zone":"zz","status":"error"}]}"#,
            ),
            (CONTENT, NOT_MADE),
            OK,
        ],
    );
}

#[test]
fn a_reload_ends_even_if_its_client_is_gone() {
    let world = with(r#""sdn": {"edited": {"zones": {"zz": {"type": "simple"}}}}"#);
    check(
        &world,
        "[]",
        &[("PUT /cluster/sdn", "200 OK"), (ZONES, "pending"), (ZONES, "available")],
    );
}

/// Facts-2 20: since 9.2.
#[test]
fn a_dry_run_says_whether_a_node_changes() {
    let world = |version: &str| {
        with(&format!(
            r#""version": "{version}", "sdn": {{"edited": {{"zones": {{"zz": {{"type": "simple"}}}}}}}}"#
        ))
    };
    let run = "GET /cluster/sdn/dry-run node=pve1";
    check(
        &world("9.2.11"),
        "[]",
        &[
            (run, r#"{"frr-diff":null,"interfaces-diff":"@@"#),
            ("POST /cluster/sdn/rollback", "200 OK"),
            (run, r#"{"frr-diff":null,"interfaces-diff":null}"#),
        ],
    );
    check(&world("9.1.7"), "[]", &[(run, "501 Method 'GET /cluster/sdn/dry-run' not implemented")]);
}

/// What can be known of a node before a commit.
#[test]
fn a_node_shows_what_it_lacks() {
    let lacks = with(r#""nodes": {"pve1": {"lacks": ["dnsmasq", "ifupdown2", "default-route"]}}"#);
    let packages = "GET /nodes/pve1/apt/versions";
    let network = "GET /nodes/pve1/network";
    check(
        &lacks,
        "[]",
        &[
            (packages, r#"{"Package":"dnsmasq","Version":"2.91-1","CurrentState":"NotInstalled"}"#),
            (packages, r#""Package":"ifupdown2","Version":"3.2.0-1""#),
            (network, r#""address":"192.0.2.10","bridge_ports""#),
        ],
    );
    check(
        super::ALL,
        "[]",
        &[
            (packages, r#""Package":"ifupdown2","Version":"3.3.0-1+pmx11""#),
            (packages, r#""Package":"dnsmasq","Version":"2.91-1","CurrentState":"Installed""#),
            (network, r#""gateway":"192.0.2.1""#),
        ],
    );
}
