//! `Network`: a zone of the document with its vnets and subnets. Does no I/O.

use super::at::At;
use super::config::{Config, Problem};
use super::object::Object;
use super::row::ZoneType;
use super::rule;
use ipnet::IpNet;

/// A zone with its vnets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// Its place in the list that it was read from.
    pub at: At,
    /// The zone's ID.
    pub zone: String,
    /// The zone's type.
    pub ty: ZoneType,
    /// The zone's options; empty for a type that pve-apply does not create.
    pub config: Config,
    /// Its vnets.
    pub vnets: Vec<Vnet>,
}

/// A vnet with its subnets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vnet {
    /// Its place in the list that it was read from.
    pub at: At,
    /// Its ID.
    pub vnet: String,
    /// Its options.
    pub config: Config,
    /// Its subnets.
    pub subnets: Vec<Subnet>,
}

/// A subnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subnet {
    /// Its place in the list that it was read from.
    pub at: At,
    /// Its CIDR.
    pub cidr: IpNet,
    /// Its options.
    pub config: Config,
}

/// A problem and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The object.
    pub at: At,
    /// The problem.
    pub problem: Problem,
}

impl Network {
    /// Reads the networks of a document. Returns all problems of single values; networks, vnets and
    /// subnets without a valid ID or type are omitted.
    pub fn read(networks: &[stage::Network]) -> (Vec<Self>, Vec<Fault>) {
        let mut faults = Vec::new();
        let read = |(index, network): (usize, &stage::Network)| {
            let at = At { network: index, ..At::default() };
            Self::read_one(network, at, &mut faults)
        };
        let networks = networks.iter().enumerate().filter_map(read).collect();
        (networks, faults)
    }

    fn read_one(network: &stage::Network, at: At, faults: &mut Vec<Fault>) -> Option<Self> {
        let config = read(Object::Zone, &network.config, at, faults);
        let vnet = |(index, vnet): (usize, &stage::Vnet)| {
            Vnet::read(vnet, At { vnet: Some(index), ..at }, faults)
        };
        let vnets = network.vnets.iter().enumerate().filter_map(vnet).collect();
        let is_valid = id(&rule::ZONE_ID, &network.zone, at, faults);
        let Some(ty) = ZoneType::find(&network.ty) else {
            let fact = format!("its `type` must be one of {}", ZoneType::NAMES.join(", "));
            faults.push(Fault { at, problem: Problem::error(None, "invalid-value", fact) });
            return None;
        };
        is_valid.then(|| Self { at, zone: network.zone.clone(), ty, config, vnets })
    }
}

impl Vnet {
    fn read(vnet: &stage::Vnet, at: At, faults: &mut Vec<Fault>) -> Option<Self> {
        let config = read(Object::Vnet, &vnet.config, at, faults);
        let subnet = |(index, subnet): (usize, &stage::Subnet)| {
            Subnet::read(subnet, At { subnet: Some(index), ..at }, faults)
        };
        let subnets = vnet.subnets.iter().enumerate().filter_map(subnet).collect();
        let is_valid = id(&rule::VNET_ID, &vnet.vnet, at, faults);
        is_valid.then(|| Self { at, vnet: vnet.vnet.clone(), config, subnets })
    }
}

impl Subnet {
    fn read(subnet: &stage::Subnet, at: At, faults: &mut Vec<Fault>) -> Option<Self> {
        let config = read(Object::Subnet, &subnet.config, at, faults);
        let is_valid = id(&rule::CIDR, &subnet.subnet, at, faults);
        let cidr = subnet.subnet.parse().ok().filter(|_| is_valid)?;
        Some(Self { at, cidr, config })
    }

    /// Returns its ID in PVE: `lab-10.50.0.0-24`. PVE: facts-2, 6 and 9.
    pub fn id(&self, zone: &str) -> String {
        format!("{zone}-{}-{}", self.cidr.addr(), self.cidr.prefix_len())
    }
}

fn read(
    object: Object,
    json: &serde_json::Map<String, serde_json::Value>,
    at: At,
    faults: &mut Vec<Fault>,
) -> Config {
    let (config, problems) = Config::read(object, json);
    faults.extend(problems.into_iter().map(|problem| Fault { at, problem }));
    config
}

fn id(rule: &crate::Rule, text: &str, at: At, faults: &mut Vec<Fault>) -> bool {
    let is_valid = rule.accepts(text);
    if !is_valid {
        let problem = Problem::error(None, "invalid-value", format!("must be {}", rule.must));
        faults.push(Fault { at, problem });
    }
    is_valid
}
