//! A plan as text for people: the summary first, then destroys, then the rest; unchanged VMs are only
//! counted. Contains no secret. Does no I/O.

use crate::action::{Action, Plan, VmPlan};
use crate::change::{Change, Impact};
use crate::network::{self, show::Line};
use stage::printable;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fmt::Write;

/// Whether the text is in colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colour {
    /// Colour by SGR codes.
    On,
    /// Plain text.
    Off,
}

impl Colour {
    /// Returns colour for terminals whose user has not disabled it: https://no-color.org.
    pub(crate) fn choose(is_terminal: bool, no_color: Option<&OsStr>) -> Self {
        let switched_off = no_color.is_some_and(|value| !value.is_empty());
        if is_terminal && !switched_off { Self::On } else { Self::Off }
    }
}

/// A longer plan repeats its summary at the end: the first line has scrolled away.
const SCREEN: usize = 40;

/// How a plan is shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    /// Whether it is in colour.
    pub(crate) colour: Colour,
    /// Whether it also has what nobody sets.
    pub(crate) verbose: bool,
    /// The command that removes what left the document.
    pub(crate) pruned_by: &'static str,
}

/// Returns the plan as text.
pub(crate) fn show(plan: &Plan, style: Style) -> String {
    let Style { colour, verbose, pruned_by } = style;
    let mut out = summary(plan);
    show_networks(&mut out, plan, style);
    let (first, then): (Vec<&VmPlan>, Vec<&VmPlan>) =
        plan.vms.iter().partition(|vm| vm.action == Action::Destroy);
    for vm in first.into_iter().chain(then) {
        show_vm(&mut out, vm, colour);
    }
    for blocked in &plan.blocked {
        let vmid = blocked.vmid.map(|vmid| format!(" vmid {vmid}")).unwrap_or_default();
        let line = format!("! {}{vmid}: {}", blocked.name, blocked.reason.fact(None));
        push_line(&mut out, &line, colour, RED);
        for change in &blocked.changes {
            push_line(&mut out, &format!("      {}", change_text(change)), colour, "");
        }
        if let Some(hint) = blocked.reason.hint() {
            push_line(&mut out, &format!("      {hint}"), colour, "");
        }
    }
    for vm in plan.unchanged.iter().filter(|vm| vm.status == "absent") {
        push_line(&mut out, &format!("  {} does not exist", vm.name), colour, "");
    }
    for vm in &plan.left_over {
        let line = format!(
            "  {} vmid {}: is not in the document; `{pruned_by}` destroys it{}",
            vm.name,
            vm.vmid,
            rename_hint(plan, &vm.name)
        );
        push_line(&mut out, &line, colour, "");
    }
    for notice in plan.notices.iter().filter(|notice| verbose || !notice.is_detail()) {
        let line = format!("  {} vmid {}: {}", notice.name, notice.vmid, notice.text());
        push_line(&mut out, &line, colour, "");
    }
    if out.lines().count() > SCREEN {
        out.push_str(&summary(plan));
    }
    out
}

/// Returns a hint for a plan that also creates a VM: it may be the same VM under a new name.
fn rename_hint(plan: &Plan, name: &str) -> String {
    match plan.count(Action::Create) {
        0 => String::new(),
        _ => format!(", `renamed_from: {name}` of a new VM keeps it under the new name"),
    }
}

const RED: &str = "\x1b[31m";
const GREEN: &str = "\x1b[32m";
const YELLOW: &str = "\x1b[33m";
const RESET: &str = "\x1b[0m";

