//! Checks the networks of a site: what `machine::sdn` refuses, at its place. Does no I/O.

use super::network::{NetworkFile, Peers};
use super::{Site, Slot};
use machine::sdn::{self, Fault, Network};
use stage::{Entry, Place};

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
            if let Some(entry) = self.entry(networks, &fault) {
                self.report.push(entry);
            }
        }
    }

    /// Reports a site without a name: its networks could not be told from those of another site.
    fn check_name_of_networks(&mut self) {
        let place = match self.config.site {
            Slot::Set(..) | Slot::Invalid(_) => return,
            Slot::Null(at) => self.sources.place(at),
            Slot::Absent => Place::file(format!("{}/site.yaml", self.sources.root)),
        };
        let fact = "the site has networks but no name, so its networks cannot be distinguished \
                    from those of another site";
        let hint = "add `site: NAME` with a name that is unique on the cluster";
        self.report.push(Entry::error("site-without-name", place, fact).hint(hint));
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

/// Returns the key that an option is written under.
fn written<'o>(network: &NetworkFile, option: &'o str) -> &'o str {
    let short = SHORT.iter().find(|(long, _)| *long == option).map(|(_, short)| *short);
    short.filter(|_| network.is_short).unwrap_or(option)
}
