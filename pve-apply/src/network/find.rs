//! `Finder`: which of the cluster's SDN objects are ours. Does no I/O.
//!
//! A vnet is ours by the mark in its alias. A zone is ours when a run of ours made it, as the marks of its
//! vnets say, and every vnet in it is ours; or when a run was killed between zone and vnet: it is new,
//! empty, and equal to the document. A subnet belongs to its vnet.

use super::mark::{Alias, Mark, Origin, Words};
use super::normal::{of_config, of_values};
use super::observed::{Object, Sdn, State};
use machine::sdn::{self, Network};
use std::net::IpAddr;

/// The owner of a vnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// This network's.
    Ours(Mark),
    /// Another network's of this site.
    OtherNetwork {
        /// The network.
        net: String,
    },
    /// Another site's.
    OtherSite {
        /// The site.
        site: String,
        /// Its mark.
        mark: Mark,
    },
    /// Unknown: its mark is damaged.
    Broken,
    /// Nobody's that we know.
    Unmarked,
}

/// A zone of the document in the cluster.
pub(super) enum Zone<'a> {
    /// It does not exist.
    Missing,
    /// The next commit deletes it.
    BeingRemoved(&'a Object),
    /// It is ours.
    Ours(&'a Object),
    /// It is not ours.
    Given(&'a Object),
}

/// Finds what is ours.
#[derive(Clone, Copy)]
pub(super) struct Finder<'a> {
    pub(super) site: &'a str,
    pub(super) sdn: &'a Sdn,
}

impl<'a> Finder<'a> {
    /// Returns the owner of a vnet that would belong to a network.
    pub(super) fn owner(self, vnet: &Object, net: &str) -> Owner {
        match Alias::read(vnet.last_value("alias").unwrap_or_default()).words {
            Words::Unmarked => Owner::Unmarked,
            Words::Broken => Owner::Broken,
            Words::Mark(mark) if mark.site != self.site => {
                Owner::OtherSite { site: mark.site.clone(), mark }
            }
            Words::Mark(mark) if mark.net != net => Owner::OtherNetwork { net: mark.net },
            Words::Mark(mark) => Owner::Ours(mark),
        }
    }

    /// Returns whether a vnet belongs to a network of this site.
    pub(super) fn is_ours(self, vnet: &Object, net: &str) -> bool {
        matches!(self.owner(vnet, net), Owner::Ours(_))
    }

    /// Returns the network of this site that a vnet belongs to: it has its mark and is in its zone. One that
    /// somebody has moved is nobody's to remove.
    pub(super) fn network_of(self, vnet: &Object) -> Option<String> {
        match Alias::read(vnet.last_value("alias").unwrap_or_default()).words {
            Words::Mark(mark)
                if mark.site == self.site && vnet.last_value("zone") == Some(&mark.net) =>
            {
                Some(mark.net)
            }
            _ => None,
        }
    }

    /// Returns the vnets that are in a zone now or after the next commit.
    pub(super) fn vnets_in(self, zone: &str) -> impl Iterator<Item = &'a Object> {
        let is_in = move |vnet: &&Object| {
            let zones = [vnet.edited.get("zone"), vnet.running.get("zone")];
            zones.into_iter().flatten().any(|has| has == zone)
        };
        self.sdn.vnets.values().filter(is_in)
    }

    /// Returns the subnets of a vnet, those included that the next commit deletes.
    pub(super) fn subnets_of(self, vnet: &str) -> impl Iterator<Item = &'a Object> {
        let is_of = move |subnet: &&Object| subnet.vnet.as_deref() == Some(vnet);
        self.sdn.subnets.values().filter(is_of)
    }

    /// Returns whether the marks say that a run of ours made the zone.
    pub(super) fn is_made(self, net: &str) -> bool {
        let is_made = |vnet: &Object| matches!(self.owner(vnet, net), Owner::Ours(mark) if mark.zone == Origin::Made);
        self.vnets_in(net).any(is_made)
    }

    /// Returns whether a run of ours made the zone, and no vnet of others is in it.
    pub(super) fn is_our_zone(self, net: &str) -> bool {
        self.is_made(net) && self.vnets_in(net).all(|vnet| self.is_ours(vnet, net))
    }

    /// Returns the zone of a network of the document.
    pub(super) fn zone(self, network: &Network) -> Zone<'a> {
        let Some(seen) = self.sdn.zones.get(&network.zone) else { return Zone::Missing };
        if !seen.is_there() {
            return Zone::BeingRemoved(seen);
        }
        match self.is_our_zone(&network.zone) || self.is_left_behind(network, seen) {
            true => Zone::Ours(seen),
            false => Zone::Given(seen),
        }
    }

    /// Returns whether a run was killed between this zone and its first vnet.
    fn is_left_behind(self, network: &Network, seen: &Object) -> bool {
        let object = sdn::Object::Zone;
        seen.state == State::New
            && self.vnets_in(&network.zone).next().is_none()
            && seen.value("type") == Some(network.ty.name())
            && of_values(object, &seen.edited) == of_config(object, &network.config)
            && seen.edited.keys().all(|key| key == "type" || object.row(key).is_some())
    }
}

/// Returns a subnet's address and prefix length from its ID.
pub(super) fn cidr_of(subnet: &Object) -> Option<(IpAddr, u8)> {
    // PVE: facts-2, 6 and 9: `ZONE-10.50.0.0-24`.
    let (_, rest) = subnet.id.split_once('-')?;
    let (address, length) = rest.rsplit_once('-')?;
    Some((address.parse().ok()?, length.parse().ok()?))
}