fn summary(plan: &Plan) -> String {
    let counted = |verb: &str| {
        let count = plan.vms.iter().filter(|vm| vm.verb() == verb).count();
        (count > 0).then(|| format!("{count} to {verb}"))
    };
    let blocked: BTreeSet<&str> = plan.blocked.iter().map(|b| b.name.as_str()).collect();
    let blocked = blocked.len();
    let waiting = plan.waiting().len();
    let found = plan.unchanged.iter().filter(|vm| vm.is_found()).count();
    // A saved plan may have been edited.
    let (unchanged, not_found) = (found.saturating_sub(waiting), plan.unchanged.len() - found);
    let vms = [
        counted("destroy"),
        counted("create"),
        counted("change"),
        counted("adopt"),
        counted("release"),
        counted("start"),
        counted("stop"),
        counted("reboot"),
        (blocked > 0).then(|| format!("{blocked} blocked")),
        (waiting > 0).then(|| format!("{waiting} waiting for a reboot")),
        (unchanged > 0).then(|| format!("{unchanged} unchanged")),
        (not_found > 0).then(|| format!("{not_found} not found")),
    ];
    let networks = network::show::summary(&plan.networks).into_iter();
    let parts: Vec<String> = networks.chain(vms.into_iter().flatten()).collect();
    let text = if parts.is_empty() { "no VMs".to_owned() } else { parts.join(", ") };
    format!("{}: {text}\n", plan.deployment)
}

/// Shows the networks before the VMs.
fn show_networks(out: &mut String, plan: &Plan, style: Style) {
    for line in network::show::lines(&plan.networks, style.pruned_by) {
        let (text, code) = match &line {
            Line::Added(text) => (text, GREEN),
            Line::Changed(text) => (text, YELLOW),
            Line::Removed(text) => (text, RED),
            Line::Plain(text) => (text, ""),
        };
        push_line(out, text, style.colour, code);
    }
}

fn show_vm(out: &mut String, vm: &VmPlan, colour: Colour) {
    let (symbol, code) = match vm.action {
        Action::Destroy => ("-", RED),
        Action::Create => ("+", GREEN),
        Action::Change | Action::Adopt | Action::Release | Action::Power => ("~", YELLOW),
    };
    let vmid = match (vm.vmid, vm.candidate) {
        (Some(vmid), _) => format!("vmid {vmid}"),
        (None, Some(candidate)) => format!("vmid {candidate}, or the next free one"),
        (None, None) => "no vmid".to_owned(),
    };
    let impact = match vm.impact {
        Impact::None => String::new(),
        impact => format!("  {}", impact_text(impact)),
    };
    let head = format!("{symbol} {} {}  {vmid}  node {}{impact}", vm.name, vm.verb(), vm.node);
    push_line(out, &head, colour, code);
    // A reboot changes no value.
    for change in vm.changes.iter().filter(|change| change.from != change.to) {
        push_line(out, &format!("      {}", change_text(change)), colour, "");
    }
    if vm.changes.is_empty() {
        let steps: Vec<_> = vm.steps.iter().map(crate::action::Step::doing).collect();
        push_line(out, &format!("      {}", steps.join(", ")), colour, "");
    }
}

fn change_text(change: &Change) -> String {
    let values = change.values();
    let impact = match change.impact {
        Impact::None | Impact::DataLoss => String::new(),
        impact => format!("  [{}]", impact_text(impact)),
    };
    let reason = change.reason.as_ref().map(|reason| format!("  ({reason})")).unwrap_or_default();
    format!("{values}{impact}{reason}")
}

fn impact_text(impact: Impact) -> &'static str {
    match impact {
        Impact::None => "the guest notices nothing",
        Impact::Migration => "MIGRATION",
        Impact::Reboot => "REBOOT",
        Impact::PowerOff => "POWER-OFF",
        Impact::DataLoss => "DATA LOSS",
    }
}

/// Adds a line; no value from PVE can move the cursor or fake a line.
fn push_line(out: &mut String, line: &str, colour: Colour, code: &str) {
    let plain = printable(line);
    // Writing into a String cannot fail.
    let _ = match colour {
        Colour::On if !code.is_empty() => writeln!(out, "{code}{plain}{RESET}"),
        _ => writeln!(out, "{plain}"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(is_terminal: bool, no_color: Option<&str>, expected: Colour) {
        let made = Colour::choose(is_terminal, no_color.map(OsStr::new));
        assert_eq!(made, expected, "{is_terminal} {no_color:?}");
    }

    #[test]
    fn colour_is_for_terminals_unless_it_is_switched_off() {
        check(true, None, Colour::On);
        check(true, Some(""), Colour::On);
        check(true, Some("1"), Colour::Off);
        check(true, Some("0"), Colour::Off);
        check(false, None, Colour::Off);
        check(false, Some(""), Colour::Off);
    }
}
