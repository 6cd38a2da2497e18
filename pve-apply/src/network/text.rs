//! Each reason's and each notice's wording about networks. Does no I/O.

use super::finding::{NetworkBlocked, NetworkNotice, NetworkNoticeKind, NetworkReason};
use super::model::{NetworkAction, Pending};
use super::observed::{Kind, State, User};
use stage::{Entry, Place};

impl NetworkBlocked {
    /// Returns it as a finding.
    pub(crate) fn entry(&self) -> Entry {
        let place = Place::Named(format!("network {}", self.name));
        let fact = match &self.object {
            Some(object) => format!("\"{object}\" {}", self.reason.fact()),
            None => self.reason.fact(),
        };
        let entry = Entry::error((&self.reason).into(), place, fact).about(&self.name);
        let entry = self.reason.lines().into_iter().fold(entry, Entry::note);
        match self.reason.hint() {
            Some(hint) => entry.hint(hint),
            None => entry,
        }
    }
}

impl NetworkReason {
    /// Returns the fact, about the zone or the vnet.
    pub(crate) fn fact(&self) -> String {
        match self {
            Self::ForeignDiffers { owner: None, .. } => {
                "exists, is not ours, and differs from the document".to_owned()
            }
            Self::ForeignDiffers { owner: Some(site), .. } => {
                format!("belongs to site \"{site}\" and differs from the document")
            }
            Self::OtherNetwork { net } => format!("belongs to network \"{net}\" of this site"),
            Self::WrongZone { zone, ours: true } => {
                format!("is ours, but somebody has moved it to zone \"{zone}\"")
            }
            Self::WrongZone { zone, ours: false } => {
                format!("is the name of a vnet in zone \"{zone}\"")
            }
            Self::BrokenMark => "carries a mark that cannot be read".to_owned(),
            Self::BeingRemoved => {
                "was removed by somebody, but that change has not been applied yet".to_owned()
            }
            Self::NotInPlace { .. } => "cannot be changed in place".to_owned(),
            Self::TagTaken { tag, by } => {
                format!("cannot have tag {tag}, which vnet \"{by}\" has")
            }
            Self::SubnetTaken { by } => {
                format!("is a subnet of vnet \"{by}\"; a zone can have it once")
            }
            Self::ZoneMissing { ty } => {
                format!("does not exist; pve-apply does not create {ty} zones")
            }
            Self::MayNotSeeAll => {
                "the token cannot see all of SDN: objects and changes of others may be hidden"
                    .to_owned()
            }
            Self::PendingOthers { .. } => {
                "applying would also apply changes that others have not applied yet".to_owned()
            }
            Self::InUse { vnet, by } => format!("vnet \"{vnet}\" is used by {}", guests(by)),
            Self::GuestsHidden { unread } if unread.is_empty() => {
                "the token cannot see all guests: one of them may use the network".to_owned()
            }
            Self::GuestsHidden { unread } => {
                let list: Vec<String> =
                    unread.iter().map(|(vmid, why)| format!("{vmid} ({why})")).collect();
                format!("these guests cannot be read and may use the network: {}", list.join(", "))
            }
        }
    }

    /// Returns the details, one line each.
    pub(crate) fn lines(&self) -> Vec<String> {
        match self {
            Self::ForeignDiffers { changes, .. } | Self::NotInPlace { changes } => {
                let side_by_side = |change: &crate::change::Change| {
                    let or_nothing = |value: &Option<String>| {
                        value.clone().unwrap_or_else(|| "nothing".to_owned())
                    };
                    let (has, says) = (or_nothing(&change.from), or_nothing(&change.to));
                    format!("{}: {has} in PVE, {says} in the document", change.field)
                };
                changes.iter().map(side_by_side).collect()
            }
            Self::PendingOthers { objects } => objects.iter().map(Pending::text).collect(),
            _ => Vec::new(),
        }
    }

