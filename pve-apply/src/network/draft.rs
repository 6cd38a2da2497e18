//! `Draft`: what comparing one network has found. Does no I/O.

use super::context::Context;
use super::finding::{NetworkBlocked, NetworkNotice, NetworkNoticeKind, NetworkReason};
use super::model::{Edit, NetworkAction, NetworkImpact, NetworkPlan, NetworkStatus, Verify};
use super::normal::{Difference, change};
use super::observed::{Object, Sdn, State};
use crate::change::Change;
use pve_client::NodeName;

/// What comparing one network has found.
pub(super) struct Draft {
    pub(super) name: String,
    /// Whether its zone, or every vnet of it, does not run yet.
    pub(super) created: bool,
    /// Whether a vnet of it is ours, or becomes so.
    pub(super) ours: bool,
    /// How it is listed if there is nothing to do.
    pub(super) status: NetworkStatus,
    pub(super) impact: NetworkImpact,
    pub(super) changes: Vec<Change>,
    pub(super) edits: Vec<Edit>,
    /// Objects that a killed run left as they should be: only the commit is missing.
    pub(super) staged: Vec<Object>,
    /// Edits of others on objects of ours that the edits here would overwrite.
    pub(super) overwritten: Vec<Object>,
    /// Edits that take back edits of others on objects that run as the document says. They are made
    /// only if the commit would apply those.
    pub(super) reverts: Vec<Edit>,
    /// Whether something that it uses waits for a commit by somebody else.
    pub(super) needs_others: bool,
    /// Whether a node has not set up what was committed.
    pub(super) reload: bool,
    pub(super) blocked: Vec<NetworkBlocked>,
    pub(super) notices: Vec<NetworkNoticeKind>,
    /// What must be true after the commit.
    pub(super) verify: Option<Verify>,
}

impl Draft {
    /// The draft of a network in which nothing differs.
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            created: false,
            ours: false,
            status: NetworkStatus::Ours,
            impact: NetworkImpact::None,
            changes: Vec::new(),
            edits: Vec::new(),
            staged: Vec::new(),
            overwritten: Vec::new(),
            reverts: Vec::new(),
            needs_others: false,
            reload: false,
            blocked: Vec::new(),
            notices: Vec::new(),
            verify: None,
        }
    }

    /// Blocks the network; `object` is the vnet or subnet that it is about.
    pub(super) fn block(&mut self, object: Option<&str>, reason: NetworkReason) {
        let object = object.map(str::to_owned);
        let (name, changes) = (self.name.clone(), Vec::new());
        self.blocked.push(NetworkBlocked { name, object, reason, changes });
    }

    /// Returns whether something cannot be done.
    pub(super) fn is_blocked(&self) -> bool {
        !self.blocked.is_empty()
    }

    /// Returns whether a commit is needed.
    pub(super) fn needs_commit(&self) -> bool {
        !self.edits.is_empty() || !self.staged.is_empty() || self.needs_others || self.reload
    }

    /// Takes an object of ours that exists: what differs now, and what will after the next commit.
    pub(super) fn compare(
        &mut self,
        seen: &Object,
        running: &[Difference],
        edited: &[Difference],
        edit: impl Fn(&[Difference]) -> Edit,
    ) {
        let is_new = seen.is_new();
        if !is_new && running.iter().any(|difference| difference.name != "alias") {
            self.impact = self.impact.max(NetworkImpact::Traffic);
        }
        match (is_new || !running.is_empty(), edited.is_empty()) {
            (false, true) => {}
            (true, true) => self.staged.push(seen.clone()),
            (true, false) => {
                if seen.state == State::Changed {
                    self.overwritten.push(seen.clone());
                }
                self.edits.push(edit(edited));
            }
            (false, false) => {
                self.notices.push(NetworkNoticeKind::EditedByOthers { id: seen.id.clone() });
                self.reverts.push(edit(edited));
            }
        }
    }

    /// Notes which nodes must have the network, and asks for a reload where one has not set it up.
    pub(super) fn reload_if_needed(&mut self, c: &Context<'_>) {
        let zone = &c.network.zone;
        let (mut nodes, mut away) = (Vec::new(), Vec::new());
        for (name, node) in c.sdn.nodes.iter().filter(|(name, _)| c.has_node(name)) {
            if node.is_online { nodes.push(name.clone()) } else { away.push(name.to_string()) }
        }
        if !self.needs_commit() && self.status != NetworkStatus::Hidden {
            for name in &nodes {
                self.check_node(c, name);
            }
        }
        if self.needs_commit() && !away.is_empty() {
            self.notices.push(NetworkNoticeKind::NodesAway { nodes: away });
        }
        let vnets = c.network.vnets.iter().map(|vnet| vnet.vnet.clone()).collect();
        let (zone, gone) = (zone.clone(), Vec::new());
        self.verify = Some(Verify { zone, nodes, vnets, gone, zone_gone: false });
    }

    fn check_node(&mut self, c: &Context<'_>, name: &NodeName) {
        let zone = &c.network.zone;
        let Some(node) = c.sdn.nodes.get(name) else { return };
        let status = node.zones.get(zone).map_or(super::nodes::MISSING, String::as_str);
        if status == "available" {
            return;
        }
        if self.ours {
            self.reload = true;
            let (from, to) = (Some(status.to_owned()), Some("available".to_owned()));
            let messages = node.messages.get(zone).into_iter().flatten();
            let texts = messages.map(|(vnet, text)| format!("{vnet}: {text}"));
            let reason = texts.collect::<Vec<_>>().join("; ");
            let reason = Some(reason).filter(|text| !text.is_empty());
            self.changes.push(Change { reason, ..change(&format!("nodes.{name}"), from, to) });
        } else {
            let (node, status) = (name.to_string(), status.to_owned());
            self.notices.push(NetworkNoticeKind::NotAvailable { node, status });
        }
    }

    /// Returns the network's part of the plan.
    pub(super) fn planned(&self, sdn: &Sdn) -> NetworkPlan {
        let action = if self.created { NetworkAction::Create } else { NetworkAction::Change };
        NetworkPlan {
            name: self.name.clone(),
            action,
            impact: self.impact,
            nodes: super::nodes::of(sdn, &self.name),
            changes: self.changes.clone(),
        }
    }

    /// Returns its notices.
    pub(super) fn notices(&self) -> impl Iterator<Item = NetworkNotice> {
        let of = |kind: &NetworkNoticeKind| NetworkNotice {
            name: self.name.clone(),
            kind: kind.clone(),
        };
        self.notices.iter().map(of)
    }
}
