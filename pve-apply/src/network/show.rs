//! A plan's networks as text for people. Does no I/O.

use super::model::{NetworkAction, NetworkImpact, NetworkPlan, NetworkStatus, Networks};
use super::nodes::MISSING;
use std::collections::BTreeSet;

/// One line of the text: what it starts with, and its own text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// Something is created.
    Added(String),
    /// Something is changed.
    Changed(String),
    /// Something is removed, or blocked.
    Removed(String),
    /// A detail, or a notice.
    Plain(String),
}

/// Returns what the networks add to a plan's summary, such as `1 network to create`.
pub(crate) fn summary(networks: &Networks) -> Vec<String> {
    let count = |action: NetworkAction| {
        networks.planned.iter().filter(|network| network.action == action).count()
    };
    let blocked: BTreeSet<&str> = networks.blocked.iter().map(|b| b.name.as_str()).collect();
    let is_found = |status: NetworkStatus| status != NetworkStatus::Absent;
    let found = networks.unchanged.iter().filter(|network| is_found(network.status)).count();
    let counts = [
        (count(NetworkAction::Destroy), "to destroy"),
        (count(NetworkAction::Create), "to create"),
        (count(NetworkAction::Change), "to change"),
        (count(NetworkAction::Adopt), "to adopt"),
        (blocked.len(), "blocked"),
        (found, "unchanged"),
        (networks.unchanged.len() - found, "not found"),
    ];
    let counted = |(count, what): (usize, &str)| match count {
        0 => None,
        1 => Some(format!("1 network {what}")),
        count => Some(format!("{count} networks {what}")),
    };
    counts.into_iter().filter_map(counted).collect()
}

/// Returns the lines about networks, those that are destroyed first. `pruned_by` removes what left the files.
pub(crate) fn lines(networks: &Networks, pruned_by: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    let (first, then): (Vec<&NetworkPlan>, Vec<&NetworkPlan>) =
        networks.planned.iter().partition(|network| network.action == NetworkAction::Destroy);
    first.into_iter().chain(then).for_each(|network| one(&mut lines, network));
    for blocked in &networks.blocked {
        let object = blocked.object.as_ref().map(|object| format!(" {object}")).unwrap_or_default();
        let fact = blocked.reason.fact();
        lines.push(Line::Removed(format!("! network {}{object}: {fact}", blocked.name)));
        let details = blocked.reason.lines().into_iter();
        let details = details.chain(blocked.changes.iter().map(crate::change::Change::values));
        let hint = blocked.reason.hint().map(str::to_owned);
        lines.extend(details.chain(hint).map(|text| Line::Plain(format!("      {text}"))));
    }
    for vnet in &networks.left_over {
        let what = match vnet.network_remains {
            true => format!("vnet {} is not in its file", vnet.vnet),
            false => format!("is in no file of the site (vnet {})", vnet.vnet),
        };
        let text = format!("  network {}: {what}; `{pruned_by}` removes it", vnet.name);
        lines.push(Line::Plain(text));
    }
    let notices = networks.notices.iter();
    lines.extend(notices.map(|n| Line::Plain(format!("  network {}: {}", n.name, n.text()))));
    lines
}

fn one(lines: &mut Vec<Line>, network: &NetworkPlan) {
    let impact = match network.impact {
        NetworkImpact::Traffic => "  TRAFFIC",
        NetworkImpact::None | NetworkImpact::Removed => "",
    };
    // A network that is created is missing on its nodes, as it should be.
    let is_expected = |status: &str| network.action == NetworkAction::Create && status == MISSING;
    let nodes = network.nodes.iter().map(|(node, status)| match is_expected(status) {
        true => node.clone(),
        false => format!("{node} {status}"),
    });
    let nodes: Vec<String> = nodes.collect();
    let nodes = match nodes.as_slice() {
        [] => String::new(),
        nodes => format!("  on {}", nodes.join(", ")),
    };
    let head = |symbol: &str, verb: &str| {
        format!("{symbol} network {} {verb}{nodes}{impact}", network.name)
    };
    lines.push(match network.action {
        NetworkAction::Destroy => Line::Removed(head("-", "destroy")),
        NetworkAction::Create => Line::Added(head("+", "create")),
        NetworkAction::Change => Line::Changed(head("~", "change")),
        NetworkAction::Adopt => Line::Changed(head("~", "adopt")),
    });
    for change in &network.changes {
        let reason = change.reason.as_ref().map(|reason| format!("  ({reason})"));
        let text = format!("      {}{}", change.values(), reason.unwrap_or_default());
        lines.push(Line::Plain(text));
    }
}