    /// Returns what to do about it.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::ForeignDiffers { owner: None, .. } => {
                "change the YAML to these values, choose another ID, or take vnets over by `pve-apply adopt`"
            }
            Self::ForeignDiffers { owner: Some(_), .. } => {
                "choose another ID; `pve-apply adopt --from-site` if that was this site's name"
            }
            Self::OtherNetwork { .. } => "choose another ID, or remove it from that network first",
            Self::WrongZone { ours: true, .. } => "move it back in PVE, then run again",
            Self::WrongZone { ours: false, .. } => {
                "choose another ID: PVE has one list of vnets for all zones"
            }
            Self::BrokenMark => "`pve-apply adopt` writes it again, if this is the vnet you mean",
            Self::BeingRemoved => "apply or revert that change in PVE, then run again",
            Self::NotInPlace { .. } => {
                "destroy the network and create it again, or revert the YAML"
            }
            Self::TagTaken { .. } => "choose another tag",
            Self::SubnetTaken { .. } => {
                "remove it from that vnet and apply, then add it to this one"
            }
            Self::ZoneMissing { .. } => "create it in PVE, then run again",
            Self::MayNotSeeAll => "grant the token SDN.Audit on /sdn, propagated",
            Self::PendingOthers { .. } => {
                "apply or revert them in PVE: Datacenter > SDN; or --with-pending-sdn applies them too"
            }
            Self::InUse { .. } => "destroy these guests, or give their NICs another bridge",
            Self::GuestsHidden { unread } if unread.is_empty() => {
                "grant the token VM.Audit on /vms"
            }
            Self::GuestsHidden { .. } => "run again when they can be read",
        })
    }
}

impl NetworkNotice {
    /// Returns it in a few words.
    pub(crate) fn text(&self) -> String {
        match &self.kind {
            NetworkNoticeKind::InUse { vnet, by } => {
                format!("stays: vnet \"{vnet}\" is used by {}", guests(by))
            }
            NetworkNoticeKind::ZoneStays { vnets } => {
                format!("the zone stays: it has vnets that are not ours: {}", vnets.join(", "))
            }
            NetworkNoticeKind::EditedByOthers { id } => {
                format!("somebody has changed {id} and not applied that yet; it is left alone")
            }
            NetworkNoticeKind::OthersToo { objects } => {
                format!("applying it also applies changes of others: {}", objects.join(", "))
            }
            NetworkNoticeKind::LeftAlone { action } => {
                let would = match action {
                    NetworkAction::Create => "would be created",
                    NetworkAction::Change => "would be changed",
                    NetworkAction::Adopt => "would be adopted",
                    NetworkAction::Destroy => "would be destroyed",
                };
                format!("{would}, but --vm and --tag leave networks alone")
            }
            NetworkNoticeKind::NodesAway { nodes } => {
                format!("offline, they set it up when they are back: {}", nodes.join(", "))
            }
            NetworkNoticeKind::NotAvailable { node, status } => {
                format!("is not ours, and its status on node {node} is \"{status}\"")
            }
            NetworkNoticeKind::WithoutEffect { what } => what.clone(),
            NetworkNoticeKind::Hidden => format!(
                "exists, but the token cannot see it: used as it is; SDN.Audit on /sdn/zones/{} shows it",
                self.name
            ),
        }
    }
}

impl Pending {
    /// Returns it for people, such as `vnet dmz (new)`.
    pub(crate) fn text(&self) -> String {
        let kind = match self.kind {
            Kind::Zone => "zone",
            Kind::Vnet => "vnet",
            Kind::Subnet => "subnet",
            Kind::Controller => "controller",
            Kind::Fabric => "fabric",
        };
        let state = match self.state {
            State::New => "new",
            State::Deleted => "deleted",
            State::Changed | State::Applied => "changed",
        };
        format!("{kind} {} ({state})", self.id)
    }
}

/// The number of guests that are named.
const NAMED: usize = 5;

/// Returns a list of guests, such as `"web9" (VM 109)`.
pub(super) fn guests(by: &[User]) -> String {
    let one = |user: &User| {
        let kind = if user.is_container { "container" } else { "VM" };
        match &user.name {
            Some(name) => format!("\"{name}\" ({kind} {})", user.vmid),
            None => format!("{kind} {}", user.vmid),
        }
    };
    let mut list: Vec<String> = by.iter().take(NAMED).map(one).collect();
    if by.len() > NAMED {
        list.push(format!("{} more", by.len() - NAMED));
    }
    list.join(", ")
}
