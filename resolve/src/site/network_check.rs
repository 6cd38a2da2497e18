//! Checks the networks of a site: what `machine::sdn` refuses, at its place. Does no I/O.

use super::Site;
use super::network::{NetworkFile, Peers};
use machine::sdn::{self, Fault, Network};
use stage::Entry;
use std::net::IpAddr;

/// An address in place of those of the nodes, which depend on the cluster.
const ANY_PEER: &str = "192.0.2.1";

/// Keys of the short form for options.
const SHORT: [(&str, &str); 2] = [("tag", "vxlan_tag"), ("gateway", "subnet_gateway")];

impl Site<'_> {
    /// Reports problems between the values of all networks.
    pub(super) fn check_networks(&mut self, networks: &[NetworkFile]) {
        if networks.is_empty() {
            return;
        }
        self.check_name_of_networks();
        let document = |network: &NetworkFile| {
            let peers = match network.peers() {
                Peers::None => None,
                Peers::OfNodes(_) => Some(vec![ANY_PEER.to_owned()]),
                Peers::Given(peers) => Some(peers),
            };
            network.document(peers)
        };
        let documents: Vec<stage::Network> = networks.iter().map(document).collect();
        // The walker has reported values that are wrong by themselves.
        let (known, _) = Network::read(&documents);
        let site = self.config.site.value().cloned().unwrap_or_default();
        for fault in sdn::problems(&known, &site) {
            let Some(entry) = self.entry(networks, &fault) else { continue };
            match unanswered(&known, &fault) {
                Some(gateway) => self.gateways.push((gateway, entry)),
                None => self.report.push(entry),
            }
        }
    }

    /// Notes the static addresses of VMs.
    pub(crate) fn note_addresses(&mut self, addresses: impl Iterator<Item = IpAddr>) {
        if !self.networks().is_empty() {
            self.addresses.extend(addresses);
        }
    }

    /// Warns of gateways that neither a node nor a VM of the site has. Only the whole site tells.
    pub(crate) fn check_gateways(&mut self) {
        for (gateway, entry) in std::mem::take(&mut self.gateways) {
            if !self.addresses.contains(&gateway) {
                let hint = "give the address to a VM or a router on the vnet";
                self.report.push(entry.note("no VM of this site has it either").hint(hint));
            }
        }
    }

    /// Reports a site without a name: its networks could not be told from those of another site.
    fn check_name_of_networks(&mut self) {
        let fact = "the site has networks but no name, so its networks cannot be distinguished \
                    from those of another site";
        if let Some(entry) = self.without_name(fact) {
            self.report.push(entry.as_error());
        }
    }

    /// Returns the finding; `None` if it follows from one that has been reported.
    fn entry(&self, networks: &[NetworkFile], fault: &Fault) -> Option<Entry> {
        let Fault { at, problem } = fault;
        let network = networks.get(at.network)?;
        if network.incomplete && problem.code == "missing-field" {
            return None;
        }
        let span = network.place(*at, problem.option.as_deref());
        let mut fact = match &problem.option {
            Some(option) => format!("`{}` {}", written(network, option), problem.fact),
            None => problem.fact.clone(),
        };
        if let Some((first, option)) = problem.first {
            let first = networks.get(first.network)?.place(first, option);
            fact.push_str(&format!(", at {}", self.sources.short(first)));
        }
        let entry = match problem.is_warning {
            true => self.sources.warning(problem.code, span, fact),
            false => self.sources.error(problem.code, span, fact),
        };
        Some(match &problem.hint {
            Some(hint) => entry.hint(hint),
            None => entry,
        })
    }
}

/// Returns the gateway that no node gets, if the fault is about one.
fn unanswered(networks: &[Network], fault: &Fault) -> Option<IpAddr> {
    let is_gateway = fault.problem.option.as_deref() == Some("gateway");
    let vnets = networks.iter().flat_map(|network| &network.vnets);
    let mut subnets = vnets.flat_map(|vnet| &vnet.subnets);
    let subnet = subnets.find(|subnet| subnet.at == fault.at && fault.problem.is_warning)?;
    subnet.config.get("gateway").filter(|_| is_gateway)?.parse().ok()
}

/// Returns the key that an option is written under.
fn written<'o>(network: &NetworkFile, option: &'o str) -> &'o str {
    let short = SHORT.iter().find(|(long, _)| *long == option).map(|(_, short)| *short);
    short.filter(|_| network.is_short).unwrap_or(option)
}
