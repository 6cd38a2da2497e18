//! Compares what the VMs of several envs and manifests claim, where these can meet. Does no I/O.
//!
//! docs/site-config.md says what "can meet" means: [`can_meet`] is that rule.

use super::ANY;
use crate::deployment::{Claim, Claimed};
use crate::site::{Site, VmSet};
use crate::source::Span;
use crate::suggest;
use std::collections::BTreeMap;

/// How many further places a finding lists.
const LISTED: usize = 8;

/// Why the VMs of a set are on a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// The set names a node of the cluster.
    Named,
    /// The set names no node, so it can be resolved for any.
    Free,
    /// They are the children of a nested node that the set creates.
    Nested,
}

/// The VMs of a set that are on one cluster.
pub(super) struct Tenant<'v> {
    /// The set.
    pub vm_set: &'v VmSet,
    /// Its position among all sets.
    pub index: usize,
    /// The cluster.
    pub cluster: String,
    /// Why they are there.
    pub reason: Reason,
    /// What they claim.
    pub claims: Vec<Claim>,
}

/// Warns about values that two sets claim. Each later set gets one warning for each kind of value:
/// a copied file shares all of them.
pub(super) fn check(site: &mut Site<'_>, tenants: &[Tenant<'_>]) {
    let mut shared: BTreeMap<(usize, Kind), Vec<Shared<'_>>> = BTreeMap::new();
    for found in all_shared(tenants) {
        let key = (found.later.index, Kind::of(&found.second.what));
        shared.entry(key).or_default().push(found);
    }
    for ((_, kind), found) in shared {
        report(site, kind, &found);
    }
}

/// A value that VMs of two sets claim.
struct Shared<'t> {
    earlier: &'t Tenant<'t>,
    later: &'t Tenant<'t>,
    first: &'t Claim,
    second: &'t Claim,
}

/// A kind of value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Vmid,
    Mac,
    Address,
    HostName,
}

impl Kind {
    fn of(what: &Claimed) -> Self {
        match what {
            Claimed::Vmid(_) => Self::Vmid,
            Claimed::Mac(_) => Self::Mac,
            Claimed::Address { .. } => Self::Address,
            Claimed::HostName(_) => Self::HostName,
        }
    }

    fn noun(self, many: bool) -> &'static str {
        match (self, many) {
            (Self::Vmid, false) => "vmid",
            (Self::Vmid, true) => "vmids",
            (Self::Mac, false) => "MAC",
            (Self::Mac, true) => "MACs",
            (Self::Address, false) => "address",
            (Self::Address, true) => "addresses",
            (Self::HostName, false) => "host name",
            (Self::HostName, true) => "host names",
        }
    }
}

impl Shared<'_> {
    /// Returns the places to show, the later one first.
    fn places(&self) -> (Span, Span) {
        let place = |claim: &Claim| claim.base_at.unwrap_or(claim.at);
        let (first, second) = (place(self.first), place(self.second));
        // Both have the value from one template.
        match first == second {
            true => (self.second.vm_entry, self.first.vm_entry),
            false => (second, first),
        }
    }

    fn value(&self) -> String {
        match &self.second.what {
            Claimed::Vmid(vmid) => vmid.to_string(),
            Claimed::Mac(text) | Claimed::HostName(text) => text.clone(),
            Claimed::Address { address, .. } => address.to_string(),
        }
    }
}

/// Returns every value of a set that an earlier set claims on the same cluster.
fn all_shared<'t>(tenants: &'t [Tenant<'t>]) -> Vec<Shared<'t>> {
    let mut seen: BTreeMap<(&str, &Claimed), Vec<(&Tenant<'_>, &Claim)>> = BTreeMap::new();
    let mut shared = Vec::new();
    for later in tenants {
        for second in &later.claims {
            let others = seen.entry((&later.cluster, &second.what)).or_default();
            let meets = |(earlier, first): &&(&Tenant<'_>, &Claim)| {
                can_meet(earlier, later) && matters((earlier, first), (later, second))
            };
            if let Some((earlier, first)) = others.iter().find(meets).copied() {
                shared.push(Shared { earlier, later, first, second });
            }
            others.push((later, second));
        }
    }
    shared
}

/// Returns whether VMs of two sets on one cluster can exist at the same time.
fn can_meet(one: &Tenant<'_>, other: &Tenant<'_>) -> bool {
    let group = one.vm_set.alternative_group.value();
    if one.index == other.index
        || group.is_some() && group == other.vm_set.alternative_group.value()
    {
        return false;
    }
    match (one.reason, other.reason) {
        // Each is a nested node of its own, even with the same name.
        (Reason::Nested, Reason::Nested) => false,
        // A nested node is for its own VMs, and for those that ask for it.
        (Reason::Nested, reason) | (reason, Reason::Nested) => reason == Reason::Named,
        _ => true,
    }
}

/// Returns whether it adds anything that two VMs share a value.
fn matters(
    (earlier, first): (&Tenant<'_>, &Claim),
    (later, second): (&Tenant<'_>, &Claim),
) -> bool {
    match second.what {
        // Two VMs with one vmid never exist at the same time.
        Claimed::HostName(_) => first.vmid.is_none() || first.vmid != second.vmid,
        // Deployments with one name derive the same MACs, and their name is reported.
        Claimed::Mac(_) if first.derived && second.derived => {
            earlier.vm_set.deployment() != later.vm_set.deployment()
        }
        _ => true,
    }
}

/// Reports the values of one kind that a set shares with earlier sets.
fn report(site: &mut Site<'_>, kind: Kind, found: &[Shared<'_>]) {
    let mut by_place: BTreeMap<(Span, Span), Vec<String>> = BTreeMap::new();
    for found in found {
        let values = by_place.entry(found.places()).or_default();
        let value = found.value();
        // A set without a node claims its values on each cluster.
        if !values.contains(&value) {
            values.push(value);
        }
    }
    let fact = |first: Span, values: &[String]| {
        let (noun, is) = (kind.noun(values.len() > 1), if values.len() > 1 { "are" } else { "is" });
        let values = suggest::list(values.iter().map(String::as_str));
        format!("{noun} {values} {is} already used at {}", site.sources.short(first))
    };
    let mut lines = by_place.iter();
    let (Some(((at, first), values)), Some(shared)) = (lines.next(), found.first()) else { return };
    let mut entry = site.sources.warning("duplicate-value", *at, fact(*first, values));
    for ((at, first), values) in lines.clone().take(LISTED) {
        entry = entry.note(format!("{}: {}", site.sources.short(*at), fact(*first, values)));
    }
    if let Some(more) = lines.len().checked_sub(LISTED).filter(|more| *more > 0) {
        entry = entry.note(format!("and {more} more"));
    }
    let Tenant { cluster, .. } = shared.later;
    if cluster != ANY {
        entry = entry.note(format!("both can be on cluster \"{cluster}\""));
    }
    let is_free = [shared.earlier, shared.later].iter().any(|t| t.reason == Reason::Free);
    let node = if is_free { " `node` in both if they are for different clusters, or" } else { "" };
    let hint = format!(
        "change one of them, or set{node} the same `alternative_group` in both if only one exists \
         at a time"
    );
    site.report.push(entry.hint(hint));
}
