//! Properties of networks: what resolve lets through, the later stages and the schema accept, and
//! nothing that it refuses becomes a document.
#![expect(clippy::disallowed_methods, reason = "a test reads a file")]

use machine::sdn::{Network, problems};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use resolve::memory::{check, document};
use resolve::selection::VmSource;
use stage::Deployment;
use std::cell::Cell;
use std::path::Path;

const NODE: (&str, &str) =
    ("nodes/n.yaml", "{datastore: local, api_endpoint: 'https://n:8006', ip: 10.0.0.2}");
const SECRETS: (&str, &str) =
    ("secrets.yaml", "api_tokens: {n: 'a@pve!b=00000000-0000-4000-8000-000000000001'}");
const SITE: (&str, &str) = ("site.yaml", "site: home");
const ENV: (&str, &str) = (
    "envs/e.yaml",
    "{networks: [z2], vms: [{name: a, image: debian, cores: 1, memory: 512, disk: 8, bridge: v1}]}",
);

/// One of these lines, or none.
fn line(lines: &'static [&'static str]) -> BoxedStrategy<Option<&'static str>> {
    prop_oneof![3 => Just(None), 1 => prop::sample::select(lines).prop_map(Some)].boxed()
}

fn mapping(parts: Vec<Option<String>>) -> String {
    format!("{{{}}}", parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
}

fn subnet() -> BoxedStrategy<String> {
    let cidrs = ["10.1.0.0/24", "10.1.0.0/24", "10.0.0.0/8", "10.1.0.5/24", "fd00::/64"];
    let options = [
        line(&["gateway: 10.1.0.1", "gateway: 10.2.0.1", "gateway: 'fd00::1'"]),
        line(&["snat: true", "snat: false"]),
        line(&["dhcp-range: 'start-address=10.1.0.9,end-address=10.1.0.10'"]),
    ];
    (prop::sample::select(cidrs.to_vec()), options)
        .prop_map(|(cidr, options)| {
            format!("{cidr}: {}", mapping(options.map(|o| o.map(str::to_owned)).to_vec()))
        })
        .boxed()
}

/// A vnet, with this tag if its zone needs one, or rarely another.
fn vnet(id: &'static str, tag: u16, is_tagged: bool) -> BoxedStrategy<String> {
    let usual = Just(is_tagged.then(|| format!("tag: {tag}")));
    let other = line(&["tag: 7", "tag: 5000", "tag: 0"]).prop_map(|tag| tag.map(str::to_owned));
    let options = [
        line(&["vlanaware: true", "vlanaware: false"]),
        line(&["alias: Lab", "alias: 'a=b'", "alias: 'a=b'", "alias: 'a#b'"]),
    ];
    let tag = prop_oneof![9 => usual, 1 => other];
    (tag, options, prop::option::of(subnet()))
        .prop_map(move |(tag, options, subnet)| {
            let mut parts: Vec<_> = options.map(|option| option.map(str::to_owned)).to_vec();
            parts.push(tag);
            parts.push(subnet.map(|subnet| format!("subnets: {{{subnet}}}")));
            format!("{id}: {}", mapping(parts))
        })
        .boxed()
}

/// The vnets of a network.
fn vnets(of: [(&'static str, u16); 2], is_tagged: bool) -> BoxedStrategy<String> {
    let [(one, tag), (other, next)] = of;
    let both = (vnet(one, tag, is_tagged), vnet(other, next, is_tagged));
    let both = both.prop_map(|(one, other)| format!("{one}, {other}"));
    prop_oneof![vnet(one, tag, is_tagged), both].boxed()
}

fn network(of: [(&'static str, u16); 2]) -> BoxedStrategy<String> {
    let head = prop_oneof![
        4 => Just("type: simple"),
        4 => Just("type: vlan, bridge: vmbr0"),
        4 => Just("type: vxlan, peers: [10.0.0.3, 10.0.0.2]"),
        4 => Just("type: vxlan, peers: nodes"),
        2 => Just("type: evpn"),
        1 => Just("type: vxlan"),
    ];
    let options = [
        line(&["mtu: 1450", "mtu: 1500", "mtu: 100"]),
        line(&["dhcp: dnsmasq", "fabric: fab"]),
        line(&["nodes: [n]", "nodes: n"]),
    ];
    let whole = head.prop_flat_map(move |head| {
        let is_tagged = head != "type: simple";
        (Just(head), vnets(of, is_tagged))
    });
    (whole, options)
        .prop_map(|((head, vnets), options)| {
            let mut parts = vec![Some(head.to_owned())];
            parts.extend(options.map(|option| option.map(str::to_owned)));
            parts.push(Some(format!("vnets: {{{vnets}}}")));
            mapping(parts)
        })
        .boxed()
}

#[test]
fn what_resolve_accepts_is_accepted_later() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas/tfvars.json");
    let schema = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let (accepted, refused) = (Cell::new(0), Cell::new(0));
    let config = Config { cases: 400, failure_persistence: None, ..Config::default() };
    let sites = (network([("v1", 11), ("v2", 12)]), network([("v3", 13), ("v4", 14)]));
    let outcome = TestRunner::new(config).run(&sites, |(one, other)| {
        let networks = [("networks/z1.yaml", one.as_str()), ("networks/z2.yaml", other.as_str())];
        let files = [[SITE, SECRETS, NODE, ENV].as_slice(), &networks].concat();
        let (document, report) = document(&files, VmSource::Env("e".to_owned()), "n");
        prop_assert_eq!(report.has_errors(), check(&files).has_errors());
        if report.has_errors() {
            refused.set(refused.get() + 1);
            return Ok(());
        }
        accepted.set(accepted.get() + 1);
        prop_assert!(schema.is_valid(&serde_json::Value::Object(document.json().clone())));
        let (deployment, report) = Deployment::read(&document);
        prop_assert!(!report.has_errors());
        let written = deployment.networks.unwrap_or_default();
        let (networks, faults) = Network::read(&written);
        prop_assert_eq!(faults, vec![]);
        let errors = problems(&networks, "home").into_iter().filter(|f| !f.problem.is_warning);
        prop_assert_eq!(errors.collect::<Vec<_>>(), vec![]);
        // The document has the normal form.
        for (network, written) in networks.iter().zip(&written) {
            let normal = network.config.to_json(machine::sdn::Object::Zone);
            prop_assert_eq!(&normal, &written.config);
        }
        prop_assert_eq!(networks.len(), 2);
        Ok(())
    });
    outcome.unwrap();
    assert!(accepted.get() > 30 && refused.get() > 30, "{accepted:?} {refused:?}");
}
